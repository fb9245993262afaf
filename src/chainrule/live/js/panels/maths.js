// The step that is shown, as maths with the numbers in. Native MathML, built as text.

import { flat, tensor } from '../engine/tensors.js';
import { escape, isShown, number, numbers, typeset } from '../engine/text.js';

/** @typedef {{words: string, figures: string, terms: number, factors: number}} Written */

/** @param {string} text */
const mo = (text) => `<mo>${text}</mo>`;
/** @param {string} inside */
const row = (inside) => `<mrow>${inside}</mrow>`;
/** @param {string} inside */
const brackets = (inside) => row(`<mo stretchy="true">(</mo>${inside}<mo stretchy="true">)</mo>`);

/** @param {number} x */
const numberMaths = (x) => {
  const [mantissa, exponent] = number(x).replace('-', '−').split('e');
  return exponent
    ? row(`<mn>${mantissa}</mn>${mo('×')}<msup><mn>10</mn><mn>${exponent.replace('-', '−')}</mn></msup>`)
    : `<mn>${mantissa}</mn>`;
};

/** @param {Tensor} t */
function tensorMaths(t) {
  if (!t.shape.length) return numberMaths(t.data[0]);
  if (!isShown(t) || t.shape.length > 2) return `<mtext>${numbers(t)}</mtext>`;
  const columns = t.shape[t.shape.length - 1];
  let rows = '';
  for (let i = 0; i < t.data.length; i += columns)
    rows += `<mtr>${[...t.data.slice(i, i + columns)].map((x) => `<mtd>${numberMaths(x)}</mtd>`).join('')}</mtr>`;
  return row(`${mo('[')}<mtable>${rows}</mtable>${mo(']')}`);
}

/** @param {Tensor} t */
const bracketed = (t) => (t.data[0] < 0 ? brackets(tensorMaths(t)) : tensorMaths(t));

/** @param {string} above @param {string} below */
const d = (above, below) => `<mfrac><mrow><mi>∂</mi>${above}</mrow><mrow><mi>∂</mi>${below}</mrow></mfrac>`;

/** @param {string[]} sides */
const equation = (sides) => `<math display="block">${row([...new Set(sides.filter(Boolean))].join(mo('=')))}</math>`;

/** How many factors of a product, and parts of a sum, are written out; the rest is named. */
const DEPTH = 6;
const PARTS = 8;

export class Maths {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
  }

  /** A forward step: the expression, the numbers in it, the result. @param {number} o the op @returns {string} */
  forward(o) {
    const { model } = this;
    const { values } = model.plain;
    const op = model.view.ops[o];
    const [v] = op.o;
    if (v === model.plain.failed?.[0]) return '';
    const value = model.values[v];
    const inputs = op.i.map((i) => model.values[i]);
    const filled =
      op.n &&
      inputs.every((t) => t && t.data.length === 1) &&
      !op.m.startsWith('<mtext') &&
      op.m.replace(/(>\(<\/mo>)?{(\d+)}/g, (_, open = '', k) => {
        const input = /** @type {Tensor} */ (inputs[k]);
        return open + (open ? tensorMaths(input) : bracketed(input));
      });
    const words = op.m.replace(/{(\d+)}/g, (_, k) => typeset(values[op.i[k]]));
    return equation([
      values[v].n === op.e ? '' : typeset(values[v]),
      words,
      filled || '',
      value ? tensorMaths(value) : `<mtext>${escape(values[v].as ?? '')}</mtext>`,
    ]);
  }

  /** A value's gradient, as far as it has arrived. @param {number} v @returns {string} */
  gradient(v) {
    const { model } = this;
    const result = model.arrived(v);
    const { values } = model.plain;
    const loss = typeset(values[model.loss]);
    const { words, figures } = model.into[v].length > PARTS ? { words: '', figures: '' } : this.#gradient(v, DEPTH);
    const end = result ? tensorMaths(result) : `<mtext>${escape(model.gradientText(v))}</mtext>`;
    return equation([d(loss, typeset(values[v])), words && row(words), figures && row(figures), row(end)]);
  }

  /** @param {number} v @param {number} depth how many factors may still be written out @returns {Written} */
  #gradient(v, depth) {
    const { model } = this;
    const start = model.plain.roots.find(([r]) => r === v);
    const parts = model.into[v].filter((e) => model.passed(e)).map((e) => this.#product(e, depth));
    if (start && !parts.length) {
      const t = tensor(model.plain.values[v].s, flat(start[1] ?? []));
      return t.data.length === 1 && t.data[0] === 1
        ? { words: '', figures: '', terms: 1, factors: 0 }
        : { words: tensorMaths(t), figures: brackets(tensorMaths(t)), terms: 1, factors: 1 };
    }
    if (parts.length === 1) return parts[0];
    return {
      words: parts.map((p) => p.words || '<mn>1</mn>').join(mo('+')),
      figures: parts.map((p) => p.figures || '<mn>1</mn>').join(mo('+')),
      terms: parts.length,
      factors: parts.reduce((sum, p) => sum + p.factors, 0),
    };
  }

  /** What comes along one edge: what arrived behind it, times the local gradient.
   * @param {number} e @param {number} depth @returns {Written} */
  #product(e, depth) {
    const { model } = this;
    const { values } = model.plain;
    const edge = model.view.edges[e];
    const local = model.local(e);
    const factor = (/** @type {string} */ inside) => `<mrow class="factor" data-e="${e}" tabindex="0">${inside}</mrow>`;
    const single = local?.data.length === 1 && model.values[edge.r]?.data.length === 1;
    const behind = model.into[edge.r].length > 0;
    let before =
      single && depth > 1 && model.into[edge.r].length <= PARTS
        ? this.#gradient(edge.r, depth - 1)
        : { words: '', figures: '', terms: 1, factors: 0 };
    if (behind && (!before.factors || before.factors > 2 * DEPTH)) {
      const t = model.gradients[edge.r];
      before = {
        words: d(typeset(values[model.loss]), typeset(values[edge.r])),
        figures: t ? (single ? brackets : row)(tensorMaths(t)) : `<mtext>${escape(model.gradientText(edge.r))}</mtext>`,
        terms: 1,
        factors: 1,
      };
    }
    const words =
      edge.m?.replace(/{(\d+)}/g, (_, v) => typeset(values[v])) ??
      d(typeset(values[edge.r]), typeset(values[model.source(e)]));
    const sign = single || edge.k === 'g' ? '·' : edge.k === 'e' ? '⊙' : '';
    const held = local ? tensorMaths(local) : edge.l ? `<mtext>${escape(edge.l)}</mtext>` : words;
    const [first, second] =
      before.terms > 1 ? [brackets(before.words), brackets(before.figures)] : [before.words, before.figures];
    const more = before.factors > 0;
    return {
      words: more ? first + mo(sign || '·') + factor(edge.p ? brackets(words) : words) : factor(words),
      figures: single
        ? (before.figures && (before.terms > 1 || before.factors ? second : brackets(second))) + factor(brackets(held))
        : (more ? second + mo(sign || '·') : '') + factor(held),
      terms: 1,
      factors: before.factors + 1,
    };
  }

  /** What the step that is shown is about. @param {number} chosen the value whose gradient is shown at the end */
  now(chosen) {
    const { model } = this;
    const { at, forward } = model;
    if (at === 0) return '';
    if (at === model.last && chosen >= 0 && at > forward && model.arrived(chosen)) return this.gradient(chosen);
    if (at <= forward) return this.forward(at - 1);
    if (at === forward + 1) return model.starts.map((v) => this.gradient(v)).join('');
    const o = model.view.back[at - forward - 2];
    return [...new Set(model.edgesOf(o).map((e) => model.source(e)))].map((v) => this.gradient(v)).join('');
  }
}

/** What was read last for an element, without its texts. @type {WeakMap<Element, string>} */
const forms = new WeakMap();

/** Write HTML; where only texts differ, write those, since reading formulas anew takes long.
 * @param {Element} element @param {string} html */
function markup(element, html) {
  const form = html.replace(/>[^<]+/g, '>.');
  if (forms.get(element) !== form || html.includes('&')) element.innerHTML = html;
  else {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (const [text] of html.matchAll(/(?<=>)[^<]+/g)) {
      const node = /** @type {Text} */ (texts.nextNode());
      if (node.data !== text) node.data = text;
    }
  }
  forms.set(element, form);
}

/** What writes the formula below a graph.
 * @param {Ui} ui @returns {Panel} */
export function formula(ui) {
  const maths = new Maths(ui.model);
  return { node: ui.formula, refresh: () => markup(ui.formula, maths.now(ui.chosen)) };
}
