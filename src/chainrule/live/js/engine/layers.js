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

/** @type {Products} */
function windows({ input, weight, stride = 1, padding = 0, dilation = 1, groups = 1 }, shape, add) {
  const [channels, height, width] = input.shape.slice(-3);
  const [outs, inner, ...kernel] = /** @type {number[]} */ (weight.shape);
  const [high, wide] = shape.slice(-2);
  const pair = (/** @type {any} */ one) => (Array.isArray(one) ? one : [one, one]);
  const by = pair(dilation);
  const before =
    padding === 'same'
      ? kernel.map((n, d) => Math.floor((by[d] * (n - 1)) / 2))
      : pair(padding === 'valid' ? 0 : padding);
  const area = kernel[0] * kernel[1];
  for (let o = 0; o < sizeOf(shape); o++)
    for (let w = 0; w < inner * area; w++) {
      const out = Math.floor(o / (high * wide)) % outs;
      const y =
        (Math.floor(o / wide) % high) * pair(stride)[0] - before[0] + (Math.floor(w / kernel[1]) % kernel[0]) * by[0];
      const x = (o % wide) * pair(stride)[1] - before[1] + (w % kernel[1]) * by[1];
      const channel = Math.floor(out / (outs / groups)) * inner + Math.floor(w / area);
      const image = Math.floor(o / (outs * high * wide)) * channels + channel;
      if (y >= 0 && y < height && x >= 0 && x < width) add(o, (image * height + y) * width + x, out * inner * area + w);
    }
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
  conv2d: products('input weight bias stride padding dilation groups', windows, ({ shape }) => [...shape, 1, 1]),
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
