// A wrong gradient, and the slip that it looks like; the sentences are those of chainrule/checking/slips.json.

import { back } from './ops.js';
import { near, sameShape, sizeOf, tensor, transposed } from './tensors.js';
import { derivative, shapeText } from './text.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./tensors.js').Tensor} Tensor */

/** @type {Record<string, string>} the page's script brings them along */
const SENTENCES = SLIPS;
const NEAR = 1e-4;
const PATHS = 32;

/** @param {string} template @param {Record<string, string>} words */
export const fill = (template, words) => template.replace(/\{(\w+)\}/g, (_, key) => words[key]);

/** @param {Tensor} given @param {Tensor} wanted */
export const right = (given, wanted) => near(given, wanted, NEAR);

/** Say which slip a wrong gradient looks like.
 * @param {Model} model @param {number} v @param {Tensor} given @returns {string} */
export function slip(model, v, given) {
  const [kind, words] = find(model, v, given);
  return fill(SENTENCES[kind], words);
}

/** @param {Model} model @param {number} v @param {Tensor} given @returns {[string, Record<string, string>]} */
function find(model, v, given) {
  const wanted = /** @type {Tensor} */ (model.gradients[v]);
  const { plain, view } = model;
  if (given.shape.length === 2 && right(transposed(given), wanted)) return ['transposed', {}];
  if (!sameShape(given.shape, wanted.shape))
    return ['shape', { given: shapeText(given.shape), wanted: shapeText(wanted.shape) }];
  const times = (/** @type {number} */ n) => ({ shape: given.shape, data: given.data.map((x) => x * n) });
  if (right(times(-1), wanted)) return ['sign', {}];
  if (model.fixed || plain.run) return ['none', {}];
  for (const edge of view.edges) {
    const n = sizeOf(plain.values[view.ops[edge.o].i[edge.i]].s) / sizeOf(plain.values[edge.r].s);
    const { n: op } = view.ops[edge.o];
    if (!edge.b || n <= 1) continue;
    if ((op === 'mean' || op === 'mse_loss') && right(times(1 / n), wanted)) return ['sum', { n: String(n) }];
    if (op === 'sum' && right(times(n), wanted)) return ['mean', { n: String(n) }];
  }
  const into = model.into[v];
  for (let chosen = 1; into.length <= 8 && chosen < 2 ** into.length - 1; chosen++) {
    const parts = into.filter((_, k) => chosen & (1 << k)).map((e) => model.carried(e));
    if (right(sum(given.shape, parts), wanted)) continue;
    if (right(given, sum(given.shape, parts))) return ['path', { name: model.names[v] }];
  }
  const alone = into.map((e) => carry(model, e, tensor(plain.values[view.edges[e].r].s, 1)));
  if ([...alone, sum(given.shape, alone)].some((local) => right(given, local))) return ['upstream', {}];
  for (const path of paths(model, v)) {
    /** @type {Tensor[]} */ const arriving = [
      {
        shape: plain.values[model.loss].s,
        data: Float64Array.from(/** @type {number[]} */ (plain.roots[0][1]), Number),
      },
    ];
    for (const e of path) arriving.push(carry(model, e, arriving[arriving.length - 1]));
    const rest = sum(given.shape, [wanted, arriving[path.length]], -1);
    const fork = path.map((e) => model.source(e)).find((value) => model.into[value].length > 1);
    if (fork !== undefined && right(given, rest)) return ['path', { name: model.names[fork] }];
    for (const [k, e] of path.entries()) {
      const edge = view.edges[e];
      const shape = plain.values[model.source(e)].s;
      const words = { factor: derivative(model.names[edge.r], model.names[model.source(e)]) };
      const skipped = fitted(arriving[k], shape);
      const twice = edge.k === 'j' || !skipped ? null : again(model, e, arriving[k + 1]);
      for (const [kind, from] of /** @type {[string, Tensor | null][]} */ ([
        ['factor', skipped],
        ['doubled', twice],
      ])) {
        if (!from) continue;
        const passed = path.slice(k + 1).reduce((g, later) => carry(model, later, g), from);
        if (right(given, sum(given.shape, [rest, passed]))) return [kind, words];
      }
    }
  }
  // Last, since the slips above say where it was lost.
  const inverse = { shape: given.shape, data: given.data.map((x) => 1 / x) };
  for (const [kind, mended] of /** @type {[string, Tensor][]} */ ([
    ['half', times(2)],
    ['twice', times(0.5)],
    ['inverse', inverse],
  ])) {
    if (right(mended, wanted)) return [kind, {}];
  }
  return ['none', {}];
}

/** @param {Model} model @param {number} e @param {Tensor} g */
const carry = (model, e, g) => {
  const edge = model.view.edges[e];
  return back(model.steps[edge.o], g, /** @type {Tensor[]} */ (model.values), edge.i);
};

/** Multiply by the local gradient once more, where shapes allow it.
 * @param {Model} model @param {number} e @param {Tensor} g */
function again(model, e, g) {
  const result = model.plain.values[model.view.edges[e].r].s;
  return sameShape(g.shape, result) ? carry(model, e, g) : null;
}

/** Leave a factor out: what arrived goes on as it is.
 * @param {Tensor} g @param {number[]} shape @returns {Tensor | null} */
const fitted = (g, shape) => (sameShape(g.shape, shape) ? g : g.data.length === 1 ? tensor(shape, g.data[0]) : null);

/** @param {number[]} shape @param {(Tensor | null)[]} parts @param {number} sign of all but the first
 * @returns {Tensor} */
function sum(shape, parts, sign = 1) {
  const out = tensor(shape);
  parts.forEach((part, k) =>
    out.data.forEach((x, i) => {
      out.data[i] = x + (k ? sign : 1) * (part ? part.data[i] : NaN);
    }),
  );
  return out;
}

/** Walk the paths from the loss to a value, as edges. @param {Model} model @param {number} v */
function paths(model, v) {
  /** @type {number[][]} */ const found = [];
  /** @type {[number, number[]][]} */ const pending = [[v, []]];
  while (pending.length && found.length < PATHS) {
    const [at, path] = /** @type {[number, number[]]} */ (pending.pop());
    if (at === model.loss) found.push(path);
    for (const e of model.into[at]) pending.push([model.view.edges[e].r, [e, ...path]]);
  }
  return found;
}
