// PyTorch as a program sees it: its functions, their arguments and shapes, and what it refuses, in its own words.

import { run } from '../engine/ops.js';
import { sameShape, sizeOf, spread, tensor } from '../engine/tensors.js';
import { isNumber, items, Named, refuse, refused, tuple, Tuple, typeName, Unknown } from './python.js';
import { apply, backward, python, tape, Tensor, value } from './tape.js';

/** @typedef {Record<string, any>} Given */
/** @typedef {{takes: string, make: (a: Given, name: string) => any, only?: string}} Entry `only` in F, torch, or a
 * tensor */

const CATEGORY = /** @type {Record<string, number>} */ ({ bool: 0, int64: 1, float32: 2, float64: 3 });
const TYPES = Object.keys(CATEGORY);
const LONG = /** @type {Record<string, string>} */ ({
  bool: 'Bool',
  int64: 'Long',
  float32: 'Float',
  float64: 'Double',
});
export const DTYPES = Object.fromEntries(TYPES.map((type) => [type, new Named('torch.dtype', `torch.${type}`)]));

const isFloat = (/** @type {string} */ type) => type.startsWith('float');
const listed = (/** @type {number[]} */ shape) => `[${shape.join(', ')}]`;
const crossed = (/** @type {number[]} */ shape) => shape.join('x');

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

/** @param {number[]} a @param {number[]} b @returns {number[]} */
function broadcast(a, b) {
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
function dimension(v, rank) {
  const most = Math.max(rank, 1);
  const i = Number(v);
  if (i >= most || i < -most) refuse('Dimension out of', -most, most - 1, i);
  return i < 0 ? i + most : i;
}

/** @param {any} v @returns {number[]} a shape */
const sizes = (v) => items(v.length === 1 && Array.isArray(v[0]) ? v[0] : v).map(Number);

/** What a function saves for the way back: its input, its others, its result, or what cannot be changed. */
const UNARY = {
  exp: 'o', log: 'i', sqrt: 'o', sin: 'i', cos: 'i', tanh: 'o', sigmoid: 'o', reciprocal: 'o',
  abs: 'i', neg: '', square: 'i', relu: 'o', clone: '', round: '', floor: '', sign: '', gelu: 'i', silu: 'i',
}; // prettier-ignore
const KEEPS = ['abs', 'neg', 'square', 'relu', 'clone', 'round', 'floor', 'sign'];

/** @param {string} name @param {Tensor} t @param {Given} [more] */
function unary(name, t, more) {
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
const cast = (t, type) =>
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
    const shape = broadcast(a.shape, b.shape);
    const fn = `${BINARY[name]}Backward${name === 'pow' || name === 'remainder' ? 1 : 0}`;
    const saves = ['add', 'sub'].includes(name) ? '' : name === 'pow' ? 'xio' : name === 'div' ? 'x' : 'x';
    const made = apply(name, [a, b], { shape, type, fn, flat, saves })[0];
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
  return apply(op, [t], { shape: t.shape, type, fn, flat, constants, argument: [0], saves })[0];
}

/** @param {Tensor} t @param {any} dim @param {boolean} keepdim */
function reduced({ shape }, dim, keepdim) {
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
function sum({ input, dim, keepdim }, name) {
  const { type } = input.value;
  if (name === 'mean' && !isFloat(type)) refuse('mean could not', LONG[type]);
  const { over, left } = reduced(input, dim, keepdim);
  const fn = `${name === 'sum' ? 'Sum' : 'Mean'}Backward${dim === null ? 0 : 1}`;
  return apply(name, [input], { shape: left, type: isFloat(type) ? type : 'int64', fn, dims: over })[0];
}

/** @param {Given} a @param {string} name max or min */
function extreme({ input, other, dim, keepdim }, name) {
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
  const kind =
    m + n === 2
      ? 'Dot'
      : m === 1 && n === 2
        ? 'Squeeze'
        : n === 1 && m === 2
          ? 'Mv'
          : m === 2 && n === 2
            ? 'Mm'
            : 'UnsafeView';
  return apply('matmul', [a, b], {
    shape,
    type: s,
    fn: fn ?? `${kind}Backward${kind === 'Squeeze' ? 4 : 0}`,
    saves: 'x',
  })[0];
}

/** @param {Given} a */
function linear({ input, weight, bias }) {
  const [x, w] = [input.shape, weight.shape];
  const rows = x.length > 1 ? [sizeOf(x.slice(0, -1)), x[x.length - 1]] : [1, x[0]];
  if (rows[1] !== w[w.length - 1]) refuse('mat1 and mat2', crossed(rows), crossed([...w].reverse()));
  const fn = bias
    ? x.length === 2
      ? 'Addmm'
      : 'View'
    : x.length === 1
      ? 'Squeeze'
      : x.length === 2
        ? 'Mm'
        : 'UnsafeView';
  const given = { input: '@0', weight: '@1', ...(bias ? { bias: '@2' } : {}) };
  const how = { shape: [...x.slice(0, -1), ...w.slice(0, -1)], type: input.value.type, given, saves: 'x' };
  return apply('linear', [input, weight, bias].filter(Boolean), {
    ...how,
    fn: `${fn}Backward${fn === 'Squeeze' ? 4 : 0}`,
  })[0];
}

/** @param {Tensor} input @param {number[]} shape @param {string} name of the function */
function reshaped(input, shape, name) {
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
  return apply('reshape', [input], { shape: whole, type: input.value.type, fn, view: !copies })[0];
}

/** @param {Tensor} t @param {number} dim @param {number} n sizes to put there @param {number} less to take away */
function resized(t, dim, n, less, /** @type {string} */ fn) {
  const shape = t.shape.toSpliced(dim, less, ...Array(n).fill(1));
  return apply('reshape', [t], { shape, type: t.value.type, fn, view: true })[0];
}

/** Other dimensions first. @param {string} name @param {Tensor} input @param {string} fn @param {Given} [given] */
function turned(name, input, fn, given) {
  const { type, shape } = input.value;
  const [made] = apply(name, [input], {
    shape: given ? undefined : shape.toReversed(),
    type,
    fn,
    given: { input: '@0', ...given },
    view: true,
  });
  made.loose = shape.filter((n) => n > 1).length > 1 && !input.loose;
  return made;
}

/** @param {Given} a @param {string} name */
function softmax({ input, dim }, name) {
  const { type, shape } = input.value;
  const along = dim ?? ([0, 1, 3].includes(shape.length) ? 0 : 1);
  const given = { input: '@0', dim: dimension(along, shape.length) };
  if (!isFloat(type)) refuse('_lastdim_kernel_impl not implemented', name, LONG[type]);
  const fn = name === 'softmax' ? 'SoftmaxBackward0' : 'LogSoftmaxBackward0';
  return apply(name, [input], { shape, type, fn, given, saves: 'o' })[0];
}

/** @param {Given} a @param {string} name */
function regression({ input, target, reduction }, name) {
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
function classes({ input, target, reduction }, name) {
  if (!(target instanceof Tensor)) refuse('cross_entropy_loss argument target', typeName(target));
  const { type, shape } = input.value;
  if (!shape.length) dimension(1, 0);
  if (sameShape(shape, target.shape) && !isFloat(target.value.type))
    refuse('class probabilities', LONG[target.value.type]);
  if (shape.length === 1 && target.shape.length === 1 && target.shape[0] !== 1) refuse('For 1D input', target.shape[0]);
  const rows = shape.length > 1 ? shape.toSpliced(1, 1) : [];
  const count = shape[shape.length > 1 ? 1 : 0];
  if (sameShape(shape, target.shape) && isFloat(target.value.type) && name === 'cross_entropy')
    return apply(name, [input, target], {
      shape: reduction === 'none' ? rows : [], type, saves: 'i',
      fn: reduction === 'mean' ? 'DivBackward1' : reduction === 'sum' ? 'NegBackward0' : 'NegBackward0',
      given: { input: '@0', target: '@1', reduction },
    })[0]; // prettier-ignore
  if (shape.length > 1 && shape[0] !== target.shape[0]) refuse('Expected input batch_size', shape[0], target.shape[0]);
  if (target.value.type !== 'int64') refuse('expected target dtype', LONG[target.value.type]);
  for (const right of target.value.data)
    if (!(right >= 0 && right < count) && right !== -100) refuse('Target is out', right);
  const given = { input: '@0', target: '@1', reduction };
  return apply(name, [input, target], {
    shape: reduction === 'none' ? rows : [],
    type,
    fn: 'NllLossBackward0',
    given,
    saves: 'i',
  })[0];
}

/** @param {Given} a @param {string} name stack or cat */
function joined({ tensors, dim }, name) {
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
  return apply(name, all, {
    shape,
    type: resultType(all),
    fn: name === 'cat' ? 'CatBackward0' : 'StackBackward0',
    given,
  })[0];
}

/** What stands in brackets, for the page's engine, and the name of what takes it. @param {Tensor} t
 * @param {any} index */
function indices(t, index) {
  const all = index instanceof Tuple ? [...index] : [index];
  /** @type {Tensor[]} */ const inputs = [t];
  const rank = t.shape.length;
  const taken = all.filter((one) => one !== null && one?.name !== 'Ellipsis' && typeof one !== 'boolean');
  const used = taken.reduce(
    (n, one) => n + (one instanceof Tensor && one.value.type === 'bool' ? one.shape.length : 1),
    0,
  );
  if (!rank && taken.length === 1 && taken[0] === 0n) refuse('invalid index of');
  if (!rank && taken.length === 1 && typeof taken[0] === 'bigint') refuse('index is out', taken[0], 0, 0);
  let [axis, fn] = [0, ''];
  const written = all.map((one) => {
    if (one === null) return ((fn = 'Unsqueeze'), null);
    if (used > rank) refuse('too many indices', rank);
    if (one?.name === 'Ellipsis') return ((axis += rank - used), '...');
    if (typeof one === 'number') refuse('only integers slices');
    const n = t.shape[axis];
    if (one?.kind === 'slice') {
      axis += 1;
      const [from, to, by] = one.has.parts;
      if (by !== null && by <= 0n) refuse('step must be');
      if ([from, to, by].some((x) => x !== null) || all.length === 1) fn = 'Slice';
      return [from, to, by].map((x) => (x === null ? '' : String(x))).join(':');
    }
    if (typeof one === 'bigint' || (one instanceof Tensor && !one.shape.length && one.value.type === 'int64')) {
      const at = Number(typeof one === 'bigint' ? one : one.item());
      if (at >= n || at < -n) refuse('index is out', at, axis, n);
      axis += 1;
      fn = fn === 'Index' ? fn : 'Select';
      return one instanceof Tensor ? `@${inputs.push(one) - 1}` : at;
    }
    const found = Array.isArray(one) ? made({ data: one, dtype: null, requires_grad: false }) : one;
    if (!(found instanceof Tensor)) return refuse('new invalid data', typeName(one));
    if (isFloat(found.value.type)) refuse('tensors used as');
    if (found.value.type === 'int64')
      for (const at of found.value.data) if (at >= n || at < -n) refuse('index is out', at, axis, n);
    if (found.value.type === 'bool')
      found.shape.forEach((size, k) => {
        if (size !== t.shape[axis + k]) refuse('The shape of', listed(found.shape), k, listed(t.shape), axis + k);
      });
    axis += found.value.type === 'bool' ? found.shape.length : 1;
    fn = 'Index';
    return `@${inputs.push(found) - 1}`;
  });
  return { inputs, given: { input: '@0', index: written }, fn: `${fn || 'Alias'}Backward0` };
}

/** @param {Tensor} t @param {any} index */
export function getItem(t, index) {
  const { inputs, given, fn } = indices(t, index);
  const copies = fn.startsWith('Index');
  const [part] = apply('getitem', inputs, { type: t.value.type, fn, given, saves: copies ? 'n' : '', view: !copies });
  if (!copies) {
    const { step, local } = /** @type {import('./tape.js').Op} */ (part.value.op);
    const numbered = { shape: t.shape, data: t.value.data.map((_, i) => i) };
    const { data } = /** @type {import('../engine/tensors.js').Tensor} */ (run(step, [numbered, ...local.slice(1)]));
    part.loose = t.loose || data.some((at, i) => i > 0 && at !== data[i - 1] + 1);
  }
  return part;
}

/** The rows of a tensor. @param {Tensor} t */
export function unbind(t) {
  const { type } = t.value;
  return t.shape[0]
    ? apply('unbind', [t], {
        type,
        types: Array(t.shape[0]).fill(type),
        fn: 'UnbindBackward0',
        given: { input: '@0', dim: 0 },
        view: true,
      })
    : [];
}

/** @param {Tensor} t @param {any} index @param {any} to */
export function setItem(t, index, to) {
  const { inputs, given } = indices(t, index);
  if (tape.recording && t.requires && !t.node) refuse('a view of');
  if (tape.recording && (t.requires || to.requires))
    throw new Unknown('this page does not follow gradients into a tensor whose entries are changed one by one');
  const places = new Tensor(
    value(
      t.shape,
      tensor(t.shape).data.map((_, i) => i),
      'float64',
    ),
  );
  const [at] = apply('getitem', [places, ...inputs.slice(1)], { type: 'float64', given, flat: true });
  const given_ = to instanceof Tensor ? to.value : value([], [Number(to)], 'float64');
  const where = spread(given_.shape, at.shape);
  const data = t.value.data.slice();
  at.value.data.forEach(
    (/** @type {number} */ p, /** @type {number} */ i) => (data[p] = given_.data[where ? where[i] : i]),
  );
  t.become(value(t.shape, data, t.value.type));
}

/** Do an op in place. @param {Tensor} t @param {() => Tensor} op @returns {Tensor} */
export function inPlace(t, op) {
  if (tape.recording && t.requires && !t.node) refuse('a leaf Variable');
  const made = op();
  const { type, shape } = t.value;
  if (!sameShape(made.shape, shape)) refuse('output with shape', listed(shape), listed(made.shape));
  if (Math.min(2, CATEGORY[made.value.type]) > Math.min(2, CATEGORY[type]))
    refuse('result type can', LONG[made.value.type], LONG[type]);
  const end = cast(made, type);
  const before = t.value.name;
  const held = end.value;
  if (made.node) {
    made.node.kept = made.node.kept.filter(([one]) => one !== t && one !== made);
    Object.assign(t, { node: made.node, requires: true });
  } else if (t.requires) held.op = undefined;
  held.name = before;
  t.become(held);
  return t;
}

/** @param {Given} a torch.tensor */
function made({ data, dtype, requires_grad: requires }) {
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
const creation = (numbers, shape, type) => (a, name) => {
  for (const one of [a.size].flat().flat())
    if (a.size !== undefined && typeof one !== 'bigint') refuse('argument size position', name, typeName(one));
  const whole = shape(a);
  if (sizeOf(whole) > 1e5) throw new Unknown('this page holds tensors of at most 100,000 entries');
  return leaf(
    value(whole, numbers(whole, a), a.dtype ? a.dtype.name.slice(6) : (type ?? a.type ?? 'float32')),
    a.requires_grad,
  );
};
const filled = (/** @type {number} */ x) => (/** @type {number[]} */ shape) => new Float64Array(sizeOf(shape)).fill(x);
const MADE = 'dtype=None requires_grad=False';

/** @param {Given} a arange */
function range(a) {
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

/** @param {string} name @param {Tensor} t @param {Given} given @param {string} fn @param {string} [saves]
 * @param {Tensor[]} [more] */
const passed = (name, t, given, fn, saves = 'n', more = []) =>
  apply(name, [t, ...more], { shape: t.shape, type: t.value.type, fn, given: { input: '@0', ...given }, saves })[0];

/** @param {Given} a clamp */
function clamp({ input, min, max }) {
  if (min === null && max === null) refuse('torch clamp At');
  const bound = (/** @type {any} */ x) => (x === null ? null : Number(x));
  if (min instanceof Tensor || max instanceof Tensor) throw new Unknown('this page clamps between numbers only');
  return passed('clamp', input, { min: bound(min), max: bound(max) }, 'ClampBackward1', 'i');
}

/** @param {Given} a where, and masked_fill */
function where({ condition, input, other }) {
  const type = resultType([input, other]);
  /** @type {Tensor[]} */ const inputs = [];
  const given = Object.fromEntries(
    Object.entries({ condition, input, other }).map(([key, x]) => [
      key,
      x instanceof Tensor ? `@${inputs.push(x) - 1}` : Number(x),
    ]),
  );
  const shape = inputs.reduce((/** @type {number[]} */ s, t) => broadcast(s, t.shape), []);
  return apply('where', inputs, { shape, type, fn: 'WhereBackward0', given, saves: 'n' })[0];
}

/** @param {Given} a */
function layerNorm({ input, normalized_shape: over, weight, bias, eps }) {
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
  return passed('layer_norm', input, given, 'NativeLayerNormBackward0', 'x', more);
}

/** @param {Tensor} t @param {any} other @param {string} name */
const update = (t, other, name) => inPlace(t, () => binary(name, t, other));

/** Every function and method: its arguments, and what it makes; F: only there, m: only of a tensor, t: only of
 * torch. */
/** @type {Record<string, Entry>} */
export const FUNCTIONS = {};
/** @param {string} names @param {string} takes @param {(a: Given, name: string) => any} make @param {string} [only] */
const add = (names, takes, make, only = '') => {
  for (const name of names.split(' '))
    FUNCTIONS[only && name in FUNCTIONS ? `${only}.${name}` : name] = { takes, make, only };
};
add(
  'exp log sqrt sin cos tanh sigmoid reciprocal abs neg square relu clone round floor sign',
  'input',
  ({ input }, name) => unary(name, input),
);
add('gelu', "input approximate='none'", ({ input, approximate }) => unary('gelu', input, { approximate }), 'F');
add('silu', 'input', ({ input }) => unary('silu', input, { inplace: false }), 'F');
add('add sub mul div pow', 'input other', ({ input, other }, name) => operate(name, input, other));
add('maximum minimum remainder gt lt ge le eq ne', 'input other', ({ input, other }, name) =>
  operate(name, input, other),
);
add('sum mean', 'input dim=None keepdim=False', sum);
add('max min', 'input other=None keepdim=False dim=None', extreme);
add('amax amin', 'input dim=None keepdim=False', ({ input, dim, keepdim }, name) => {
  const { left } = reduced(input, dim, keepdim);
  const given = { input: '@0', keepdim, ...(dim === null ? {} : { dim: [dim].flat().map(Number) }) };
  return apply(name, [input], {
    shape: left,
    type: input.value.type,
    fn: `A${name.slice(1)}Backward0`,
    given,
    saves: 'io',
  })[0];
});
add('argmax argmin', 'input dim=None keepdim=False', ({ input, dim, keepdim }, name) => {
  const flat = dim === null ? reshaped(input, [-1], 'reshape') : input;
  return /** @type {Tuple} */ (extreme({ input: flat, other: null, dim: dim ?? 0n, keepdim }, name.slice(3)))[1];
});
add('matmul mm mv dot bmm', 'input other', ({ input, other }, name) => {
  if (!(other instanceof Tensor)) refuse('argument other position', name, typeName(other));
  const ranks = `${input.shape.length}${other.shape.length}`;
  if (name === 'mm' && ranks[0] === '2' && ranks !== '22') refuse('mat2 must be');
  if (name === 'dot' && ranks !== '11') refuse('1D tensors expected', ranks[0], ranks[1]);
  const due = /** @type {Record<string, string>} */ ({ mm: '22', mv: '21', bmm: '33' })[name] ?? ranks;
  if (due !== ranks) throw new Unknown(`this page does not know ${name} of these shapes`);
  return matmul(input, other, name === 'bmm' ? 'BmmBackward0' : undefined);
});
add('outer', 'input vec2', ({ input, vec2 }) => binary('mul', resized(input, 1, 1, 0, ''), vec2));
add('reshape view', 'input *shape', ({ input, shape }, name) => reshaped(input, sizes(shape), name));
add('flatten', 'input start_dim=0 end_dim=-1', ({ input, start_dim: a, end_dim: b }) => {
  const n = input.shape.length;
  if (n === 1) return input;
  const [from, to] = [dimension(a, n), dimension(b, n)];
  return reshaped(
    input,
    n ? input.shape.toSpliced(from, to - from + 1, sizeOf(input.shape.slice(from, to + 1))) : [1],
    'reshape',
  );
});
add('squeeze', 'input dim=None', ({ input, dim }) => {
  if (dim !== null) {
    const at = dimension(dim, input.shape.length);
    return resized(input, at, 0, Number(input.shape[at] === 1), 'SqueezeBackward1');
  }
  const shape = input.shape.filter((/** @type {number} */ n) => n !== 1);
  return apply('reshape', [input], { shape, type: input.value.type, fn: 'SqueezeBackward0', view: true })[0];
});
add('unsqueeze', 'input dim', ({ input, dim }) =>
  resized(input, dimension(dim, input.shape.length + 1), 1, 0, 'UnsqueezeBackward0'),
);
add('t', 'input', ({ input }) => turned('t', input, 'TBackward0'));
add('transpose', 'input dim0 dim1', ({ input, dim0, dim1 }) => {
  const [a, b] = [dim0, dim1].map((d) => dimension(d, input.shape.length));
  return turned('transpose', input, 'TransposeBackward0', { dim0: a, dim1: b });
});
add('permute', 'input *dims', ({ input, dims }) => {
  const order = sizes(dims).map((d) => dimension(d, input.shape.length));
  if (order.length !== input.shape.length) refuse('permute sparse_coo number', input.shape.length, order.length);
  return turned('permute', input, 'PermuteBackward0', { dims: order });
});
add('expand', 'input *size', ({ input, size }) => {
  const target = sizes(size);
  const lead = target.length - input.shape.length;
  const shape = target.map((n, i) => (n === -1 ? input.shape[i - lead] : n));
  shape.forEach((n, i) => {
    const has = input.shape[i - lead] ?? 1;
    if (has !== n && has !== 1) refuse('The expanded size', n, has, i, listed(target), listed(input.shape));
  });
  return apply('expand', [input], {
    shape,
    type: input.value.type,
    fn: 'ExpandBackward0',
    given: { input: '@0', size: shape },
    view: true,
  })[0];
});
add('stack cat', 'tensors dim=0', joined, 't');
add('softmax log_softmax', 'input dim', softmax);
add('softmax log_softmax', 'input dim=None', softmax, 'F');
add('mse_loss l1_loss', "input target reduction='mean'", regression, 'F');
add('cross_entropy nll_loss', "input target reduction='mean'", classes, 'F');
add('linear', 'input weight bias=None', linear, 'F');
add('layer_norm', 'input normalized_shape weight=None bias=None eps=1e-05', layerNorm, 'F');
add(
  'embedding',
  'input weight',
  ({ input, weight }) => {
    for (const at of input.value.data) if (!(at >= 0 && at < weight.shape[0])) refuse('index out of range');
    const given = { input: '@0', weight: '@1' };
    return apply('embedding', [input, weight], {
      type: weight.value.type,
      fn: 'EmbeddingBackward0',
      given,
      saves: 'n',
    })[0];
  },
  'F',
);
add('clamp', 'input min=None max=None', clamp);
add('where', 'condition input other', where, 't');
add(
  'masked_fill',
  'input mask value',
  ({ input, mask, value: x }) => {
    const given = { mask: '@1', value: Number(x) };
    return passed('masked_fill', input, given, 'MaskedFillBackward0', 'n', [mask]);
  },
  'm',
);
add('tensor', `data *, ${MADE}`, made, 't');
add(
  'zeros',
  `*size ${MADE}`,
  creation(filled(0), (a) => sizes(a.size)),
  't',
);
add(
  'ones',
  `*size ${MADE}`,
  creation(filled(1), (a) => sizes(a.size)),
  't',
);
add(
  'full',
  `size fill_value ${MADE}`,
  (a, name) => {
    const kind = typeof a.fill_value === 'number' ? 'float32' : typeof a.fill_value === 'bigint' ? 'int64' : 'bool';
    return creation(filled(Number(a.fill_value)), () => sizes([a.size]), kind)(a, name);
  },
  't',
);
add('zeros_like ones_like', `input ${MADE}`, ({ input, ...a }, name) =>
  creation(filled(Number(name === 'ones_like')), () => input.shape, input.value.type)(a, name), 't'); // prettier-ignore
add('arange', `start end=None step=1 ${MADE}`, range, 't');
add(
  'eye',
  `n m=None ${MADE}`,
  creation(
    ([n, m]) => Array.from({ length: n * m }, (_, i) => Number(i % m === Math.floor(i / m))),
    (a) => [Number(a.n), Number(a.m ?? a.n)],
  ),
  't',
);
add(
  'linspace',
  `start end steps ${MADE}`,
  creation(
    ([n], a) =>
      Array.from(
        { length: n },
        (_, i) => Number(a.start) + (i * (Number(a.end) - Number(a.start))) / Math.max(1, n - 1),
      ),
    (a) => [Number(a.steps)],
  ),
  't',
);
add('is_tensor', 'obj', ({ obj }) => obj instanceof Tensor, 't');
add(
  'backward',
  'self gradient=None retain_graph=False',
  ({ self, gradient, retain_graph: keeps }) => {
    if (gradient !== null && !(gradient instanceof Tensor)) refuse('object is not', typeName(gradient));
    backward(self, gradient, keeps);
    return null;
  },
  'm',
);
add('item', 'self', ({ self }) => self.item(), 'm');
add(
  'tolist',
  'self',
  ({ self: { value: v } }) => {
    /** @param {number} axis @param {number} at @returns {any} */
    const cut = (axis, at) =>
      axis === v.shape.length
        ? python(v.data[at], v.type)
        : Array.from({ length: v.shape[axis] }, (_, i) => cut(axis + 1, at * v.shape[axis] + i));
    return cut(0, 0);
  },
  'm',
);
add(
  'detach',
  'self',
  ({ self }) => {
    const [t] = apply('detach', [self], { shape: self.shape, type: self.value.type, flat: true });
    return Object.assign(t, { memory: self.memory, seen: self.seen });
  },
  'm',
);
add(
  'requires_grad_',
  'self requires_grad=True',
  ({ self, requires_grad: on }) => {
    if (on && !isFloat(self.value.type)) refuse('only Tensors of');
    return (setAttribute(self, 'requires_grad', on), self);
  },
  'm',
);
add(
  'retain_grad',
  'self',
  ({ self }) => {
    if (!self.requires) refuse('can t retain_grad');
    tape.retaining.push(self);
    return null;
  },
  'm',
);
add(
  'size',
  'self dim=None',
  ({ self, dim }) => (dim === null ? shapeOf(self) : BigInt(self.shape[dimension(dim, self.shape.length)])),
  'm',
);
add('dim ndimension', 'self', ({ self }) => BigInt(self.shape.length), 'm');
add('numel', 'self', ({ self }) => BigInt(self.value.data.length));
add(
  'zero_',
  'self',
  ({ self }) => inPlace(self, () => new Tensor(value(self.shape, filled(0)(self.shape), self.value.type))),
  'm',
);
add(
  'fill_',
  'self value',
  ({ self, value: x }) =>
    inPlace(self, () => new Tensor(value(self.shape, filled(Number(x))(self.shape), self.value.type))),
  'm',
);
add('add_ sub_ mul_ div_ pow_', 'self other', ({ self, other }, name) => update(self, other, name.slice(0, -1)), 'm');
add(
  'relu_ exp_ tanh_ sigmoid_ neg_ abs_ sqrt_',
  'self',
  ({ self }, name) => inPlace(self, () => unary(name.slice(0, -1), self)),
  'm',
);
add(
  'float double long bool',
  'self',
  ({ self }, name) => cast(self, { float: 'float32', double: 'float64', long: 'int64', bool: 'bool' }[name] ?? name),
  'm',
);
add(
  'to type',
  'self dtype',
  ({ self, dtype }) =>
    dtype?.kind === 'torch.dtype'
      ? cast(self, dtype.name.slice(6))
      : dtype === 'cpu'
        ? self
        : refuse('Expected one of', dtype),
  'm',
);
add(
  'contiguous',
  'self',
  ({ self }) => (self.loose ? Object.assign(unary('clone', self), { loose: false }) : self),
  'm',
);

/** @param {Tensor} t */
const shapeOf = (t) => tuple(t.shape.map(BigInt), 'torch.Size');

/** An operator or its function. @param {string} name @param {any} a @param {any} b */
function operate(name, a, b) {
  if (!(b instanceof Tensor) && !isNumber(b)) refuse('argument other position', name, typeName(b));
  return binary(name, a, b);
}

/** Put arguments to their names. @param {string} name @param {string} takes @param {any[]} args
 * @param {Record<string, any>} named
 * @param {string} kind a function of torch or F, or a method @returns {Given} */
function bind(name, takes, args, named, kind) {
  /** @type {Given} */ const a = {};
  const left = [...args];
  const method = kind === 'method';
  const words = takes.replace('*,', '*').split(' ');
  const star = words.indexOf('*');
  const places = (star < 0 ? words : words.slice(0, star)).filter((w) => !/^(dtype|requires_grad)=/.test(w) || method);
  const count = places.length - Number(method);
  const used = { ...named };
  const none = { None: null, False: false, True: true };
  for (const word of words.filter((w) => w !== '*')) {
    const [whole, preset] = word.split('=');
    const key = whole.replace('*', '');
    const positional = places.includes(word);
    if (positional && left.length) {
      if (key in used) throw refused('got multiple values', name, key);
      a[key] = word[0] === '*' ? left.splice(0) : left.shift();
    } else if (key in used) {
      a[key] = word[0] === '*' ? [used[key]] : used[key];
      delete used[key];
    } else if (preset !== undefined)
      a[key] =
        preset in none
          ? none[/** @type {'None'} */ (preset)]
          : /^['"]/.test(preset)
            ? preset.slice(1, -1)
            : /[.e]/.test(preset)
              ? Number(preset)
              : BigInt(preset);
    else if (kind === 'F') throw refused('missing 1 required', name, key);
    else throw refused('missing 1 required positional', name, key);
  }
  const [odd] = Object.keys(used);
  if (odd) {
    if (['dtype', 'out', 'device', 'memory_format', 'alpha', 'weight', 'label_smoothing', 'decimals'].includes(odd))
      throw new Unknown(`this page does not know ${odd}= here`);
    throw refused('got an unexpected', name, odd);
  }
  if (left.length) {
    const given = args.length - Number(method);
    if (method && !count) throw refused('TensorBase takes no', name, given);
    throw refused('takes positional argument', name, count, count === 1 ? '' : 's', given);
  }
  const first = words[0].replace('*', '');
  if (['input', 'self'].includes(first) && !(a[first] instanceof Tensor))
    throw refused('argument position 1', name, first, typeName(a[first]));
  if ('keepdim' in a && typeof a.keepdim !== 'boolean')
    throw refused(
      'argument keepdim position',
      name,
      words.findIndex((w) => w.startsWith('keepdim')),
      typeName(a.keepdim),
    );
  for (const d of [a.dim, a.dim0, a.dim1].flat())
    if (d !== undefined && d !== null && typeof d !== 'bigint')
      throw new Unknown(`this page knows dim only as a whole number, not as a ${typeName(d)}`);
  return a;
}

/** @param {string} name @param {Entry} entry @param {string} kind @param {any[]} [before] */
const callable = (name, { takes, make }, kind, before = []) =>
  Object.assign(
    (/** @type {any[]} */ args, /** @type {Record<string, any>} */ named) =>
      make(bind(name, takes, [...before, ...args], named, kind), name),
    { kind: 'builtin_function_or_method' },
  );

/** What a module of PyTorch has. @param {string} name @param {'torch' | 'F'} where */
export function fromModule(name, where) {
  const entry = where === 'F' ? (FUNCTIONS[`F.${name}`] ?? FUNCTIONS[name]) : FUNCTIONS[name];
  const there =
    where === 'F'
      ? ['F', ''].includes(entry?.only ?? '-') && (entry.only === 'F' || ['relu', 'sigmoid', 'tanh'].includes(name))
      : ['t', ''].includes(entry?.only ?? '-');
  return entry && there ? callable(name, entry, where) : undefined;
}

/** @param {Tensor} t @param {string} name */
export function attribute(t, name) {
  /** @type {Record<string, () => any>} */ const has = {
    shape: () => shapeOf(t),
    grad: () => t.grad,
    dtype: () => DTYPES[t.value.type],
    requires_grad: () => t.requires,
    is_leaf: () => !t.node,
    ndim: () => BigInt(t.shape.length),
    T: () => turned('T', t, 'PermuteBackward0'),
    data: () => FUNCTIONS.detach.make({ self: t }, 'detach'),
    grad_fn: () => (t.node ? new Named('grad_fn', `<${t.node.fn} object>`) : null),
  };
  if (name in has) return has[name]();
  const entry = FUNCTIONS[`m.${name}`] ?? FUNCTIONS[name];
  if (entry && ['m', ''].includes(entry.only ?? '')) return callable(name, entry, 'method', [t]);
  if (KNOWN.has(name)) throw new Unknown(`this page does not know ${name} of a tensor`);
  throw refused('Tensor object has', name);
}

/** @param {Tensor} t @param {string} name @param {any} to */
export function setAttribute(t, name, to) {
  if (name === 'grad') {
    if (to !== null && !(to instanceof Tensor)) refuse('assigned grad expected', typeName(to));
    if (to && !sameShape(to.shape, t.shape)) refuse('attempting to assign', listed(to.shape), listed(t.shape));
    t.grad = to;
  } else if (name === 'data') {
    if (!(to instanceof Tensor)) refuse('Variable data has', typeName(to));
    if (to.memory !== t.memory) t.become({ ...to.value, op: undefined, name: t.value.name });
  } else if (name === 'requires_grad') {
    if (t.node && !to) refuse('you can only');
    t.requires = to;
  } else throw new Unknown(`this page does not set ${name} of a tensor`);
}

/** What a tensor has in PyTorch and not here. */
const KNOWN = new Set(WORDS.elsewhere.tensor.split(' '));
