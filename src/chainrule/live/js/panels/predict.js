// Predict, then see: the next number is asked for before it is shown.

import { button, h } from '../drawing/dom.js';
import { answering } from '../drawing/fields.js';
import { right, slip } from './slips.js';
import { flat, fromNested, tensor } from '../engine/tensors.js';
import { derivative, numbers, shapeText } from '../engine/text.js';

/** @param {Ui} ui */
export function predictPanel(ui) {
  const { model } = ui;
  const question = h('p.ask');
  const show = button('Show it', () => {
    tell(`It is ${numbers(/** @type {Tensor} */ (wanted()))}.`);
    onward();
  });
  const { field, form, verdict, tell } = answering('Your guess', () => answer(), show);
  const again = button('From the start', () => {
    tell('');
    ui.step(0);
    field.focus();
  });
  /** Values still to be asked for in the coming step. @type {number[]} */
  let asked = [];
  let step = -1;
  let own = false;

  const isForward = () => model.at < model.forward;
  const wanted = () => (isForward() ? model.values[asked[0]] : model.gradients[asked[0]]);

  /** Find what the coming step will show, and go past steps that leave nothing to ask. */
  function next() {
    for (; model.at < model.last; model.at++) {
      step = model.at;
      if (isForward()) asked = model.view.ops[model.at].o.filter((v) => model.values[v]);
      else if (model.at === model.forward) asked = [];
      else asked = ends(model.view.back[model.at - model.forward - 1]);
      if (asked.length) return;
    }
    asked = [];
  }

  /** The values whose gradients are complete once an op has passed its own on. @param {number} o */
  function ends(o) {
    const turn = Number(model.turn.get(o));
    const values = [...new Set(model.edgesOf(o).map((e) => model.source(e)))];
    return values.filter(
      (v) => model.gradients[v] && model.into[v].every((e) => Number(model.turn.get(model.view.edges[e].o)) <= turn),
    );
  }

  function onward() {
    asked.shift();
    field.value = '';
    own = true;
    if (!asked.length) ui.step(model.at + 1);
    else refresh();
    own = false;
    field.focus();
  }

  function answer() {
    const goal = /** @type {Tensor} */ (wanted());
    const [v] = asked;
    const given = parse(field.value, goal.shape);
    const example = `numbers of shape ${shapeText(goal.shape)}, such as ${numbers(tensor(goal.shape))}`;
    if (!given) return tell(`Type ${goal.shape.length ? example : 'a number, such as 0.5 or -2'}.`, 'bad');
    if (right(given, goal)) {
      tell(`Right: ${name(v)} = ${numbers(goal)}.`, 'good');
      return onward();
    }
    const why = isForward()
      ? `Work ${model.view.ops[model.at].e} out from the numbers on its inputs.`
      : slip(model, v, given);
    tell(`${numbers(given)} is not right. ${why}`, 'bad');
    field.select();
  }

  const name = (/** @type {number} */ v) =>
    isForward() ? model.names[v] : derivative(model.names[model.loss], model.names[v]);

  function refresh() {
    if (step !== model.at || !asked.length) {
      if (!own) tell('');
      const from = model.at;
      next();
      if (model.at !== from) {
        ui.redraw();
        ui.tell();
      }
    }
    const done = !asked.length;
    form.hidden = done;
    if (done) return question.replaceChildren('That was the last number. ');
    const [v] = asked;
    const e = isForward() ? model.view.ops[model.at].e : model.names[v];
    question.replaceChildren(
      'What is ',
      h('strong', { class: isForward() ? 'v' : 'g' }, name(v)),
      e !== model.names[v] ? `, that is, ${e}?` : '?',
    );
  }

  return {
    node: h('div', question, form, verdict, again),
    open() {
      if (model.at === model.last) ui.step(0);
    },
    refresh,
  };
}

/** Read a guess: a number, or a list in brackets.
 * @param {string} typed @param {number[]} shape @returns {Tensor | null} */
export function parse(typed, shape) {
  const text = typed
    .trim()
    .replace(/−/g, '-')
    .replace(/(^|[^\d])\./g, '$10.')
    .replace(/\+/g, '');
  try {
    const read = JSON.parse(text || 'null');
    const made = fromNested(read, 'it');
    return made.shape.length === 0 && shape.length && made.data.length === 1 && shape.every((n) => n === 1)
      ? { shape, data: flat(made.data) }
      : made;
  } catch {
    return null;
  }
}
