// How large gradients are: a bar in each box, all on one scale, so that one sees where they fade or explode.

import { attribute, s, write } from './dom.js';
import { LINE } from './drawing.js';
import { number } from './text.js';

/** @typedef {import('./drawing.js').Drawing} Drawing */

/** As in drawing.js; and how long a weight's bar is. */
const [SIDE, SHORT] = [10, 56];

/** The root mean square of a gradient's entries, as far as it has arrived.
 * @param {import('./model.js').Model} model @param {number} v @returns {number | undefined} */
function gradientSize(model, v) {
  const t = model.arrived(v);
  if (t) return Math.sqrt(t.data.reduce((sum, x) => sum + x * x, 0) / (t.data.length || 1));
  const { z } = model.plain.values[v];
  return z !== undefined && model.gradientText(v) ? Number(z) : undefined;
}

/** Give the boxes of a drawing what shows their sizes. @param {Drawing} drawing */
export function dress({ model, layout, boxes }) {
  const { scale } = model.plain;
  if (!scale) return () => {};
  const [low, high] = scale;
  /** @param {number} v @param {Element | undefined} into @param {number} x @param {number} y @param {number} width */
  const bar = (v, into, x, y, width) => {
    const [title, fill] = [s('title'), s('rect', { class: 'size', x, y, rx: 2, height: 4 })];
    const group = s('g', {}, title, s('rect', { class: 'track', x, y, rx: 2, width, height: 4 }), fill);
    into?.append(group);
    const refresh = () => {
      const size = gradientSize(model, v);
      attribute(group, 'class', size === undefined ? 'bare' : Number.isFinite(size) ? 'bar' : 'bar broken');
      if (size === undefined) return;
      const part = Number.isFinite(size) ? (Math.log10(size) - low) / (high - low) : 1;
      attribute(fill, 'width', size === 0 ? 0 : Math.max(2, width * Math.min(1, part)).toFixed(1));
      write(title, `size of the gradient: ${number(size)} (root mean square of its entries)`);
    };
    refresh();
    return refresh;
  };
  const bars = new Map(
    layout.b.map(([v, x, y, w, height, inside = []]) => {
      const box = boxes.get(v);
      const own = bar(v, box?.group, x + SIDE, y + height - LINE * inside.length - 8, w - 2 * SIDE);
      const weights = inside.map(([weight], i) =>
        bar(weight, box?.weights[i].part, x + w - SIDE - SHORT, y + height - LINE * (inside.length - i) + 3, SHORT),
      );
      return [v, [own, ...weights]];
    }),
  );
  return (/** @type {number} */ v) => bars.get(v)?.forEach((refresh) => refresh());
}
