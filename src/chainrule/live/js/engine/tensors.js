// Tensors as flat arrays with a shape, and how they broadcast.

/** @typedef {{shape: number[], data: Float64Array}} Tensor */
/** @typedef {number | string | NestedArray} Nested */
/** @typedef {Array<Nested>} NestedArray */

/** @param {number[]} shape */
export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** @param {number[]} shape @param {Float64Array | number} [data] @returns {Tensor} */
export const tensor = (shape, data = 0) => ({
  shape,
  data: typeof data === 'number' ? new Float64Array(sizeOf(shape)).fill(data) : data,
});

/** @param {ArrayLike<unknown>} numbers JSON has no NaN and no infinity: they come as strings */
export const flat = (numbers) => Float64Array.from(/** @type {ArrayLike<number>} */ (numbers), Number);

/** @param {number[]} a @param {number[]} b */
export const sameShape = (a, b) => a.length === b.length && a.every((n, i) => n === b[i]);

/**
 * For each entry of a result of shape `to`, the entry of an input of shape `from` that it comes from.
 * @param {number[]} from @param {number[]} to @returns {Int32Array | null} null where they are the same
 */
export function spread(from, to) {
  if (sameShape(from, to)) return null;
  if (from.length > to.length) throw new Error(`(${from}) does not broadcast to (${to})`);
  const map = new Int32Array(sizeOf(to));
  const lead = to.length - from.length;
  for (let at = 0; at < map.length; at++) {
    let rest = at;
    let step = 1;
    let found = 0;
    for (let axis = to.length - 1; axis >= lead; axis--) {
      const size = from[axis - lead];
      if (size !== 1 && size !== to[axis]) throw new Error(`(${from}) does not broadcast to (${to})`);
      if (size !== 1) found += (rest % to[axis]) * step;
      rest = Math.floor(rest / to[axis]);
      step *= size;
    }
    map[at] = found;
  }
  return map;
}

/** @param {Tensor} t @param {(x: number) => any} f @returns {any} what it makes of a number, or lists of that */
export function nested({ shape, data }, f = Number) {
  /** @param {number} axis @param {number} at @returns {any} */
  const cut = (axis, at) =>
    axis === shape.length
      ? f(data[at])
      : Array.from({ length: shape[axis] }, (_, i) => cut(axis + 1, at * shape[axis] + i));
  return cut(0, 0);
}

/** @param {unknown} given @param {string} name @returns {Tensor} */
export function fromNested(given, name) {
  /** @type {number[]} */ const shape = [];
  for (let inner = given; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const numbers = Array.isArray(given) ? given.flat(shape.length - 1) : [given];
  if (numbers.length !== sizeOf(shape) || !numbers.every((n) => typeof n === 'number'))
    throw new Error(`${name} takes ${shape.length ? 'lists of numbers' : 'a number'}`);
  return { shape, data: flat(numbers) };
}

/** @param {Tensor} t @param {(x: number, i: number) => number} f @returns {Tensor} */
export const map = (t, f) => ({ shape: t.shape, data: t.data.map(f) });

/** @param {Tensor} t a matrix @returns {Tensor} */
export function transposed({ shape: [rows, columns], data }) {
  const turned = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j];
  return { shape: [columns, rows], data: turned };
}

/**
 * Sum the entries that came from the same one: the way back through a broadcast.
 * @param {Float64Array} data @param {Int32Array | null} from @param {number[]} shape
 * @param {(x: number) => number} round @returns {Tensor}
 */
export function gather(data, from, shape, round) {
  if (!from) return { shape, data };
  const out = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) out[from[i]] += data[i];
  return { shape, data: out.map(round) };
}

/**
 * Whether two tensors agree, relative to the largest entry of the second.
 * @param {Tensor} a @param {Tensor} b @param {number} close
 */
export function near(a, b, close) {
  if (!sameShape(a.shape, b.shape)) return false;
  let scale = 0;
  for (const x of b.data) if (Number.isFinite(x)) scale = Math.max(scale, Math.abs(x));
  const slack = close * (scale || 1e-8);
  return a.data.every((x, i) => Object.is(x, b.data[i]) || Math.abs(x - b.data[i]) <= slack);
}

/** The fewest digits that give the same float32. @param {number} x */
export function short(x) {
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(x.toPrecision(digits)));
    if (Math.fround(Number(text)) === x) return text;
  }
  return String(x);
}
