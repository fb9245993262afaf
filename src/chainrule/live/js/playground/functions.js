// PyTorch's functions: one table, a row for each callable with its names, its arguments, and what makes its result.

import { creation, filled, made, MADE, range } from './creation.js';
import { inPlace } from './indexing.js';
import {
  amax, argmax, cast, classes, expand, extreme, flatten, joined, linear, permute, product, regression, reshaped,
  resultType, squeeze, sum, transpose, turned, two, unsqueeze,
} from './operations.js'; // prettier-ignore
import { refuse, tuple, typeName, Unknown } from './python.js';
import { apply, backward, python, tape, Tensor, value } from './tape.js';
import { broadcast, dimension, isFloat, listed, LONG, sizes } from './types.js';
import { nested, sameShape } from '../engine/tensors.js';

/** @typedef {(a: Given, name: string) => any} Make */
/** @typedef {[string, Make]} Row the names of its arguments, with what they are without a word, and what is made */

/** What torch, a tensor and nn.functional have, by name. @type {Record<string, Record<string, Row>>} */
export const TABLE = { t: {}, m: {}, F: {} };

/** Write rows down. @param {string} places of the table @param {Record<string, Row>} rows by names */
function table(places, rows) {
  for (const [names, row] of Object.entries(rows))
    for (const name of names.split(' ')) for (const place of places) TABLE[place][name] = row;
}

/** Call a function of torch. @param {string} name @param {Given} a @returns {any} */
export const perform = (name, a) => TABLE.t[name][1](a, name);

/** An op of one tensor, entry by entry. @param {string} saves @param {boolean} [keeps] its dtype, also of integers
 * @returns {Row} */
const unary = (saves, keeps) => [
  'input',
  ({ input }, name) => {
    const { type } = input.value;
    if (name === 'neg' && type === 'bool') refuse('Negation the operator');
    const fn = name === 'square' ? 'PowBackward0' : undefined;
    return apply(name, { input }, { type: isFloat(type) || keeps ? type : 'float32', fn, saves });
  },
];

/** What keeps its input's shape. @param {string} takes @param {object} how @param {Make} [seen] looks at the arguments,
 * and may change some @returns {Row} */
const shaped = (takes, how, seen) => [
  takes,
  (a, name) => apply(name, { ...a, ...seen?.(a, name) }, { saves: 'n', shape: a.input.shape, ...how }),
];

/** @param {string} takes @returns {Row} */
const softmax = (takes) =>
  shaped(takes, { saves: 'o' }, ({ input: { shape, value }, dim }, name) => {
    const along = dimension(dim ?? ([0, 1, 3].includes(shape.length) ? 0 : 1), shape.length);
    if (!isFloat(value.type)) refuse('_lastdim_kernel_impl not implemented', name, LONG[value.type]);
    return { dim: along };
  });

/** A number that a tensor holds everywhere. @param {any} x @param {Tensor} t */
const full = (x, t) => inPlace(t, () => new Tensor(value(t.shape, filled(Number(x))(t.shape), t.value.type)));

/** @param {Tensor} t */
export const shapeOf = (t) => tuple(t.shape.map(BigInt), 'torch.Size');

/** @param {Tensor} t */
export const detached = (t) =>
  Object.assign(apply('detach', { input: t }, { shape: t.shape, flat: true }), { memory: t.memory, seen: t.seen });

/** @param {Tensor} t @param {boolean} to */
export function requireGrad(t, to) {
  if (t.node && !to) refuse('you can only');
  t.requires = to;
  return t;
}

const DTYPE_OF = /** @type {Record<string, string>} */ ({ float: 'float32', double: 'float64', long: 'int64' });
/** @param {number[]} shape */
const unit = ([n, m]) => Array.from({ length: n * m }, (_, i) => Number(i % m === Math.floor(i / m)));

table('tmF', { relu: unary('o', true), 'tanh sigmoid': unary('o') });
table('tm', {
  'exp sqrt reciprocal': unary('o'),
  'log sin cos': unary('i'),
  'abs square': unary('i', true),
  'neg clone round floor sign': unary('', true),
  'add sub mul div pow maximum minimum remainder gt lt ge le eq ne': ['input other', two],
  'sum mean': ['input dim=None keepdim=False', sum],
  'max min': ['input other=None keepdim=False dim=None', extreme],
  'amax amin': ['input dim=None keepdim=False', amax],
  'argmax argmin': ['input dim=None keepdim=False', argmax],
  'matmul mm mv dot bmm': ['input other', product],
  'reshape view': ['input *shape', ({ input, shape }, name) => reshaped(input, sizes(shape), name)],
  flatten: ['input start_dim=0 end_dim=-1', flatten],
  squeeze: ['input dim=None', squeeze],
  unsqueeze: ['input dim', unsqueeze],
  t: ['input', (a) => turned('t', a)],
  transpose: ['input dim0 dim1', transpose],
  permute: ['input *dims', permute],
  expand: ['input *size', expand],
  'softmax log_softmax': softmax('input dim'),
  clamp: shaped('input min=None max=None', { fn: 'ClampBackward1', saves: 'i' }, ({ min, max }) => {
    if (min === null && max === null) refuse('torch clamp At');
    if (min instanceof Tensor || max instanceof Tensor) throw new Unknown('this page clamps between numbers only');
  }),
  numel: ['self', ({ self }) => BigInt(self.value.data.length)],
});
table('F', {
  gelu: shaped("input approximate='none'", { saves: 'i' }, ({ input: { value } }, name) => {
    if (!isFloat(value.type)) refuse('not implemented for', name, LONG[value.type]);
  }),
  silu: shaped('input', { saves: 'i' }),
  'softmax log_softmax': softmax('input dim=None'),
  'mse_loss l1_loss': ["input target reduction='mean'", regression],
  'cross_entropy nll_loss': ["input target reduction='mean'", classes],
  linear: ['input weight bias=None', linear],
  layer_norm: shaped(
    'input normalized_shape weight=None bias=None eps=1e-05',
    { fn: 'NativeLayerNormBackward0', saves: 'x' },
    ({ input, normalized_shape: over }) => {
      if (!Array.isArray(over)) refuse('layer_norm argument normalized_shape', typeName(over));
      const shape = over.map(Number);
      if (!sameShape(input.shape.slice(-shape.length), shape))
        refuse('Given normalized_shape expected', listed(shape), shape.join(', '), listed(input.shape));
    },
  ),
  embedding: [
    'input weight',
    (a) => {
      for (const at of a.input.value.data) if (!(at >= 0 && at < a.weight.shape[0])) refuse('index out of range');
      return apply('embedding', a, { type: a.weight.value.type, saves: 'n' });
    },
  ],
});
table('t', {
  'stack cat': ['tensors dim=0', joined],
  where: [
    'condition input other',
    (a) => {
      const shapes = Object.values(a).flatMap((one) => (one instanceof Tensor ? [one.shape] : []));
      return apply('where', a, { shape: shapes.reduce(broadcast), type: resultType([a.input, a.other]), saves: 'n' });
    },
  ],
  tensor: [`data *, ${MADE}`, made],
  zeros: [`*size ${MADE}`, creation(filled(0), (a) => sizes(a.size))],
  ones: [`*size ${MADE}`, creation(filled(1), (a) => sizes(a.size))],
  full: [
    `size fill_value ${MADE}`,
    ({ size, fill_value: x, ...a }, name) => {
      const type = typeof x === 'number' ? 'float32' : typeof x === 'bigint' ? 'int64' : 'bool';
      return creation(filled(Number(x)), () => sizes([size]), type)({ size, ...a }, name);
    },
  ],
  'zeros_like ones_like': [
    `input ${MADE}`,
    ({ input, ...a }, name) =>
      creation(filled(Number(name === 'ones_like')), () => input.shape, input.value.type)(a, name),
  ],
  arange: [`start end=None step=1 ${MADE}`, range],
  eye: [`n m=None ${MADE}`, creation(unit, (a) => [Number(a.n), Number(a.m ?? a.n)])],
});
table('m', {
  masked_fill: shaped('input mask value', {}),
  backward: [
    'self gradient=None retain_graph=False',
    ({ self, gradient, retain_graph: keeps }) => {
      if (gradient !== null && !(gradient instanceof Tensor)) refuse('object is not', typeName(gradient));
      backward(self, gradient, keeps);
      return null;
    },
  ],
  item: ['self', ({ self }) => self.item()],
  tolist: ['self', ({ self: { value } }) => nested(value, (x) => python(x, value.type))],
  detach: ['self', ({ self }) => detached(self)],
  requires_grad_: [
    'self requires_grad=True',
    ({ self, requires_grad: on }) => {
      if (on && !isFloat(self.value.type)) refuse('only Tensors of');
      return requireGrad(self, on);
    },
  ],
  retain_grad: [
    'self',
    ({ self }) => {
      if (!self.requires) refuse('can t retain_grad');
      tape.retaining.push(self);
      return null;
    },
  ],
  size: [
    'self dim=None',
    ({ self, dim }) => (dim === null ? shapeOf(self) : BigInt(self.shape[dimension(dim, self.shape.length)])),
  ],
  dim: ['self', ({ self }) => BigInt(self.shape.length)],
  zero_: ['self', ({ self }) => full(0, self)],
  fill_: ['self value', ({ self, value: x }) => full(x, self)],
  'float double long bool': ['self', ({ self }, name) => cast(self, DTYPE_OF[name] ?? name)],
  to: [
    'self dtype',
    ({ self, dtype }) => {
      if (dtype?.kind === 'torch.dtype') return cast(self, dtype.name.slice(6));
      return dtype === 'cpu' ? self : refuse('Expected one of', dtype);
    },
  ],
  contiguous: [
    'self',
    ({ self }) => (self.loose ? Object.assign(perform('clone', { input: self }), { loose: false }) : self),
  ],
});
for (const name of 'add sub mul div pow relu exp tanh sigmoid neg abs sqrt'.split(' '))
  table('m', { [`${name}_`]: [TABLE.m[name][0], (a) => inPlace(a.input, () => perform(name, a))] });
