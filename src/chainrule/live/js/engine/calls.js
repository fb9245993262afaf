// How PyTorch is called: arguments by position or keyword, and ops that read them by name.

import { otherwise, WHOLE } from './ops.js';
import { gather, map, sameShape, sizeOf, spread, tensor } from './tensors.js';

/** Arguments by name: tensors with their dtype, numbers, texts, lists. @typedef {Record<string, any>} Given */
/**
 * An op: the names of its arguments in order (`*` before the last if it takes all that is left), its result or its
 * results, and what goes back to each argument that has a gradient. Where there are several results, `g` is a list.
 * @typedef {object} Rule
 * @property {string} takes
 * @property {(a: Given, step: Step) => Tensor | Tensor[]} run
 * @property {Record<string, (g: any, a: Given, out: Tensor, step: Step, k: number) => Tensor>} back
 */

const NOT_FINITE = { NaN, Infinity, '-Infinity': -Infinity };

/** What a step was given, by position or keyword. @param {Step} step @returns {Record<string, any>} */
const given = ({ name, types, given, constants, argument }) => {
  const all = given ?? { ...constants, ...Object.fromEntries(argument.map((place, k) => [place, `@${k}`])) };
  // `x.where(condition, y)` has its condition second
  return name === 'where' && types[0] !== 'bool' && 1 in all ? { ...all, 0: all[1], 1: all[0] } : all;
};

/** @param {string} takes */
const namesOf = (takes) => takes.replace('*', '').split(' ');

/** @param {string} takes @param {string} key a position or a keyword */
function nameOf(takes, key) {
  const names = namesOf(takes);
  return names[Number(key)] ?? (takes.includes('*') && /^\d/.test(key) ? names[names.length - 1] : key);
}

/** Read the arguments. @param {string} takes @param {Step} step @param {Tensor[]} x @returns {Given} */
function read(takes, step, x) {
  /** @param {any} one @returns {any} */
  const find = (one) =>
    Array.isArray(one)
      ? one.map(find)
      : typeof one !== 'string'
        ? one
        : one[0] === '@'
          ? { ...x[Number(one.slice(1))], type: step.types[Number(one.slice(1))] }
          : one in NOT_FINITE
            ? NOT_FINITE[/** @type {'NaN'} */ (one)]
            : one;
  if (/"\?"/.test(JSON.stringify(given(step)))) throw otherwise(step.name);
  /** @type {Given} */ const a = {};
  for (const [key, one] of Object.entries(given(step))) {
    const name = nameOf(takes, key);
    if (!namesOf(takes).includes(name)) {
      if (one && !/^torch\./.test(one)) throw otherwise(step.name);
    } else if (takes.endsWith(`*${name}`)) a[name] = [...(a[name] ?? []), find(one)].flat();
    else if (one !== null) a[name] = find(one);
  }
  return a;
}

/** Put ops into the table. @param {Record<string, Rule>} rules */
export function define(rules) {
  for (const [name, { takes, run, back }] of Object.entries(rules))
    WHOLE[name] = {
      run(x, step) {
        const made = [run(read(takes, step, x), step)].flat().map((t) => map(t, step.round));
        if (step.shape && !sameShape(made[0].shape, step.shape)) throw otherwise(step.name);
        return made.length > 1 ? made : made[0];
      },
      back(g, x, k, step, out) {
        const keys = Object.entries(given(step)).filter(([, one]) => JSON.stringify(one).includes(`"@${k}"`));
        const rule = back[nameOf(takes, keys[0][0])];
        if (!rule) throw otherwise(step.name);
        return { shape: x[k].shape, data: rule(g, read(takes, step, x), out, step, k).data.map(step.round) };
      },
    };
}

/** @param {number} dim @param {number[]} shape */
export const axisOf = (dim, shape) => (dim < 0 ? Math.max(0, dim + shape.length) : dim);

/**
 * Fill a tensor line by line along a dimension: `f` is given where the entries of a line stand, and which line it is.
 * @param {number[]} shape @param {number} dim @param {(at: number[], line: number) => ArrayLike<number>} f
 * @returns {Tensor}
 */
export function lines(shape, dim, f) {
  const axis = axisOf(dim, shape);
  const data = new Float64Array(sizeOf(shape));
  const apart = sizeOf(shape.slice(axis + 1));
  const n = shape[axis] ?? 1;
  for (let line = 0; line < data.length / n; line++) {
    const at = Array.from({ length: n }, (_, i) => (Math.floor(line / apart) * n + i) * apart + (line % apart));
    const filled = f(at, line);
    at.forEach((place, i) => {
      data[place] = filled[i];
    });
  }
  return { shape, data };
}

/** What each argument is at an entry of a result. @param {string} takes @param {Given} a @param {number[]} shape */
const readers = (takes, a, shape) =>
  namesOf(takes).map((name) => {
    const one = a[name];
    const where = one?.data && spread(one.shape, shape);
    return (/** @type {number} */ i) =>
      one?.data ? one.data[where ? where[i] : i] : Array.isArray(one) ? one[i] : one;
  });

/**
 * An op that goes entry by entry over arguments that broadcast; `d` has what each argument gets of the gradient.
 * @param {string} takes @param {(...x: any[]) => number} f
 * @param {Record<string, (g: number, ...x: any[]) => number>} d @returns {Rule}
 */
export const entrywise = (takes, f, d) => ({
  takes,
  run(a, { shape }) {
    const at = readers(takes, a, shape);
    return map(tensor(shape), (_, i) => f(...at.map((read) => read(i))));
  },
  back: Object.fromEntries(
    Object.entries(d).map(([name, passed]) => [
      name,
      (g, a) => {
        const at = readers(takes, a, g.shape);
        const all = map(g, (up, i) => passed(up, ...at.map((read) => read(i)))).data;
        return gather(all, spread(a[name].shape, g.shape), a[name].shape, Number);
      },
    ]),
  ),
});
