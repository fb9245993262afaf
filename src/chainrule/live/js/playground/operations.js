// PyTorch's operations that are more than a row of its table: shapes, dtypes and grad_fn, and what they refuse.

import { sameShape, sizeOf } from '../engine/tensors.js';
import { isNumber, items, refuse, tuple, typeName, Unknown } from './python.js';
import { apply, Tensor, value } from './tape.js';
import { broadcast, CATEGORY, crossed, dimension, isFloat, listed, LONG, sizes, TYPES } from './types.js';

/** @param {any[]} xs tensors and numbers @returns {string} the dtype of what is computed with them */
export function resultType(xs) {
  const ranks = [-1, -1, -1];
  for (const x of xs) {
    const [rank, type] =
      x instanceof Tensor
        ? [x.shape.length ? 0 : 1, x.value.type]
        : [2, typeof x === 'number' ? 'float32' : typeof x === 'bigint' ? 'int64' : 'bool'];
    ranks[rank] = Math.max(ranks[rank], CATEGORY[type]);
  }
  return TYPES[ranks.reduce((best, n) => (Math.min(n, 2) > Math.min(best, 2) ? n : best))];
}

/** Another dtype. @param {Tensor} t @param {string} type @returns {Tensor} */
export const cast = (t, type) =>
  t.value.type === type
    ? t
    : apply('clone', { input: t }, { shape: t.shape, type, fn: 'ToCopyBackward0', flat: !isFloat(type) });

/** Ops of two: their grad_fn, what they save of two tensors and of one beside a number, and what a number on the left
 * makes of them, an op with its grad_fn. @type {Record<string, [string, string, string, string?, string?]>} */
const BINARY = {
  add: ['AddBackward0', '', '', 'add', 'AddBackward0'],
  sub: ['SubBackward0', '', '', 'rsub', 'RsubBackward1'],
  mul: ['MulBackward0', 'x', 'n', 'mul', 'MulBackward0'],
  div: ['DivBackward0', 'x', 'n', 'rdiv', 'MulBackward0'],
  pow: ['PowBackward1', 'xio', 'i', 'rpow', 'PowBackward2'],
  remainder: ['RemainderBackward1', 'x', 'n'],
  maximum: ['MaximumBackward0', 'x', 'n'],
  minimum: ['MinimumBackward0', 'x', 'n'],
  ...Object.fromEntries(['gt lt', 'lt gt', 'ge le', 'le ge', 'eq eq', 'ne ne'].map((pair) => {
    const [name, turned] = pair.split(' ');
    return [name, ['', '', '', turned]];
  })),
}; // prettier-ignore

/** @param {string} name @param {any} a @param {any} b one of them a tensor, the other that or a number
 * @returns {Tensor} */
export function binary(name, a, b) {
  const [fn, saves, less, turned, turnedFn] = BINARY[name];
  const flat = !fn;
  let type = resultType([a, b]);
  if (flat) type = 'bool';
  else if (name === 'sub' && type === 'bool') refuse('Subtraction the operator');
  else if (name === 'div' && !isFloat(type)) type = 'float32';
  else if (name === 'pow' && type === 'int64' && typeof b === 'bigint' && b < 0n) refuse('Integers to negative');
  if (a instanceof Tensor && b instanceof Tensor) {
    const made = apply(name, { a, b }, { type, fn, flat, saves });
    const { kept } = made.value.op;
    if (name === 'div' && made.node && !kept.some((/** @type {[Tensor, number]} */ [t]) => t === b))
      kept.push([b, b.memory.version]);
    return made;
  }
  const first = b instanceof Tensor;
  const [t, x] = first ? [b, Number(a)] : [a, Number(b)];
  if (first && !turned) throw new Unknown(`this page does not know ${name} with a number first`);
  const other = name === 'pow' ? x : value([], [x], flat ? 'float64' : type).data[0];
  const how = {
    type,
    fn: first ? turnedFn : fn.replace(/\d$/, '0'),
    flat,
    saves: first && name === 'pow' ? 'n' : less,
  };
  return apply((first && turned) || name, { a: t, other }, how);
}

/** @param {Given} a @param {string} name */
export function two({ input, other }, name) {
  if (!(other instanceof Tensor) && !isNumber(other)) refuse('argument other position', name, typeName(other));
  return binary(name, input, other);
}

/** @param {Tensor} t @param {any} dim @param {boolean} keepdim */
function reduced({ shape }, dim, keepdim) {
  const every = [...shape.keys()];
  const dims = dim === null ? every : [dim].flat().map((d) => dimension(d, shape.length));
  const twice = dims.find((d, i) => dims.indexOf(d) < i);
  if (twice !== undefined) refuse('dim appears multiple', twice);
  const over = shape.length ? (dims.length ? dims : every) : [];
  const left = shape.flatMap((n, i) => (!over.includes(i) ? [n] : keepdim ? [1] : []));
  return { over, left };
}

/** @param {Given} a @param {string} name sum or mean */
export function sum({ input, dim, keepdim }, name) {
  const { type } = input.value;
  if (name === 'mean' && !isFloat(type)) refuse('mean could not', LONG[type]);
  const { over, left } = reduced(input, dim, keepdim);
  const fn = `${name === 'sum' ? 'Sum' : 'Mean'}Backward${dim === null ? 0 : 1}`;
  return apply(name, { input }, { shape: left, type: isFloat(type) ? type : 'int64', fn, dims: over });
}

/** @param {Given} a @param {string} name max or min */
export function extreme({ input, other, dim, keepdim }, name) {
  if (other instanceof Tensor) return binary(`${name}imum`, input, other);
  const along = dim ?? other;
  const { left } = reduced(input, along, keepdim);
  const fn = `${name === 'max' ? 'Max' : 'Min'}Backward`;
  if (along === null) return apply(name, { input }, { shape: [], fn: `${fn}1`, saves: 'n' });
  const types = [input.value.type, 'int64'];
  const a = { input, dim: dimension(along, input.shape.length), keepdim };
  const both = apply(name, a, { shape: left, types, fn: `${fn}0`, saves: 'n' });
  return tuple(both, `torch.return_types.${name}`, ['values', 'indices']);
}

/** @param {Given} a @param {string} name */
export const amax = (a, name) => apply(name, a, { shape: reduced(a.input, a.dim, a.keepdim).left, saves: 'io' });

/** @param {Given} a @param {string} name */
export function argmax({ input, dim, keepdim }, name) {
  const flat = dim === null ? reshaped(input, [-1], 'reshape') : input;
  return extreme({ input: flat, other: null, dim: dim ?? 0n, keepdim }, name.slice(3))[1];
}

/** @param {Tensor} a @param {Tensor} b @param {string} [fn] @returns {Tensor} */
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
  return apply('matmul', { a, b }, { shape, fn: fn ?? own, saves: 'x' });
}

/** @param {Given} a @param {string} name */
export function product({ input, other }, name) {
  if (!(other instanceof Tensor)) refuse('argument other position', name, typeName(other));
  const ranks = `${input.shape.length}${other.shape.length}`;
  const due = /** @type {Record<string, string>} */ ({ mm: '22', mv: '21', bmm: '33', dot: '11' })[name] ?? ranks;
  if (due !== ranks) throw new Unknown(`this page does not know ${name} of these shapes`);
  return matmul(input, other, name === 'bmm' ? 'BmmBackward0' : undefined);
}

/** @param {Given} a */
export function linear(a) {
  const [x, w] = [a.input.shape, a.weight.shape];
  const rows = x.length > 1 ? [sizeOf(x.slice(0, -1)), x[x.length - 1]] : [1, x[0]];
  if (rows[1] !== w[w.length - 1]) refuse('mat1 and mat2', crossed(rows), crossed([...w].reverse()));
  const kinds = a.bias ? ['', 'ViewBackward0', 'AddmmBackward0'] : ['', 'SqueezeBackward4', 'MmBackward0'];
  const fn = kinds[x.length] ?? (a.bias ? 'ViewBackward0' : 'UnsafeViewBackward0');
  return apply('linear', a, { shape: [...x.slice(0, -1), ...w.slice(0, -1)], fn, saves: 'x' });
}

/** @param {Tensor} input @param {number[]} shape @param {string} name of the function @returns {Tensor} */
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
  return apply('reshape', { input }, { shape: whole, fn, view: !copies });
}

/** @param {Given} a */
export function flatten({ input, start_dim: a, end_dim: b }) {
  const { shape } = input;
  if (shape.length === 1) return input;
  const [from, to] = [a, b].map((d) => dimension(d, shape.length));
  if (from > to) refuse('flatten() has');
  const middle = sizeOf(shape.slice(from, to + 1));
  return reshaped(input, shape.length ? shape.toSpliced(from, to - from + 1, middle) : [1], 'reshape');
}

/** @param {Tensor} input @param {number[]} shape @param {string} fn */
const resized = (input, shape, fn) => apply('reshape', { input }, { shape, fn, view: true });

/** @param {Given} a */
export function squeeze({ input, dim }) {
  const { shape } = input;
  const at = dim === null ? -1 : dimension(dim, shape.length);
  const left = shape.filter((/** @type {number} */ n, /** @type {number} */ i) => n !== 1 || (at >= 0 && i !== at));
  return resized(input, left, `SqueezeBackward${at < 0 ? 0 : 1}`);
}

/** @param {Given} a */
export const unsqueeze = ({ input, dim }) =>
  resized(input, input.shape.toSpliced(dimension(dim, input.shape.length + 1), 0, 1), 'UnsqueezeBackward0');

/** Other dimensions first. @param {string} name @param {Given} a @param {string} [fn] @returns {Tensor} */
export function turned(name, a, fn) {
  const made = apply(name, a, { fn, view: true });
  made.loose = a.input.shape.filter((/** @type {number} */ n) => n > 1).length > 1 && !a.input.loose;
  return made;
}

/** @param {Given} a */
export function transpose({ input, ...dims }) {
  const [dim0, dim1] = [dims.dim0, dims.dim1].map((d) => dimension(d, input.shape.length));
  return turned('transpose', { input, dim0, dim1 });
}

/** @param {Given} a */
export function permute({ input, dims }) {
  const order = sizes(dims).map((d) => dimension(d, input.shape.length));
  if (order.length !== input.shape.length) refuse('permute sparse_coo number', input.shape.length, order.length);
  if (new Set(order).size < order.length) refuse('permute(): duplicate');
  return turned('permute', { input, dims: order });
}

/** @param {Given} a */
export function expand({ input, size }) {
  const target = sizes(size);
  const lead = target.length - input.shape.length;
  if (lead < 0) {
    const { type } = input.value;
    const called = type === 'bool' ? 'CPUBoolType' : `torch.${LONG[type]}Tensor`;
    refuse('number of sizes', called, listed(input.shape), listed(target), target.length, input.shape.length);
  }
  const fresh = target.slice(0, lead).indexOf(-1);
  if (fresh >= 0) refuse('leading, non-existing', fresh);
  const shape = target.map((n, i) => (n === -1 ? input.shape[i - lead] : n));
  shape.forEach((n, i) => {
    const has = input.shape[i - lead] ?? 1;
    if (has !== n && has !== 1) refuse('The expanded size', n, has, i, listed(target), listed(input.shape));
  });
  return apply('expand', { input, size: shape }, { shape, view: true });
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
  return apply(name, { input, target, reduction }, { ...how, shape: reduction === 'none' ? each : [] });
}

/** @param {Given} a @param {string} name */
export function classes(a, name) {
  const { input, target, reduction } = a;
  if (!(target instanceof Tensor)) refuse('cross_entropy_loss argument target', typeName(target));
  const { shape } = input;
  if (!shape.length) dimension(1, 0);
  const alike = sameShape(shape, target.shape);
  const real = isFloat(target.value.type);
  if (alike && !real) refuse('class probabilities', LONG[target.value.type]);
  if (shape.length === 1 && target.shape.length === 1 && target.shape[0] !== 1) refuse('For 1D input', target.shape[0]);
  const rows = shape.length > 1 ? shape.toSpliced(1, 1) : [];
  const count = shape[shape.length > 1 ? 1 : 0];
  const how = { shape: reduction === 'none' ? rows : [], saves: 'i' };
  if (alike && real && name === 'cross_entropy')
    return apply(name, a, { ...how, fn: reduction === 'mean' ? 'DivBackward1' : 'NegBackward0' });
  if (shape.length > 1 && shape[0] !== target.shape[0]) refuse('Expected input batch_size', shape[0], target.shape[0]);
  const fits = sameShape(rows, target.shape);
  if (shape.length > 3 && !fits) throw new Unknown('this page does not know how PyTorch refuses these two shapes');
  if (shape.length === 3 && !fits) refuse('Expected target size', listed(rows), listed(target.shape));
  if (target.value.type !== 'int64') refuse('expected target dtype', LONG[target.value.type]);
  for (const right of target.value.data)
    if (!(right >= 0 && right < count) && right !== -100) refuse('Target is out', right);
  return apply(name, a, { ...how, fn: 'NllLossBackward0' });
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
  const stacks = name === 'stack';
  const along = dimension(dim, first.length + Number(stacks));
  all.forEach(({ shape }, i) => {
    if (stacks && !sameShape(shape, first)) refuse('stack expects each', listed(first), listed(shape), i);
    if (stacks) return;
    if (shape.length !== first.length) refuse('Tensors must have', first.length, shape.length);
    const off = first.findIndex((/** @type {number} */ n, /** @type {number} */ k) => k !== along && n !== shape[k]);
    if (off >= 0) refuse('Sizes of tensors', along, first[off], shape[off], i);
  });
  const shape = stacks ? first.toSpliced(along, 0, all.length) : undefined;
  return apply(name, { tensors: all, dim: along }, { shape, type: resultType(all) });
}
