// How large gradients are: a bar in each box, all on one scale, so that one sees where they fade or explode.

import { cells, key } from './cells.js';
import { attribute, s, write } from './dom.js';
import { LINE } from './drawing.js';
import { number } from '../engine/text.js';

/** As in drawing.js; and how long a weight's bar is. */
const [SIDE, SHORT] = [10, 56];

/** The root mean square of a gradient's entries, as far as it has arrived.
 * @param {Model} model @param {number} v @returns {number | undefined} */
function gradientSize(model, v) {
  const t = model.arrived(v);
  if (t) return Math.sqrt(t.data.reduce((sum, x) => sum + x * x, 0) / (t.data.length || 1));
  const { z } = model.plain.values[v];
  return z !== undefined && model.gradientText(v) ? Number(z) : undefined;
}

/** Give the boxes of a drawing what shows their sizes, and their tensors as cells.
 * @param {Drawing} drawing @param {Ui} ui @returns {(v: number) => void} what keeps a box so */
export function dress(drawing, ui) {
  const { model, layout, boxes } = drawing;
  const coloured = layout.b.filter((placed) => placed[6]);
  const most = coloured.length ? key(ui) : 0;
  const grids = new Map(coloured.map((placed) => [placed[0], cells(drawing, ui, placed, most)]));
  const [low, high] = model.plain.scale ?? [0, 0];
  /** @param {number} v @param {Element | undefined} into @param {number} x @param {number} y @param {number} width */
  const bar = (v, into, x, y, width) => {
    const [title, fill] = [s('title'), s('rect.size', { x, y, rx: 2, height: 4 })];
    const group = s('g', title, s('rect.track', { x, y, rx: 2, width, height: 4 }), fill);
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
    (model.plain.scale ? layout.b : []).map(([v, x, y, w, height, inside = []]) => {
      const box = boxes.get(v);
      const own = bar(v, box?.group, x + SIDE, y + height - LINE * inside.length - 8, w - 2 * SIDE);
      const weights = inside.map(([weight], i) =>
        bar(weight, box?.weights[i].part, x + w - SIDE - SHORT, y + height - LINE * (inside.length - i) + 3, SHORT),
      );
      return [v, [own, ...weights]];
    }),
  );
  return (v) => {
    grids.get(v)?.();
    bars.get(v)?.forEach((refresh) => refresh());
  };
}
