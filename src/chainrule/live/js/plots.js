// Small plots: curves, a tangent, points, and the ends of both axes.

import { h, s } from './dom.js';
import { expected, readNumber } from './numbers.js';
import { number } from './text.js';

/** @typedef {{points: [number, number][], kind: string}} Curve */
/** @typedef {{x: string, y: string, curves: Curve[], dots: [number, number][], low?: number, high?: number}} Picture */

const WIDTH = 360;
const HEIGHT = 190;
const LEFT = 62;
const BOTTOM = 30;
const TOP = 10;
const RIGHT = 12;

/** @param {string} label what it shows, for those who do not see it */
export function plot(label) {
  const svg = s('svg', { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
  return {
    node: svg,
    /** @param {Picture} picture */
    draw({ x, y, curves, dots, low, high }) {
      const all = curves
        .filter((c) => c.kind !== 'tangent')
        .flatMap((c) => c.points)
        .concat(dots)
        .filter((p) => p.every(Number.isFinite));
      if (!all.length) return svg.replaceChildren();
      const xs = all.map((p) => p[0]);
      const ys = all.map((p) => p[1]);
      const [x0, x1] = [low ?? Math.min(...xs), high ?? Math.max(...xs)];
      let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
      if (y0 >= 0 && y0 < y1 / 2) y0 = 0;
      if (y1 === y0) [y0, y1] = [y0 - 0.5, y1 + 0.5];
      const px = (/** @type {number} */ v) => LEFT + ((v - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT);
      const py = (/** @type {number} */ v) => HEIGHT - BOTTOM - ((v - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - TOP);
      const line = (/** @type {Curve} */ { points, kind }) =>
        s('path', {
          class: kind,
          'clip-path': 'url(#frame)',
          d: points
            .filter((p) => p.every(Number.isFinite))
            .map((p, i) => `${i ? 'L' : 'M'}${px(p[0]).toFixed(1)} ${clamp(py(p[1])).toFixed(1)}`)
            .join(''),
        });
      svg.replaceChildren(
        s(
          'defs',
          {},
          s(
            'clipPath',
            { id: 'frame' },
            s('rect', { x: LEFT, y: TOP - 5, width: WIDTH - LEFT - RIGHT, height: HEIGHT - BOTTOM - TOP + 10 }),
          ),
        ),
        s('path', { class: 'axis', d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
        ...curves.map(line),
        ...dots.map(([a, b]) => s('circle', { class: 'dot', cx: px(a), cy: clamp(py(b)), r: 4.5 })),
        ...[
          [LEFT, 'start', number(x0)],
          [WIDTH - RIGHT, 'end', number(x1)],
          [(LEFT + WIDTH - RIGHT) / 2, 'middle', x],
        ].map(([at, anchor, text]) => s('text', { x: at, y: HEIGHT - 10, 'text-anchor': anchor }, String(text))),
        ...[
          [TOP + 8, number(y1)],
          [HEIGHT - BOTTOM, number(y0)],
          [(TOP + HEIGHT - BOTTOM) / 2 + 4, y],
        ].map(([at, text]) => s('text', { x: LEFT - 6, y: at, 'text-anchor': 'end' }, String(text))),
      );
    },
  };
}

/** @param {number} y */
const clamp = (y) => Math.max(-1e4, Math.min(1e4, y));

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
    node: h('label', { class: 'field' }, h('span', {}, name), ' ', field),
    get: () => held,
    /** @param {number} x */
    put(x) {
      held = x;
      field.value = String(Number(x.toPrecision(4)));
    },
  };
}
