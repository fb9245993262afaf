// Questions on small graphs, made from a seed: what PyTorch is to run, what is asked, and what is right.

import { Model } from '../engine/model.js';
import { nested, tensor } from '../engine/tensors.js';
import { numbers } from '../engine/text.js';

/** @typedef {{level: number, lines: string[], hand: string[][], plain: any, graph: any}} Template */
/** @typedef {{kind: string, code: string, ask: string, level: number, text: string, right: Tensor, v: number,
 *   model: Model, template: Template, hints: string[]}} Question */

/** The same numbers from a seed, each from 0 to 1. @param {number} seed */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As Python writes it, with a point in each number. @param {any} data @returns {string} */
const python = (data) => (Array.isArray(data) ? `[${data.map(python).join(', ')}]` : data.toFixed(1));

/** @param {Tensor | null} t */
const text = (t) => (t ? numbers(t) : '');

/** Give the leaves small whole numbers, all of them other than zero, and no two alike where there are few.
 * @param {Model} model @param {() => number} draw */
function giveNumbers(model, draw) {
  for (let tries = 0; tries < 200; tries++) {
    const few = model.leaves.every((v) => model.plain.values[v].s.length === 0);
    const pool = few ? [2, 3, 4, 5, 6, 7, -2, -3, -4] : [1, 2, 3, -1, -2];
    const given = model.leaves.map((v) => {
      const t = tensor(model.plain.values[v].s);
      const one = () => pool[Math.floor(draw() * pool.length)];
      return /** @type {[number, Tensor]} */ ([v, { ...t, data: t.data.map(one) }]);
    });
    model.set(new Map(given));
    const alone = few && new Set(given.map(([, { data }]) => Math.abs(data[0]))).size < given.length;
    const dead = model.gradients.some((g) => g && g.data.every((x) => x === 0));
    const edge = model.ops.some((op) => op.n === 'relu' && model.values[op.i[0]]?.data.includes(0));
    if (!alone && !dead && !edge) return;
  }
}

/** @param {Template[]} templates of its level @param {() => number} draw @returns {Question} */
export function ask(templates, draw) {
  const pick = (/** @type {any[]} */ from) => from[Math.floor(draw() * from.length)];
  const template = /** @type {Template} */ (pick(templates));
  const { level, lines, hand } = template;
  const model = new Model(template.plain);
  giveNumbers(model, draw);
  const { names, view, plain } = model;
  const start = model.leaves.map((v) => {
    const data = python(nested(/** @type {Tensor} */ (model.values[v])));
    return `${names[v]} = torch.tensor(${data}${plain.values[v].w ? ', requires_grad=True' : ''})`;
  });
  const kinds = [
    ['gradient', 'local'],
    ['gradient', 'local', 'wrong'],
    ['gradient', 'shape', 'wrong'],
  ];
  const kind = pick(kinds[Math.min(level, 3) - 1]);
  const body = ['import torch', '', ...start, ...lines];
  const made = { level, kind, model, template };
  if (kind === 'wrong') {
    const bad = Math.floor(draw() * hand.length);
    const inner = hand.map(([name]) => name).filter((name) => !model.leaves.includes(model.find(name)));
    const by = hand.map(([name, right, wrong], i) => `d_${name} = ${i === bad ? wrong : right}  # ${i + 1}`);
    const [got, wanted] = [hand.map(([name]) => `d_${name}`), hand.map(([name]) => `${name}.grad`)];
    const keep = inner.map((name) => `${name}.retain_grad()`).join('; ');
    return {
      ...made,
      code: [...body, keep, 'loss.backward()', '', ...by].join('\n'),
      ask: `[torch.allclose(a, b) for a, b in zip([${got.join(', ')}], [${wanted.join(', ')}])].index(False) + 1`,
      text: 'Which is the first wrong line of the way back?',
      right: tensor([], Float64Array.of(bad + 1)),
      v: model.find(hand[bad][0]),
      hints: [
        'Hold each line against the op that used the value: upstream times local.',
        `One of the lines for ${hand[Math.max(0, bad - 1)][0]} and ${hand[bad][0]} is wrong.`,
        `The gradient of ${hand[bad][0]} is ${text(model.gradients[model.find(hand[bad][0])])}.`,
      ],
    };
  }
  const code = [...body, 'loss.backward()'].join('\n');
  if (kind === 'local') {
    const edges = view.edges.flatMap((edge, e) => (edge.b ? [e] : []));
    const e = pick(edges);
    const op = view.ops[view.edges[e].o];
    const name = names[model.source(e)];
    return {
      ...made,
      code,
      ask: `torch.autograd.functional.jacobian(lambda ${name}: ${op.e}, ${name}.detach())`,
      text: `What is the local gradient of ${names[op.o[0]]} = ${op.e} for ${name}?`,
      right: /** @type {Tensor} */ (model.local(e)),
      v: model.source(e),
      hints: [
        `Only ${op.e} matters; what comes after it does not.`,
        `Nudge ${name} a little, and see how many times as much ${op.e} moves.`,
        `Here ${op.i.map((v) => `${names[v]} is ${text(model.values[v])}`).join(' and ')}.`,
      ],
    };
  }
  const v = pick(model.trained);
  const gradient = /** @type {Tensor} */ (model.gradients[v]);
  const uses = model.into[v].map((e) => ({
    op: view.ops[view.edges[e].o],
    up: view.edges[e].r,
    local: model.localOf(e),
  }));
  const rest = {
    ...made,
    v,
    code,
    hints: [
      `${names[v]} is used in ${uses.map(({ op }) => op.e).join(' and in ')}. Begin at the loss, and go back to there.`,
      `What arrives there is ${uses.map(({ up }) => text(model.gradients[up])).join(' and ')}.`,
      `The local gradient is ${uses.map(({ local }) => local || 'the other factor, transposed').join(' and ')}.`,
    ],
  };
  if (kind === 'gradient')
    return { ...rest, ask: `${names[v]}.grad`, text: `What is the gradient of ${names[v]}?`, right: gradient };
  return {
    ...rest,
    ask: `tuple(${names[v]}.grad.shape)`,
    text: `Which shape has the gradient of ${names[v]}?`,
    right: tensor([gradient.shape.length], Float64Array.from(gradient.shape)),
    hints: [
      `A gradient has a number for each number of its value. Look at how ${names[v]} is given.`,
      `It has ${gradient.data.length} in all.`,
      `There are as many brackets at its start as there are axes: ${gradient.shape.length}.`,
    ],
  };
}
