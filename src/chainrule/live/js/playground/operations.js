// Each operation of PyTorch that is more than a row of the table: its shapes, dtypes and grad_fn, and what it refuses.

import { sameShape, sizeOf } from '../engine/tensors.js';
import { items, refuse, tuple, typeName, Unknown } from './python.js';
import { apply, Tensor, value } from './tape.js';
import { broadcast, CATEGORY, crossed, dimension, isFloat, listed, LONG, TYPES } from './types.js';

/** @typedef {Record<string, any>} Given */

/** @param {any[]} xs tensors and numbers @returns {string} the dtype of what is computed with them */
function resultType(xs) {
  const ranks = [[], [], []].map(() => -1);
  for (const x of xs) {
    const [rank, type] =
      x instanceof Tensor
        ? [x.shape.length ? 0 : 1, x.value.type]
        : [2, typeof x === 'number' ? 'float32' : typeof x === 'bigint' ? 'int64' : 'bool'];
    ranks[rank] = Math.max(ranks[rank], CATEGORY[type]);
  }
  const kind = (/** @type {number} */ n) => Math.min(n, 2);
  return TYPES[ranks.reduce((best, n) => (kind(n) > kind(best) ? n : best))];
}

/** What a function saves for the way back: its input, its others, its result, or what cannot be changed. */
const UNARY = {
  exp: 'o', log: 'i', sqrt: 'o', sin: 'i', cos: 'i', tanh: 'o', sigmoid: 'o', reciprocal: 'o',
  abs: 'i', neg: '', square: 'i', relu: 'o', clone: '', round: '', floor: '', sign: '', gelu: 'i', silu: 'i',
}; // prettier-ignore
const KEEPS = ['abs', 'neg', 'square', 'relu', 'clone', 'round', 'floor', 'sign'];

/** @param {string} name @param {Tensor} t @param {Given} [more] */
export function unary(name, t, more) {
  const { type, shape } = t.value;
  if (name === 'neg' && type === 'bool') refuse('Negation the operator');
  if (!KEEPS.includes(name) && more?.approximate !== undefined && !isFloat(type))
    refuse('not implemented for', name, LONG[type]);
  const fn = `${name === 'square' ? 'Pow' : name[0].toUpperCase() + name.slice(1)}Backward0`;
  const made = isFloat(type) || KEEPS.includes(name) ? type : 'float32';
  const given = more && { input: '@0', ...more };
  return apply(name, [t], { shape, type: made, fn, given, saves: UNARY[/** @type {'exp'} */ (name)] })[0];
}

/** Another dtype. @param {Tensor} t @param {string} type */
export const cast = (t, type) =>
  t.value.type === type
    ? t
    : apply('clone', [t], { shape: t.shape, type, fn: 'ToCopyBackward0', flat: !isFloat(type) })[0];

const COMPARES = /** @type {Record<string, string>} */ ({ gt: 'lt', lt: 'gt', ge: 'le', le: 'ge', eq: 'eq', ne: 'ne' });
const BINARY = /** @type {Record<string, string>} */ ({
  add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', pow: 'Pow', remainder: 'Remainder', maximum: 'Maximum',
  minimum: 'Minimum',
}); // prettier-ignore
/** What an operator with a number on its left becomes. */
const TURNED = /** @type {Record<string, [string, string]>} */ ({
  add: ['add', 'AddBackward0'], mul: ['mul', 'MulBackward0'], sub: ['rsub', 'RsubBackward1'],
  div: ['rdiv', 'MulBackward0'], pow: ['rpow', 'PowBackward2'],
}); // prettier-ignore

/** @param {string} name @param {any} a @param {any} b one of them a tensor, the other that or a number
 * @returns {Tensor} */
export function binary(name, a, b) {
  let type = resultType([a, b]);
  const flat = name in COMPARES;
  if (flat) type = 'bool';
  else if (name === 'sub' && type === 'bool') refuse('Subtraction the operator');
  else if (name === 'div' && !isFloat(type)) type = 'float32';
  else if (name === 'pow' && type === 'int64' && typeof b === 'bigint' && b < 0n) refuse('Integers to negative');
  const round = (/** @type {any} */ x) =>
    name === 'pow' ? Number(x) : value([], [Number(x)], flat ? 'float64' : type).data[0];
  if (a instanceof Tensor && b instanceof Tensor) {
    const fn = `${BINARY[name]}Backward${name === 'pow' || name === 'remainder' ? 1 : 0}`;
    const saves = ['add', 'sub'].includes(name) ? '' : name === 'pow' ? 'xio' : 'x';
    const made = apply(name, [a, b], { type, fn, flat, saves })[0];
    const kept = /** @type {import('./tape.js').Op} */ (made.value.op);
    if (name === 'div' && made.node && !kept.kept.some(([t]) => t === b)) kept.kept.push([b, b.memory.version]);
    return made;
  }
  const [t, x] = a instanceof Tensor ? [a, b] : [b, a];
  const turned = t === b && !flat;
  if (turned && !(name in TURNED)) throw new Unknown(`this page does not know ${name} with a number first`);
  const [op, fn] = turned ? TURNED[name] : [flat && t === b ? COMPARES[name] : name, `${BINARY[name]}Backward0`];
  const constants = [undefined, round(x)];
  const saves = ['add', 'sub', 'rsub'].includes(op) ? '' : op === 'pow' ? 'i' : 'n';
  return apply(op, [t], { type, fn, flat, constants, argument: [0], saves })[0];
}

/** @param {Tensor} t @param {any} dim @param {boolean} keepdim */
export function reduced({ shape }, dim, keepdim) {
  const every = shape.map((_, i) => i);
  const dims = dim === null ? every : [dim].flat().map((d) => dimension(d, shape.length));
  if (new Set(dims).size < dims.length)
    refuse(
      'dim appears multiple',
      dims.find((d, i) => dims.indexOf(d) < i),
    );
  const over = shape.length ? (dims.length ? dims : every) : [];
  return {
    over,
    left: keepdim ? shape.map((n, i) => (over.includes(i) ? 1 : n)) : shape.filter((_, i) => !over.includes(i)),
  };
}

/** @param {Given} a @param {string} name sum or mean */
export function sum({ input, dim, keepdim }, name) {
  const { type } = input.value;
  if (name === 'mean' && !isFloat(type)) refuse('mean could not', LONG[type]);
  const { over, left } = reduced(input, dim, keepdim);
  const fn = `${name === 'sum' ? 'Sum' : 'Mean'}Backward${dim === null ? 0 : 1}`;
  return apply(name, [input], { shape: left, type: isFloat(type) ? type : 'int64', fn, dims: over })[0];
}

/** @param {Given} a @param {string} name max or min */
export function extreme({ input, other, dim, keepdim }, name) {
  const both = { max: ['maximum', 'Max'], min: ['minimum', 'Min'] }[name] ?? [];
  if (other instanceof Tensor) return binary(both[0], input, other);
  const along = dim ?? other;
  const { left } = reduced(input, along, keepdim);
  const { type } = input.value;
  if (along === null)
    return apply(name, [input], { shape: [], type, fn: `${both[1]}Backward1`, given: { input: '@0' }, saves: 'n' })[0];
  const given = { input: '@0', dim: dimension(along, input.shape.length), keepdim };
  const how = { shape: left, type, types: [type, 'int64'], fn: `${both[1]}Backward0`, given, saves: 'n' };
  return tuple(apply(name, [input], how), `torch.return_types.${name}`, ['values', 'indices']);
}

/** @param {Tensor} a @param {Tensor} b @param {string} [fn] */
export function matmul(a, b, fn) {
  const [m, n] = [a.shape.length, b.shape.length];
  const [s, t] = [a.value.type, b.value.type];
  if (!m || !n) refuse('both arguments to', m, n);
  const [x, y] = [a.shape, b.shape];
  const inner = x[m - 1] === y[Math.max(0, n - 2)];
  if (m === 1 && n === 1) {
    if (s !== t) refuse('dot expected both', LONG[s], LONG[t]);
    if (!inner) refuse('inconsistent tensor size', x, y, x, y);
  } else if (n === 1 && m === 2) {
    if (!inner) refuse('size mismatch got', x[0], crossed(x), y);
    if (s !== t) refuse('addmv input tensors', LONG[t], LONG[s], LONG[t]);
  } else if (m > 2 && n > 2) {
    broadcast(x.slice(0, -2), y.slice(0, -2));
    if (!inner) refuse('Expected size for', x[0], x[m - 1], y[0], y[n - 2]);
  } else if (!inner) {
    const rows = m === 1 ? [1, ...x] : m > 2 ? [sizeOf(x.slice(0, -1)), x[m - 1]] : x;
    if (n > 2) throw new Unknown('this page does not know how PyTorch refuses these two shapes');
    refuse('mat1 and mat2', crossed(rows), crossed(n === 1 ? [...y, 1] : y));
  }
  const named = /** @type {Record<string, string>} */ ({ float32: 'float', float64: 'double', int64: 'long long' });
  if (s !== t) refuse('expected m1 and', named[s] ?? s, named[t] ?? t);
  const whole = m > 2 || n > 2 ? broadcast(x.slice(0, -2), y.slice(0, -2)) : [];
  const shape = [...whole, ...(m > 1 ? [x[m - 2]] : []), ...(n > 1 ? [y[n - 1]] : [])];
  const kinds = { 11: 'DotBackward0', 12: 'SqueezeBackward4', 21: 'MvBackward0', 22: 'MmBackward0' };
  const own = kinds[/** @type {11} */ (10 * m + n)] ?? 'UnsafeViewBackward0';
  return apply('matmul', [a, b], { shape, fn: fn ?? own, saves: 'x' })[0];
}

/** @param {Given} a */
export function linear({ input, weight, bias }) {
  const [x, w] = [input.shape, weight.shape];
  const rows = x.length > 1 ? [sizeOf(x.slice(0, -1)), x[x.length - 1]] : [1, x[0]];
  if (rows[1] !== w[w.length - 1]) refuse('mat1 and mat2', crossed(rows), crossed([...w].reverse()));
  const kinds = bias ? ['', 'View', 'Addmm'] : ['', 'Squeeze', 'Mm'];
  const kind = kinds[x.length] ?? (bias ? 'View' : 'UnsafeView');
  const given = { input: '@0', weight: '@1', ...(bias ? { bias: '@2' } : {}) };
  const shape = [...x.slice(0, -1), ...w.slice(0, -1)];
  const fn = `${kind}Backward${kind === 'Squeeze' ? 4 : 0}`;
  return apply('linear', [input, weight, bias].filter(Boolean), { shape, fn, given, saves: 'x' })[0];
}

/** @param {Tensor} input @param {number[]} shape @param {string} name of the function */
export function reshaped(input, shape, name) {
  const n = sizeOf(input.shape);
  const open = shape.filter((s) => s === -1).length;
  const known = sizeOf(shape.filter((s) => s !== -1));
  if (open > 1) refuse('only one dimension');
  if (open ? !known || n % known : known !== n) refuse('shape is invalid', listed(shape), n);
  const whole = shape.map((s) => (s === -1 ? n / known : s));
  if (input.loose && name === 'view' && input.shape.length > 1) refuse('view size is');
  const alias = input.loose && (input.shape.length < 2 || sameShape(input.shape, whole));
  const copies = input.loose && !alias;
  const fn = copies ? 'UnsafeViewBackward0' : alias && name !== 'view' ? 'ReshapeAliasBackward0' : 'ViewBackward0';
  return apply('reshape', [input], { shape: whole, fn, view: !copies })[0];
}

/** @param {Tensor} t @param {number} dim @param {number} n sizes to put there @param {number} less to take away */
export function resized(t, dim, n, less, /** @type {string} */ fn) {
  const shape = t.shape.toSpliced(dim, less, ...Array(n).fill(1));
  return apply('reshape', [t], { shape, fn, view: true })[0];
}

/** Other dimensions first. @param {string} name @param {Tensor} input @param {string} fn @param {Given} [given] */
export function turned(name, input, fn, given) {
  const { shape } = input;
  const [made] = apply(name, [input], { fn, given: { input: '@0', ...given }, view: true });
  made.loose = shape.filter((n) => n > 1).length > 1 && !input.loose;
  return made;
}

/** @param {Given} a @param {string} name */
export function softmax({ input, dim }, name) {
  const { type, shape } = input.value;
  const along = dim ?? ([0, 1, 3].includes(shape.length) ? 0 : 1);
  const given = { input: '@0', dim: dimension(along, shape.length) };
  if (!isFloat(type)) refuse('_lastdim_kernel_impl not implemented', name, LONG[type]);
  return apply(name, [input], { shape, given, saves: 'o' })[0];
}

/** @param {Given} a @param {string} name */
export function regression({ input, target, reduction }, name) {
  for (const one of [input, target]) if (!(one instanceof Tensor)) refuse('object has no', typeName(one));
  const type = resultType([input, target]);
  const each = broadcast(input.shape, target.shape);
  if (!isFloat(type)) refuse('mse_cpu not implemented', LONG[type]);
  if (!sameShape(input.shape, target.shape))
    throw new Unknown(`this page knows ${name} only of two tensors of one shape`);
  const l1 = /** @type {Record<string, string>} */ ({ mean: 'Mean', sum: 'Sum', none: 'Abs' })[reduction];
  const how = { type, fn: name === 'l1_loss' ? `${l1}Backward0` : 'MseLossBackward0', saves: 'xi' };
  const given = { input: '@0', target: '@1', reduction };
  return apply(name, [input, target], { ...how, shape: reduction === 'none' ? each : [], given })[0];
}

/** @param {Given} a @param {string} name */
export function classes({ input, target, reduction }, name) {
  if (!(target instanceof Tensor)) refuse('cross_entropy_loss argument target', typeName(target));
  const { shape } = input;
  if (!shape.length) dimension(1, 0);
  if (sameShape(shape, target.shape) && !isFloat(target.value.type))
    refuse('class probabilities', LONG[target.value.type]);
  if (shape.length === 1 && target.shape.length === 1 && target.shape[0] !== 1) refuse('For 1D input', target.shape[0]);
  const rows = shape.length > 1 ? shape.toSpliced(1, 1) : [];
  const count = shape[shape.length > 1 ? 1 : 0];
  const given = { input: '@0', target: '@1', reduction };
  const how = { shape: reduction === 'none' ? rows : [], given, saves: 'i' };
  if (sameShape(shape, target.shape) && isFloat(target.value.type) && name === 'cross_entropy') {
    const fn = reduction === 'mean' ? 'DivBackward1' : 'NegBackward0';
    return apply(name, [input, target], { ...how, fn })[0];
  }
  if (shape.length > 1 && shape[0] !== target.shape[0]) refuse('Expected input batch_size', shape[0], target.shape[0]);
  if (shape.length > 3 && !sameShape(rows, target.shape))
    throw new Unknown('this page does not know how PyTorch refuses these two shapes');
  if (shape.length === 3 && !sameShape(rows, target.shape))
    refuse('Expected target size', listed(rows), listed(target.shape));
  if (target.value.type !== 'int64') refuse('expected target dtype', LONG[target.value.type]);
  for (const right of target.value.data)
    if (!(right >= 0 && right < count) && right !== -100) refuse('Target is out', right);
  return apply(name, [input, target], { ...how, fn: 'NllLossBackward0' })[0];
}

/** @param {Given} a @param {string} name stack or cat */
export function joined({ tensors, dim }, name) {
  const all = items(tensors);
  if (tensors instanceof Tensor) refuse('argument tensors position', name);
  if (!all.length) refuse(`${name} of nothing`);
  all.forEach((t, i) => {
    if (!(t instanceof Tensor)) refuse('expected Tensor as', i, typeName(t));
    if (name === 'cat' && !t.shape.length) refuse('zero dimensional tensor', i);
  });
  const first = all[0].shape;
  const along = dimension(dim, first.length + Number(name === 'stack'));
  all.forEach((t, i) => {
    if (name === 'stack' && !sameShape(t.shape, first)) refuse('stack expects each', listed(first), listed(t.shape), i);
    if (name === 'stack') return;
    if (t.shape.length !== first.length) refuse('Tensors must have', first.length, t.shape.length);
    const off = first.findIndex((/** @type {number} */ n, /** @type {number} */ k) => k !== along && n !== t.shape[k]);
    if (off >= 0) refuse('Sizes of tensors', along, first[off], t.shape[off], i);
  });
  const shape = name === 'stack' ? first.toSpliced(along, 0, all.length) : undefined;
  const given = { tensors: all.map((_, i) => `@${i}`), dim: along };
  return apply(name, all, { shape, type: resultType(all), given })[0];
}

/** What keeps a tensor's shape. @param {string} name @param {Tensor} t @param {Given} given
 * @param {{fn?: string, saves?: string}} how @param {Tensor[]} [more] */
export const passed = (name, t, given, how, more = []) =>
  apply(name, [t, ...more], { saves: 'n', ...how, shape: t.shape, given: { input: '@0', ...given } })[0];

/** @param {Given} a clamp */
export function clamp({ input, min, max }) {
  if (min === null && max === null) refuse('torch clamp At');
  const bound = (/** @type {any} */ x) => (x === null ? null : Number(x));
  if (min instanceof Tensor || max instanceof Tensor) throw new Unknown('this page clamps between numbers only');
  return passed('clamp', input, { min: bound(min), max: bound(max) }, { fn: 'ClampBackward1', saves: 'i' });
}

/** @param {Given} a where, and masked_fill */
export function where({ condition, input, other }) {
  const type = resultType([input, other]);
  /** @type {Tensor[]} */ const inputs = [];
  const given = Object.fromEntries(
    Object.entries({ condition, input, other }).map(([key, x]) => [
      key,
      x instanceof Tensor ? `@${inputs.push(x) - 1}` : Number(x),
    ]),
  );
  const shape = inputs.reduce((/** @type {number[]} */ s, t) => broadcast(s, t.shape), []);
  return apply('where', inputs, { shape, type, given, saves: 'n' })[0];
}

/** @param {Given} a */
export function layerNorm({ input, normalized_shape: over, weight, bias, eps }) {
  if (!Array.isArray(over)) refuse('layer_norm argument normalized_shape', typeName(over));
  const shape = over.map(Number);
  if (!sameShape(input.shape.slice(-shape.length), shape))
    refuse('Given normalized_shape expected', listed(shape), shape.join(', '), listed(input.shape));
  const more = [weight, bias].filter(Boolean);
  const given = {
    normalized_shape: shape,
    eps: Number(eps),
    ...(weight && { weight: '@1' }),
    ...(bias && { bias: `@${more.length}` }),
  };
  return passed('layer_norm', input, given, { fn: 'NativeLayerNormBackward0', saves: 'x' }, more);
}
