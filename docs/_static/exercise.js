// Answers to questions, compared in the page: what is right and what each slip leads to was worked out by the build.
(() => {
  'use strict';

  /** @typedef {{answer: string, none: string}} Asked what is right, and what is said to a slip that has no name */
  /** @typedef {Asked & {close: number, wrong: [number, number, string][]}} Exercise one with a number for an answer */
  /** @typedef {Asked & {wrong: [string, string][]}} Choice one with words to choose from */

  const PLAIN = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

  /** Read a guess: a number or a fraction, and half a unit of its last digit. @param {string} typed */
  function parse(typed) {
    const text = typed
      .trim()
      .replace(/[−–]/g, '-')
      .replace(/^([-+])\s+/, '$1');
    const [above, below, ...more] = text.split('/').map((part) => part.trim());
    if (more.length || !PLAIN.test(above) || (below !== undefined && !PLAIN.test(below))) return null;
    const value = Number(above) / (below === undefined ? 1 : Number(below));
    if (!Number.isFinite(value)) return null;
    const [mantissa, power] = above.toLowerCase().split('e');
    const digits = mantissa.replace(/[-+.]/g, '').replace(/^0+/, '');
    const decimals = (mantissa.split('.')[1] ?? '').length;
    // A reader who rounds is right to the digits given, but one digit alone says too little.
    const rounded =
      below === undefined && decimals && digits.length > 1 ? 0.5 * 10 ** (Number(power ?? 0) - decimals) : 0;
    return { value, rounded };
  }

  /** @param {{value: number, rounded: number}} guess @param {number} number @param {number} close zero for a count */
  const fits = (guess, number, close) =>
    Math.abs(guess.value - number) <= (close ? Math.max(close, guess.rounded) : 0) + 1e-9 * Math.abs(number);

  /** @param {Exercise} exercise @param {string} typed @returns {[string, string]} */
  function verdict(exercise, typed) {
    const guess = parse(typed);
    if (!guess) return ['bad', 'Type a number, such as 0.5, -2 or 1/3.'];
    if (fits(guess, Number(exercise.answer.replace('−', '-')), exercise.close))
      return ['good', `Right: ${exercise.answer}.`];
    const slip = exercise.wrong.find(([number, close]) => fits(guess, number, close));
    return ['bad', `${typed.trim()} is not right. ${slip ? slip[2] : exercise.none}`];
  }

  /** @param {Choice} asked @param {string} chosen @returns {[string, string]} */
  function chose({ answer, wrong }, chosen) {
    if (chosen === answer) return ['good', `Right: ${answer}.`];
    return ['bad', `Not so: ${chosen}. ${wrong.find(([words]) => words === chosen)?.[1] ?? ''}`.trim()];
  }

  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('form.chainrule-answer'))) {
    const asked = JSON.parse(form.dataset.exercise ?? '');
    const input = form.querySelector('input');
    const says = /** @type {HTMLElement} */ (form.querySelector('[role="status"]'));
    form.hidden = false;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
      const [kind, text] = input ? verdict(asked, input.value) : chose(asked, button?.value ?? '');
      says.className = kind;
      says.textContent = text;
      if (kind === 'bad') return input?.select();
      const fold = form.nextElementSibling;
      if (fold instanceof HTMLDetailsElement) fold.open = true;
    });
  }

  // In print, answers come at the end: each goes there under its number, and comes back afterwards.
  const folds = [...document.querySelectorAll('details.chainrule-reveal')];
  const places = folds.map(() => document.createElement('p'));
  const end = document.createElement('section');
  addEventListener('beforeprint', () => {
    const title = document.createElement('h2');
    title.textContent = 'Answers';
    end.replaceChildren(title);
    folds.forEach((fold, i) => {
      const number = document.createElement('h3');
      number.textContent = places[i].textContent = `Answer ${i + 1}`;
      fold.replaceWith(places[i]);
      end.append(number, fold);
    });
    document.querySelector('article')?.append(end);
  });
  addEventListener('afterprint', () => {
    folds.forEach((fold, i) => places[i].replaceWith(fold));
    end.remove();
  });
})();
