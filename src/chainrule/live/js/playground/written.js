// Code and rules of calculus as maths, in MathML, as chainrule/calculus/maths.py writes them.

import { escape, number } from '../engine/text.js';
import { ELEMENTWISE } from '../engine/ops.js';

/** What is written: its maths, how strongly it holds together, and its number if it is one.
 * @typedef {{m: string, holds: number, x?: number}} Written */

const [SUM, PRODUCT, POWER, ATOM] = [0, 1, 2, 3];
const mo = (/** @type {string} */ text) => `<mo>${text}</mo>`;
const row = (/** @type {string} */ inside) => `<mrow>${inside}</mrow>`;
const THIN = '<mspace width=".15em"></mspace>';
/** @param {Written} part @param {number} [least] */
const held = ({ m, holds }, least = ATOM) =>
  holds >= least ? m : row(`<mo stretchy="false">(</mo>${m}<mo stretchy="false">)</mo>`);

/** @param {number} x @returns {Written} */
const constant = (x) =>
  x < 0
    ? { ...constant(-x), m: mo('−') + constant(-x).m, holds: SUM, x }
    : { m: `<mn>${number(x)}</mn>`, holds: ATOM, x };

/** A value's name as maths. @param {string} name */
export function nameMaths(name) {
  const parts = /^([^\W\d_]+)(\d*)((?:_[^\W_]+)*)$/.exec(name);
  if (!parts) return `<mtext style="font-family:ui-monospace,monospace;font-size:.9em">${plain(name)}</mtext>`;
  const accents = /** @type {Record<string, string>} */ ({ hat: '^', bar: '¯', tilde: '~' });
  const below = [parts[2], ...parts[3].split('_')].filter((part) => part && !(part in accents));
  const stem = parts[3]
    .split('_')
    .reduce((m, part) => (part in accents ? `<mover>${m}${mo(accents[part])}</mover>` : m), `<mi>${parts[1]}</mi>`);
  return below.length ? `<msub>${stem}<mtext>${below.join(',')}</mtext></msub>` : stem;
}
const plain = (/** @type {string} */ text) => escape(text).replace(/{/g, '&#123;');

/** @type {Record<string, (a: Written, b: Written) => Written>} */
const SIGNS = {
  '+': (a, b) => ({ m: a.m + mo('+') + held(b, PRODUCT), holds: SUM }),
  '-': (a, b) => ({ m: a.m + mo('−') + held(b, PRODUCT), holds: SUM }),
  '*': (a, b) =>
    a.x === 1
      ? b
      : b.x === 1
        ? a
        : { m: held(a, PRODUCT) + (a.x === undefined ? mo('·') : THIN) + held(b, PRODUCT), holds: PRODUCT },
  '@': (a, b) => ({ m: held(a, PRODUCT) + THIN + held(b, PRODUCT), holds: PRODUCT }),
  '/': (a, b) => ({ m: `<mfrac>${row(a.m)}${row(b.m)}</mfrac>`, holds: POWER }),
  '**': (a, b) => (b.x === 1 ? a : { m: `<msup>${row(held(a))}${row(b.m)}</msup>`, holds: POWER }),
};
const CALLED =
  /^(?:(?:torch|F|nn)\.)?(?:nn\.)?(?:functional\.)?(exp|log|sqrt|sin|cos|tanh|sigmoid|relu|abs|sign|step)$/;

/** Write a tree of Lezer's. @param {any} n @param {string} source @param {(name: string) => Written | undefined} name
 * @returns {Written | null} nothing if it is no formula */
function written(n, source, name) {
  const text = source.slice(n.from, n.to);
  const found = name(text.replace(/\s+/g, ' '));
  if (found) return found;
  /** @type {any[]} */ const kids = [];
  for (let kid = n.firstChild; kid; kid = kid.nextSibling) kids.push(kid);
  const inner = (/** @type {number} */ i) => written(kids.at(i), source, name);
  if (n.name === 'Number') return constant(Number(text));
  if (n.name === 'ParenthesizedExpression') return inner(1);
  if (n.name === 'UnaryExpression') {
    const part = inner(1);
    return part && text[0] === '-'
      ? part.x === undefined
        ? { m: `<mo form="prefix">−</mo>${held(part, PRODUCT)}`, holds: SUM }
        : constant(-part.x)
      : part;
  }
  if (n.name === 'BinaryExpression') {
    const op = source.slice(kids[1].from, kids[1].to);
    const [a, b] = [inner(0), inner(-1)];
    if (!a || !b || !(op in SIGNS)) return null;
    if (a.x !== undefined && b.x !== undefined && op in SUMS) return constant(SUMS[op](a.x, b.x));
    return SIGNS[op](a, b);
  }
  if (n.name === 'MemberExpression' && /\.T$/.test(text)) {
    const part = inner(0);
    return part && { m: `<msup>${row(held(part))}${mo('⊤')}</msup>`, holds: POWER };
  }
  const called = n.name === 'CallExpression' && source.slice(kids[0].from, kids[0].to);
  const method = called ? /\.(exp|log|sqrt|sin|cos|tanh|sigmoid|relu|abs)$/.exec(called) : null;
  const of = !called
    ? null
    : CALLED.test(called)
      ? written(kids[1].firstChild.nextSibling, source, name)
      : method
        ? written(kids[0].firstChild, source, name)
        : null;
  const said = called && (CALLED.exec(called)?.[1] ?? method?.[1]);
  return of && said
    ? { m: `<mi>${said === 'log' ? 'ln' : said}</mi>${held({ ...of, holds: SUM })}`, holds: ATOM }
    : null;
}
/** @type {Record<string, (a: number, b: number) => number>} */
const SUMS = { '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '**': (a, b) => a ** b };

/** An op as maths, with a place for each input. @param {Op} op @param {string[]} names of its inputs */
export function formulaOf(op, names) {
  const { text = op.name, node, code = '' } = op.source ?? {};
  const name = (/** @type {string} */ written) => {
    const i = op.inputs.findIndex((v, k) => names[k] === written || v.text === written || v.name === written);
    return i < 0 ? undefined : { m: `{${i}}`, holds: /^[\w.[\]#]+$/.test(names[i]) ? ATOM : SUM };
  };
  return (
    (node && written(node, code, name)?.m) ||
    `<mtext style="font-family:ui-monospace,monospace;font-size:.9em">${plain(text)}</mtext>`
  );
}

/** The rule of a local gradient as maths: of what is inside, and whether it is loose. @param {Op} op @param {number} i
 * @param {(v: any) => number} at */
export function ruleMaths(op, i, at) {
  const place = ELEMENTWISE[op.name] ? op.step.argument[i] : 0;
  const rule = RULES[op.name]?.[place];
  if (!rule || !(ELEMENTWISE[op.name] || op.name === 'sum' || op.name === 'mean')) return {};
  const { parser } = /** @type {any} */ (globalThis).chainruleLezer['@lezer/python'];
  const share = Math.floor(op.inputs[i].data.length / op.outputs[0].data.length);
  const name = (/** @type {string} */ letter) => {
    if (!/^(a|b|n|out)$/.test(letter)) return undefined;
    if (letter === 'n') return constant(share);
    const k = letter === 'out' ? -1 : op.step.argument.indexOf(letter.charCodeAt(0) - 97);
    const x = op.step.constants[letter.charCodeAt(0) - 97];
    if (letter !== 'out' && k < 0) return constant(Number(x));
    const v = k < 0 ? op.outputs[0] : op.inputs[k];
    return { m: `{${at(v)}}`, holds: v.name ? ATOM : SUM };
  };
  const tree = parser.parse(rule).topNode.firstChild?.firstChild;
  const made = tree && written(tree, rule, name);
  return made ? { m: made.m, ...(made.holds < PRODUCT ? { p: 1 } : {}) } : {};
}
