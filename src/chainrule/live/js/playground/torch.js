// PyTorch as a program calls it: a module's functions and a tensor's methods, with their arguments put to their names.

import { sameShape } from '../engine/tensors.js';
import { detached, requireGrad, shapeOf, TABLE } from './functions.js';
import { turned } from './operations.js';
import { Named, refuse, refused, typeName, Unknown } from './python.js';
import { Tensor } from './tape.js';
import { DTYPES, listed } from './types.js';

const PRESETS = { None: null, False: false, True: true };
/** What an argument is that nobody gives. @param {string} text */
function preset(text) {
  if (text in PRESETS) return PRESETS[/** @type {'None'} */ (text)];
  return /^['"]/.test(text) ? text.slice(1, -1) : /[.e]/.test(text) ? Number(text) : BigInt(text);
}

/** Put arguments to their names. @param {string} name @param {string} takes @param {any[]} args
 * @param {Record<string, any>} named @param {string} place in the table @returns {Given} */
function bind(name, takes, args, named, place) {
  /** @type {Given} */ const a = {};
  const left = [...args];
  const method = place === 'm';
  const words = takes.replace('*,', '*').split(' ');
  const star = words.indexOf('*');
  const places = (star < 0 ? words : words.slice(0, star)).filter((w) => !/^(dtype|requires_grad)=/.test(w) || method);
  const count = places.length - Number(method);
  const used = { ...named };
  for (const word of words.filter((w) => w !== '*')) {
    const [whole, text] = word.split('=');
    const key = whole.replace('*', '');
    const positional = places.includes(word);
    if (positional && left.length) {
      if (key in used) throw refused('got multiple values', name, key);
      a[key] = word[0] === '*' ? left.splice(0) : left.shift();
    } else if (key in used) {
      a[key] = word[0] === '*' ? [used[key]] : used[key];
      delete used[key];
    } else if (text !== undefined) a[key] = preset(text);
    else if (place === 'F') throw refused('missing 1 required', name, key);
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
  if (a.keepdim !== undefined && typeof a.keepdim !== 'boolean')
    throw new Unknown(`this page knows keepdim only as True or False, not as a ${typeName(a.keepdim)}`);
  for (const d of [a.dim, a.dim0, a.dim1].flat())
    if (d !== undefined && d !== null && typeof d !== 'bigint')
      throw new Unknown(`this page knows dim only as a whole number, not as a ${typeName(d)}`);
  return a;
}

/** A function, or a tensor's method, as the table has it; nothing if it has none.
 * @param {string} place @param {string} name @param {any[]} before what it is called with in any case */
export function callable(place, name, before = []) {
  const [takes, make] = TABLE[place][name] ?? [];
  return (
    make &&
    Object.assign(
      (/** @type {any[]} */ args, /** @type {Record<string, any>} */ named) =>
        make(bind(name, takes, [...before, ...args], named, place), name),
      { kind: 'builtin_function_or_method' },
    )
  );
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
    T: () => turned('T', { input: t }, 'PermuteBackward0'),
    data: () => detached(t),
    grad_fn: () => (t.node ? new Named('grad_fn', `<${t.node.fn} object>`) : null),
  };
  if (name in has) return has[name]();
  const method = callable('m', name, [t]);
  if (method) return method;
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
    requireGrad(t, to);
  } else throw new Unknown(`this page does not set ${name} of a tensor`);
}

/** What a tensor has in PyTorch and not here. */
const KNOWN = new Set(WORDS.elsewhere.tensor.split(' '));
