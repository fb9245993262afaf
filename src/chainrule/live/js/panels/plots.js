// Plots that fill the room there is: curves, contours, points, and the ends of both axes.

import { h, s } from '../drawing/dom.js';
import { CHARACTER } from '../drawing/drawing.js';
import { expected, readNumber } from '../drawing/numbers.js';
import { number } from '../engine/text.js';

/** @typedef {[number, number]} Point */
/** @typedef {{points: Point[], kind: string, arrow?: boolean}} Curve */
/** @typedef {{at: Point, kind: string, text?: string, side?: 'start' | 'middle' | 'end', lower?: number}} Mark a dot, a
 *   number, or both */
/** @typedef {{x: string, y: string, xs: Point, ys: Point, curves: Curve[], marks: Mark[]}} Picture */

const BOTTOM = 28;
const TOP = 10;
const RIGHT = 14;

/** @param {number} height @param {Record<string, string | number>} attributes */
export function plot(height, attributes) {
  const svg = s('svg.plot', { height, ...attributes });
  const bottom = height - BOTTOM;
  let width = 0;
  let left = 0;
  /** @type {Picture} */ let shown;
  const px = (/** @type {number} */ v) =>
    left + ((v - shown.xs[0]) / (shown.xs[1] - shown.xs[0] || 1)) * (width - left - RIGHT);
  const py = (/** @type {number} */ v) =>
    Math.max(-1e4, Math.min(1e4, bottom - ((v - shown.ys[0]) / (shown.ys[1] - shown.ys[0] || 1)) * (bottom - TOP)));
  /** @param {Curve} curve */
  const line = ({ points, kind, arrow }) =>
    s('path', {
      class: kind,
      'clip-path': `url(#within-${attributes.role})`,
      'marker-end': arrow === true && `url(#${kind.includes('b') ? 'gh' : 'vh'})`,
      // where a point is no number, the pen is lifted
      d: points
        .map(([x, y], i) =>
          Number.isFinite(x + y)
            ? `${i && Number.isFinite(points[i - 1][1]) ? 'L' : 'M'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`
            : '',
        )
        .join(''),
    });
  /** @param {Mark} mark */
  const put = ({ at: [x, y], kind, text, side = 'middle', lower = -9 }) => {
    if (!Number.isFinite(x + y)) return [];
    if (px(x) < left - 9 || px(x) > width - 5 || py(y) < 0 || py(y) > bottom + 9) return [];
    if (side === 'start' && px(x) + CHARACTER * (text ?? '').length > width - RIGHT) side = 'end';
    const by = side === 'start' ? 6 : side === 'end' ? -6 : 0;
    return [
      kind.includes('dot') ? s('circle', { class: kind, cx: px(x), cy: py(y), r: kind.includes('here') ? 7 : 4 }) : '',
      text ? s('text', { class: `${kind} halo`, x: px(x) + by, y: py(y) + lower, 'text-anchor': side }, text) : '',
    ];
  };
  return {
    node: svg,
    /** How far a pointer is from a point, in pixels. @param {PointerEvent} event @param {Point} point */
    far(event, [x, y]) {
      const box = svg.getBoundingClientRect();
      return Math.hypot(event.clientX - box.left - px(x), event.clientY - box.top - py(y));
    },
    /** Where a pointer is. @param {PointerEvent} event @returns {Point} */
    under(event) {
      const box = svg.getBoundingClientRect();
      const { xs, ys } = shown;
      const across = (event.clientX - box.left - left) / (width - left - RIGHT);
      const up = (bottom - event.clientY + box.top) / (bottom - TOP);
      const within = (/** @type {number} */ share, /** @type {Point} */ [a, b]) =>
        a + Math.max(0, Math.min(1, share)) * (b - a);
      return [within(across, xs), within(up, ys)];
    },
    /** @param {Picture} picture */
    draw(picture) {
      shown = picture;
      width = svg.clientWidth || 340;
      const { x, xs, ys, curves, marks } = picture;
      const y = picture.y.length > 14 ? `…${picture.y.slice(-13)}` : picture.y;
      left = 10 + CHARACTER * Math.max(...[y, ...ys.map(number)].map((text) => text.length));
      svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
      const frame = s('rect', { x: left, y: TOP - 5, width: width - left - RIGHT, height: bottom - TOP + 10 });
      svg.replaceChildren(
        s('defs', s('clipPath', { id: `within-${attributes.role}` }, frame)),
        s('path.axis', { d: `M${left} ${TOP}V${bottom}H${width - RIGHT}` }),
        ...curves.map(line),
        ...marks.flatMap(put),
        ...[
          [left, 'start', number(xs[0])],
          [width - RIGHT, 'end', number(xs[1])],
          [(left + width - RIGHT) / 2, 'middle', x],
        ].map(([at, anchor, text]) => s('text', { x: at, y: height - 9, 'text-anchor': anchor }, String(text))),
        ...[
          [TOP + 8, number(ys[1])],
          [bottom, number(ys[0])],
          [(TOP + bottom) / 2 + 4, y],
        ].map(([at, text]) => s('text', { x: left - 6, y: at, 'text-anchor': 'end' }, String(text))),
      );
    },
  };
}

/** The lines along which numbers on a grid have one height. @param {number[][]} rows @param {number} level
 * @returns {Point[][]} pieces, in columns and rows of the grid */
export function contour(rows, level) {
  /** @type {Point[][]} */ const pieces = [];
  for (let j = 1; j < rows.length; j++)
    for (let i = 1; i < rows[j].length; i++) {
      const corners = [
        [i - 1, j - 1],
        [i, j - 1],
        [i, j],
        [i - 1, j],
      ];
      /** @type {Point[]} */ const cuts = [];
      corners.forEach(([x, y], k) => {
        const [u, v] = corners[(k + 1) % 4];
        const [a, b] = [rows[y][x] - level, rows[v][u] - level];
        if (a > 0 !== b > 0) cuts.push([x + ((u - x) * a) / (a - b), y + ((v - y) * a) / (a - b)]);
      });
      for (let k = 0; k + 1 < cuts.length; k += 2) pieces.push([cuts[k], cuts[k + 1]]);
    }
  return pieces;
}

/** A field for a number, with its name before it. @param {string} name @param {number} start
 * @param {(x: number) => void} set @param {(text: string, bad?: boolean) => void} say */
export function numberField(name, start, set, say) {
  let held = start;
  const field = h('input', {
    inputmode: 'text',
    autocomplete: 'off',
    size: 6,
    'aria-label': name,
    change: () => take(),
  });
  field.value = String(start);
  function take() {
    const x = readNumber(field.value);
    if (Number.isNaN(x)) {
      say(expected(field.value, { name, get: () => held }), true);
      field.value = String(held);
      return;
    }
    held = x;
    set(x);
  }
  return {
    node: h('label.field', h('span', name), ' ', field),
    get: () => held,
    /** @param {number} x */
    put(x) {
      if (x === held && field.value) return; // somebody may be typing
      held = x;
      field.value = String(Number(x.toPrecision(4)));
    },
  };
}
