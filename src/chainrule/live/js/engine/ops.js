// The ops that the page can compute: what each gives, and what it does to a gradient. One entry an op.

import { gather, map, sameShape, sizeOf, spread, tensor } from './tensors.js';

/** @typedef {(x: number) => number} Round to the dtype's precision */

/**
 * One op of a graph, ready to run.
 * @typedef {object} Step
 * @property {string} name
 * @property {number[]} inputs values, by position
 * @property {string[]} types their dtypes
 * @property {number[]} outputs
 * @property {number} output the first of them
 * @property {Record<string, unknown>} [given] all arguments by position or keyword, where they are not in order
 * @property {(Tensor | number)[]} constants numbers among the arguments; the place of a tensor is left empty
 * @property {number[]} argument the argument that each input is
 * @property {(Int32Array | null)[]} maps how each input broadcasts, for ops that go entry by entry
 * @property {number[]} shape of the result
 * @property {number[]} [dims] that a sum went over
 * @property {Round} round
 */

/**
 * Entry by entry: the result, and for each argument the gradient times the local gradient. `r` rounds in between, as
 * PyTorch does where it stores what is in between.
 * @typedef {object} Elementwise
 * @property {(a: number, b: number, r: Round) => number} f
 * @property {((g: number, a: number, b: number, out: number, r: Round) => number)[]} d
 */

/**
 * @typedef {object} Whole
 * @property {(x: Tensor[], step: Step) => Tensor | Tensor[]} run
 * @property {(g: any, x: Tensor[], k: number, step: Step, out: Tensor) => Tensor} back for input k; where there are
 * several results `g` is a list, with nothing at all but one
 */

/** @param {number} a @param {number} b @param {Round} r */
const power = (a, b, r) =>
  b === 1
    ? a
    : b === 2
      ? a * a
      : b === 3
        ? r(a * a) * a
        : b === 0.5
          ? Math.sqrt(a)
          : b === -1
            ? 1 / a
            : b === -2
              ? 1 / r(a * a)
              : Math.pow(a, b);

/** @type {Record<string, Elementwise>} */
export const ELEMENTWISE = {
  add: { f: (a, b) => a + b, d: [(g) => g, (g) => g] },
  sub: { f: (a, b) => a - b, d: [(g) => g, (g) => -g] },
  rsub: { f: (a, b) => b - a, d: [(g) => -g, (g) => g] },
  mul: { f: (a, b) => a * b, d: [(g, _, b) => g * b, (g, a) => g * a] },
  div: { f: (a, b) => a / b, d: [(g, _, b) => g / b, (g, _, b, out, r) => -g * r(out / b)] },
  neg: { f: (a) => -a, d: [(g) => -g] },
  pow: {
    f: power,
    d: [
      (g, a, b, _, r) => (b === 0 ? 0 : g * r(b * r(power(a, b - 1, r)))),
      (g, a, b, out, r) => (a === 0 && b >= 0 ? 0 : g * r(out * r(Math.log(a)))),
    ],
  },
  square: { f: (a) => a * a, d: [(g, a, _, out, r) => g * r(2 * a)] },
  tanh: { f: (a) => Math.tanh(a), d: [(g, a, b, out, r) => g * r(1 - r(out * out))] },
  sigmoid: { f: (a) => 1 / (1 + Math.exp(-a)), d: [(g, a, b, out, r) => r(g * r(1 - out)) * out] },
  relu: { f: (a) => (a !== a || a > 0 ? a : 0), d: [(g, a) => (a > 0 ? g : 0)] },
};

/** An op that is not in the table, or not for such a call. */
export class Lacking extends Error {}

/** @param {string} name */
export const otherwise = (name) => new Lacking(`${name} is called in a way that a page does not compute`);

/** Where each entry of the input goes in the result. @param {number[]} from @param {Step} step */
function into(from, step) {
  const { dims } = step;
  if (!dims) throw otherwise(step.name);
  const small = from.map((n, i) => (dims.includes(i) ? 1 : n));
  return /** @type {const} */ ([spread(small, from), sizeOf(dims.map((i) => from[i]))]);
}

/** @type {Whole} */
const reshape = {
  run: ([x], step) => ({ shape: step.shape, data: x.data }),
  back: (g, [x]) => ({ shape: x.shape, data: g.data }),
};

/** @type {(count: (n: number) => number) => Whole} */
const reduction = (count) => ({
  run([x], step) {
    const [where, n] = into(x.shape, step);
    const { data } = gather(x.data, where, step.shape, step.round);
    return { shape: step.shape, data: data.map((sum) => step.round(sum / count(n))) };
  },
  back(g, [x], _, step) {
    const [where, n] = into(x.shape, step);
    return map(x, (_, i) => step.round(g.data[where ? where[i] : i] / count(n)));
  },
});

/** @type {Record<string, Whole>} */
export const WHOLE = {
  sum: reduction(() => 1),
  mean: reduction((n) => n),
  reshape,
  view: reshape,
  flatten: reshape,
  squeeze: reshape,
  unsqueeze: reshape,
};

/** @param {string} name */
export const isKnown = (name) => name in ELEMENTWISE || name in WHOLE;

/** @param {Step} step @param {Tensor[]} values @returns {Tensor | Tensor[]} */
export function run(step, values) {
  const rule = ELEMENTWISE[step.name];
  const x = step.inputs.map((v) => values[v]);
  if (!rule) return WHOLE[step.name].run(x, step);
  const out = new Float64Array(sizeOf(step.shape));
  const [a, b] = reads(step, x);
  const { f } = rule;
  const { round } = step;
  for (let i = 0; i < out.length; i++) out[i] = round(f(a(i), b(i), round));
  return { shape: step.shape, data: out };
}

/** Give what each argument reads at an entry of the result. @param {Step} step @param {Tensor[]} x */
function reads(step, x) {
  return [0, 1].map((argument) => {
    const k = step.argument.indexOf(argument);
    if (k < 0) {
      const constant = Number(step.constants[argument]);
      return () => constant;
    }
    const { data } = x[k];
    const where = step.maps[k];
    return where ? (/** @type {number} */ i) => data[where[i]] : (/** @type {number} */ i) => data[i];
  });
}

/**
 * What an op passes on to one of its inputs.
 * @param {Step} step @param {any} g the upstream gradient, or one of each result @param {Tensor[]} values
 * @param {number} k the input's position @returns {Tensor}
 */
export function back(step, g, values, k) {
  const x = step.inputs.map((v) => values[v]);
  if (!ELEMENTWISE[step.name]) return WHOLE[step.name].back(g, x, k, step, values[step.output]);
  return gather(factors(step, g, values, k), step.maps[k], x[k].shape, step.round);
}

/**
 * The upstream gradient times the local one, entry by entry of the result.
 * @param {Step} step @param {Tensor} g @param {Tensor[]} values @param {number} k
 */
function factors(step, g, values, k) {
  const x = step.inputs.map((v) => values[v]);
  const out = values[step.output].data;
  const { round } = step;
  const d = ELEMENTWISE[step.name].d[step.argument[k]];
  const [a, b] = reads(step, x);
  return g.data.map((upstream, i) => round(d(upstream, a(i), b(i), out[i], round)));
}

/**
 * The local gradient itself, of the kind that was recorded: one factor an entry, a gradient, or a matrix.
 * @param {Step} step @param {Tensor[]} values @param {number} k @param {string} kind @returns {Tensor | null}
 */
export function local(step, values, k, kind) {
  const ones = tensor(step.shape, 1);
  if (kind === 'g') return back(step, ones, values, k);
  if (kind === 'e') {
    if (ELEMENTWISE[step.name]) return { shape: step.shape, data: factors(step, ones, values, k) };
    if (sameShape(values[step.inputs[k]].shape, step.shape) || sizeOf(step.shape) === 1)
      return back(step, ones, values, k);
  }
  if (kind === '') return null;
  /** What each entry of the result passes back to the whole input. */
  const one = (/** @type {number} */ row) => map(ones, (_, i) => Number(i === row));
  const rows = Array.from(ones.data, (_, row) => back(step, one(row), values, k).data);
  // entry by entry, all but one of them is zero
  if (kind === 'e') return map(ones, (_, row) => rows[row].reduce((sum, x) => sum + x, 0));
  return { shape: [rows.length, rows[0].length], data: Float64Array.from(rows.flatMap((row) => [...row])) };
}
