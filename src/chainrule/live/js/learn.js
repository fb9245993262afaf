// The panel of gradient descent: update, watch the loss, go back; and the mistakes that everybody makes once.

import { button, h } from './dom.js';
import { numberField, plot } from './plots.js';
import { fill } from './slips.js';
import { number } from './text.js';

/** @typedef {import('./element.js').Ui} Ui */
/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./tensors.js').Tensor} Tensor */

const WHY = {
  keep: 'Nothing empties .grad: each backward pass adds to it, so every step repeats all steps before it.',
  large: 'Each step jumps over the bottom and lands higher up. Here the limit is a rate of about {limit}.',
  flat:
    'Along its gradient the loss does not curve upwards here, so no rate is the limit. ' +
    'This one is ten times as large.',
  sum: 'The mean is now a sum over {n} entries: loss and gradients are {n} times as large, and so is each step.',
  equal: 'All entries of a weight are equal, so all units compute the same and get the same gradient: they stay alike.',
};

/** The rate above which a step along this gradient overshoots: 2 divided by the curvature in its direction.
 * @param {Model} model */
function limitOf(model) {
  const here = model.trained.map((v) => /** @type {Tensor} */ (model.gradients[v]));
  let size = 0;
  for (const g of here) for (const x of g.data) size += x * x;
  const eps = 0.01 / Math.sqrt(size);
  const moved = new Map();
  if (!Number.isFinite(eps)) return NaN;
  model.trained.forEach((v, k) => {
    const w = /** @type {Tensor} */ (model.values[v]);
    moved.set(v, { shape: w.shape, data: w.data.map((x, i) => x + eps * here[k].data[i]) });
  });
  let curved = 0;
  gradientsAt(model, moved).forEach((g, k) =>
    g.data.forEach((x, i) => {
      curved += (x - here[k].data[i]) * here[k].data[i];
    }),
  );
  return curved > 0 ? (2 * size * eps) / curved : NaN;
}

/** The gradients of the trained leaves, elsewhere. @param {Model} model @param {Map<number, Tensor>} leaves */
function gradientsAt(model, leaves) {
  const { values, gradients, passing } = model;
  model.passing = [];
  model.set(leaves);
  const found = model.trained.map((v) => /** @type {Tensor} */ (model.gradients[v]));
  Object.assign(model, { values, gradients, passing });
  return found;
}

/** @param {Ui} ui */
export function learnPanel(ui) {
  const { model, training } = ui;
  const rate = numberField(
    'learning rate',
    ui.rate,
    (x) => {
      ui.rate = x;
      ui.changed();
    },
    ui.say,
  );
  const picture = plot('The loss after each update');
  const back = h('input', {
    type: 'range',
    min: 0,
    max: 0,
    step: 1,
    'aria-label': 'Updates made',
    input: () => go(Number(back.value)),
  });
  const count = h('span', { class: 'count' });
  const update = button('Update', () => ui.update(ui.rate), { class: 'main' });
  /** @type {HTMLElement[]} */ const switches = [];
  let before = ui.rate;
  /** @type {Map<number, Tensor> | null} */ let apart = null;

  /** Go to the weights after so many updates. @param {number} at */
  function go(at) {
    training.at = at;
    training.kept.clear();
    model.set(new Map(training.history[at].leaves));
    ui.changed();
  }

  /** @param {string} name @param {(on: boolean) => string} flip */
  const add = (name, flip) => {
    const line = h('span', { class: 'why' });
    const box = h('input', {
      type: 'checkbox',
      change: () => {
        line.textContent = box.checked ? flip(true) : (flip(false), '');
        ui.changed();
      },
    });
    switches.push(h('label', { class: 'switch' }, box, ' ', h('span', {}, name), ' ', line));
  };
  add('gradients not zeroed', (on) => {
    training.keep = on;
    training.kept.clear();
    return WHY.keep;
  });
  add('rate too large', (on) => {
    const limit = limitOf(model);
    if (on) before = ui.rate;
    ui.rate = on ? Number((limit > 0 ? 1.1 * limit : 10 * ui.rate).toPrecision(2)) : before;
    rate.put(ui.rate);
    return limit > 0 ? fill(WHY.large, { limit: number(limit) }) : WHY.flat;
  });
  const means = model.steps.filter((step) => step.name === 'mean');
  if (means.length) {
    const n = (model.values[means[0].inputs[0]]?.data.length ?? 0) / (model.values[means[0].output]?.data.length ?? 1);
    add('sum for mean', (on) => {
      for (const step of means) step.name = on ? 'sum' : 'mean';
      model.run();
      training.restart();
      return fill(WHY.sum, { n: String(n) });
    });
  }
  const wide = model.trained.filter((v) => (model.values[v]?.data.length ?? 0) > 1);
  if (wide.length)
    add('weights all equal', (on) => {
      const equal = new Map(
        wide.map((v) => {
          const t = /** @type {Tensor} */ (model.values[v]);
          const mean = t.data.reduce((a, b) => a + b, 0) / t.data.length;
          return [v, { shape: t.shape, data: t.data.map(() => mean) }];
        }),
      );
      const held = new Map(wide.map((v) => [v, /** @type {Tensor} */ (model.values[v])]));
      model.set(on ? equal : (apart ?? held));
      apart = on ? held : null;
      training.restart();
      return WHY.equal;
    });

  return {
    node: h(
      'div',
      {},
      h('div', { class: 'fields' }, rate.node, update),
      picture.node,
      h('div', { class: 'fields' }, h('label', { class: 'field wide' }, count, ' ', back)),
      h('div', {}, ...switches),
    ),
    refresh() {
      const { history, at } = training;
      const losses = history.map((one, k) => /** @type {[number, number]} */ ([k, one.loss]));
      back.max = String(history.length - 1);
      back.value = String(at);
      count.textContent = `after ${at} of ${history.length - 1} updates`;
      picture.draw({
        x: 'updates',
        y: model.names[model.root],
        low: 0,
        high: Math.max(10, history.length - 1),
        curves: [{ points: losses, kind: 'f' }],
        dots: [losses[at]],
      });
      if (Number(rate.get()) !== ui.rate) rate.put(ui.rate);
    },
  };
}
