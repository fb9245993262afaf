// Layers of networks.

import { define } from './calls.js';
import { softmax, softmaxBack } from './losses.js';
import { turned } from './moves.js';
import { otherwise } from './ops.js';
import { gather, map, sizeOf, spread, tensor } from './tensors.js';

/** Visits each product that a result adds up. @typedef {(a: Given, shape: number[],
 *   add: (out: number, left: number, right: number) => void) => void} Products */

/**
 * An op that multiplies entries of two arguments and adds the products up, and maybe a bias.
 * @param {string} takes @param {Products} each @param {(bias: Tensor) => number[]} [along] the shape that a bias has
 * @returns {Rule}
 */
function products(takes, each, along = (bias) => bias.shape) {
  const [left, right] = takes.split(' ');
  const at = (/** @type {Tensor} */ bias, /** @type {number[]} */ shape) => spread(along(bias), shape);
  return {
    takes,
    run(a, { shape }) {
      const out = tensor(shape);
      const where = a.bias && at(a.bias, shape);
      if (a.bias) out.data.forEach((_, i) => (out.data[i] = a.bias.data[where ? where[i] : i]));
      each(a, shape, (o, i, j) => (out.data[o] += a[left].data[i] * a[right].data[j]));
      return out;
    },
    back: {
      [left](g, a) {
        const back = tensor(a[left].shape);
        each(a, g.shape, (o, i, j) => (back.data[i] += g.data[o] * a[right].data[j]));
        return back;
      },
      [right](g, a) {
        const back = tensor(a[right].shape);
        each(a, g.shape, (o, i, j) => (back.data[j] += g.data[o] * a[left].data[i]));
        return back;
      },
      bias: (g, a) => gather(g.data, at(a.bias, g.shape), a.bias.shape, Number),
    },
  };
}

/** @type {Products} */
function stacked({ a, b }, shape, add) {
  const [left, right] = [a, b].map((x, k) => (x.shape.length > 1 ? x.shape : k ? [...x.shape, 1] : [1, ...x.shape]));
  const [n, inner] = left.slice(-2);
  const m = right[right.length - 1];
  const lead = [left, right].map((s) => s.slice(0, -2));
  const whole = shape.slice(0, shape.length - Number(a.shape.length > 1) - Number(b.shape.length > 1));
  const [from, to] = lead.map((s) => spread(s, whole));
  for (let s = 0; s < sizeOf(whole); s++)
    for (let r = 0; r < n * m; r++)
      for (let l = 0; l < inner; l++)
        add(
          s * n * m + r,
          ((from ? from[s] : s) * n + Math.floor(r / m)) * inner + l,
          ((to ? to[s] : s) * inner + l) * m + (r % m),
        );
}

const times = products('a b', stacked);
const linear = products('input weight bias', ({ input, weight }, shape, add) => {
  const [m, inner] = weight.shape.length > 1 ? weight.shape : [1, ...weight.shape];
  for (let o = 0; o < sizeOf(shape); o++)
    for (let l = 0; l < inner; l++) add(o, Math.floor(o / m) * inner + l, (o % m) * inner + l);
});
define({ linear, matmul: times, bmm: times, dot: times });

/**
 * Visit what each place of a result sees of an image, and with which part of a kernel.
 * @param {number[]} image @param {number[]} kernel @param {number[]} result their sizes @param {Given} a
 * @param {(result: number, image: number, kernel: number) => void} see
 */
function seen(image, kernel, result, { stride = 1, padding = 0, dilation = 1 }, see) {
  const each = (/** @type {any} */ one) => kernel.map((_, d) => (Array.isArray(one) ? (one[d] ?? one[0]) : one));
  const [by, apart] = [each(stride), each(dilation)];
  const before =
    padding === 'same'
      ? kernel.map((n, d) => Math.floor((apart[d] * (n - 1)) / 2))
      : each(padding === 'valid' ? 0 : padding);
  for (let o = 0; o < sizeOf(result); o++)
    for (let k = 0; k < sizeOf(kernel); k++) {
      let [at, step, inside, left, part] = [0, 1, true, o, k];
      for (let d = kernel.length - 1; d >= 0; d--) {
        const x = (left % result[d]) * by[d] - before[d] + (part % kernel[d]) * apart[d];
        inside &&= x >= 0 && x < image[d];
        at += x * step;
        step *= image[d];
        [left, part] = [Math.floor(left / result[d]), Math.floor(part / kernel[d])];
      }
      if (inside) see(o, at, k);
    }
}

/** @type {Products} */
function windows(a, shape, add) {
  const [outs, inner, ...kernel] = /** @type {number[]} */ (a.weight.shape);
  const [image, result] = [a.input.shape, shape].map((all) => all.slice(-kernel.length));
  const { groups = 1 } = a;
  for (let plane = 0; plane < sizeOf(shape) / sizeOf(result); plane++)
    for (let c = 0; c < inner; c++) {
      const out = plane % outs;
      const channel = Math.floor((out * groups) / outs) * inner + c;
      const from = Math.floor(plane / outs) * inner * groups + channel;
      seen(image, kernel, result, a, (o, at, k) =>
        add(plane * sizeOf(result) + o, from * sizeOf(image) + at, (out * inner + c) * sizeOf(kernel) + k),
      );
    }
}

/** @param {number} n dimensions of an image @returns {Rule} */
const conv = (n) =>
  products('input weight bias stride padding dilation groups', windows, ({ shape }) => [...shape, ...Array(n).fill(1)]);

/** The mean or the largest of each window. @param {number} n dimensions of an image @param {boolean} mean
 * @returns {Rule} */
function pool(n, mean) {
  /** The entries that each entry of the result is made of, and what their sum is divided by.
   * @param {Given} a @param {Step} step @returns {[number[], number][]} */
  const parts = (a, { shape, name }) => {
    const { data, shape: before } = a.input;
    const kernel = Array(n).fill(a.kernel_size).flat().slice(0, n);
    const [image, result] = [before, shape].map((all) => all.slice(-n));
    if (a.ceil_mode || a.return_indices) throw otherwise(name);
    /** @type {number[][]} */ const found = Array.from({ length: sizeOf(shape) }, () => []);
    for (let plane = 0; plane < sizeOf(shape) / sizeOf(result); plane++)
      seen(image, kernel, result, { ...a, stride: [a.stride ?? kernel].flat() }, (o, at) =>
        found[plane * sizeOf(result) + o].push(plane * sizeOf(image) + at),
      );
    const largest = (/** @type {number} */ b, /** @type {number} */ p) => (data[p] <= data[b] ? b : p); // a nan is
    const all = a.divisor_override ?? (a.count_include_pad === false ? 0 : sizeOf(kernel));
    return found.map((few) => (mean ? [few, all || few.length] : [[few.reduce(largest)], 1]));
  };
  return {
    takes: mean
      ? 'input kernel_size stride padding ceil_mode count_include_pad divisor_override'
      : 'input kernel_size stride padding dilation ceil_mode return_indices',
    run: (a, step) => ({
      shape: step.shape,
      data: Float64Array.from(parts(a, step), ([few, by]) => few.reduce((sum, p) => sum + a.input.data[p], 0) / by),
    }),
    back: {
      input(g, a, out, step) {
        const back = tensor(a.input.shape);
        parts(a, step).forEach(([few, by], o) => few.forEach((p) => (back.data[p] += g.data[o] / by)));
        return back;
      },
    },
  };
}

/** Turn the last two dimensions. @param {Tensor} t */
const flip = (t) =>
  turned(
    t,
    [...t.shape.keys()].map((i, _, { length }) => (i < length - 2 ? i : 2 * length - 3 - i)),
  );

/** How much each query takes of each value. @param {Given} a @param {number} by */
function attention({ query, key, attn_mask: mask, is_causal }, by) {
  const shape = [...query.shape.slice(0, -1), key.shape[key.shape.length - 2]];
  const [rows, columns] = shape.slice(-2);
  const where = mask && spread(mask.shape, shape);
  const scores = /** @type {Tensor} */ (times.run({ a: query, b: flip(key) }, /** @type {any} */ ({ shape })));
  return softmax(
    map(scores, (x, i) => {
      const more = mask ? mask.data[where ? where[i] : i] : 0;
      const hidden = is_causal && i % columns > Math.floor(i / columns) % rows;
      return hidden || (mask?.type === 'bool' && !more) ? -Infinity : x * by + (mask?.type === 'bool' ? 0 : more);
    }),
  );
}

/** @param {Given} a */
const scaled = ({ query, scale }) => scale ?? 1 / Math.sqrt(query.shape[query.shape.length - 1]);

/** What goes back to the scores. @param {Tensor} g @param {Given} a @param {Tensor} out @param {any} step */
function scoresBack(g, a, out, step) {
  const p = attention(a, scaled(a));
  return map(softmaxBack(times.back.a(g, { a: p, b: a.value }, out, step, 0), p), (x) => x * scaled(a));
}

/**
 * Normalize by groups. @param {string} takes
 * @param {(a: Given, i: number) => [number, number]} place the group of an entry, and the weight that it meets
 * @returns {Rule}
 */
function normal(takes, place) {
  /** @param {Given} a */
  const parts = (a) => {
    const { input, eps = 1e-5, running_mean, running_var, training, weight } = a;
    const fixed = running_mean && !training;
    const of = Array.from(input.data, (_, i) => place(a, i));
    /** @param {Float64Array} values */
    const mean = (values) => {
      /** @type {number[][]} */ const all = [];
      of.forEach(([group], i) => (all[group] ??= []).push(values[i]));
      const means = all.map((few) => few.reduce((sum, x) => sum + x, 0) / few.length);
      return (/** @type {number} */ i) => means[of[i][0]];
    };
    const held = (/** @type {Tensor} */ t) => (/** @type {number} */ i) => t.data[of[i][0]];
    const middle = fixed ? held(running_mean) : mean(input.data);
    const off = map(input, (x, i) => x - middle(i)).data;
    const variance = fixed ? held(running_var) : mean(off.map((x) => x * x));
    const scale = (/** @type {number} */ i) => 1 / Math.sqrt(variance(i) + eps);
    return {
      scale,
      hat: off.map((x, i) => x * scale(i)),
      weighs: (/** @type {number} */ i) => (weight ? weight.data[of[i][1]] : 1),
      mean: fixed ? () => () => 0 : mean,
      meets: Int32Array.from(of, ([, at]) => at),
    };
  };
  return {
    takes,
    run(a) {
      const { hat, meets, weighs } = parts(a);
      return map(a.input, (_, i) => hat[i] * weighs(i) + (a.bias ? a.bias.data[meets[i]] : 0));
    },
    back: {
      input(g, a) {
        const { scale, hat, weighs, mean } = parts(a);
        const up = map(g, (x, i) => x * weighs(i)).data;
        const [all, along] = [mean(up), mean(up.map((x, i) => x * hat[i]))];
        return map(g, (_, i) => (up[i] - all(i) - hat[i] * along(i)) * scale(i));
      },
      weight(g, a) {
        const { hat, meets } = parts(a);
        return gather(map(g, (x, i) => x * hat[i]).data, meets, a.weight.shape, Number);
      },
      bias: (g, a) => gather(g.data, parts(a).meets, a.bias.shape, Number),
    },
  };
}

/** @param {Given} a @param {number} i */
const channelOf = ({ input: { shape } }, i) => Math.floor(i / sizeOf(shape.slice(2))) % shape[1];

define({
  conv1d: conv(1),
  conv2d: conv(2),
  max_pool1d: pool(1, false),
  max_pool2d: pool(2, false),
  avg_pool1d: pool(1, true),
  avg_pool2d: pool(2, true),
  scaled_dot_product_attention: {
    takes: 'query key value attn_mask dropout_p is_causal scale',
    run(a, step) {
      if (a.dropout_p) throw otherwise(step.name);
      return times.run({ a: attention(a, scaled(a)), b: a.value }, step);
    },
    back: {
      query: (g, a, out, step) =>
        times.back.a(scoresBack(g, a, out, step), { a: a.query, b: flip(a.key) }, out, step, 0),
      key: (g, a, out, step) =>
        flip(times.back.b(scoresBack(g, a, out, step), { a: a.query, b: flip(a.key) }, out, step, 0)),
      value: (g, a, out, step) => times.back.b(g, { a: attention(a, scaled(a)), b: a.value }, out, step, 0),
    },
  },
  layer_norm: normal('input normalized_shape weight bias eps', ({ normalized_shape: shape }, i) => [
    Math.floor(i / sizeOf(shape)),
    i % sizeOf(shape),
  ]),
  batch_norm: normal('input running_mean running_var weight bias training momentum eps', (a, i) => [
    channelOf(a, i),
    channelOf(a, i),
  ]),
  group_norm: normal('input num_groups weight bias eps', (a, i) => [
    Math.floor((i * a.num_groups) / (sizeOf(a.input.shape) / a.input.shape[0])),
    channelOf(a, i),
  ]),
});
