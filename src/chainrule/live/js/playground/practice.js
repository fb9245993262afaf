// <chainrule-practice>: one question at a time, its answer checked, and a sheet of them to be printed.

import { button, h, write } from '../drawing/dom.js';
import { answering } from '../drawing/fields.js';
import { nested } from '../engine/tensors.js';
import { numbers, shapeText } from '../engine/text.js';
import { parse } from '../panels/predict.js';
import { right, slip } from '../panels/slips.js';
import { playground } from './frame.js';
import { ask, dice } from './questions.js';

const LEVEL_NAMES = ['one arrow', 'a chain, or a fork', 'vectors, sums and means', 'two layers, in matrices'];
/** What one can do once such a question is answered. @type {Record<string, string>} */
const DONE = { gradient: 'gradients', local: 'local gradients', shape: 'shapes', wrong: 'wrong lines' };
const KEPT = 'chainrule-practice';

/** @param {any} host @param {HTMLElement} body */
function practise(host, body) {
  /** @type {Template[]} */ const templates = [...host.querySelectorAll('chainrule-graph[data-practice]')].map(
    (graph) => {
      const plain = JSON.parse(graph.querySelector('script[type="application/json"]').textContent);
      return { ...JSON.parse(graph.dataset.practice), plain, graph };
    },
  );
  const given = new URLSearchParams(location.search);
  let [seed, level] = [Number(given.get('seed')) || 1, Math.min(4, Math.max(1, Number(given.get('level')) || 1))];
  let draw = dice(seed);
  /** @type {Question} */ let now;
  let hints = 0;
  /** @type {Record<string, number>} */ let done = {};
  try {
    done = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
  } catch {
    /* nothing is kept, or may be */
  }

  const code = h('pre', { tabindex: 0, role: 'group', 'aria-label': 'The code' });
  const question = h('p.question');
  const hint = () => {
    tell(`Hint ${hints + 1} of 3. ${now.hints[hints]}`);
    hints = (hints + 1) % 3;
  };
  const { field, form, verdict, tell } = answering(
    'Your answer',
    (typed) => answer(typed),
    button('Hint', hint),
    button('Show it', () => (play(), tell(`It is ${shown()}.`))),
    button('Next question', () => next()),
  );
  const levels = LEVEL_NAMES.map((name, i) => button(`${i + 1} · ${name}`, () => go({ seed, level: i + 1 })));
  const can = h('p.why');
  const clear = button('Forget what I did', () => keep({}));
  body.append(
    h('div.fields', { role: 'group', 'aria-label': 'Level' }, ...levels),
    code,
    question,
    form,
    verdict,
    h('slot', { name: 'now' }),
    can,
    clear,
  );

  /** @param {Record<string, number>} to */
  function keep(to) {
    done = to;
    const said = Object.entries(done).map(([key, times]) => `${DONE[key.slice(2)]} on level ${key[0]} (${times})`);
    write(can, said.length ? `You have worked out ${said.join(', ')}.` : '');
    clear.hidden = !said.length;
    try {
      localStorage.setItem(KEPT, JSON.stringify(done));
    } catch {
      /* the page forgets it, then */
    }
  }

  /** What is right, as one would type it. */
  function shown({ kind, right } = now) {
    return kind === 'shape' ? (right.data.length ? shapeText([...right.data]) : '()') : numbers(right);
  }

  /** Show the graph with the numbers of the question, as far as they are given. */
  async function set() {
    const { model, template } = now;
    for (const { graph } of templates) graph.slot = graph === template.graph ? 'now' : '';
    if (!template.graph.set) return;
    for (const v of model.leaves)
      await template.graph.set(model.names[v], nested(/** @type {Tensor} */ (model.values[v])));
    await template.graph.step(model.forward);
  }

  /** Play the backward pass up to the gradient that was asked for. */
  function play() {
    const { model, template, v } = now;
    const { graph } = template;
    const last =
      model.forward + 2 + Math.max(-1, ...model.into[v].map((e) => model.turn.get(model.view.edges[e].o) ?? 0));
    graph.step(model.forward).then(() => graph.play());
    const watching = setInterval(() => {
      if (graph.moment().step < last && now.template.graph === graph) return;
      clearInterval(watching);
      graph.pause();
    }, 100);
  }

  /** @param {string} typed */
  function answer(typed) {
    const { kind, model, v } = now;
    const given = parse(kind === 'shape' ? typed.replace('(', '[').replace(/,?\s*\)/, ']') : typed, now.right.shape);
    if (!given) tell('Type a number, such as 0.5 or −2, or a list in brackets, such as [1, 2].', 'bad');
    else if (right(given, now.right)) {
      tell(`Right: it is ${shown()}.`, 'good');
      keep({ ...done, [`${level} ${kind}`]: (done[`${level} ${kind}`] ?? 0) + 1 });
    } else {
      const why = {
        gradient: () => slip(model, v, given),
        local: () => 'A local gradient asks what this one operation does, whatever comes after it.',
        shape: () => 'A gradient has the shape of what it belongs to.',
        wrong: () => `That line is right, or an earlier one is wrong already.`,
      }[kind];
      tell(`${typed.trim()} is not right. ${why?.()}`, 'bad');
      play();
    }
    return { right: verdict.classList.contains('good'), says: verdict.textContent };
  }

  function next() {
    now = ask(
      templates.filter((one) => one.level === level),
      draw,
    );
    hints = 0;
    write(code, now.code);
    write(question, now.text);
    field.value = '';
    tell('');
    void set();
    host.dispatchEvent(new CustomEvent('change', { bubbles: true }));
  }

  /** @param {{seed: number, level: number}} to */
  function go(to) {
    ({ seed, level } = to);
    draw = dice(seed);
    levels.forEach((one, i) => one.setAttribute('aria-expanded', String(i + 1 === level)));
    next();
  }

  /** A sheet of questions, and its key on a page of its own. @param {number} count */
  function print(count) {
    draw = dice(seed);
    const from = templates.filter((one) => one.level === level);
    const all = Array.from({ length: count }, () => ask(from, draw));
    const key = all.map((one) => h('li', shown(one)));
    const title = `seed ${seed}, level ${level}`;
    body.replaceChildren(
      h('h2', `Questions: ${title}`),
      h('ol', ...all.map((one) => h('li.room', h('pre', one.code), h('p', one.text)))),
      h('h2.key', `Key: ${title}`),
      h('ol', ...key),
    );
    for (let at = host; at && at.tagName !== 'ARTICLE'; at = at.parentElement)
      for (const other of at.parentElement?.children ?? []) if (other !== at) other.hidden = true;
  }

  Object.assign(host, {
    go,
    next,
    question: () => ({ kind: now.kind, code: now.code, ask: now.ask, level: now.level }),
    answer,
    hint: () => now.hints[hints],
  });
  keep(done);
  const sheet = Math.min(200, Math.floor(Number(given.get('print'))));
  if (sheet > 0) print(sheet);
  else go({ seed, level });
}

playground('practice', PRACTICE_STYLE, practise);
