// Ops that only move entries, picked by place or by size. Each is run on the places of the entries, once for both ways.

import { axisOf, define } from './calls.js';
import { otherwise } from './ops.js';
import { flat, map, sizeOf, spread, tensor } from './tensors.js';

/** @param {number[]} shape @param {number} axis */
const apart = (shape, axis) => sizeOf(shape.slice(axis + 1));

/** Walk a tensor along axes, each with how far its steps lead. @param {Tensor} x @param {number[][]} axes
 * @param {number[]} shape @returns {Tensor} */
const walk = (x, axes, shape, from = 0) => ({
  shape,
  data: Float64Array.from(
    axes.reduce((at, steps) => at.flatMap((place) => steps.map((step) => place + step)), [from]),
    (place) => x.data[place],
  ),
});

/** @param {number} i @param {number} n */
function wrapped(i, n) {
  if (!(i >= -n && i < n)) throw new Error(`there is no entry ${i} of ${n}`);
  return i < 0 ? i + n : i;
}

/** The steps of a slice such as `1:3`. @param {string} text @param {number} n */
function sliced(text, n) {
  const [from, to, by] = text.split(':').map((end) => (end === '' ? NaN : Number(end)));
  const end = (/** @type {number} */ at, /** @type {number} */ none) =>
    at !== at ? none : Math.max(0, Math.min(n, at < 0 ? at + n : at));
  const [first, last] = [end(from, 0), end(to, n)];
  return Array.from({ length: Math.max(0, Math.ceil((last - first) / (by || 1))) }, (_, i) => first + i * (by || 1));
}

/** @param {Tensor} x @param {any} index as it stands in brackets @returns {Tensor} */
function indexed(x, index) {
  const items = (Array.isArray(index) ? index : [index]).flatMap((one) =>
    one?.type === 'bool' && one.shape.length
      ? one.shape.map((/** @type {number} */ n, /** @type {number} */ axis) => {
          const found = [...one.data.keys()].filter((at) => one.data[at]);
          return tensor([found.length], flat(found.map((at) => Math.floor(at / apart(one.shape, axis)) % n)));
        })
      : Array.isArray(one)
        ? [tensor([one.length], flat(one))]
        : [one?.data && !one.shape.length ? (one.type === 'bool' ? Boolean(one.data[0]) : one.data[0]) : one],
  );
  const isNew = (/** @type {any} */ one) => one === null || typeof one === 'boolean';
  const left = x.shape.length - items.filter((one) => !isNew(one) && one !== '...').length;
  const gap = items.indexOf('...');
  items.splice(gap < 0 ? items.length : gap, Number(gap >= 0), ...Array(left).fill(':'));
  const picks = items.filter((one) => one?.data);
  const length = Math.max(0, ...picks.map((one) => one.shape.length));
  const shape = Array.from({ length }, (_, i) =>
    picks.reduce((n, { shape: s }) => ((s[i - length + s.length] ?? 1) === 1 ? n : s[i - length + s.length]), 1),
  );
  /** @type {number[][]} */ const axes = [];
  /** @type {number[]} */ const sizes = [];
  /** @type {number[] | undefined} */ let together;
  let place = 0;
  let from = 0;
  let axis = 0;
  for (const one of items) {
    if (isNew(one)) {
      axes.push(one === false ? [] : [0]);
      sizes.push(Number(one !== false));
      continue;
    }
    const n = x.shape[axis];
    const far = apart(x.shape, axis++);
    if (one?.data) {
      if (together && place !== axes.length)
        place = 0; // they do not stand side by side, and so come first
      else if (!together) place = axes.length;
      const where = spread(one.shape, shape);
      const before = together ?? Array(sizeOf(shape)).fill(0);
      together = before.map((step, i) => step + wrapped(one.data[where ? where[i] : i], n) * far);
    } else if (typeof one === 'string') {
      const steps = sliced(one, n);
      axes.push(steps.map((at) => at * far));
      sizes.push(steps.length);
    } else from += wrapped(one, n) * far;
  }
  if (together) {
    axes.splice(place, 0, together);
    sizes.splice(place, 0, ...shape);
  }
  return walk(x, axes, sizes, from);
}

/** @param {Tensor} x @param {number} dim @param {any} one what stands in brackets there */
const along = (x, dim, one) => indexed(x, [...Array(axisOf(dim, x.shape)).fill(':'), one]);

/** Cut along a dimension. @param {Tensor} x @param {number} dim @param {number[] | number} sizes */
function parts(x, sizes, dim = 0) {
  const n = x.shape[axisOf(dim, x.shape)];
  const each = typeof sizes === 'number' ? Array(Math.ceil(n / sizes)).fill(sizes) : sizes;
  let from = 0;
  return each.map((size) => along(x, dim, `${from}:${(from += size)}`));
}

/** @param {Tensor[]} all @param {number} [dim] @returns {Tensor} */
function joined(all, dim = 0) {
  const axis = axisOf(dim, all[0].shape);
  const rows = sizeOf(all[0].shape.slice(0, axis));
  const data = Array.from({ length: rows }, (_, row) =>
    all.flatMap((t) => [...t.data.subarray((row * t.data.length) / rows, ((row + 1) * t.data.length) / rows)]),
  ).flat();
  const shape = all[0].shape.map((n, i) => (i === axis ? all.reduce((sum, t) => sum + t.shape[i], 0) : n));
  return { shape, data: flat(data) };
}

/** Reorder dimensions. @param {Tensor} x @param {number[]} order @returns {Tensor} */
export const turned = (x, order) =>
  walk(
    x,
    order.map((axis) =>
      Array.from({ length: x.shape.at(axis) ?? 1 }, (_, i) => i * apart(x.shape, axisOf(axis, x.shape))),
    ),
    order.map((axis) => x.shape.at(axis) ?? 1),
  );

/** @param {number[]} shape @param {number} a @param {number} b */
const swapped = (shape, a, b) =>
  shape.map((_, i) => (i === axisOf(a, shape) ? axisOf(b, shape) : i === axisOf(b, shape) ? axisOf(a, shape) : i));

/**
 * An op that only moves entries of one argument, a tensor or a list of them.
 * @param {string} takes @param {(a: Given, shape: number[]) => Tensor | Tensor[]} arrange
 * @param {string} [moved] that argument @returns {Rule}
 */
function moves(takes, arrange, moved = takes.split(' ')[0]) {
  /** Where each entry comes from, if all stand in one row. @param {Given} a @param {number[]} shape */
  const places = (a, shape) => {
    let from = 0;
    const numbered = [a[moved]].flat().map((t) => map(t, () => from++));
    return [arrange({ ...a, [moved]: a[moved].data ? numbered[0] : numbered }, shape)].flat();
  };
  return {
    takes,
    run(a, { shape }) {
      const row = [a[moved]].flat().flatMap((t) => [...t.data]);
      return places(a, shape).map((at) => map(at, (place) => row[place]));
    },
    back: {
      [moved](g, a, out, step, k) {
        const all = [a[moved]].flat();
        const row = new Float64Array(all.reduce((sum, t) => sum + t.data.length, 0));
        const upstream = [g].flat();
        places(a, step.shape).forEach((at, part) =>
          at.data.forEach((place, i) => (row[place] += upstream[part]?.data[i] ?? 0)),
        );
        const before = all.slice(0, k).reduce((sum, t) => sum + t.data.length, 0);
        return { shape: [], data: a[moved].data ? row : row.slice(before, before + all[k].data.length) };
      },
    },
  };
}

/** The entries that each entry of a reduction is made of. @param {Tensor} x @param {number | number[]} [dim] */
function groups(x, dim) {
  const dims = [dim ?? []].flat().map((d) => axisOf(d, x.shape));
  const small = x.shape.map((n, i) => (!dims.length || dims.includes(i) ? 1 : n));
  const where = spread(small, x.shape);
  /** @type {number[][]} */ const found = Array.from({ length: sizeOf(small) }, () => []);
  x.data.forEach((_, i) => found[where ? where[i] : i].push(i));
  return found;
}

/** A max or a min: over one dimension it takes the first of those that tie, and says where; else they share.
 * @param {number} sign @param {boolean} evenly whether they share over one as well @returns {Rule} */
function extreme(sign, evenly) {
  /** @param {Given} a */
  const chosen = ({ input: { data, ...x }, dim }) =>
    groups({ data, ...x }, dim).map((at) => {
      // nan is the largest and the smallest
      const best = at.reduce((b, p) => (data[b] === data[b] && !(sign * data[p] <= sign * data[b]) ? p : b));
      return evenly || dim === undefined ? at.filter((p) => p === best || data[p] === data[best]) : [best];
    });
  return {
    takes: 'input dim keepdim',
    run(a, { shape, name }) {
      const { input, dim } = a;
      if (dim?.data) throw otherwise(name);
      const best = chosen(a).map(([p]) => p);
      const made = { shape, data: Float64Array.from(best, (p) => input.data[p]) };
      if (evenly || dim === undefined) return made;
      const axis = axisOf(dim, input.shape);
      const places = best.map((p) => Math.floor(p / apart(input.shape, axis)) % (input.shape[axis] ?? 1));
      return [made, { shape, data: flat(places) }];
    },
    back: {
      input(g, a) {
        const back = tensor(a.input.shape);
        const { data } = [g].flat()[0];
        chosen(a).forEach((at, i) => at.forEach((p) => (back.data[p] = data[i] / at.length)));
        return back;
      },
    },
  };
}

const looked = moves(
  'input weight padding_idx max_norm norm_type scale_grad_by_freq sparse',
  ({ input, weight }) => indexed(weight, [input]),
  'weight',
);

const mirrored = moves('input', ({ input }) => turned(input, [...input.shape.keys()].reverse()));

define({
  max: extreme(1, false),
  min: extreme(-1, false),
  amax: extreme(1, true),
  amin: extreme(-1, true),
  getitem: moves('input index', ({ input, index = null }) => indexed(input, index)),
  select: moves('input dim index', ({ input, dim, index }) => along(input, dim, index)),
  index_select: moves('input dim index', ({ input, dim, index }) => along(input, dim, index)),
  narrow: moves('input dim start length', (a) => along(a.input, a.dim, `${a.start}:${a.start + a.length}`)),
  unbind: moves('input dim', ({ input, dim = 0 }) =>
    Array.from({ length: input.shape[axisOf(dim, input.shape)] }, (_, i) => along(input, dim, i)),
  ),
  split: moves('input split_size dim', ({ input, split_size: size, dim }) => parts(input, size, dim)),
  chunk: moves('input chunks dim', ({ input, chunks, dim = 0 }) =>
    parts(input, Math.ceil(input.shape[axisOf(dim, input.shape)] / chunks), dim),
  ),
  cat: moves('tensors dim', ({ tensors, dim }) => joined(tensors, dim)),
  stack: moves('tensors dim', ({ tensors, dim = 0 }, whole) =>
    joined(
      tensors.map((/** @type {Tensor} */ t) => ({
        ...t,
        shape: whole.map((n, i) => (i === axisOf(dim, whole) ? 1 : n)),
      })),
      axisOf(dim, whole),
    ),
  ),
  gather: moves('input dim index', ({ input, dim, index }) =>
    map(index, (/** @type {number} */ at, /** @type {number} */ i) => {
      const steps = input.shape.map((/** @type {number} */ n, /** @type {number} */ axis) => {
        const here = Math.floor(i / apart(index.shape, axis)) % index.shape[axis];
        return (axis === axisOf(dim, input.shape) ? wrapped(at, n) : here) * apart(input.shape, axis);
      });
      return input.data[steps.reduce((/** @type {number} */ sum, /** @type {number} */ step) => sum + step, 0)];
    }),
  ),
  embedding: {
    ...looked,
    back: {
      weight(g, a, out, step, k) {
        const { data } = looked.back.weight(g, a, out, step, k);
        const row = a.padding_idx * a.weight.shape[1];
        if (row >= 0) data.fill(0, row, row + a.weight.shape[1]);
        return { shape: [], data };
      },
    },
  },
  expand: moves('input *size', ({ input }, shape) => {
    const where = spread(input.shape, shape);
    return map(tensor(shape), (_, i) => input.data[where ? where[i] : i]);
  }),
  permute: moves('input *dims', (a) => turned(a.input, a.dims)),
  transpose: moves('input dim0 dim1', (a) => turned(a.input, swapped(a.input.shape, a.dim0, a.dim1))),
  T: mirrored,
  t: mirrored,
});
