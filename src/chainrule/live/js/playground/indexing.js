// Brackets and what is changed in place: entries of a tensor that are read, and written.

import { run } from '../engine/ops.js';
import { sameShape, spread } from '../engine/tensors.js';
import { made } from './creation.js';
import { cast } from './operations.js';
import { refuse, Tuple, typeName, Unknown } from './python.js';
import { apply, tape, Tensor, value } from './tape.js';
import { CATEGORY, isFloat, listed, LONG } from './types.js';

/** What stands in brackets, for the page's engine, and the name of what takes it. @param {Tensor} t
 * @param {any} index */
function indices(t, index) {
  const all = index instanceof Tuple ? [...index] : [index];
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
      return one instanceof Tensor ? one : at;
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
    return found;
  });
  return { index: written, fn: `${fn || 'Alias'}Backward0` };
}

/** @param {Tensor} t @param {any} brackets */
export function getItem(t, brackets) {
  const { index, fn } = indices(t, brackets);
  const copies = fn.startsWith('Index');
  const part = apply('getitem', { input: t, index }, { fn, saves: copies ? 'n' : '', view: !copies });
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
  return t.shape[0] ? apply('unbind', { input: t, dim: 0 }, { types: Array(t.shape[0]).fill(type), view: true }) : [];
}

/** @param {Tensor} t @param {any} brackets @param {any} to */
export function setItem(t, brackets, to) {
  const { index } = indices(t, brackets);
  if (tape.recording && t.requires && !t.node) refuse('a view of');
  if (tape.recording && (t.requires || to.requires))
    throw new Unknown('this page does not follow gradients into a tensor whose entries are changed one by one');
  const input = new Tensor(value(t.shape, [...t.value.data.keys()], 'float64'));
  const at = apply('getitem', { input, index }, { type: 'float64', flat: true });
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
