// The tree that Lezer's grammar makes of a program: what a node says, where it stands, and what is wrong with it.

import { Refused, refused, Unknown } from './python.js';
import { tape } from './tape.js';

/** @typedef {{vars: Map<string, any>, outer?: Scope, own?: Set<string>}} Scope */
/** @typedef {(scope: Scope) => any} Code */
/** A node of Lezer's tree. @typedef {any} Syntax */

/** A program stops after so many statements. */
export const STATEMENTS = 100_000;

/** The text, and what ran. */
export const now = { source: '', line: 0, statements: 0, depth: 0, printed: '' };

/** @param {Syntax} n */
export const text = (n) => now.source.slice(n.from, n.to);
/** @param {number} at */
export const lineAt = (at) => now.source.slice(0, at).split('\n').length;
/** @param {Syntax} n @returns {Syntax[]} */
export function kids(n) {
  const all = [];
  for (let kid = n.firstChild; kid; kid = kid.nextSibling) if (kid.name !== 'Comment') all.push(kid);
  return all;
}
/** @param {Syntax[]} all the parts between the commas */
export function parted(all) {
  /** @type {Syntax[][]} */ const parts = [[]];
  for (const one of all) {
    if (one.name === ',') parts.push([]);
    else parts[parts.length - 1].push(one);
  }
  return parts.filter((part) => part.length);
}

/** Do something with the values of parts, and say with each op where in the code it stands.
 * @param {Syntax} n @param {Code[]} parts @param {(...values: any[]) => any} act @returns {Code} */
export function marked(n, parts, act) {
  const mark = { node: n, code: now.source, text: text(n).replace(/\s+/g, ' '), line: lineAt(n.from) };
  return (scope) => {
    const values = parts.map((code) => code(scope));
    now.line = mark.line;
    tape.source = mark;
    return act(...values);
  };
}

/** @param {Syntax} n */
export const unknown = (n) =>
  Object.assign(new Unknown(`this page does not know \`${text(n).split('\n')[0].slice(0, 40)}\``), {
    line: lineAt(n.from),
  });

export function count() {
  if (++now.statements > STATEMENTS)
    throw new Unknown(`stopped after ${STATEMENTS.toLocaleString('en')} statements, the most that this page runs`);
}

/** What is wrong with the grammar. @param {Syntax} n */
export function wrong(n) {
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
