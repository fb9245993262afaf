// Numbers and tensors as people read them: the same digits as chainrule/calculus/notation.py writes.

import { nested, sizeOf } from './tensors.js';

export const SHOWN = 9;

/** @param {string} text */
export const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Round as Python does: an exact tie goes to the even digit. @param {number} x @param {number} digits */
export function fixed(x, digits) {
  const up = x.toFixed(digits);
  const exact = x.toFixed(Math.min(100, digits + 40));
  const tie = /^50*$/.test(exact.slice(exact.indexOf('.') + 1 + digits));
  if (!tie || Number(up.slice(-1)) % 2 === 0) return up;
  return (Number(up) - Math.sign(x) * 10 ** -digits).toFixed(digits);
}

/** @param {number} x @returns {string} four significant digits, and no more zeros than it needs */
export function number(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf';
  if (x === 0) return '0';
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size >= -4 && size < 6) {
    const written = fixed(x, Math.max(0, 3 - size));
    return written.includes('.') ? written.replace(/\.?0+$/, '') : written;
  }
  const [mantissa, exponent] = x.toExponential(3).split('e');
  return `${mantissa.replace(/\.?0+$/, '')}e${Number(exponent)}`;
}

/** @param {Tensor} t */
export const isShown = (t) => sizeOf(t.shape) <= SHOWN;

/** @param {number[]} shape */
export const shapeText = (shape) => (shape.length ? `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})` : 'scalar');

/** @param {Tensor} t @returns {string} its numbers, or of a large one its shape and range */
export function numbers(t) {
  /** @param {Nested} data @returns {string} */
  const write = (data) => (Array.isArray(data) ? `[${data.map(write).join(', ')}]` : number(Number(data)));
  if (isShown(t)) return write(nested(t));
  let low = Infinity;
  let high = -Infinity;
  for (const x of t.data) {
    low = x < low || x !== x ? x : low;
    high = x > high || x !== x ? x : high;
  }
  return `${shapeText(t.shape)} from ${number(low)} to ${number(high)}`;
}

/** @param {string} name @param {number[]} shape @param {number} at @returns {string} `w1[0, 1]` */
export function entryName(name, shape, at) {
  const indices = [];
  for (let axis = shape.length - 1, rest = at; axis >= 0; rest = Math.floor(rest / shape[axis--]))
    indices.unshift(rest % shape[axis]);
  return shape.length ? `${name}[${indices.join(', ')}]` : name;
}

/** @param {string} above @param {string} below */
export const derivative = (above, below) =>
  [above, below].map((n) => (/^[\p{L}_][\p{L}\p{N}_.#]*$/u.test(n) ? `d${n}` : `d(${n})`)).join('/');

/** A value's name as maths. @param {import('./model.js').PlainValue} value */
export const typeset = ({ m, n }) => m ?? `<mi>${escape(n)}</mi>`;
