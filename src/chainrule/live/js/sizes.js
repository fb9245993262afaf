// How large gradients are: a bar in each box, all on one scale, so that one sees where they fade or explode.

import { attribute, s, write } from './dom.js';
import { number } from './text.js';

/** @typedef {import('./drawing.js').Drawing} Drawing */

const SIDE = 10;

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
  const bars = new Map(
    layout.b.map(([v, x, y, w, height]) => {
      const [title, fill] = [s('title'), s('rect', { class: 'size', rx: 2, height: 4 })];
      const at = { x: x + SIDE, y: y + height - 8 };
      const bar = s('g', {}, title, s('rect', { ...at, class: 'track', rx: 2, width: w - 2 * SIDE, height: 4 }), fill);
      attribute(fill, 'x', at.x);
      attribute(fill, 'y', at.y);
      boxes.get(v)?.group.append(bar);
      return [v, { bar, title, fill, room: w - 2 * SIDE }];
    }),
  );
  /** @param {number} v */
  const refresh = (v) => {
    const { bar, title, fill, room } = /** @type {NonNullable<ReturnType<typeof bars.get>>} */ (bars.get(v));
    const size = gradientSize(model, v);
    attribute(bar, 'class', size === undefined ? 'bare' : Number.isFinite(size) ? 'bar' : 'bar broken');
    if (size === undefined) return;
    const part = (Math.log10(size) - low) / (high - low);
    attribute(
      fill,
      'width',
      size === 0 ? 0 : Math.max(2, room * Math.min(1, Number.isFinite(size) ? part : 1)).toFixed(1),
    );
    write(title, `size of the gradient: ${number(size)} (root mean square of its entries)`);
  };
  for (const v of bars.keys()) refresh(v);
  return refresh;
}
