// What a program finds there: operators, members, modules, and Python's built-in functions.

import { perform } from './functions.js';
import { getItem, unbind } from './indexing.js';
import { binary, matmul } from './operations.js';
import {
  arithmetic, compared, entryAt, formatted, isNumber, items, Named, refused, repr, str, truth, tuple, Tuple,
  typeName, Unknown, unsupported,
} from './python.js'; // prettier-ignore
import { Tensor } from './tape.js';
import { attribute, callable } from './torch.js';
import { now, STATEMENTS } from './tree.js';
import { DTYPES } from './types.js';

const NAMES = /** @type {Record<string, string>} */ ({
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '**': 'pow',
  '%': 'remainder',
});
export const COMPARED = /** @type {Record<string, string>} */ ({
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
});

/** @param {string} op @param {any} a @param {any} b @param {string} [written] */
export function operator(op, a, b, written = op) {
  if (!(a instanceof Tensor) && !(b instanceof Tensor)) return arithmetic(op, a, b, written);
  const other = a instanceof Tensor ? b : a;
  if (op === '+' && (typeof a === 'string' || Array.isArray(a))) return arithmetic(op, a, b);
  if (op === '@' && a instanceof Tensor && b instanceof Tensor) return matmul(a, b);
  if (op === '*' && (Array.isArray(other) || typeof other === 'string')) throw refused('only integer tensors');
  if (op === '@' || !(other instanceof Tensor || isNumber(other)))
    throw unsupported(op, a, b, written === '**' ? '** or pow()' : written);
  if (!(op in NAMES)) throw new Unknown(`this page does not know ${op} of tensors`);
  return binary(NAMES[op], a, b);
}

/** @param {string} op @param {any} a @param {any} b */
export function compare(op, a, b) {
  const tensors = (a instanceof Tensor || b instanceof Tensor) && op in COMPARED;
  if (!tensors) return compared(op, a, b);
  const other = a instanceof Tensor ? b : a;
  if (!(other instanceof Tensor) && !isNumber(other))
    return op === '==' ? false : op === '!=' ? true : compared(op, a, b);
  return binary(COMPARED[op], a, b);
}

/** @param {any} f @param {any[]} args @param {Record<string, any>} [named] */
export function call(f, args, named = {}) {
  if (typeof f === 'function') return f(args, named);
  throw refused('object is not callable', typeName(f));
}

/** @param {any} o @param {string} name */
export function member(o, name) {
  if (o instanceof Tensor) return attribute(o, name);
  if (o instanceof Named && o.kind === 'module') {
    const place = { torch: 't', 'torch.nn.functional': 'F' }[o.name];
    const found = o.has[name] ?? (place && callable(place, name));
    if (found !== undefined) return found;
    if (REST.has(name)) throw new Unknown(`this page does not know ${o.name}.${name}`);
    throw refused('module has no', o.name, name);
  }
  if (o instanceof Tuple && o.names.includes(name)) return o[o.names.indexOf(name)];
  const typed = METHODS[typeName(o)]?.[name];
  if (typed) return (/** @type {any[]} */ args) => typed(o, ...args);
  if (['str', 'list', 'dict', 'tuple', 'torch.Size', 'function'].includes(typeName(o)) || /^__/.test(name))
    throw new Unknown(`this page does not know ${name} of a ${typeName(o)}`);
  throw refused('object has no attribute', typeName(o), name);
}

/** @type {Record<string, Record<string, (o: any, ...args: any[]) => any>>} */
const METHODS = {
  list: {
    append: (o, x) => (o.push(x), null),
    extend: (o, x) => (o.push(...items(x)), null),
    pop: (o, i = -1n) => {
      if (!o.length) throw refused('pop from empty');
      return o.splice(entryAt(i, o.length, 'pop'), 1)[0];
    },
  },
  'torch.Size': { numel: (o) => BigInt([...o].reduce((n, x) => n * Number(x), 1)) },
  str: { join: (o, all) => items(all).join(o), upper: (o) => o.toUpperCase(), lower: (o) => o.toLowerCase() },
  float: { is_integer: (o) => Number.isInteger(o) },
};
/** What torch has and this page does not. */
export const REST = new Set(WORDS.elsewhere.torch.split(' '));

/** @param {any} o @param {any} i */
export function item(o, i) {
  if (o instanceof Tensor) return getItem(o, i);
  if (!Array.isArray(o) && typeof o !== 'string') throw refused('object is not subscriptable', typeName(o));
  const kind = typeof o === 'string' ? 'string' : o instanceof Tuple ? 'tuple' : 'list';
  if (i?.kind !== 'slice') return o[entryAt(i, o.length, kind)];
  const [from, to, by] = i.has.parts.map((/** @type {any} */ x) => (x === null ? null : Number(x)));
  if (by !== null && by !== 1) throw new Unknown(`this page does not take every ${by}th of a ${kind}`);
  const part = Array.prototype.slice.call(o, from ?? 0, to ?? o.length);
  return typeof o === 'string' ? part.join('') : o instanceof Tuple ? tuple(part, o.kind) : part;
}

/** @param {any} v @returns {any[]} */
export const all = (v) => (v instanceof Tensor ? call(BUILTINS.list, [v]) : items(v));

const context = (/** @type {string} */ name) => Object.assign(() => new Named('context', name), { kind: 'type' });
const functional = new Named('module', 'torch.nn.functional');
const torch = new Named('module', 'torch', {
  nn: new Named('module', 'torch.nn', { functional }),
  no_grad: context('no_grad'),
  enable_grad: context('enable_grad'),
  ...DTYPES,
  float: DTYPES.float32,
  double: DTYPES.float64,
  long: DTYPES.int64,
  Tensor: new Named('type', "<class 'torch.Tensor'>"),
  pi: Math.PI,
  inf: Infinity,
  nan: NaN,
});
const floats = Object.fromEntries(
  ['sqrt', 'exp', 'log', 'sin', 'cos', 'tanh'].map((name) => [
    name,
    (/** @type {any[]} */ [x]) => /** @type {any} */ (Math)[name](x instanceof Tensor ? Number(x.item()) : Number(x)),
  ]),
);
/** @type {Record<string, any>} */
export const MODULES = {
  torch,
  chainrule: new Named('module', 'chainrule', { record: context('record') }),
  math: new Named('module', 'math', { pi: Math.PI, e: Math.E, inf: Infinity, nan: NaN, ...floats }),
};

/** @param {any} v @returns {bigint} */
function integer(v) {
  if (typeof v !== 'bigint' && typeof v !== 'boolean') throw refused('object cannot be', typeName(v));
  return BigInt(v);
}
/** @param {any[]} args @param {boolean} larger */
const most = (args, larger) =>
  (args.length > 1 ? args : all(args[0])).reduce((a, b) => (truth(compare(larger ? '>' : '<', b, a)) ? b : a));
/** @param {any} v */
const single = (v) => {
  if (v instanceof Tensor && v.value.data.length !== 1) throw refused('only one element');
  return v instanceof Tensor ? v.item() : v;
};

/** @type {Record<string, (args: any[], named: Record<string, any>) => any>} */
const CALLS = {
  print(args, { sep = ' ', end = '\n' }) {
    if (now.printed.length > 100_000)
      throw new Unknown('stopped after 100,000 printed letters, the most that this page shows');
    now.printed += args.map(str).join(sep) + end;
    return null;
  },
  range(args) {
    const [a, b, by] = args.map(integer);
    const [from, to, step] = args.length === 1 ? [0n, a, 1n] : [a, b, by ?? 1n];
    const n = Math.max(0, Math.ceil((Number(to) - Number(from)) / Number(step)));
    const made = Array.from({ length: Math.min(n, STATEMENTS + 1) }, (_, i) => from + BigInt(i) * step);
    const ends = step === 1n ? [from, to] : [from, to, step];
    return Object.assign(made, { says: () => `range(${ends.join(', ')})` });
  },
  len([v]) {
    if (v instanceof Tensor && !v.shape.length) throw refused('len of a');
    if (v instanceof Tensor) return BigInt(v.shape[0]);
    if (!Array.isArray(v) && typeof v !== 'string') throw refused('object of type', typeName(v));
    return BigInt(v.length);
  },
  int([v = 0n]) {
    const x = single(v);
    if (typeof x === 'string' && !/^\s*[-+]?\d+\s*$/.test(x)) throw refused('invalid literal for', repr(x));
    return BigInt(typeof x === 'number' ? Math.trunc(x) : x);
  },
  float([v = 0]) {
    const x = single(v);
    const word = typeof x === 'string' && /^\s*([-+]?)(inf|nan)\w*\s*$/i.exec(x);
    if (word) return word[2].toLowerCase() === 'nan' ? NaN : word[1] === '-' ? -Infinity : Infinity;
    if (typeof x === 'string' && (x.trim() === '' || Number.isNaN(Number(x))))
      throw refused('could not convert', repr(x));
    return Number(x);
  },
  bool: ([v]) => truth(v),
  str: ([v]) => str(v),
  list([v = []]) {
    if (!(v instanceof Tensor)) return [...items(v)];
    if (!v.shape.length) throw refused('iteration over a');
    return unbind(v);
  },
  tuple: ([v = []]) => tuple(all(v)),
  sum: ([v, start = 0n]) => all(v).reduce((a, b) => operator('+', a, b), start),
  abs: ([v]) => (v instanceof Tensor ? perform('abs', { input: v }) : v < 0 ? -v : v),
  max: (args) => most(args, true),
  min: (args) => most(args, false),
  round([v, digits]) {
    if (v instanceof Tensor) throw refused('no rounding');
    return typeof v === 'bigint'
      ? v
      : digits === undefined
        ? BigInt(formatted(v, '.0f'))
        : Number(formatted(v, `.${digits}f`));
  },
  enumerate: ([v, from = 0n]) => all(v).map((one, i) => tuple([BigInt(i) + from, one])),
  zip(args) {
    const each = args.map(all);
    return Array.from({ length: Math.min(...each.map((v) => v.length)) }, (_, i) => tuple(each.map((v) => v[i])));
  },
  reversed: ([v]) => [...all(v)].reverse(),
};
for (const f of Object.values(CALLS)) Object.assign(f, { kind: 'builtin_function_or_method' });
/** @type {Record<string, any>} */
export const BUILTINS = { ...CALLS, torch, nn: torch.has.nn, F: functional, math: MODULES.math };
