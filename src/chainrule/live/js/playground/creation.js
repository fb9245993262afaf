// Tensors out of nothing: torch.tensor, zeros, arange and the like.

import { sizeOf } from '../engine/tensors.js';
import { isNumber, refuse, typeName, Unknown } from './python.js';
import { python, Tensor, value } from './tape.js';
import { isFloat } from './types.js';

/** @typedef {Record<string, any>} Given */

/** @param {Given} a torch.tensor */
export function made({ data, dtype, requires_grad: requires }) {
  if (dtype !== null && dtype?.kind !== 'torch.dtype') refuse('tensor argument dtype', typeName(dtype));
  if (typeof requires !== 'boolean') refuse('tensor argument requires_grad', typeName(requires));
  /** @type {number[]} */ const shape = [];
  if (data instanceof Tensor) shape.push(...data.shape);
  else for (let one = data; Array.isArray(one); one = one[0]) shape.push(one.length);
  /** @type {any[]} */ const all = [];
  const visit = (/** @type {any} */ one, /** @type {number} */ axis) => {
    if (one instanceof Tensor && one === data)
      return one.value.data.forEach((x) => all.push(python(x, one.value.type)));
    if (axis < shape.length) {
      if (!Array.isArray(one)) refuse('not a sequence');
      if (one.length !== shape[axis]) refuse('expected sequence of', shape[axis], axis, one.length);
      return one.forEach((/** @type {any} */ x) => visit(x, axis + 1));
    }
    if (one instanceof Tensor) {
      if (one.value.data.length !== 1) refuse('only one element');
      return all.push(one.item());
    }
    if (typeof one === 'string') refuse('new invalid data type');
    if (Array.isArray(one)) refuse('must be real', typeName(one));
    if (!isNumber(one)) refuse('Could not infer', typeName(one));
    all.push(one);
  };
  visit(data, 0);
  const own =
    all.some((x) => typeof x === 'number') || !all.length
      ? 'float32'
      : all.some((x) => typeof x === 'bigint')
        ? 'int64'
        : 'bool';
  const inside = data instanceof Tensor ? data.value.type : own;
  const type = dtype ? dtype.name.slice(6) : inside;
  return leaf(value(shape, all.map(Number), type), requires);
}

/** @param {import('./tape.js').Value} held @param {boolean} requires */
function leaf(held, requires) {
  if (requires && !isFloat(held.type)) refuse('Only Tensors of');
  return new Tensor(held, requires);
}

/** @param {(shape: number[], a: Given) => ArrayLike<number>} numbers @param {(a: Given) => number[]} shape
 * @param {string} [type]
 * @returns {(a: Given, name: string) => Tensor} */
export const creation = (numbers, shape, type) => (a, name) => {
  for (const one of [a.size].flat().flat())
    if (a.size !== undefined && typeof one !== 'bigint') refuse('argument size position', name, typeName(one));
  const whole = shape(a);
  if (sizeOf(whole) > 1e5) throw new Unknown('this page holds tensors of at most 100,000 entries');
  return leaf(
    value(whole, numbers(whole, a), a.dtype ? a.dtype.name.slice(6) : (type ?? a.type ?? 'float32')),
    a.requires_grad,
  );
};
export const filled = (/** @type {number} */ x) => (/** @type {number[]} */ shape) =>
  new Float64Array(sizeOf(shape)).fill(x);
export const MADE = 'dtype=None requires_grad=False';

/** @param {Given} a arange */
export function range(a) {
  const [start, end] = a.end === null ? [0n, a.start] : [a.start, a.end];
  const whole = [start, end, a.step].every((x) => typeof x !== 'number');
  const by = Number(a.step);
  const length = Math.max(0, Math.ceil((Number(end) - Number(start)) / by));
  const at = creation(
    () => Array.from({ length }, (_, i) => Number(start) + i * by),
    () => [length],
    whole ? 'int64' : 'float32',
  );
  return at(a, 'arange');
}
