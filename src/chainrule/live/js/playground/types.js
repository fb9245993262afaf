// The dtypes and shapes of tensors: which come of which, and how PyTorch writes them.

import { items, Named, refuse } from './python.js';

export const CATEGORY = /** @type {Record<string, number>} */ ({ bool: 0, int64: 1, float32: 2, float64: 3 });
export const TYPES = Object.keys(CATEGORY);
export const LONG = /** @type {Record<string, string>} */ ({
  bool: 'Bool',
  int64: 'Long',
  float32: 'Float',
  float64: 'Double',
});
export const DTYPES = Object.fromEntries(TYPES.map((type) => [type, new Named('torch.dtype', `torch.${type}`)]));

export const isFloat = (/** @type {string} */ type) => type.startsWith('float');
export const listed = (/** @type {number[]} */ shape) => `[${shape.join(', ')}]`;
export const crossed = (/** @type {number[]} */ shape) => shape.join('x');

/** @param {number[]} a @param {number[]} b @returns {number[]} */
export function broadcast(a, b) {
  const n = Math.max(a.length, b.length);
  const shape = Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const [x, y] = [a[i - n + a.length] ?? 1, b[i - n + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) refuse('The size of', x, y, i);
    shape[i] = x === 1 ? y : x;
  }
  return shape;
}

/** @param {any} v @param {number} rank @returns {number} */
export function dimension(v, rank) {
  const most = Math.max(rank, 1);
  const i = Number(v);
  if (i >= most || i < -most) refuse('Dimension out of', -most, most - 1, i);
  return i < 0 ? i + most : i;
}

/** @param {any} v @returns {number[]} a shape */
export const sizes = (v) => items(v.length === 1 && Array.isArray(v[0]) ? v[0] : v).map(Number);
