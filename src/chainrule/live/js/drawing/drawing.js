// The graph as SVG, in the places that Python worked out, and with the numbers of the step that is shown.

import { attribute, attributes, s, write } from './dom.js';
import { entryName, isShown, number } from '../engine/text.js';

/** @typedef {{handle: SVGGElement, v: number, at: number, name: string}} Handle for a number that can be changed */
/** @typedef {{group: SVGGElement, value: SVGTextElement, gradient: SVGTextElement, entries: SVGGElement[],
 *   grid?: (held: Tensor) => void, weights: {v: number, part: SVGGElement}[],
 *   x: number, y: number, room: number, words: string[], looks?: string}} Box where its value begins, and what stands
 *   before it and before its gradient */

export const CHARACTER = 7.25;
export const LINE = 17;
export const PADDING = 10;
/** A letter of a number in full screen. */
const HALL = (CHARACTER * 17) / 12;
const LETTERS = 34;
/** So far the middle of a local gradient stays away from boxes, and from others. */
const ASIDE = 9;
const BEFORE = ['value ', 'grad  '];
/** Letters that a number and its sign have in a box of one line. */
const FLAT = 9;

/** @param {string} text */
const cut = (text) => (text.length <= LETTERS ? text : `${text.slice(0, LETTERS - 1)}…`);

export class Drawing {
  /** The middle of each local gradient, and half of its width. @type {number[][]} */ #labels = [];
  /** Those that nobody made editable yet. @type {Handle[]} */ handles = [];
  /** What shows sizes and cells in a box, once that is there. @type {((v: number) => void) | undefined} */ dress;

  /** @param {Model} model @param {Layout} layout */
  constructor(model, layout) {
    this.model = model;
    this.layout = layout;
    const { w, h: height } = layout;
    const said = { role: 'group', 'aria-label': 'The graph' };
    this.svg = s('svg', { viewBox: `0 0 ${w} ${height}`, width: w, height, ...said });
    this.svg.append(s('defs', marker('vh'), marker('gh')));
    this.edges = layout.a.map((drawn, e) => this.#edge(drawn, e));
    /** How each edge was drawn last. @type {string[]} */ this.looks = [];
    /** @type {Map<number, Box>} */ this.boxes = new Map();
    for (const box of layout.b) this.boxes.set(box[0], this.#box(box));
  }

  /** @param {[string, string, number, number]} drawn @param {number} e */
  #edge([forward, backward, ...place], e) {
    const [x, y] = this.#free(place, ((this.model.view.edges[e].l ?? '').length + 2) * (CHARACTER / 2));
    const local = s('text.g.halo', { x, y: y + 4, 'text-anchor': 'middle' });
    const group = s('g', { 'data-e': e });
    if (forward) group.append(s('path.hit', { d: forward }), s('path.f', { d: forward, 'marker-end': 'url(#vh)' }));
    if (backward) group.append(s('path.b', { d: backward, 'marker-end': 'url(#gh)' }), local, ' ');
    this.svg.append(group);
    const [start] = forward.slice(1).split('C');
    return { group, local, sort: backward && backward.endsWith(` ${start}`) ? 'edge cord' : 'edge' };
  }

  /** Where a label is covered by no box and by no other label: above or below the one, beside the other.
   * @param {number[]} place @param {number} half its width */
  #free([x, y], half) {
    for (const [, left, top, w, height] of this.layout.b)
      if (Math.abs(x - left - w / 2) < half + w / 2 && y > top - ASIDE && y < top + height + ASIDE)
        y = 2 * y < 2 * top + height ? top - ASIDE : top + height + ASIDE;
    for (const [a, b, far] of this.#labels)
      if (Math.abs(y - b) < ASIDE && Math.abs(x - a) < half + far) x = a + half + far;
    if (half > CHARACTER) this.#labels.push([x, y, half]);
    return [x, y];
  }

  /** @param {import('../engine/model.js').PlacedBox} placed @returns {Box} */
  #box([v, left, top, w, height, inside = []]) {
    const { model } = this;
    const plain = model.plain.values[v];
    const x = left + PADDING;
    const y = top + PADDING + LINE * 0.75;
    const op = model.view.ops[model.maker[v]];
    const name = cut(op?.h ?? plain.n);
    const expression = op && !op.h ? cut(op.e) : '';
    const opens = op?.v ? { 'data-open': op.v, role: 'button', tabindex: 0 } : null;
    const flat = height < 2 * (LINE + PADDING);
    const [down, room] = flat ? [0, FLAT * CHARACTER] : [LINE, w - 2 * PADDING];
    const right = flat ? x + w - 2 * PADDING - room : x;
    const across = flat && plain.g !== undefined ? right - room : right;
    const value = s('text', { class: v === model.plain.failed?.[0] ? 'raised' : 'v', x: across, y: y + down });
    const gradient = s('text.g', { x: right, y: y + 2 * down });
    const [open, mark] = opens ? [' open', '▸'] : ['', '='];
    const title = s('text', { x, y });
    title.append(
      op?.h ? s('tspan', { class: `n${open}`, ...opens }, opens ? `▸ ${name}` : name) : s('tspan.n', name),
      ' ',
    );
    if (expression && expression !== name)
      title.append(s('tspan', { class: `e${open}`, ...opens }, `${mark} ${expression}`));
    const frame = s('rect', { x: left, y: top, width: w, height, rx: 6 });
    const group = s('g.box', { 'data-v': v }, frame, title, ' ', value, ' ');
    /** @type {SVGGElement[]} */ const entries = [];
    const held = model.values[v];
    if (plain.leaf && !model.fixed && held && isShown(held)) {
      for (let at = 0; at < held.data.length; at++) {
        const [back, line] = [s('rect.handle', { rx: 3, height: 21 }), s('path.line')];
        const handle = s('g.number', back, line, s('text.v'));
        this.handles.push({ handle, v, at, name: entryName(plain.n, plain.s, at) });
        entries.push(handle);
        group.append(handle, ' ');
      }
    }
    group.append(gradient);
    const weights = inside.map(([weight, words], i) => {
      const row = s('text.v', { x, y: top + height - LINE * (inside.length - i) + 9 }, words);
      const part = s('g.weight', { 'data-v': weight }, row);
      group.append(' ', part);
      return { v: weight, part };
    });
    this.svg.append(group);
    return {
      group,
      value,
      gradient,
      entries,
      weights,
      x: across,
      y: y + down,
      room,
      words: flat ? ['', '▽ '] : BEFORE,
    };
  }

  /** Show the numbers of the step that is shown, and which op it is about.
   * @param {Set<number>} now values @param {Set<number>} flowing edges */
  render(now, flowing) {
    const { model } = this;
    for (const [v, box] of this.boxes) {
      const text = model.valueText(v);
      const gradient = model.gradientText(v);
      const odd = /\b(nan|inf|raised)\b/.test(`${text} ${gradient}`) ? ' odd' : '';
      const kind = `box${model.reached(v) ? '' : ' todo'}${now.has(v) ? ' now' : ''}${odd}`;
      const marks = box.weights.map(
        (weight) => model.gradientText(weight.v) && `weight${now.has(weight.v) ? ' now' : ''}`,
      );
      const looks = `${kind} ${box.entries.length ? model.values[v]?.data : text} ${gradient} ${marks}`;
      if (box.looks === looks) continue; // asking the page itself what it shows is what takes long
      box.looks = looks;
      attribute(box.group, 'class', kind);
      if (box.entries.length) this.#entries(box, v);
      else fit(box.value, `${box.value.matches('.v') ? box.words[0] : ''}${cut(text)}`, box.room);
      fit(box.gradient, gradient && `${box.words[1]}${cut(gradient)}`, box.room);
      box.weights.forEach(({ part }, i) => attribute(part, 'class', marks[i] || 'weight'));
      this.dress?.(v);
    }
    this.edges.forEach(({ group, local, sort }, e) => {
      const edge = model.view.edges[e];
      const passed = model.passed(e);
      const label = passed && model.localText(e);
      const [todo, now] = [edge.o < model.at ? '' : ' todo', flowing.has(e) ? ' now' : ''];
      const kind = `${sort}${todo}${passed ? ' passed' : ''}${now}`;
      if (this.looks[e] === `${kind} ${label}`) return;
      this.looks[e] = `${kind} ${label}`;
      write(local, label ? `× ${label}` : '');
      attribute(group, 'class', group.classList.contains('lit') ? `${kind} lit` : kind);
    });
  }

  /** Set the numbers of a leaf beside each other, as the picture's text has them. @param {Box} box @param {number} v */
  #entries(box, v) {
    const held = /** @type {Tensor} */ (this.model.values[v]);
    let at = 0;
    let [words] = box.words;
    let column = words.length;
    /** @param {string} text */ const skip = (text) => {
      words += text;
      column += text.length;
    };
    /** @param {number} axis */
    const put = (axis) => {
      if (axis < held.shape.length) {
        skip('[');
        for (let i = 0; i < held.shape[axis]; i++) {
          if (i) skip(', ');
          put(axis + 1);
        }
        return skip(']');
      }
      const x = held.data[at];
      const text = number(x);
      const handle = box.entries[at++];
      const [back, line, label] = handle.children;
      const left = box.x + column * CHARACTER * squeeze;
      const width = text.length * CHARACTER * squeeze;
      write(label, text);
      attributes(label, { x: left, y: box.y, lengthAdjust: 'spacingAndGlyphs' });
      attributes(back, {
        x: left - 5,
        y: box.y - 15,
        width: held.shape.length ? width + 10 : Math.max(width + 10, 36),
      });
      attribute(line, 'd', `M${left} ${box.y + 4}h${width}`);
      if (squeeze < 1) attribute(label, 'textLength', width);
      else label.removeAttribute('textLength');
      attributes(handle, { 'aria-valuenow': Number.isFinite(x) ? x : 0, 'aria-valuetext': text });
      skip(' '.repeat(text.length));
    };
    if (box.grid) return box.grid(held);
    const whole = `${words}${this.model.valueText(v)}`.length * CHARACTER;
    const squeeze = Math.min(1, box.room / whole);
    put(0);
    fit(box.value, words, squeeze < 1 ? words.length * CHARACTER * squeeze : Infinity);
  }

  /** Where a value stands, to scroll there. @param {number} v */
  place(v) {
    return this.layout.b.find(([at]) => at === v);
  }
}

/** Write a text, squeezed where it would not fit.
 * @param {SVGTextElement} element @param {string} text @param {number} room */
export function fit(element, text, room) {
  write(element, text);
  if (text.length * (document.fullscreenElement ? HALL : CHARACTER) > room + 1) {
    attributes(element, { textLength: room, lengthAdjust: 'spacingAndGlyphs' });
  } else element.removeAttribute('textLength');
}

/** @param {string} id */
const marker = (id) =>
  s(
    'marker',
    {
      id,
      viewBox: '0 0 8 8',
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      markerUnits: 'userSpaceOnUse',
      orient: 'auto',
    },
    s('path', { class: id, d: 'M0 .5 8 4 0 7.5Z' }),
  );
