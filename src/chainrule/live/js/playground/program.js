// Python as far as this page knows it: statements of the grammar's tree become functions, which run one after another.

import { all, MODULES, member, operator } from './builtins.js';
import { defined, expression, loopTarget, target, values } from './expressions.js';
import { inPlace } from './indexing.js';
import { isNumber, Refused, refused, str, truth, Tuple, Unknown, unsupported } from './python.js';
import { restart, tape, Tensor } from './tape.js';
import { count, kids, lineAt, marked, now, parted, text, unknown, wrong } from './tree.js';

const [BREAK, CONTINUE] = [Symbol('break'), Symbol('continue')];

/** @type {Record<string, (n: Syntax, all: Syntax[]) => Code>} */
const STATEMENTS_ = {
  ExpressionStatement(n, parts) {
    const code = values(parts);
    return (scope) => void code(scope);
  },
  AssignStatement(n, parts) {
    if (parts.some((one) => one.name === 'TypeDef')) throw unknown(n);
    const marks = parts.flatMap((one, i) => (one.name === 'AssignOp' ? [i] : []));
    const code = values(parts.slice((marks.at(-1) ?? 0) + 1));
    const puts = marks.map((end, k) => loopTarget(parts.slice(k ? marks[k - 1] + 1 : 0, end)));
    return (scope) => {
      const to = code(scope);
      for (const put of puts) put(scope, to);
    };
  },
  UpdateStatement(n, [first, sign, last]) {
    const written = text(sign);
    const op = written.slice(0, -1);
    const put = target([first]);
    const run = marked(n, [expression(first), expression(last)], (a, b) => {
      if (Array.isArray(a) && op === '+' && !(a instanceof Tuple)) return [a, (a.push(...all(b)), a)];
      if (!(a instanceof Tensor)) return [a, operator(op, a, b, written)];
      if (!(b instanceof Tensor) && !isNumber(b)) throw unsupported(op, a, b, written);
      return [a, inPlace(a, () => operator(op, a, b, written))];
    });
    return (scope) => {
      const [before, after] = run(scope);
      const entries = first.name === 'MemberExpression' && kids(first)[1].name !== '.';
      if (!entries || !(before instanceof Tensor)) put(scope, after);
    };
  },
  ForStatement(n, parts) {
    const at = parts.findIndex((one) => one.name === 'in');
    const bodies = parts.filter((one) => one.name === 'Body').map(block);
    const put = loopTarget(parts.slice(1, at));
    const end = parts.findIndex((one) => one.name === 'Body');
    const run = marked(parts[at + 1], [values(parts.slice(at + 1, end))], all);
    return (scope) => {
      for (const one of run(scope)) {
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
    const body = block(/** @type {Syntax} */ (parts.find((one) => one.name === 'Body')));
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
    const code = defined(text(name), list, rest.at(-1), block(rest.at(-1)));
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

/** @param {Syntax} n @returns {Code} */
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

/** @param {Syntax} n @returns {Code} */
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
    top.cursor().iterate((/** @type {Syntax} */ n) => {
      if (n.type.isError) throw wrong(n);
    });
    block(top)(scope);
  } catch (caught) {
    const { kind = '', message, line = now.line } = /** @type {any} */ (caught);
    error = { line, kind, message };
    if (!(caught instanceof Refused || caught instanceof Unknown)) {
      const deep = caught instanceof RangeError;
      error.message = deep ? 'this page cannot go so deep' : 'this page does not know how to do this';
      console.error(caught);
    }
  }
  return { printed: now.printed, error, scope: scope.vars };
}
