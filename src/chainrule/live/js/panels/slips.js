// The slip that a wrong gradient looks like: the finder of chainrule/checking/slips.py, with its words and its cases.

import { back } from '../engine/ops.js';
import { gather, map, near, sameShape, sizeOf, spread, tensor, transposed } from '../engine/tensors.js';
import { derivative, shapeText } from '../engine/text.js';

/** @typedef {import('../engine/model.js').Model} Model */
/** @typedef {import('../engine/tensors.js').Tensor} Tensor */
/** @typedef {[string, Record<string, string>]} Slip a kind, and what its sentence is filled with */

/** @type {Record<string, string>} the page's script brings them along */
const WORDS = SLIPS;
/** What each slip makes of the right number. @type {Record<string, (x: number) => number>} */
const BY_SIZE = { sign: (x) => -x, half: (x) => x / 2, twice: (x) => x * 2, inverse: (x) => 1 / x };
/** As in slips.py, with the reasons. */
const CLOSE = 1e-4;
const MOST_PARTS = 8;
const MOST_PATHS = 32;
const LONGEST_PATH = 50;

/** @param {string} template @param {Record<string, string>} words */
export const fill = (template, words) => template.replace(/\{(\w+)\}/g, (_, key) => words[key]);

/** @param {Tensor} given @param {Tensor} wanted */
export const right = (given, wanted) => near(given, wanted, CLOSE);

/** As Python writes a shape. @param {number[]} shape */
const tuple = (shape) => (shape.length ? shapeText(shape) : '()');

/** Say which slip a wrong gradient looks like.
 * @param {Model} model @param {number} v @param {Tensor} given @returns {string} */
export function slip(model, v, given) {
  const [[kind, words] = ['none', {}]] = fitting(model, v, given);
  return fill(WORDS[kind], words);
}

/** The likeliest first. @param {Model} model @param {number} v @param {Tensor} given @returns {Generator<Slip>} */
function* fitting(model, v, given) {
  const wanted = /** @type {Tensor} */ (model.gradients[v]);
  if (given.shape.length === 2 && right(transposed(given), wanted)) yield ['transposed', {}];
  if (!sameShape(given.shape, wanted.shape))
    return yield ['shape', { given: tuple(given.shape), wanted: tuple(wanted.shape) }];
  const sizes = Object.keys(BY_SIZE).filter((kind) => right(given, map(wanted, BY_SIZE[kind])));
  if (sizes.includes('sign')) yield ['sign', {}];
  if (!model.fixed && !model.plain.run) {
    yield* reductions(model, given, wanted);
    yield* parts(model, v, given);
    yield* localGradients(model, v, given);
    for (const path of paths(model, v)) yield* along(model, path, given, wanted);
  }
  for (const kind of sizes) yield [kind, {}];
}

/** A sum taken for a mean, or a mean for a sum.
 * @param {Model} model @param {Tensor} given @param {Tensor} wanted @returns {Generator<Slip>} */
function* reductions({ plain, view }, given, wanted) {
  const times = (/** @type {number} */ n) => map(given, (x) => x * n);
  for (const edge of view.edges) {
    const n = sizeOf(plain.values[view.ops[edge.o].i[edge.i]].s) / sizeOf(plain.values[edge.r].s);
    const { n: op } = view.ops[edge.o];
    if (!edge.b || n <= 1) continue;
    if ((op === 'mean' || op === 'mse_loss') && right(times(1 / n), wanted)) yield ['sum', { n: String(n) }];
    if (op === 'sum' && right(times(n), wanted)) yield ['mean', { n: String(n) }];
  }
}

/** Contributions left out. @param {Model} model @param {number} v @param {Tensor} given @returns {Generator<Slip>} */
function* parts(model, v, given) {
  const into = model.into[v].map((e) => model.carried(e));
  const all = into.length;
  const some = all > MOST_PARTS ? into.flatMap((part, k) => [[part], into.filter((_, i) => i !== k)]) : [];
  for (let chosen = 1; all <= MOST_PARTS && chosen < 2 ** all - 1; chosen++)
    some.push(into.filter((_, k) => chosen & (1 << k)));
  if (all > 1 && some.some((few) => right(given, sum(given.shape, few)))) yield ['path', { name: model.names[v] }];
}

/** The upstream gradient left out, at one use or at all.
 * @param {Model} model @param {number} v @param {Tensor} given @returns {Generator<Slip>} */
function* localGradients(model, v, given) {
  const alone = model.into[v].map((e) => carry(model, e, tensor(model.plain.values[model.view.edges[e].r].s, 1)));
  if ([...alone, sum(given.shape, alone)].some((one) => right(given, one))) yield ['upstream', {}];
}

/** A path left out, or a factor on it left out or taken twice.
 * @param {Model} model @param {number[]} path @param {Tensor} given @param {Tensor} wanted
 * @returns {Generator<Slip>} */
function* along(model, path, given, wanted) {
  const { plain, view } = model;
  if (!path.length || path.length > LONGEST_PATH) return;
  const start = Float64Array.from(/** @type {number[]} */ (plain.roots[0][1]), Number);
  /** @type {Tensor[]} */ const arriving = [{ shape: plain.values[model.loss].s, data: start }];
  for (const e of path) arriving.push(carry(model, e, arriving[arriving.length - 1]));
  const rest = sum(given.shape, [wanted, arriving[path.length]], -1);
  const fork = path.map((e) => model.source(e)).find((value) => model.into[value].length > 1);
  if (fork !== undefined && right(given, rest)) yield ['path', { name: model.names[fork] }];
  for (const [k, e] of path.entries()) {
    const skipped = fitted(arriving[k], plain.values[model.source(e)].s);
    const squared = again(model, e, arriving[k]);
    for (const [kind, from] of Object.entries({ factor: skipped, doubled: squared })) {
      const passed = from && path.slice(k + 1).reduce((g, later) => carry(model, later, g), from);
      if (passed && right(given, sum(given.shape, [rest, passed])))
        yield [kind, { factor: derivative(model.names[view.edges[e].r], model.names[model.source(e)]) }];
    }
  }
}

/** @param {Model} model @param {number} e @param {Tensor} g */
const carry = (model, e, g) => {
  const edge = model.view.edges[e];
  return back(model.steps[edge.o], g, /** @type {Tensor[]} */ (model.values), edge.i);
};

/** Carry a gradient through an op with its local gradient taken twice, where that is no matrix.
 * @param {Model} model @param {number} e @param {Tensor} g @returns {Tensor | null} */
function again(model, e, g) {
  const once = model.view.edges[e].k === 'j' ? null : model.local(e);
  const upstream = once && fitted(g, once.shape);
  if (!upstream) return null;
  const twice = { shape: once.shape, data: once.data.map((x, at) => upstream.data[at] * x * x) };
  return fitted(twice, model.plain.values[model.source(e)].s);
}

/** Sum over what was broadcast, or spread over what was summed. @param {Tensor} g @param {number[]} shape
 * @returns {Tensor | null} */
function fitted(g, shape) {
  if (sameShape(g.shape, shape)) return g;
  if (g.data.length === 1) return tensor(shape, g.data[0]);
  return g.shape.length < shape.length ? null : gather(g.data, spread(shape, g.shape), shape, Number);
}

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
  while (pending.length && found.length < MOST_PATHS) {
    const [at, path] = /** @type {[number, number[]]} */ (pending.pop());
    if (at === model.loss) found.push(path);
    for (const e of model.into[at]) pending.push([model.view.edges[e].r, [e, ...path]]);
  }
  return found;
}
