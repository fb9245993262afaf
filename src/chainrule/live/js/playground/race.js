// Loss surfaces of two weights, and the optimizers of PyTorch that go down them.

/** @typedef {{lr: number, noise?: number}} Settings */
const X = [1, 2, 3, 4];
/** @typedef {(f: (i: 0 | 1) => number) => Point} Both */
const both = /** @type {Both} */ ((f) => [f(0), f(1)]);

/** @type {Record<string, {f: (a: number, b: number) => number, d: (a: number, b: number) => Point, says: string,
 *   ends: [Point, Point], from: Point, rates: Record<string, number>}>} */
export const SURFACES = {
  line: {
    f: (a, b) => X.reduce((sum, x) => sum + (a * x + b - 2 * x) ** 2, 0) / 4,
    d: (a, b) => both((i) => X.reduce((sum, x) => sum + (i ? 1 : x) * (a * x + b - 2 * x), 0) / 2),
    says: '((a * x + b - 2 * x)**2).mean(), with x from 1 to 4',
    ends: [
      [-1, 5],
      [-5, 5],
    ],
    from: [-0.5, 3],
    rates: { sgd: 0.03, momentum: 0.01, rmsprop: 0.1, adam: 0.3 },
  },
  valley: {
    f: (a, b) => a ** 2 / 20 + b ** 2,
    d: (a, b) => [a / 10, 2 * b],
    says: 'a**2 / 20 + b**2',
    ends: [
      [-10, 4],
      [-3, 3],
    ],
    from: [-8, 2],
    rates: { sgd: 0.9, momentum: 0.1, rmsprop: 0.2, adam: 0.5 },
  },
  saddle: {
    f: (a, b) => a ** 2 / 2 - b ** 2 / 2 + b ** 4 / 16,
    d: (a, b) => [a, -b + b ** 3 / 4],
    says: 'a**2 / 2 - b**2 / 2 + b**4 / 16',
    ends: [
      [-3, 3],
      [-3, 3],
    ],
    from: [-2.5, 0.02],
    rates: { sgd: 0.2, momentum: 0.05, rmsprop: 0.05, adam: 0.1 },
  },
};

/** A random number with mean 0 and spread 1, the same ones each time. @param {number} seed */
function bell(seed) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** What an optimizer keeps from step to step: v, and s for squares. @typedef {{v: Point, s: Point, t: number}} Kept */
/** How each optimizer makes a step of a gradient; what it keeps changes. The lines say what was computed.
 * @typedef {[string, string, Point]} Line its name, its formula, and what it gives
 * @type {Record<string, {name: string, step: (g: Point, lr: number, kept: Kept) => [Point, Line[]]}>} */
export const OPTIMIZERS = {
  sgd: { name: 'SGD', step: (g, lr) => [both((i) => lr * g[i]), []] },
  momentum: {
    name: 'Momentum',
    step(g, lr, kept) {
      kept.v = both((i) => 0.9 * kept.v[i] + g[i]);
      return [both((i) => lr * kept.v[i]), [['v', '0.9 v + g', kept.v]]];
    },
  },
  rmsprop: {
    name: 'RMSprop',
    step(g, lr, kept) {
      kept.s = both((i) => 0.99 * kept.s[i] + 0.01 * g[i] ** 2);
      return [both((i) => (lr * g[i]) / (Math.sqrt(kept.s[i]) + 1e-8)), [['s', '0.99 s + 0.01 g²', kept.s]]];
    },
  },
  adam: {
    name: 'Adam',
    step(g, lr, kept) {
      kept.t++;
      kept.v = both((i) => 0.9 * kept.v[i] + 0.1 * g[i]);
      kept.s = both((i) => 0.999 * kept.s[i] + 0.001 * g[i] ** 2);
      const m = both((i) => kept.v[i] / (1 - 0.9 ** kept.t));
      const n = both((i) => kept.s[i] / (1 - 0.999 ** kept.t));
      return [
        both((i) => (lr * m[i]) / (Math.sqrt(n[i]) + 1e-8)),
        [
          ['v', '0.9 v + 0.1 g', kept.v],
          ['s', '0.999 s + 0.001 g²', kept.s],
          ['v̂', `v / (1 − 0.9^${kept.t})`, m],
          ['ŝ', `s / (1 − 0.999^${kept.t})`, n],
        ],
      ];
    },
  },
};

/** How the last line of each reads. @type {Record<string, string>} */
export const TAKES = { sgd: 'lr g', momentum: 'lr v', rmsprop: 'lr g / √s', adam: 'lr v̂ / √ŝ' };

/** @typedef {{at: Point, g: Point, by: Point, lines: Line[]}} Taken one step: from where, along which
 *   gradient, how far, and what was computed on the way */
/** Walk down. @param {string} surface @param {string} optimizer @param {Point} from @param {number} steps
 * @param {Settings} settings @returns {Taken[]} the last of them is where it ends, and the step that it would take */
export function descend(surface, optimizer, from, steps, { lr, noise = 0 }) {
  const draw = bell(1);
  /** @type {Kept} */ const kept = { v: [0, 0], s: [0, 0], t: 0 };
  const taken = [];
  let at = from;
  for (let k = 0; k <= steps; k++) {
    const slope = SURFACES[surface].d(...at);
    const g = noise ? both((i) => slope[i] + noise * draw()) : slope;
    const [by, lines] = OPTIMIZERS[optimizer].step(g, lr, kept);
    taken.push({ at, g, by, lines });
    const here = at;
    at = both((i) => here[i] - by[i]);
  }
  return taken;
}
