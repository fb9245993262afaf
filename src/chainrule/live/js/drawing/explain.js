// What a graph says: each step, and each mark about itself, to whoever points at it, taps it or comes to it by keys.

import { attributes, h } from './dom.js';
import { derivative, number } from '../engine/text.js';

const KINDS = /** @type {Record<string, string>} */ ({
  value: 'A value is computed from the values before it, and goes forward along the solid arrows.',
  gradient:
    'A gradient says how fast the loss changes with a value. It goes backward along the dashed arrows; where two ' +
    'arrows end, their numbers add up.',
  local: 'A local gradient stands on its arrow: it says how fast the result of one operation changes with one input.',
  upstream: 'The upstream gradient is the gradient of an operation’s result. Times the local gradient, it goes on.',
});

/** How fast one thing changes with another, in words. @param {string} of @param {string} by @param {string} factor */
function rates(of, by, factor) {
  const x = Number(factor);
  if (!factor || Number.isNaN(x)) return '.';
  if (!x) return `: a small change of ${by} does not change ${of}.`;
  const way = x < 0 ? ', the other way' : '';
  return `: a small change of ${by} changes ${of} ${number(Math.abs(x))} times as much${way}.`;
}

/** @param {Model} model @param {Element} target @returns {string} nothing where there is nothing to say */
function meaning(model, target) {
  const kind = target.closest('[data-kind]')?.getAttribute('data-kind');
  if (kind) return KINDS[kind];
  const loss = model.names[model.loss];
  const e = target.closest('.edge')?.getAttribute('data-e');
  if (e) {
    const [of, by] = [model.names[model.view.edges[Number(e)].r], model.names[model.source(Number(e))]];
    if (!model.passed(Number(e))) return `${by} goes into ${of}.`;
    const factor = model.localOf(Number(e));
    return `Local gradient ${derivative(of, by)} = ${factor}${rates(of, by, factor)}`;
  }
  const v = Number(target.closest('.box')?.getAttribute('data-v') ?? -1);
  if (v < 0) return '';
  const name = model.names[v];
  const op = model.view.ops[model.maker[v]];
  const [failed, said] = model.plain.failed ?? [];
  if (v === failed) return `${said}.`;
  if (target.closest('.g') && model.gradientText(v))
    return `Gradient ${derivative(loss, name)} = ${model.gradientText(v)}${rates(loss, name, model.gradientText(v))}`;
  if (!target.closest('.v') || !model.reached(v)) return '';
  return `Value ${name}${op && op.e !== name ? ` = ${op.e}` : ''} = ${model.valueText(v)}${op ? '' : ', given'}.`;
}

/** The step that is shown, in words. @param {Model} model @param {boolean} [ended] whether all was played */
export function words(model, ended) {
  const { at, forward, view, last } = model;
  const where = `Step ${at} of ${last}`;
  if (at === 0) return `${where}: nothing is computed yet.`;
  const loss = model.names[model.loss];
  if (at <= forward) {
    const { o, e, n } = view.ops[at - 1];
    const [failed, said] = model.plain.failed ?? [];
    if (o[0] === failed) return `${where}: ${said}.`;
    if (!n) return `${where}, forward through ${e}: ${model.names[o[0]]} = ${model.valueText(o[0])}.`;
    const given = o.map((v) => `${model.names[v] === e ? e : `${model.names[v]} = ${e}`} gives ${model.valueText(v)}`);
    return `${where}, forward: ${given.join('; ')}.`;
  }
  if (at === forward + 1) {
    const [first] = model.starts;
    const gradient = `${derivative(loss, model.names[first])} = ${model.gradientText(first)}`;
    const comes = first === model.loss ? 'starts' : 'arrives';
    return `${where}: the backward pass ${comes} at ${model.names[first]}, with ${gradient}.`;
  }
  const op = view.back[at - forward - 2];
  const values = [...new Set(model.edgesOf(op).map((e) => model.source(e)))];
  const parts = values.map((v) => {
    const into = model.into[v];
    const done = into.every((e) => model.passed(e));
    const number = model.gradientText(v);
    const text = derivative(loss, model.names[v]) + (number && ` = ${number}`);
    return into.length < 2
      ? text
      : done
        ? `${text}, the sum over ${into.length} paths`
        : `${text} so far, and another path is still to come`;
  });
  return `${where}, backward through ${view.ops[op].e}: ${parts.join('; ')}.${ended ? wayOf(model) : ''}`;
}

/** Which way a single weight should go. @param {Model} model */
function wayOf(model) {
  const [v, more] = model.trained;
  const [slope, another] = model.gradients[v]?.data ?? [];
  if (!slope || another !== undefined || more !== undefined) return '';
  const [name, loss] = [model.names[v], model.names[model.loss]];
  return ` Raising ${name} ${slope > 0 ? 'raises' : 'lowers'} ${loss}: ${slope > 0 ? 'lower' : 'raise'} ${name}.`;
}

/** The texts of a graph that say something, as they are read. @param {HTMLElement} stage */
function marksOf(stage) {
  const texts = /** @type {NodeListOf<SVGTextElement>} */ (
    stage.querySelectorAll('.box > :is(.v, .g), .passed > .halo')
  );
  const places = new Map([...texts].map((mark) => [mark, mark.getBoundingClientRect()]));
  const seen = [...places].filter(([mark]) => mark.textContent && !mark.matches('.told'));
  return seen.sort(([, a], [, b]) => a.left + a.top - b.left - b.top).map(([mark]) => mark);
}

/** @param {Ui} ui @param {HTMLElement} body where the marks are */
export function explain(ui, body) {
  const tip = h('div.tip', { role: 'tooltip', hidden: true });
  body.append(tip);
  /** @param {Event} event */
  function show({ target }) {
    const text = target instanceof Element ? meaning(ui.model, target) : '';
    tip.hidden = !text;
    if (!text || !(target instanceof Element)) return;
    tip.textContent = text;
    const mark = target.getBoundingClientRect();
    const room = body.getBoundingClientRect();
    const wide = tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room.width - wide, mark.left + mark.width / 2 - room.left - wide / 2))}px`;
    tip.style.top = `${mark.bottom - room.top + 8}px`;
  }
  for (const kind of ['pointerover', 'focusin', 'click']) body.addEventListener(kind, show);
  ui.stage.addEventListener('keydown', (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1, Escape: 0 }[event.key];
    if (by === undefined || event.defaultPrevented) return;
    const marks = marksOf(ui.stage);
    const at = marks.indexOf(/** @type {SVGTextElement} */ (event.target));
    const next = by ? marks.at((at + by) % marks.length) : ui.stage;
    if (next instanceof SVGElement)
      attributes(next, { tabindex: -1, role: 'img', 'aria-label': meaning(ui.model, next) });
    next?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  for (const kind of ['pointerleave', 'focusout', 'pointerdown', 'keydown'])
    body.addEventListener(kind, () => (tip.hidden = true));
}
