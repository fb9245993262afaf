// Python as far as this page knows it: the grammar's tree becomes functions, which run one statement after another.

import {
  arithmetic,
  compared,
  formatted,
  isNumber,
  items,
  Named,
  entryAt,
  Refused,
  refused,
  repr,
  str,
  truth,
  Tuple,
  tuple,
  typeName,
  Unknown,
  unsupported,
} from './python.js';
import { restart, tape, Tensor } from './tape.js';
import { FUNCTIONS } from './functions.js';
import { getItem, inPlace, setItem, unbind } from './indexing.js';
import { binary, matmul } from './operations.js';
import { attribute, fromModule, setAttribute } from './torch.js';
import { DTYPES } from './types.js';

/** @typedef {{vars: Map<string, any>, outer?: Scope, own?: Set<string>}} Scope */
/** @typedef {(scope: Scope) => any} Code */
/** A node of Lezer's tree. @typedef {any} Node */

/** A program stops after so many statements, and its functions call each other so deeply. */
const [STATEMENTS, DEPTH] = [100_000, 200];
const [BREAK, CONTINUE] = [Symbol('break'), Symbol('continue')];

/** The text, and what ran. */
const now = { source: '', line: 0, statements: 0, depth: 0, printed: '' };

/** @param {Node} n */
const text = (n) => now.source.slice(n.from, n.to);
/** @param {number} at */
const lineAt = (at) => now.source.slice(0, at).split('\n').length;
/** @param {Node} n @returns {Node[]} */
function kids(n) {
  const all = [];
  for (let kid = n.firstChild; kid; kid = kid.nextSibling) if (kid.name !== 'Comment') all.push(kid);
  return all;
}
/** @param {Node[]} all the parts between the commas */
function parted(all) {
  /** @type {Node[][]} */ const parts = [[]];
  for (const one of all) {
    if (one.name === ',') parts.push([]);
    else parts[parts.length - 1].push(one);
  }
  return parts.filter((part) => part.length);
}

/** Say with each op where in the code it stands. @param {Node} n @param {Code} code @returns {Code} */
function marked(n, code) {
  const mark = { node: n, code: now.source, text: text(n).replace(/\s+/g, ' '), line: lineAt(n.from) };
  return (scope) => {
    now.line = mark.line;
    tape.source = mark;
    return code(scope);
  };
}

const NAMES = /** @type {Record<string, string>} */ ({
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '**': 'pow',
  '%': 'remainder',
});
const COMPARED = /** @type {Record<string, string>} */ ({
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
});

/** @param {string} op @param {any} a @param {any} b @param {string} [written] */
function operator(op, a, b, written = op) {
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
function compare(op, a, b) {
  const tensors = (a instanceof Tensor || b instanceof Tensor) && op in COMPARED;
  if (!tensors) return compared(op, a, b);
  const other = a instanceof Tensor ? b : a;
  if (!(other instanceof Tensor) && !isNumber(other))
    return op === '==' ? false : op === '!=' ? true : compared(op, a, b);
  return binary(COMPARED[op], a, b);
}

/** @param {any} f @param {any[]} args @param {Record<string, any>} [named] */
function call(f, args, named = {}) {
  if (typeof f === 'function') return f(args, named);
  throw refused('object is not callable', typeName(f));
}

/** @param {any} o @param {string} name */
function member(o, name) {
  if (o instanceof Tensor) return attribute(o, name);
  if (o instanceof Named && o.kind === 'module') {
    const found =
      o.has[name] ??
      (o.name === 'torch.nn.functional'
        ? fromModule(name, 'F')
        : o.name === 'torch'
          ? fromModule(name, 'torch')
          : undefined);
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
const REST = new Set(WORDS.elsewhere.torch.split(' '));

/** @param {any} o @param {any} i */
function item(o, i) {
  if (o instanceof Tensor) return getItem(o, i);
  if (!Array.isArray(o) && typeof o !== 'string') throw refused('object is not subscriptable', typeName(o));
  const kind = typeof o === 'string' ? 'string' : o instanceof Tuple ? 'tuple' : 'list';
  if (i?.kind !== 'slice') return o[entryAt(i, o.length, kind)];
  const [from, to, by] = i.has.parts.map((/** @type {any} */ x) => (x === null ? null : Number(x)));
  if (by !== null && by !== 1) throw new Unknown(`this page does not take every ${by}th of a ${kind}`);
  const part = Array.prototype.slice.call(o, from ?? 0, to ?? o.length);
  return typeof o === 'string' ? part.join('') : o instanceof Tuple ? tuple(part, o.kind) : part;
}

/** @param {string} name @param {Scope} scope */
function look(name, scope) {
  for (let at = /** @type {Scope | undefined} */ (scope); at; at = at.outer) {
    if (at.vars.has(name)) return at.vars.get(name);
    if (at.own?.has(name)) throw refused('cannot access local', name);
  }
  if (name in BUILTINS) return BUILTINS[name];
  if (REST.has(name)) throw new Unknown(`this page does not know ${name}`);
  throw refused('name is not', name);
}

/** @param {Scope} scope @param {string} name @param {any} to */
function bindName(scope, name, to) {
  if (to instanceof Tensor && !to.value.name) to.value.name = name;
  if (to instanceof Tensor && to.value.op && tape.recording) tape.last = to;
  scope.vars.set(name, to);
}

/** What puts a value where it belongs. @param {Node[]} part @returns {(scope: Scope, to: any) => void} */
function target(part) {
  const [n] = part;
  if (part.length > 1) throw unknown(part[0]);
  if (n.name === 'VariableName') return (scope, to) => bindName(scope, text(n), to);
  if (n.name === 'TupleExpression' || n.name === 'ArrayExpression') return targets(parted(kids(n).slice(1, -1)));
  if (n.name === 'ParenthesizedExpression') return target([kids(n)[1]]);
  if (n.name !== 'MemberExpression')
    throw refused('cannot assign to', n.name === 'CallExpression' ? 'function call' : 'expression');
  const [first, how] = kids(n);
  const of = expression(first);
  if (how.name === '.') {
    const name = text(kids(n)[2]);
    return (scope, to) => {
      const o = of(scope);
      if (!(o instanceof Tensor)) throw new Unknown(`this page does not set ${name} of a ${typeName(o)}`);
      setAttribute(o, name, to);
    };
  }
  const index = subscript(n);
  return (scope, to) => {
    const [o, i] = [of(scope), index(scope)];
    if (o instanceof Tensor) return setItem(o, i, to);
    if (!Array.isArray(o) || o instanceof Tuple) throw refused('object does not', typeName(o));
    o[entryAt(i, o.length, 'list assignment')] = to;
  };
}

/** @param {Node[][]} parts @returns {(scope: Scope, to: any) => void} */
function targets(parts) {
  const each = parts.map(target);
  return (scope, to) => {
    if (!Array.isArray(to) && typeof to !== 'string' && !(to instanceof Tensor))
      throw refused('cannot unpack non', typeName(to));
    const all = items(to instanceof Tensor ? call(BUILTINS.list, [to]) : to);
    if (all.length > each.length) throw refused('too many values', each.length);
    if (all.length < each.length) throw refused('not enough values', each.length, all.length);
    each.forEach((put, i) => put(scope, all[i]));
  };
}

/** @param {Node} n */
const unknown = (n) =>
  Object.assign(new Unknown(`this page does not know \`${text(n).split('\n')[0].slice(0, 40)}\``), {
    line: lineAt(n.from),
  });

/** One value, or several as a tuple. @param {Node[]} all @returns {Code} */
function values(all) {
  const parts = parted(all);
  if (parts.length === 1 && !all.some((n) => n.name === ',')) return expression(parts[0][0]);
  const each = parts.map(([n]) => expression(n));
  return (scope) => tuple(each.map((code) => code(scope)));
}

/** What stands in the brackets. @param {Node} n @returns {Code} */
function subscript(n) {
  const all = kids(n).slice(2, -1);
  const parts = parted(all).map((part) => {
    if (!part.some((one) => one.name === ':')) return expression(part[0]);
    /** @type {(Code | null)[]} */ const ends = [null, null, null];
    let at = 0;
    for (const one of part) {
      if (one.name === ':') at += 1;
      else ends[at] = expression(one);
    }
    return (/** @type {Scope} */ scope) =>
      new Named('slice', 'slice', { parts: ends.map((end) => (end ? end(scope) : null)) });
  });
  return all.some((one) => one.name === ',') ? (scope) => tuple(parts.map((code) => code(scope))) : parts[0];
}

/** @param {Node} n @returns {(scope: Scope) => [any[], Record<string, any>]} */
function given(n) {
  const parts = parted(kids(n).slice(1, -1)).map((part) => {
    if (part[1]?.name === 'AssignOp') return { key: text(part[0]), code: expression(part[2]) };
    if (part[0].name === '*') return { star: true, code: expression(part[1]) };
    if (part.some((one) => one.name === 'for')) return { code: comprehension(part) };
    if (part.length > 1) throw unknown(part[0]);
    return { code: expression(part[0]) };
  });
  return (scope) => {
    /** @type {any[]} */ const args = [];
    /** @type {Record<string, any>} */ const named = {};
    for (const { key, star, code } of parts) {
      if (key) named[key] = code(scope);
      else if (star) args.push(...items(code(scope)));
      else args.push(code(scope));
    }
    return [args, named];
  };
}

/** @param {Node[]} part @returns {Code} a list */
function comprehension(part) {
  const at = part.map((n) => n.name);
  const [first, within, test] = [at.indexOf('for'), at.indexOf('in'), at.indexOf('if')];
  if (at.lastIndexOf('for') !== first || at.lastIndexOf('if') !== test) throw unknown(part[0]);
  const [body, of] = [expression(part[0]), expression(part[within + 1])];
  const put = loopTarget(part.slice(first + 1, within));
  const keep = test < 0 ? null : expression(part[test + 1]);
  return (scope) => {
    /** @type {Scope} */ const inner = { vars: new Map(), outer: scope };
    return all(of(scope)).flatMap((one) => {
      count();
      put(inner, one);
      return keep && !truth(keep(inner)) ? [] : [body(inner)];
    });
  };
}

/** @param {Node[]} part */
const loopTarget = (part) => (part.some((n) => n.name === ',') ? targets(parted(part)) : target(part));
/** @param {any} v @returns {any[]} */
const all = (v) => (v instanceof Tensor ? call(BUILTINS.list, [v]) : items(v));

/** @param {string} quoted @returns {string} */
function unquoted(quoted) {
  const [, prefix, quote, inside] = /** @type {string[]} */ (
    /^(\w*)('''|"""|'|")([\s\S]*)\2$/.exec(quoted) ?? ['', '', '', '']
  );
  const escapes = /** @type {Record<string, string>} */ ({ n: '\n', t: '\t', '\n': '' });
  return /r/i.test(prefix) || !quote
    ? inside
    : inside.replace(/\\([\s\S])/g, (whole, c) => escapes[c] ?? (/['"\\]/.test(c) ? c : whole));
}

/** @type {Record<string, (n: Node, all: Node[]) => Code>} */
const EXPRESSIONS = {
  Number(n) {
    const plain = text(n).replace(/_/g, '').toLowerCase();
    const x = /^(0[xob]|\d+$)/.test(plain) ? BigInt(plain) : Number(plain.replace(/\.$/, ''));
    if (Number.isNaN(x)) throw unknown(n);
    return () => x;
  },
  Boolean: (n) => () => text(n) === 'True',
  None: () => () => null,
  Ellipsis: () => () => new Named('ellipsis', 'Ellipsis'),
  String(n) {
    const made = unquoted(text(n));
    return () => made;
  },
  ContinuedString(n, parts) {
    const each = parts.map(expression);
    return (scope) => each.map((code) => code(scope)).join('');
  },
  FormatString(n, parts) {
    const quoted = text(n).replace(/^[fF]/, '');
    const quote = /^('''|"""|'|")/.exec(quoted)?.[0] ?? '';
    const pieces = /** @type {(string | Code)[]} */ ([]);
    let from = n.from + 1 + quote.length;
    const plain = (/** @type {number} */ to) =>
      pieces.push(unquoted(quote + now.source.slice(from, to) + quote).replace(/\{\{|\}\}/g, (two) => two[0]));
    for (const part of parts) {
      plain(part.from);
      const inner = kids(part);
      const code = expression(inner[1]);
      const spec = inner.find((one) => one.name === 'FormatSpec');
      const says = text(part).includes('!r') ? repr : str;
      if (inner.some((one) => one.name === 'FormatSelfDoc'))
        pieces.push(now.source.slice(inner[0].to, inner[1].to) + '=');
      pieces.push((scope) =>
        text(part).includes('!r') ? says(code(scope)) : formatted(code(scope), spec ? text(spec).slice(1) : ''),
      );
      from = part.to;
    }
    plain(n.to - quote.length);
    return (scope) => pieces.map((piece) => (typeof piece === 'string' ? piece : piece(scope))).join('');
  },
  VariableName(n) {
    const name = text(n);
    return marked(n, (scope) => look(name, scope));
  },
  ParenthesizedExpression: (n, parts) => expression(parts[1]),
  TupleExpression: (n, parts) => values([...parts.slice(1, -1), { name: ',' }]),
  ArrayExpression(n, parts) {
    const each = parted(parts.slice(1, -1)).map(([one]) => expression(one));
    return (scope) => each.map((code) => code(scope));
  },
  ArrayComprehensionExpression: (n, parts) => comprehension(parts.slice(1, -1)),
  UnaryExpression(n, [sign, part]) {
    const [op, code] = [text(sign), expression(part)];
    if (op === 'not') return (scope) => !truth(code(scope));
    return (scope) => {
      const v = code(scope);
      return marked(n, () => {
        if (v instanceof Tensor && op === '~') throw new Unknown('this page does not know ~ of tensors');
        if (v instanceof Tensor) return op === '-' ? FUNCTIONS.neg.make({ input: v }, 'neg') : v;
        if (!isNumber(v)) throw refused('bad operand type', op, typeName(v));
        const x = typeof v === 'boolean' ? BigInt(v) : v;
        return op === '-' ? -x : op === '+' ? x : -BigInt(x) - 1n;
      })(scope);
    };
  },
  BinaryExpression(n, parts) {
    const ops = parts.slice(1, -1).map(text);
    const [first, last] = [expression(parts[0]), expression(parts[parts.length - 1])];
    const op = ops.join(' ');
    if (op === 'and' || op === 'or')
      return (scope) => {
        const a = first(scope);
        return truth(a) === (op === 'or') ? a : last(scope);
      };
    const bare = op.replace(/^not | not$/, '').replace(' not', '');
    const chained =
      parts[0].name === 'BinaryExpression' &&
      /^([<>=!]=?|in|is|not in|is not)$/.test(op) &&
      kids(parts[0])
        .slice(1, -1)
        .some((one) => one.name === 'CompareOp');
    const before = chained ? expression(kids(parts[0]).at(-1)) : null;
    if (op in COMPARED || ['in', 'is'].includes(bare))
      return (scope) => {
        const a = first(scope);
        if (before && !truth(a)) return a;
        const [x, y] = [before ? before(scope) : a, last(scope)];
        return marked(n, () => (op in COMPARED ? compare(op, x, y) : compared(bare, x, y) !== op.includes('not')))(
          scope,
        );
      };
    if (!/^(\*\*|\/\/|[-+*/@%])$/.test(op)) throw unknown(n);
    const run = marked(n, (/** @type {any} */ [a, b]) => operator(op, a, b));
    return (scope) => run(/** @type {any} */ ([first(scope), last(scope)]));
  },
  ConditionalExpression(n, [yes, , test, , no]) {
    const [a, q, b] = [yes, test, no].map(expression);
    return (scope) => (truth(q(scope)) ? a(scope) : b(scope));
  },
  MemberExpression(n, [first, how, last]) {
    if (first.name === 'Number') return EXPRESSIONS.Number(n, []);
    const of = expression(first);
    if (how.name === '.') {
      const name = text(last);
      const run = marked(n, (/** @type {any} */ o) => member(o, name));
      return (scope) => run(of(scope));
    }
    const index = subscript(n);
    const run = marked(n, (/** @type {any} */ [o, i]) => item(o, i));
    return (scope) => run(/** @type {any} */ ([of(scope), index(scope)]));
  },
  CallExpression(n, [first, last]) {
    const [f, args] = [expression(first), given(last)];
    const run = marked(n, (/** @type {any} */ [what, a, named]) => call(what, a, named));
    return (scope) => run(/** @type {any} */ ([f(scope), ...args(scope)]));
  },
  LambdaExpression: (n, parts) =>
    defined('<lambda>', parts[1].name === 'ParamList' ? parts[1] : null, [parts.at(-1)], true),
};

/** @param {Node} n @returns {Code} */
function expression(n) {
  const how = EXPRESSIONS[n.name];
  if (!how) throw unknown(n);
  return how(n, kids(n));
}

/** @param {number} n */
const counted = (n, which = '') => `${n} ${which}positional argument${n === 1 ? '' : 's'}`;

/** A function of the program. @param {string} name @param {Node | null} list @param {Node[]} body
 * @param {boolean} [value]
 * @returns {Code} */
function defined(name, list, body, value = false) {
  const parts = list ? parted(kids(list).filter((one) => one.name !== '(' && one.name !== ')')) : [];
  const params = parts.map((part) => {
    if (part[0].name !== 'VariableName') throw unknown(part[0]);
    const at = part.findIndex((one) => one.name === 'AssignOp');
    return { key: text(part[0]), preset: at < 0 ? null : expression(part[at + 1]) };
  });
  /** @type {Set<string>} */ const own = new Set();
  for (const n of body)
    n.cursor().iterate((/** @type {Node} */ one) => {
      if (one.name === 'FunctionDefinition' || one.name === 'LambdaExpression') return false;
      const first = one.node.firstChild;
      if (['AssignStatement', 'UpdateStatement'].includes(one.name) && first.name === 'VariableName')
        own.add(text(first));
    });
  const code = value ? expression(body[0]) : block(body[0]);
  return (scope) => {
    const presets = params.map(({ preset }) => preset?.(scope));
    const f = (/** @type {any[]} */ args, /** @type {Record<string, any>} */ named) => {
      /** @type {Scope} */ const inner = { vars: new Map(), outer: scope, own };
      const refuse = (/** @type {string} */ says) => refused('call', name, says);
      for (const key of Object.keys(named)) {
        const at = params.findIndex((one) => one.key === key);
        if (at < 0) throw refuse(`got an unexpected keyword argument '${key}'`);
        if (at < args.length) throw refuse(`got multiple values for argument '${key}'`);
      }
      const most = params.length;
      if (args.length > most)
        throw refuse(`takes ${counted(most)} but ${args.length} ${args.length === 1 ? 'was' : 'were'} given`);
      const missing = params
        .filter(({ key, preset }, i) => i >= args.length && !(key in named) && !preset)
        .map(({ key }) => `'${key}'`);
      if (missing.length)
        throw refuse(
          `missing ${counted(missing.length, 'required ')}: ${missing.join(missing.length < 3 ? ' and ' : ', ')}`,
        );
      params.forEach(({ key }, i) =>
        inner.vars.set(key, i < args.length ? args[i] : key in named ? named[key] : presets[i]),
      );
      if (++now.depth > DEPTH)
        throw new Unknown(`functions call each other more than ${DEPTH} deep, the most that this page runs`);
      const done = code(inner);
      now.depth -= 1;
      return value ? done : (done?.value ?? null);
    };
    return Object.assign(f, { kind: 'function' });
  };
}

function count() {
  if (++now.statements > STATEMENTS)
    throw new Unknown(`stopped after ${STATEMENTS.toLocaleString('en')} statements, the most that this page runs`);
}

/** @type {Record<string, (n: Node, all: Node[]) => Code>} */
const STATEMENTS_ = {
  ExpressionStatement(n, parts) {
    const code = values(parts);
    return (scope) => void code(scope);
  },
  AssignStatement(n, parts) {
    const cut = parts.filter((one) => one.name !== 'TypeDef');
    const marks = cut.flatMap((one, i) => (one.name === 'AssignOp' ? [i] : []));
    if (!marks.length) return () => undefined;
    const code = values(cut.slice((marks.at(-1) ?? 0) + 1));
    const puts = marks.map((end, k) => loopTarget(cut.slice(k ? marks[k - 1] + 1 : 0, end)));
    return (scope) => {
      const to = code(scope);
      for (const put of puts) put(scope, to);
    };
  },
  UpdateStatement(n, [first, sign, last]) {
    const written = text(sign);
    const op = written.slice(0, -1);
    const [of, by, put] = [expression(first), expression(last), target([first])];
    const run = marked(n, (/** @type {any} */ [a, b]) => {
      if (!(a instanceof Tensor))
        return Array.isArray(a) && op === '+' && !(a instanceof Tuple)
          ? (a.push(...all(b)), a)
          : operator(op, a, b, written);
      if (!(b instanceof Tensor) && !isNumber(b)) throw unsupported(op, a, b, written);
      return inPlace(a, () => operator(op, a, b, written));
    });
    return (scope) => {
      const before = of(scope);
      const after = run(/** @type {any} */ ([before, by(scope)]));
      const whole = first.name === 'MemberExpression' && before instanceof Tensor;
      if (!whole) put(scope, after);
      else if (kids(first)[1].name === '.') put(scope, after);
    };
  },
  ForStatement(n, parts) {
    const at = parts.findIndex((one) => one.name === 'in');
    const bodies = parts.filter((one) => one.name === 'Body').map(block);
    const put = loopTarget(parts.slice(1, at));
    const of = values(
      parts.slice(
        at + 1,
        parts.findIndex((one) => one.name === 'Body'),
      ),
    );
    const run = marked(parts[at + 1], (/** @type {any} */ v) => all(v));
    return (scope) => {
      for (const one of run(of(scope))) {
        count();
        now.line = lineAt(n.from);
        put(scope, one);
        const done = bodies[0](scope);
        if (done === BREAK) return undefined;
        if (done && done !== CONTINUE) return done;
      }
      return bodies[1]?.(scope);
    };
  },
  WhileStatement(n, parts) {
    const [test, body] = [expression(parts[1]), block(parts[2])];
    return (scope) => {
      while (truth(test(scope))) {
        count();
        const done = body(scope);
        if (done === BREAK) break;
        if (done && done !== CONTINUE) return done;
      }
      return undefined;
    };
  },
  IfStatement(n, parts) {
    /** @type {[Code | null, Code][]} */ const cases = [];
    parts.forEach((one, i) => {
      if (one.name === 'Body') cases.push([parts[i - 1].name === 'else' ? null : expression(parts[i - 1]), block(one)]);
    });
    return (scope) => {
      for (const [test, body] of cases) if (!test || truth(test(scope))) return body(scope);
      return undefined;
    };
  },
  WithStatement(n, parts) {
    const whole = text(n).split(':')[0];
    const opens = expression(parts[1]);
    const as = parts[2].name === 'as' ? text(parts[3]) : '';
    const body = block(/** @type {Node} */ (parts.find((one) => one.name === 'Body')));
    return (scope) => {
      const what = opens(scope);
      if (what?.kind !== 'context') {
        if (typeof what === 'function') throw refused('type object does');
        throw new Unknown(`this page does not know \`${whole}\``);
      }
      const before = tape.recording;
      if (as) scope.vars.set(as, what);
      if (what.name !== 'record') tape.recording = what.name === 'enable_grad';
      try {
        return body(scope);
      } finally {
        tape.recording = before;
      }
    };
  },
  FunctionDefinition(n, [, name, list, ...rest]) {
    const code = defined(text(name), list, [rest.at(-1)]);
    return (scope) => void scope.vars.set(text(name), code(scope));
  },
  ReturnStatement(n, [, ...parts]) {
    const code = parts.length ? values(parts) : () => null;
    return (scope) => ({ value: code(scope) });
  },
  AssertStatement(n, [, ...parts]) {
    const [test, says] = parted(parts).map(([one]) => expression(one));
    return (scope) => {
      if (!truth(test(scope))) throw new Refused('AssertionError', says ? str(says(scope)) : '');
    };
  },
  DeleteStatement(n, [, ...parts]) {
    return (scope) => {
      for (const [one] of parted(parts)) if (!scope.vars.delete(text(one))) look(text(one), { vars: new Map() });
    };
  },
  ImportStatement(n) {
    const found = /^(?:from ([\w.]+) )?import ([\w.]+)(?: as (\w+))?$/.exec(text(n).replace(/\s+/g, ' ').trim());
    const [, from, name, as] = found ?? [];
    const path = from ? `${from}.${name}` : (name ?? '');
    const module = path
      .split('.')
      .reduce(
        (/** @type {any} */ at, part) => at?.has?.[part] ?? (at?.kind === 'module' ? member(at, part) : undefined),
        { has: MODULES },
      );
    if (!module) throw unknown(n);
    return (scope) =>
      void scope.vars.set(as ?? (from ? name : name.split('.')[0]), as || from ? module : MODULES[name.split('.')[0]]);
  },
  PassStatement: () => () => undefined,
  BreakStatement: () => () => BREAK,
  ContinueStatement: () => () => CONTINUE,
};

/** @param {Node} n @returns {Code} */
function statement(n) {
  if (n.type.isError) throw wrong(n);
  const how =
    STATEMENTS_[n.name] ??
    (() => {
      throw unknown(n);
    });
  const line = lineAt(n.from);
  /** @type {Code} */ let code;
  try {
    code = how(n, kids(n));
  } catch (caught) {
    if (caught instanceof Refused) throw caught;
    code = () => {
      throw caught;
    };
  }
  return (scope) => {
    count();
    now.line = line;
    return code(scope);
  };
}

/** @param {Node} n @returns {Code} */
function block(n) {
  const parts = kids(n).flatMap((one) => (one.name === 'StatementGroup' ? kids(one) : one));
  const each = parts.filter((one) => one.name !== ':' && one.name !== ';').map(statement);
  return (scope) => {
    for (const code of each) {
      const done = code(scope);
      if (done) return done;
    }
    return undefined;
  };
}

/** What is wrong with the grammar. @param {Node} n */
function wrong(n) {
  /** @type {[string, number][]} */ const open = [];
  const pairs = /** @type {Record<string, string>} */ ({ ')': '(', ']': '[', '}': '{' });
  const plain = now.source.replace(/('''|""")[\s\S]*?\1|(['"])(?:\\.|(?!\2)[^\\\n])*\2|#[^\n]*/g, (s) =>
    s.replace(/[^\n]/g, '_'),
  );
  for (let i = 0; i < plain.length; i++) {
    const c = plain[i];
    if ('([{'.includes(c)) open.push([c, i]);
    else if (c in pairs) {
      const last = open.pop();
      if (last?.[0] !== pairs[c]) {
        const [says, at] = last
          ? [`closing parenthesis '${c}' does not match opening parenthesis '${last[0]}'`, i]
          : [`unmatched '${c}'`, i];
        return Object.assign(new Refused('SyntaxError', says), { line: lineAt(at) });
      }
    }
  }
  if (open.length) {
    const [[c, at]] = open.slice(-1);
    return Object.assign(refused('was never closed', c), { line: lineAt(at) });
  }
  const line = lineAt(n.from);
  const row = plain.split('\n')[line - 1] ?? '';
  const says = /^\s*(if|elif|else|for|while|def|with)\b[^:]*$/.test(row) ? "expected ':'" : 'invalid syntax';
  return Object.assign(new Refused('SyntaxError', says), { line });
}

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
const MODULES = {
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
  abs: ([v]) => (v instanceof Tensor ? FUNCTIONS.abs.make({ input: v }, 'abs') : v < 0 ? -v : v),
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
const BUILTINS = { ...CALLS, torch, nn: torch.has.nn, F: functional, math: MODULES.math };

/**
 * Run a program.
 * @param {string} source
 * @returns {{printed: string, error: null | {line: number, kind: string, message: string}, scope: Map<string, any>}}
 */
export function runProgram(source) {
  Object.assign(now, { source, line: 1, statements: 0, depth: 0, printed: '' });
  restart();
  /** @type {Scope} */ const scope = { vars: new Map() };
  let error = null;
  try {
    const dots = source
      .replace(/(?<![\w.])(\d[\d_]*)\.(?![\w.])/g, '$10')
      .replace(/(?<![\w.])(\d[\d_]*)\.(?=e[-+\d])/gi, '$10');
    const { parser } = /** @type {any} */ (globalThis).chainruleLezer['@lezer/python'];
    const top = parser.parse(dots).topNode;
    top.cursor().iterate((/** @type {Node} */ n) => {
      if (n.type.isError) throw wrong(n);
    });
    block(top)(scope);
  } catch (caught) {
    const { kind = '', message, line = now.line } = /** @type {any} */ (caught);
    error = { line, kind, message };
    if (!(caught instanceof Refused || caught instanceof Unknown))
      error.message = deep(caught) ? 'this page cannot go so deep' : 'this page does not know how to do this';
    if (!(caught instanceof Refused || caught instanceof Unknown)) console.error(caught);
  }
  return { printed: now.printed, error, scope: scope.vars };
}

/** @param {unknown} caught */
const deep = (caught) => caught instanceof RangeError;
