// The slip that a wrong gradient looks like: the finder of chainrule/checking/slips.py, with its words and its cases.

import { back } from '../engine/ops.js';
import { gather, map, near, sameShape, sizeOf, spread, tensor, transposed } from '../engine/tensors.js';
import { derivative, shapeText } from '../engine/text.js';

/** @typedef {[string, Record<string, string>]} Slip a kind, and what its sentence is filled with */

/** @type {Record<string, string>} the page's script brings them along */
const WORDS = SLIPS;
/** What each slip makes of the right number. @type {Record<string, (x: number) => number>} */
const BY_SIZE = { sign: (x) => -x, half: (x) => x / 2, twice: (x) => x * 2, inverse: (x) => 1 / x };
/** As in slips.py. @type {Record<string, string>} */
const AVERAGES = { mean: 'sum', mse_loss: 'sum', cross_entropy: 'sum', nll_loss: 'sum', sum: 'mean', var: '', std: '' };
const NORMALISATIONS = ['batch_norm', 'layer_norm', 'group_norm', 'instance_norm'];
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
  if (!model.fixed && !model.plain.run) yield* axes(model, v, given, wanted);
  if (!sameShape(given.shape, wanted.shape))
    return yield ['shape', { given: tuple(given.shape), wanted: tuple(wanted.shape) }];
  const sizes = Object.keys(BY_SIZE).filter((kind) => right(given, map(wanted, BY_SIZE[kind])));
  if (sizes.includes('sign')) yield ['sign', {}];
  if (!model.fixed && !model.plain.run) {
    yield* reductions(model, given, wanted);
    yield* parts(model, v, given, wanted);
    yield* normalised(model, v, sum(given.shape, [given, wanted], -1));
    yield* localGradients(model, v, given);
    for (const path of paths(model, v)) yield* along(model, path, given, wanted);
  }
  for (const kind of sizes) yield [kind, {}];
}

/** @param {Model} model @param {number} e the name of an edge's op */
const opOf = ({ view }, e) => view.ops[view.edges[e].o].n;

/** Add up along some axes, which keep a size of one. @param {Tensor} t @param {number[]} axes @returns {Tensor} */
function added(t, axes) {
  const left = t.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  return gather(t.data, spread(left, t.shape), left, Number);
}

/** A sum over other axes than those along which the value was repeated.
 * @param {Model} model @param {number} v @param {Tensor} given @param {Tensor} wanted @returns {Generator<Slip>} */
function* axes(model, v, given, wanted) {
  for (const e of model.into[v]) {
    const arriving = model.gradients[model.view.edges[e].r];
    const local = model.view.edges[e].k === 'j' ? null : model.local(e);
    const factor = arriving && local && spread(local.shape, arriving.shape);
    if (!arriving || !local || given.data.length < 2) continue;
    const whole = map(arriving, (x, i) => x * local.data[factor ? factor[i] : i]);
    const many = Math.max(1, whole.shape.length - wanted.shape.length);
    for (let bits = 1; bits < 2 ** whole.shape.length; bits++) {
      const chosen = whole.shape.map((_, axis) => axis).filter((axis) => bits & (1 << axis));
      const { data } = added(whole, chosen);
      if (chosen.length === many && data.length === given.data.length && right(given, { shape: given.shape, data }))
        yield ['axis', { name: model.names[v] }];
    }
  }
}

/** The entries that an op averages, or what it divides by; else 1. @param {Model} model @param {number} e */
function averaged({ plain, view }, e) {
  const { i, o, r } = view.edges[e];
  const { n: op, c } = view.ops[o];
  const before = plain.values[view.ops[o].i[i]].s;
  if (op === 'div') return Number.isInteger(c?.b) ? Number(c?.b) : 1;
  const classes = op === 'cross_entropy' || op === 'nll_loss' ? (before.length > 1 ? before[1] : 1) : 1;
  return op in AVERAGES ? Math.floor(sizeOf(before) / (sizeOf(plain.values[r].s) * classes)) : 1;
}

/** Each n, and by how much an answer is off, where n and n - 1 are taken for each other. @param {number} n */
const oneLess = (n) =>
  n > 2
    ? [
        [n, n / (n - 1)],
        [n, (n - 1) / n],
        [n + 1, n / (n + 1)],
      ]
    : [];

/** A sum taken for a mean, or a mean for a sum; an n for an n - 1; attention's scale left out.
 * @param {Model} model @param {Tensor} given @param {Tensor} wanted @returns {Generator<Slip>} */
function* reductions(model, given, wanted) {
  const times = (/** @type {number} */ n) => map(given, (x) => x * n);
  const { plain, view } = model;
  for (const [e, edge] of view.edges.entries()) {
    if (!edge.b) continue;
    const [n, op] = [averaged(model, e), opOf(model, e)];
    const kind = AVERAGES[op];
    const last = plain.values[view.ops[edge.o].i[edge.i]].s.at(-1) ?? 1;
    if (n > 1 && kind && right(times(kind === 'sum' ? 1 / n : n), wanted)) yield [kind, { n: String(n) }];
    if (op === 'scaled_dot_product_attention' && right(times(1 / Math.sqrt(last)), wanted))
      yield ['scale', { n: String(last) }];
    for (const [m, ratio] of oneLess(n)) if (right(times(1 / ratio), wanted)) yield ['one_less', { n: String(m) }];
  }
}

/** The mean's path of a normalisation in one piece: without it, what is averaged is off by one number.
 * @param {Model} model @param {number} v @param {Tensor} lacking @returns {Generator<Slip>} */
function* normalised(model, v, lacking) {
  const every = lacking.shape.map((_, axis) => axis);
  if (every.length < 2 || !model.into[v].some((e) => NORMALISATIONS.includes(opOf(model, e)))) return;
  for (const averagedOver of [every.filter((axis) => axis !== 1), ...every.slice(1).map((k) => every.slice(k))]) {
    const total = added(lacking, averagedOver);
    const n = lacking.data.length / total.data.length;
    const from = spread(total.shape, lacking.shape);
    const mean = map(lacking, (_, i) => total.data[from ? from[i] : i] / n);
    if (right(lacking, mean)) yield ['through_mean', { name: model.names[v] }];
  }
}

/** Contributions left out.
 * @param {Model} model @param {number} v @param {Tensor} given @param {Tensor} wanted @returns {Generator<Slip>} */
function* parts(model, v, given, wanted) {
  const into = model.into[v].map((e) => model.carried(e));
  const all = into.length;
  const some = all > MOST_PARTS ? into.flatMap((part, k) => [[part], into.filter((_, i) => i !== k)]) : [];
  for (let chosen = 1; all <= MOST_PARTS && chosen < 2 ** all - 1; chosen++)
    some.push(into.filter((_, k) => chosen & (1 << k)));
  if (!(all > 1 && some.some((few) => right(given, sum(given.shape, few))))) return;
  const means = into.filter((_, k) => opOf(model, model.into[v][k]) === 'mean');
  const lost = means.some((mean) => right(sum(given.shape, [given, mean]), wanted));
  yield [lost ? 'through_mean' : 'path', { name: model.names[v] }];
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
  const forks = path.filter((e) => model.into[model.source(e)].length > 1);
  const mean = forks.find((e) => opOf(model, e) === 'mean');
  if (forks.length && right(given, rest))
    yield [mean === undefined ? 'path' : 'through_mean', { name: model.names[model.source(mean ?? forks[0])] }];
  for (const [k, e] of path.entries()) {
    const skipped = fitted(arriving[k], plain.values[model.source(e)].s);
    const squared = again(model, e, arriving[k]);
    const words = { factor: derivative(model.names[view.edges[e].r], model.names[model.source(e)]) };
    /** @type {[string, Tensor | null, Record<string, string>][]} */
    const changed = [
      ['factor', skipped, words],
      ['doubled', squared, words],
    ];
    for (const [n, ratio] of oneLess(averaged(model, e)))
      changed.push(['one_less', map(arriving[k + 1], (x) => x * ratio), { n: String(n) }]);
    for (const [kind, from, filled] of changed) {
      const passed = from && path.slice(k + 1).reduce((g, later) => carry(model, later, g), from);
      if (passed && right(given, sum(given.shape, [rest, passed]))) yield [kind, filled];
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
