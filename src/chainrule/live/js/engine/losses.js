// Softmax, and losses.

import { define, entrywise, lines } from './calls.js';
import { otherwise } from './ops.js';
import { map, sameShape, tensor } from './tensors.js';

/** @param {Tensor} x @param {number} dim */
const logSoftmax = ({ shape, data }, dim) =>
  lines(shape, dim, (at) => {
    const most = Math.max(...at.map((p) => data[p]));
    const log = most + Math.log(at.reduce((sum, p) => sum + Math.exp(data[p] - most), 0));
    return at.map((p) => data[p] - log);
  });

/** @param {Tensor} g @param {Tensor} out @param {number} dim */
const logSoftmaxBack = (g, out, dim) =>
  lines(out.shape, dim, (at) => {
    const sum = at.reduce((sum, p) => sum + g.data[p], 0);
    return at.map((p) => g.data[p] - Math.exp(out.data[p]) * sum);
  });

/** @param {Tensor} x */
export const softmax = (x, dim = -1) => map(logSoftmax(x, dim), Math.exp);

/** @param {Tensor} g @param {Tensor} out */
export const softmaxBack = (g, out, dim = -1) =>
  lines(out.shape, dim, (at) => {
    const sum = at.reduce((sum, p) => sum + g.data[p] * out.data[p], 0);
    return at.map((p) => out.data[p] * (g.data[p] - sum));
  });

/** @param {Tensor} x */
const classAxis = (x) => (x.shape.length > 1 ? 1 : 0);

/** How much each class of each sample counts, and what a mean divides by. @param {Given} a */
function shares({ input, target, weight, ignore_index = -100, label_smoothing = 0 }) {
  let over = 0;
  const classes = input.shape[classAxis(input)];
  const given = sameShape(target.shape, input.shape) && target.type.startsWith('float');
  /** @param {number} c */
  const weighs = (c) => (weight ? weight.data[c] : 1);
  const share = lines(input.shape, classAxis(input), (at, line) => {
    const right = given ? ignore_index - 1 : target.data[line];
    if (right === ignore_index) return at.map(() => 0);
    if (!given && !(right >= 0 && right < classes)) throw new Error(`there is no class ${right} of ${classes}`);
    over += given ? 1 : weighs(right);
    return at.map(
      (p, c) =>
        weighs(c) *
        ((given ? target.data[p] : Number(c === right)) * (1 - label_smoothing) + label_smoothing / classes),
    );
  });
  return { share, over };
}

/** What goes back to each part of a loss. @param {Tensor} g @param {Given} a @param {number} over */
const scale =
  (g, { reduction = 'mean' }, over) =>
  (/** @type {number} */ part) =>
    reduction === 'none' ? g.data[part] : g.data[0] / (reduction === 'mean' ? over : 1);

/** @param {ArrayLike<number>} each @param {Given} a @param {number} over what a mean divides by */
const total = (each, { reduction = 'mean' }, over) =>
  tensor([], Array.from(each).reduce((sum, one) => sum + one, 0) / (reduction === 'mean' ? over : 1));

/** @param {Tensor} logs of the probabilities @param {Given} a @param {number[]} shape @returns {Tensor} */
function loss(logs, a, shape) {
  const { share, over } = shares(a);
  /** @type {number[]} */ const each = [];
  lines(logs.shape, classAxis(logs), (at, line) => {
    each[line] = -at.reduce((sum, p) => sum + (share.data[p] && share.data[p] * logs.data[p]), 0);
    return at;
  });
  return a.reduction === 'none' ? { shape, data: Float64Array.from(each) } : total(each, a, over);
}

/** @param {Tensor} g @param {Given} a */
function lossBack(g, a) {
  const { share, over } = shares(a);
  const times = scale(g, a, over);
  return lines(share.shape, classAxis(share), (at, line) =>
    at.map((p) => share.data[p] && -share.data[p] * times(line)),
  );
}

/**
 * A loss that compares entry by entry. @param {(x: number, y: number) => number} f
 * @param {(x: number, y: number) => number} d its derivative by x; that by y is the opposite
 * @returns {Rule}
 */
const compared = (f, d) => {
  const each = entrywise('input target', f, { input: (g, x, y) => g * d(x, y), target: (g, x, y) => -g * d(x, y) });
  /** @param {Tensor} g @param {Given} a */
  const shared = (g, a) => map(tensor(a.input.shape), (_, i) => scale(g, a, a.input.data.length)(i));
  return {
    takes: 'input target size_average reduce reduction',
    run(a, step) {
      if (!sameShape(a.input.shape, a.target.shape)) throw otherwise(step.name);
      const made = /** @type {Tensor} */ (each.run(a, { ...step, shape: a.input.shape }));
      return a.reduction === 'none' ? made : total(made.data, a, made.data.length);
    },
    back: {
      input: (g, a, out, step, k) => each.back.input(shared(g, a), a, out, step, k),
      target: (g, a, out, step, k) => each.back.target(shared(g, a), a, out, step, k),
    },
  };
};

define({
  mse_loss: compared(
    (x, y) => (x - y) ** 2,
    (x, y) => 2 * (x - y),
  ),
  l1_loss: compared(
    (x, y) => Math.abs(x - y),
    (x, y) => Math.sign(x - y),
  ),
  softmax: {
    takes: 'input dim',
    run: ({ input, dim }) => softmax(input, dim),
    back: { input: (g, { dim }, out) => softmaxBack(g, out, dim) },
  },
  log_softmax: {
    takes: 'input dim',
    run: ({ input, dim }) => logSoftmax(input, dim),
    back: { input: (g, { dim }, out) => logSoftmaxBack(g, out, dim) },
  },
  nll_loss: {
    takes: 'input target weight size_average ignore_index reduce reduction',
    run: (a, { shape }) => loss(a.input, a, shape),
    back: { input: lossBack },
  },
  cross_entropy: {
    takes: 'input target weight size_average ignore_index reduce reduction label_smoothing',
    run: (a, { shape }) => loss(logSoftmax(a.input, classAxis(a.input)), a, shape),
    back: {
      input(g, a) {
        const axis = classAxis(a.input);
        return logSoftmaxBack(lossBack(g, a), logSoftmax(a.input, axis), axis);
      },
    },
  },
});
