// Ops that go entry by entry, and are not met on the first pages.

import { define, entrywise } from './calls.js';
import { ELEMENTWISE } from './ops.js';

/** Flat but for its steps, so that nothing comes back. @param {(a: number, b: number) => unknown} f
 * @returns {Elementwise} */
const flatly = (f) => ({ f: f.length > 1 ? (a, b) => Number(f(a, b)) : (a) => Number(f(a, 0)), d: [() => 0, () => 0] });

Object.assign(
  ELEMENTWISE,
  /** @type {Record<string, Elementwise>} */ ({
    rdiv: { f: (a, b, r) => r(1 / a) * b, d: [(g, a, b, _, r) => -r(g * b) * r(r(1 / a) * r(1 / a))] },
    rpow: { f: (a, b) => Math.pow(b, a), d: [(g, _, b, out, r) => g * r(out * r(Math.log(b)))] },
    abs: { f: (a) => Math.abs(a), d: [(g, a) => g * Math.sign(a)] },
    exp: { f: (a) => Math.exp(a), d: [(g, a, b, out) => g * out] },
    log: { f: (a) => Math.log(a), d: [(g, a) => g / a] },
    clone: { f: (a) => a, d: [(g) => g] },
    detach: { f: (a) => a, d: [() => 0] },
    sqrt: { f: (a) => Math.sqrt(a), d: [(g, a, b, out, r) => g / r(2 * out)] },
    reciprocal: { f: (a) => 1 / a, d: [(g, a, b, out, r) => -g * r(out * out)] },
    sin: { f: (a) => Math.sin(a), d: [(g, a, b, out, r) => g * r(Math.cos(a))] },
    cos: { f: (a) => Math.cos(a), d: [(g, a, b, out, r) => g * -r(Math.sin(a))] },
    remainder: { f: (a, b) => a - b * Math.floor(a / b), d: [(g) => g, (g, a, b) => -g * Math.floor(a / b)] },
    maximum: {
      f: (a, b) => Math.max(a, b),
      d: [(g, a, b) => (a === b ? g / 2 : a < b ? 0 : g), (g, a, b) => (a === b ? g / 2 : a > b ? 0 : g)],
    },
    minimum: {
      f: (a, b) => Math.min(a, b),
      d: [(g, a, b) => (a === b ? g / 2 : a > b ? 0 : g), (g, a, b) => (a === b ? g / 2 : a < b ? 0 : g)],
    },
    round: flatly((a) => (Math.abs(a % 1) === 0.5 ? 2 * Math.round(a / 2) : Math.round(a))),
    floor: flatly(Math.floor),
    sign: flatly(Math.sign),
    gt: flatly((a, b) => a > b),
    lt: flatly((a, b) => a < b),
    ge: flatly((a, b) => a >= b),
    le: flatly((a, b) => a <= b),
    eq: flatly((a, b) => a === b),
    ne: flatly((a, b) => a !== b),
  }),
);

/** The area under the bell curve up to x. @param {number} x */
function below(x) {
  if (x !== x || Math.abs(x) > 9) return x !== x ? x : Number(x > 0);
  let sum = x;
  for (let term = x, n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (x * x) / n;
  return 0.5 + sum * bell(x);
}
/** @param {number} x */
const bell = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
/** What the tanh in an approximate gelu is taken of, and its slope. @param {number} x */
const inner = (x) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
/** @param {number} x */
const slope = (x) => Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
/** @param {number} x */
const sigma = (x) => 1 / (1 + Math.exp(-x));

define({
  clamp: entrywise('input min max', (x, min = -Infinity, max = Infinity) => Math.min(Math.max(x, min), max), {
    input: (g, x, min = -Infinity, max = Infinity) => (x >= min && x <= max ? g : 0),
    min: (g, x, min, max = Infinity) => (x < min && min < max ? g : 0),
    max: (g, x, min = -Infinity, max = Infinity) => (x > max || max < min ? g : 0),
  }),
  where: entrywise('condition input other', (c, x, y) => (c ? x : y), {
    input: (g, c) => (c ? g : 0),
    other: (g, c) => (c ? 0 : g),
  }),
  masked_fill: entrywise('input mask value', (x, c, y) => (c ? y : x), {
    input: (g, x, c) => (c ? 0 : g),
    value: (g, x, c) => (c ? g : 0),
  }),
  gelu: entrywise('input approximate', (x, kind) => x * (kind === 'tanh' ? 0.5 + Math.tanh(inner(x)) / 2 : below(x)), {
    input(g, x, kind) {
      const t = Math.tanh(inner(x));
      return g * (kind === 'tanh' ? (1 + t + x * (1 - t * t) * slope(x)) / 2 : below(x) + x * bell(x));
    },
  }),
  silu: entrywise('input inplace', (x) => x * sigma(x), { input: (g, x) => g * sigma(x) * (1 + x * (1 - sigma(x))) }),
  dropout: entrywise('input p training inplace mask', (x, p, training, inplace, kept) => x * kept, {
    input: (g, x, p, training, inplace, kept) => g * kept,
  }),
});
