// PyTorch's functions, one row each: its names, its arguments, and what makes its result.

import { creation, filled, made, MADE, range } from './creation.js';
import { inPlace } from './indexing.js';
import {
  binary,
  cast,
  classes,
  clamp,
  extreme,
  joined,
  layerNorm,
  linear,
  matmul,
  passed,
  reduced,
  regression,
  reshaped,
  resized,
  softmax,
  sum,
  turned,
  unary,
  where,
} from './operations.js';
import { isNumber, refuse, tuple, Tuple, typeName, Unknown } from './python.js';
import { apply, backward, python, tape, Tensor, value } from './tape.js';
import { dimension, isFloat, listed, LONG, sizes } from './types.js';
import { sizeOf } from '../engine/tensors.js';

/** @typedef {Record<string, any>} Given */
/** @typedef {(a: Given, name: string) => any} Make */
/** @typedef {{takes: string, make: Make, only: string}} Entry */

/** @type {Record<string, Entry>} */
export const FUNCTIONS = {};

/** Write rows down. @param {string} only '' for what torch and a tensor have, F, t, or m for one place alone
 * @param {Record<string, [string, Make]>} rows by names */
function table(only, rows) {
  for (const [names, [takes, make]] of Object.entries(rows))
    for (const name of names.split(' '))
      FUNCTIONS[only && name in FUNCTIONS ? `${only}.${name}` : name] = { takes, make, only };
}

/** @param {Tensor} t */
export const shapeOf = (t) => tuple(t.shape.map(BigInt), 'torch.Size');

/** A number that a tensor holds everywhere. @param {number} x @param {Tensor} t */
const full = (x, t) => new Tensor(value(t.shape, filled(x)(t.shape), t.value.type));

/** @type {Make} */
function two({ input, other }, name) {
  if (!(other instanceof Tensor) && !isNumber(other)) refuse('argument other position', name, typeName(other));
  return binary(name, input, other);
}

/** @type {Make} */
function amax({ input, dim, keepdim }, name) {
  const given = { input: '@0', keepdim, ...(dim === null ? {} : { dim: [dim].flat().map(Number) }) };
  return apply(name, [input], { shape: reduced(input, dim, keepdim).left, given, saves: 'io' })[0];
}

/** @type {Make} */
function argmax({ input, dim, keepdim }, name) {
  const flat = dim === null ? reshaped(input, [-1], 'reshape') : input;
  return /** @type {Tuple} */ (extreme({ input: flat, other: null, dim: dim ?? 0n, keepdim }, name.slice(3)))[1];
}

/** @type {Make} */
function product({ input, other }, name) {
  if (!(other instanceof Tensor)) refuse('argument other position', name, typeName(other));
  const ranks = `${input.shape.length}${other.shape.length}`;
  const due = /** @type {Record<string, string>} */ ({ mm: '22', mv: '21', bmm: '33', dot: '11' })[name] ?? ranks;
  if (due !== ranks) throw new Unknown(`this page does not know ${name} of these shapes`);
  return matmul(input, other, name === 'bmm' ? 'BmmBackward0' : undefined);
}

/** @type {Make} */
function flatten({ input, start_dim: a, end_dim: b }) {
  const { shape } = input;
  if (shape.length === 1) return input;
  const [from, to] = [a, b].map((d) => dimension(d, shape.length));
  if (from > to) refuse('flatten() has');
  const middle = sizeOf(shape.slice(from, to + 1));
  return reshaped(input, shape.length ? shape.toSpliced(from, to - from + 1, middle) : [1], 'reshape');
}

/** @type {Make} */
function squeeze({ input, dim }) {
  if (dim !== null) {
    const at = dimension(dim, input.shape.length);
    return resized(input, at, 0, Number(input.shape[at] === 1), 'SqueezeBackward1');
  }
  const shape = input.shape.filter((/** @type {number} */ n) => n !== 1);
  return apply('reshape', [input], { shape, fn: 'SqueezeBackward0', view: true })[0];
}

/** @type {Make} */
function permute({ input, dims }) {
  const order = sizes(dims).map((d) => dimension(d, input.shape.length));
  if (order.length !== input.shape.length) refuse('permute sparse_coo number', input.shape.length, order.length);
  if (new Set(order).size < order.length) refuse('permute(): duplicate');
  return turned('permute', input, 'PermuteBackward0', { dims: order });
}

/** @type {Make} */
function expand({ input, size }) {
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
  return apply('expand', [input], { shape, given: { input: '@0', size: shape }, view: true })[0];
}

/** @type {Make} */
function embedding({ input, weight }) {
  for (const at of input.value.data) if (!(at >= 0 && at < weight.shape[0])) refuse('index out of range');
  return apply('embedding', [input, weight], { type: weight.value.type, saves: 'n' })[0];
}

/** @type {Make} */
function like({ input, ...a }, name) {
  return creation(filled(Number(name === 'ones_like')), () => input.shape, input.value.type)(a, name);
}

/** @type {Make} */
function everywhere(a, name) {
  const type = typeof a.fill_value === 'number' ? 'float32' : typeof a.fill_value === 'bigint' ? 'int64' : 'bool';
  return creation(filled(Number(a.fill_value)), () => sizes([a.size]), type)(a, name);
}

/** @param {Tensor} t @returns {any} */
function nestedList({ value: { shape, data, type } }) {
  /** @param {number} axis @param {number} at @returns {any} */
  const cut = (axis, at) =>
    axis === shape.length
      ? python(data[at], type)
      : Array.from({ length: shape[axis] }, (_, i) => cut(axis + 1, at * shape[axis] + i));
  return cut(0, 0);
}

/** @type {Make} */
function goBack({ self, gradient, retain_graph: keeps }) {
  if (gradient !== null && !(gradient instanceof Tensor)) refuse('object is not', typeName(gradient));
  backward(self, gradient, keeps);
  return null;
}

/** @param {Tensor} t */
export function detached(t) {
  const [made] = apply('detach', [t], { shape: t.shape, flat: true });
  return Object.assign(made, { memory: t.memory, seen: t.seen });
}

/** @param {Tensor} t @param {boolean} to */
export function requireGrad(t, to) {
  if (t.node && !to) refuse('you can only');
  t.requires = to;
  return t;
}

/** @type {Make} */
function retain({ self }) {
  if (!self.requires) refuse('can t retain_grad');
  tape.retaining.push(self);
  return null;
}

/** @type {Make} */
function moved({ self, dtype }) {
  if (dtype?.kind === 'torch.dtype') return cast(self, dtype.name.slice(6));
  return dtype === 'cpu' ? self : refuse('Expected one of', dtype);
}

const DTYPE_OF = /** @type {Record<string, string>} */ ({ float: 'float32', double: 'float64', long: 'int64' });
const square = (/** @type {number[]} */ [n, m]) =>
  Array.from({ length: n * m }, (_, i) => Number(i % m === Math.floor(i / m)));

table('', {
  'exp log sqrt sin cos tanh sigmoid reciprocal abs neg square relu clone round floor sign': [
    'input',
    ({ input }, name) => unary(name, input),
  ],
  'add sub mul div pow maximum minimum remainder gt lt ge le eq ne': ['input other', two],
  'sum mean': ['input dim=None keepdim=False', sum],
  'max min': ['input other=None keepdim=False dim=None', extreme],
  'amax amin': ['input dim=None keepdim=False', amax],
  'argmax argmin': ['input dim=None keepdim=False', argmax],
  'matmul mm mv dot bmm': ['input other', product],
  'reshape view': ['input *shape', ({ input, shape }, name) => reshaped(input, sizes(shape), name)],
  flatten: ['input start_dim=0 end_dim=-1', flatten],
  squeeze: ['input dim=None', squeeze],
  unsqueeze: [
    'input dim',
    ({ input, dim }) => resized(input, dimension(dim, input.shape.length + 1), 1, 0, 'UnsqueezeBackward0'),
  ],
  t: ['input', ({ input }) => turned('t', input, 'TBackward0')],
  transpose: [
    'input dim0 dim1',
    ({ input, ...dims }) => {
      const [dim0, dim1] = [dims.dim0, dims.dim1].map((d) => dimension(d, input.shape.length));
      return turned('transpose', input, 'TransposeBackward0', { dim0, dim1 });
    },
  ],
  permute: ['input *dims', permute],
  expand: ['input *size', expand],
  'softmax log_softmax': ['input dim', softmax],
  clamp: ['input min=None max=None', clamp],
  numel: ['self', ({ self }) => BigInt(self.value.data.length)],
});
table('F', {
  gelu: ["input approximate='none'", ({ input, approximate }) => unary('gelu', input, { approximate })],
  silu: ['input', ({ input }) => unary('silu', input, { inplace: false })],
  'softmax log_softmax': ['input dim=None', softmax],
  'mse_loss l1_loss': ["input target reduction='mean'", regression],
  'cross_entropy nll_loss': ["input target reduction='mean'", classes],
  linear: ['input weight bias=None', linear],
  layer_norm: ['input normalized_shape weight=None bias=None eps=1e-05', layerNorm],
  embedding: ['input weight', embedding],
});
table('t', {
  'stack cat': ['tensors dim=0', joined],
  where: ['condition input other', where],
  tensor: [`data *, ${MADE}`, made],
  zeros: [`*size ${MADE}`, creation(filled(0), (a) => sizes(a.size))],
  ones: [`*size ${MADE}`, creation(filled(1), (a) => sizes(a.size))],
  full: [`size fill_value ${MADE}`, everywhere],
  'zeros_like ones_like': [`input ${MADE}`, like],
  arange: [`start end=None step=1 ${MADE}`, range],
  eye: [`n m=None ${MADE}`, creation(square, (a) => [Number(a.n), Number(a.m ?? a.n)])],
});
table('m', {
  masked_fill: [
    'input mask value',
    ({ input, mask, value: x }) => passed('masked_fill', input, { mask: '@1', value: Number(x) }, {}, [mask]),
  ],
  backward: ['self gradient=None retain_graph=False', goBack],
  item: ['self', ({ self }) => self.item()],
  tolist: ['self', ({ self }) => nestedList(self)],
  detach: ['self', ({ self }) => detached(self)],
  requires_grad_: [
    'self requires_grad=True',
    ({ self, requires_grad: on }) => {
      if (on && !isFloat(self.value.type)) refuse('only Tensors of');
      return requireGrad(self, on);
    },
  ],
  retain_grad: ['self', retain],
  size: [
    'self dim=None',
    ({ self, dim }) => (dim === null ? shapeOf(self) : BigInt(self.shape[dimension(dim, self.shape.length)])),
  ],
  dim: ['self', ({ self }) => BigInt(self.shape.length)],
  zero_: ['self', ({ self }) => inPlace(self, () => full(0, self))],
  fill_: ['self value', ({ self, value: x }) => inPlace(self, () => full(Number(x), self))],
  'add_ sub_ mul_ div_ pow_': [
    'self other',
    ({ self, other }, name) => inPlace(self, () => binary(name.slice(0, -1), self, other)),
  ],
  'relu_ exp_ tanh_ sigmoid_ neg_ abs_ sqrt_': [
    'self',
    ({ self }, name) => inPlace(self, () => unary(name.slice(0, -1), self)),
  ],
  'float double long bool': ['self', ({ self }, name) => cast(self, DTYPE_OF[name] ?? name)],
  to: ['self dtype', moved],
  contiguous: ['self', ({ self }) => (self.loose ? Object.assign(unary('clone', self), { loose: false }) : self)],
});
