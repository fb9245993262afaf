// Tensors as PyTorch prints them.

import { fixed } from '../engine/text.js';
import { exponential, floatText } from './python.js';

/** As torch.set_printoptions has them. */
const [DIGITS, WIDTH, MOST, EDGE] = [4, 80, 1000, 3];

/** How a tensor's numbers are written, all alike. @param {Float64Array} data @param {string} type */
function writer(data, type) {
  if (!type.startsWith('float')) {
    const write = (/** @type {number} */ x) => (type === 'bool' ? (x ? 'True' : 'False') : String(x));
    return { write, width: Math.max(1, ...Array.from(data, (x) => write(x).length)) };
  }
  const counted = data.filter((x) => Number.isFinite(x) && x !== 0);
  const sizes = counted.map(Math.abs);
  const [low, high] = [sizes.reduce((a, b) => Math.min(a, b), Infinity), sizes.reduce((a, b) => Math.max(a, b), 0)];
  const whole = counted.every(Number.isInteger);
  const wide = counted.length > 0 && (high / low > 1000 || high > 1e8 || low < 1e-4);
  const write = (/** @type {number} */ x) =>
    !Number.isFinite(x)
      ? floatText(x)
      : wide
        ? exponential(x, DIGITS)
        : whole
          ? `${x === 0 && Object.is(x, -0) ? '-0' : fixed(x, 0)}.`
          : `${Object.is(x, -0) ? '-' : ''}${fixed(x, DIGITS)}`;
  return { write, width: Math.max(1, ...Array.from(counted, (x) => write(x).length)) };
}

/** @param {{shape: number[], data: Float64Array, type: string}} value @param {string} [fn]
 * @param {boolean} [requires] */
export function tensorText({ shape, data, type }, fn = '', requires = false) {
  const summary = data.length > MOST;
  /** The places along an axis that are shown; -1 for the dots. @param {number} n */
  const shown = (n) =>
    summary && n > 2 * EDGE ? [0, 1, 2, -1, n - 3, n - 2, n - 1] : Array.from({ length: n }, (_, i) => i);
  /** @type {number[]} */ const seen = [];
  /** @param {number} axis @param {number} at */
  const visit = (axis, at) => {
    if (axis === shape.length) seen.push(data[at]);
    else for (const i of shown(shape[axis])) if (i >= 0) visit(axis + 1, at * shape[axis] + i);
  };
  visit(0, 0);
  const { write, width } = writer(Float64Array.from(seen), type);
  const pad = (/** @type {number} */ x) => write(x).padStart(shape.length ? width : 0);
  /** @param {number} axis @param {number} at @param {number} indent @returns {string} */
  const block = (axis, at, indent) => {
    const n = shape[axis];
    if (axis < shape.length - 1)
      return `[${shown(n)
        .map((i) => (i < 0 ? '...' : block(axis + 1, at * n + i, indent + 1)))
        .join(`,${'\n'.repeat(shape.length - axis - 1)}${' '.repeat(indent + 1)}`)}]`;
    const words = shown(n).map((i) => (i < 0 ? ' ...' : pad(data[at * n + i])));
    const each = Math.max(1, Math.floor((WIDTH - indent) / (width + 2)));
    const rows = Array.from({ length: Math.ceil(words.length / each) }, (_, r) =>
      words.slice(r * each, (r + 1) * each),
    );
    return `[${rows.map((row) => row.join(', ')).join(`,\n${' '.repeat(indent + 1)}`)}]`;
  };
  let text = `tensor(${!data.length ? '[]' : shape.length ? block(0, 0, 7) : pad(data[0])}`;
  const plain = data.length ? ['float32', 'int64', 'bool'] : ['float32'];
  const ends = [
    !data.length && shape.length !== 1 ? `size=(${shape.join(', ')})` : '',
    plain.includes(type) ? '' : `dtype=torch.${type}`,
    fn ? `grad_fn=<${fn}>` : requires ? 'requires_grad=True' : '',
  ].filter(Boolean);
  let length = text.length - text.lastIndexOf('\n') + 1;
  for (const end of ends) {
    const breaks = length + end.length + 2 > WIDTH;
    text += breaks ? `,\n${' '.repeat(7)}${end}` : `, ${end}`;
    length = breaks ? 7 + end.length : length + end.length + 2;
  }
  return `${text})`;
}
