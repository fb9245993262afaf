// Python's own values: what they are called, how they print, and what its operators do with them.
// An int is a bigint, a float a number, a list an array, None is null, a function a function.

import { fixed } from '../engine/text.js';

/** What Python or PyTorch would refuse, in their words. */
export class Refused extends Error {
  /** @param {string} kind such as TypeError @param {string} message */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** A refusal by the first words of what it says. @param {string} words @param {any[]} parts of the sentence */
export function refused(words, ...parts) {
  const [, kind, says] = /** @type {string[]} */ (/^(\w+): ([^]*)$/.exec(WORDS.refused[words]));
  return new Refused(
    kind,
    says.replace(/\{(\d)\}/g, (_, i) => parts[Number(i)]),
  );
}
/** @param {string} words @param {any[]} parts @returns {never} */
export const refuse = (words, ...parts) => {
  throw refused(words, ...parts);
};

/** What this page does not know, or has no room for. */
export class Unknown extends Error {}

export class Tuple extends Array {
  /** Its names, if it is one with names. @type {string[]} */ names = [];
  kind = 'tuple';
}

/** @param {any[]} all @param {string} [kind] @param {string[]} [names] */
export function tuple(all, kind = 'tuple', names = []) {
  const made = Object.assign(new Tuple(), { kind, names });
  made.push(...all);
  return made;
}

/** A module, a dtype and the like: something with a name. */
export class Named {
  /** @param {string} kind @param {string} name @param {Record<string, any>} [has] */
  constructor(kind, name, has = {}) {
    Object.assign(this, { kind, name, has });
    this.kind = kind;
    this.name = name;
    this.has = has;
  }
}

/** @param {any} v */
export function typeName(v) {
  if (v === null || v === undefined) return 'NoneType';
  if (v instanceof Tuple || v instanceof Named) return v.kind;
  if (Array.isArray(v)) return 'list';
  const plain = /** @type {Record<string, string>} */ ({
    bigint: 'int',
    number: 'float',
    boolean: 'bool',
    string: 'str',
  });
  const found = plain[typeof v];
  return found ?? (typeof v === 'function' ? (v.kind ?? 'function') : 'Tensor'); // minified, a class has no name
}

/** @param {any} v */
export const isNumber = (v) => typeof v === 'bigint' || typeof v === 'number' || typeof v === 'boolean';

/** @param {number} x as Python writes it */
export function floatText(x) {
  if (!Number.isFinite(x)) return x !== x ? 'nan' : x > 0 ? 'inf' : '-inf';
  if (x !== 0 && (Math.abs(x) >= 1e16 || Math.abs(x) < 1e-4)) return exponential(x);
  const text = Object.is(x, -0) ? '-0' : String(x);
  return text.includes('.') ? text : `${text}.0`;
}

/** @param {number} x @param {number} [digits] */
export const exponential = (x, digits) => x.toExponential(digits).replace(/e([-+])(\d)$/, 'e$10$2');

/** @param {any} v */
export const str = (v) => (typeof v === 'string' ? v : repr(v));

/** @param {any} v @returns {string} */
export function repr(v) {
  if (v === null || v === undefined) return 'None';
  if (typeof v === 'boolean') return v ? 'True' : 'False';
  if (typeof v === 'bigint') return String(v);
  if (typeof v === 'number') return floatText(v);
  if (typeof v === 'string') return v.includes("'") && !v.includes('"') ? `"${v}"` : `'${v.replace(/['\\]/g, '\\$&')}'`;
  if (v.says) return v.says();
  if (v instanceof Tuple && v.names.length)
    return `${v.kind}(\n${v.names.map((name, i) => `${name}=${repr(v[i])}`).join(',\n')})`;
  if (v instanceof Tuple && v.kind === 'torch.Size') return `torch.Size([${[...v].map(repr).join(', ')}])`;
  if (v instanceof Tuple) return `(${[...v].map(repr).join(', ')}${v.length === 1 ? ',' : ''})`;
  if (Array.isArray(v)) return `[${v.map(repr).join(', ')}]`;
  if (v instanceof Named && !['module', 'context', 'grad_fn'].includes(v.kind)) return v.name;
  if (v.repr) return v.repr();
  throw new Unknown(`this page does not know how Python prints a ${typeName(v)}`);
}

/** Write a value as the end of `{x:8.3f}` says. @param {any} v @param {string} spec @returns {string} */
export function formatted(v, spec) {
  if (v?.item && (spec || !v.value.shape.length)) {
    if (v.value.shape.length) throw refused('unsupported format string');
    return formatted(v.item(), spec);
  }
  const parts = /^(?:(.)?([<>^=]))?([-+ ])?(0)?(\d+)?(,)?(?:\.(\d+))?([a-z%])?$/.exec(spec);
  if (!parts) throw new Unknown(`this page does not know the format ${spec}`);
  const [, fill = ' ', side, sign = '', zero, width = 0, comma, digits, kind = ''] = parts;
  let text = str(v);
  if (kind === 'd' && typeof v === 'number') throw refused('Unknown format code');
  if (isNumber(v) && (/[feg%]/.test(kind) || digits !== undefined)) {
    const [x, n] = [Number(v) * (kind === '%' ? 100 : 1), Number(digits ?? 6)];
    if (!/[fe%]/.test(kind)) throw new Unknown(`this page does not know the format ${spec}`);
    text = !Number.isFinite(x) ? floatText(x) : kind === 'e' ? exponential(x, n) : fixed(x, n);
    if (kind === '%') text += '%';
  } else if (digits !== undefined) text = text.slice(0, Number(digits));
  if (comma) text = text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));
  if (isNumber(v) && sign !== '-' && !text.startsWith('-')) text = sign + text;
  const room = Math.max(0, Number(width) - text.length);
  const place = side ?? (isNumber(v) ? '>' : '<');
  if (zero && !side) return text.replace(/^[-+]?/, (first) => first + '0'.repeat(room));
  const left = place === '<' ? 0 : place === '^' ? Math.floor(room / 2) : room;
  return fill.repeat(left) + text + fill.repeat(room - left);
}

/** @param {any} v @returns {boolean} */
export function truth(v) {
  if (v?.truth) return v.truth();
  if (typeof v === 'function' || v instanceof Named) return true;
  return Array.isArray(v) || typeof v === 'string' ? v.length > 0 : Boolean(v);
}

/** @param {string} op @param {any} a @param {any} b @param {string} [written] */
export const unsupported = (op, a, b, written = op) =>
  refused('unsupported operand type', written, typeName(a), typeName(b));

/** @type {Record<string, (a: any, b: any) => any>} */
const ARITHMETIC = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Number(a) / Number(b),
  '//': (a, b) =>
    typeof a === 'bigint' ? a / b - BigInt(a % b !== 0n && a < 0n !== b < 0n) : Math.floor(Number(a) / Number(b)),
  '%': (a, b) => (typeof a === 'bigint' ? ((a % b) + b) % b : a - b * Math.floor(a / b)),
  '**': (a, b) => (typeof a === 'bigint' && b < 0n ? Number(a) ** Number(b) : a ** b),
};
/** More than so many entries of a list, letters, or bits of an int are not made. */
const LARGEST = 100_000;

/** Python's own arithmetic. @param {string} op @param {any} a @param {any} b @param {string} [written]
 * @returns {any} */
export function arithmetic(op, a, b, written = op) {
  if (isNumber(a) && isNumber(b) && op in ARITHMETIC) {
    const whole = typeof a !== 'number' && typeof b !== 'number';
    const [x, y] = whole ? [BigInt(a), BigInt(b)] : [Number(a), Number(b)];
    if (Number(y) === 0 && '//%'.includes(op)) throw refused(`${whole ? 'whole' : 'float'} ${op} by zero`);
    if (op === '**' && Number(x) === 0 && y < 0) throw refused('0 0 cannot');
    if (whole && op === '**' && (y > 9999n || String(x).length * Number(y) > LARGEST / 4)) throw tooLarge('number');
    const made = ARITHMETIC[op](x, y);
    if (typeof made === 'bigint' && BigInt.asIntN(LARGEST, made) !== made) throw tooLarge('number');
    return made;
  }
  if (op === '%' && typeof a === 'string') throw new Unknown('this page formats with f"...", not with %');
  const [list, times] = typeof b === 'string' || Array.isArray(b) ? [b, a] : [a, b];
  const kind = typeName(a);
  if (op === '*' && typeof times === 'bigint' && (typeof list === 'string' || Array.isArray(list))) {
    if (list.length * Number(times) > LARGEST) throw tooLarge(typeName(list));
    const all = Array.from({ length: Math.max(0, Number(times)) }, () => [...list]).flat();
    return typeof list === 'string' ? all.join('') : list instanceof Tuple ? tuple(all) : all;
  }
  if (op === '+' && (typeof a === 'string' || Array.isArray(a))) {
    if (kind !== typeName(b)) {
      throw refused('can only concatenate', kind, typeName(b), kind);
    }
    if (a.length + b.length > LARGEST) throw tooLarge(kind);
    return typeof a === 'string' ? a + b : kind === 'list' ? [...a, ...b] : tuple([...a, ...b]);
  }
  throw unsupported(op, a, b, written === '**' ? '** or pow()' : written);
}

/** @param {string} kind */
const tooLarge = (kind) => new Unknown(`this ${kind} is larger than this page holds (${LARGEST.toLocaleString('en')})`);

/** @param {any} a @param {any} b @returns {boolean} */
export function same(a, b) {
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a instanceof Tuple === b instanceof Tuple && a.every((x, i) => same(x, b[i]));
  return a === b;
}

/** @param {string} op @param {any} a @param {any} b @returns {boolean} */
export function compared(op, a, b) {
  if (op === '==') return same(a, b);
  if (op === '!=') return !same(a, b);
  if (op === 'is') return a === b;
  if (op === 'in') return typeof b === 'string' ? b.includes(a) : items(b).some((x) => same(a, x));
  const numeric = isNumber(a) && isNumber(b);
  if (!numeric && (typeName(a) !== typeName(b) || a === null))
    throw refused('not supported between', op, typeName(a), typeName(b));
  if (!numeric && typeof a !== 'string') throw new Unknown(`this page does not compare a ${typeName(a)}`);
  const [x, y] = numeric ? [Number(a), Number(b)] : [a, b];
  return op === '<' ? x < y : op === '<=' ? x <= y : op === '>' ? x > y : x >= y;
}

/** What a loop goes over. @param {any} v @returns {any[]} */
export function items(v) {
  if (Array.isArray(v)) return v;
  if (typeof v === 'string') return [...v];
  if (v?.items) return v.items();
  throw refused('object is not', typeName(v));
}

/** @param {any} v an index @param {number} length @param {string} kind */
export function entryAt(v, length, kind) {
  if (typeof v !== 'bigint' && typeof v !== 'boolean') throw refused('indices must be', kind, typeName(v));
  const i = Number(v);
  if (i >= length || i < -length) throw refused('index out of', kind);
  return i < 0 ? i + length : i;
}
