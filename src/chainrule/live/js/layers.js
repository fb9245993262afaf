// Layers of networks.

import { define } from './calls.js';
import { WHOLE } from './ops.js';
import { gather, sizeOf, spread, tensor } from './tensors.js';

/** @typedef {import('./tensors.js').Tensor} Tensor */
/** @typedef {import('./calls.js').Given} Given */
/** @typedef {import('./calls.js').Rule} Rule */
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

const shallow = WHOLE.matmul;
const linear = products('input weight bias', ({ input, weight }, shape, add) => {
  const [m, inner] = weight.shape.length > 1 ? weight.shape : [1, ...weight.shape];
  for (let o = 0; o < sizeOf(shape); o++)
    for (let l = 0; l < inner; l++) add(o, Math.floor(o / m) * inner + l, (o % m) * inner + l);
});
define({ linear, matmul: products('a b', stacked), bmm: products('a b', stacked), dot: products('a b', stacked) });
const deep = WHOLE.matmul;
const fits = (/** @type {Tensor[]} */ x) => (x.every((t) => t.shape.length < 3) ? shallow : deep);
WHOLE.matmul = {
  run: (x, step) => fits(x).run(x, step),
  back: (g, x, k, step, out) => fits(x).back(g, x, k, step, out),
};
