// Expressions, and what they are assigned to: each node of the tree becomes a function that gives its value.

import { all, BUILTINS, call, compare, COMPARED, item, member, operator, REST } from './builtins.js';
import { perform } from './functions.js';
import { setItem } from './indexing.js';
import {
  compared, entryAt, formatted, isNumber, items, Named, refused, truth, tuple, Tuple, typeName, Unknown,
} from './python.js'; // prettier-ignore
import { tape, Tensor } from './tape.js';
import { setAttribute } from './torch.js';
import { count, kids, marked, now, parted, text, unknown } from './tree.js';

/** Functions call each other so deeply. */
const DEPTH = 200;

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

/** What puts a value where it belongs. @param {Syntax[]} part @returns {(scope: Scope, to: any) => void} */
export function target(part) {
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

/** @param {Syntax[][]} parts @returns {(scope: Scope, to: any) => void} */
export function targets(parts) {
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

/** One value, or several as a tuple. @param {Syntax[]} all @returns {Code} */
export function values(all) {
  const parts = parted(all);
  if (parts.length === 1 && !all.some((n) => n.name === ',')) return expression(parts[0][0]);
  const each = parts.map(([n]) => expression(n));
  return (scope) => tuple(each.map((code) => code(scope)));
}

/** What stands in the brackets. @param {Syntax} n @returns {Code} */
export function subscript(n) {
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

/** @param {Syntax} n @returns {(scope: Scope) => [any[], Record<string, any>]} */
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

/** @param {Syntax[]} part @returns {Code} a list */
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

/** @param {Syntax[]} part */
export const loopTarget = (part) => (part.some((n) => n.name === ',') ? targets(parted(part)) : target(part));

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

/** @type {Record<string, (n: Syntax, all: Syntax[]) => Code>} */
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
      if (inner.some((one) => one.name === 'FormatSelfDoc' || one.name === 'FormatConversion')) throw unknown(part);
      pieces.push((scope) => formatted(code(scope), spec ? text(spec).slice(1) : ''));
      from = part.to;
    }
    plain(n.to - quote.length);
    return (scope) => pieces.map((piece) => (typeof piece === 'string' ? piece : piece(scope))).join('');
  },
  VariableName(n) {
    const name = text(n);
    return marked(n, [(scope) => scope], (scope) => look(name, scope));
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
    return marked(n, [code], (v) => {
      if (v instanceof Tensor && op === '~') throw new Unknown('this page does not know ~ of tensors');
      if (v instanceof Tensor) return op === '-' ? perform('neg', { input: v }) : v;
      if (!isNumber(v)) throw refused('bad operand type', op, typeName(v));
      const x = typeof v === 'boolean' ? BigInt(v) : v;
      return op === '-' ? -x : op === '+' ? x : -BigInt(x) - 1n;
    });
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
    if (op in COMPARED || ['in', 'is'].includes(bare)) {
      const run = marked(n, [before ?? first, last], (x, y) =>
        op in COMPARED ? compare(op, x, y) : compared(bare, x, y) !== op.includes('not'),
      );
      return before ? marked(n, [first, (scope) => scope], (a, scope) => (truth(a) ? run(scope) : a)) : run;
    }
    if (!/^(\*\*|\/\/|[-+*/@%])$/.test(op)) throw unknown(n);
    return marked(n, [first, last], (a, b) => operator(op, a, b));
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
      return marked(n, [of], (o) => member(o, name));
    }
    return marked(n, [of, subscript(n)], item);
  },
  CallExpression: (n, [f, list]) =>
    marked(n, [expression(f), given(list)], (what, [args, named]) => call(what, args, named)),
  LambdaExpression: (n, parts) =>
    defined('<lambda>', parts[1].name === 'ParamList' ? parts[1] : null, parts.at(-1), expression(parts.at(-1)), true),
};

/** @param {Syntax} n @returns {Code} */
export function expression(n) {
  const how = EXPRESSIONS[n.name];
  if (!how) throw unknown(n);
  return how(n, kids(n));
}

/** @param {number} n */
const counted = (n, which = '') => `${n} ${which}positional argument${n === 1 ? '' : 's'}`;

/** A function of the program. @param {string} name @param {Syntax | null} list @param {Syntax} body
 * @param {Code} code @param {boolean} [value]
 * @returns {Code} */
export function defined(name, list, body, code, value = false) {
  const parts = list ? parted(kids(list).filter((one) => one.name !== '(' && one.name !== ')')) : [];
  const params = parts.map((part) => {
    if (part[0].name !== 'VariableName') throw unknown(part[0]);
    const at = part.findIndex((one) => one.name === 'AssignOp');
    return { key: text(part[0]), preset: at < 0 ? null : expression(part[at + 1]) };
  });
  /** @type {Set<string>} */ const own = new Set();
  body.cursor().iterate((/** @type {Syntax} */ one) => {
    if (one.name === 'FunctionDefinition' || one.name === 'LambdaExpression') return false;
    if (!['AssignStatement', 'UpdateStatement', 'ForStatement'].includes(one.name)) return;
    const parts = kids(one.node);
    const end = parts.findLastIndex(({ name }) => ['AssignOp', 'UpdateOp', 'in'].includes(name));
    for (let targets = parts.slice(0, end); targets.length;) {
      targets.filter(({ name }) => name === 'VariableName').forEach((target) => own.add(text(target)));
      const nested = ['TupleExpression', 'ArrayExpression', 'ParenthesizedExpression'];
      targets = targets.filter(({ name }) => nested.includes(name)).flatMap(kids);
    }
  });
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
      try {
        const done = code(inner);
        return value ? done : (done?.value ?? null);
      } finally {
        now.depth -= 1;
      }
    };
    return Object.assign(f, { kind: 'function' });
  };
}
