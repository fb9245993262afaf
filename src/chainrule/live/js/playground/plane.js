// A plane of two numbers as an area: how high something is at each place, in blue, and lines of equal height.

import { h, s } from '../drawing/dom.js';
import { contour } from '../panels/plots.js';

/** So many cells across. */
const FINE = 56;
/** The strongest colour is this opaque, so that marks can be read on it. */
const OPAQUE = 0.7;

/** @param {Record<string, string>} attributes of the picture */
export function area(attributes) {
  const canvas = h('canvas', { width: FINE, height: FINE, 'aria-hidden': 'true' });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const lines = s('path.half');
  const top = s('g');
  const svg = s('svg', attributes, lines, top);
  const plane = {
    node: h('div.plane', canvas, svg),
    svg,
    /** What is drawn on top. */
    top,
    xs: /** @type {Point} */ ([0, 1]),
    ys: /** @type {Point} */ ([0, 1]),
    size: 200,
    /** Where a point is, in pixels. @param {Point} point @returns {Point} */
    at: ([x, y]) => [
      ((x - plane.xs[0]) / (plane.xs[1] - plane.xs[0])) * plane.size,
      (1 - (y - plane.ys[0]) / (plane.ys[1] - plane.ys[0])) * plane.size,
    ],
    /** Where a pointer is. @param {PointerEvent} event @returns {Point} */
    under(event) {
      const { left, bottom } = svg.getBoundingClientRect();
      const { xs, ys, size } = plane;
      return [
        xs[0] + ((event.clientX - left) / size) * (xs[1] - xs[0]),
        ys[0] + ((bottom - event.clientY) / size) * (ys[1] - ys[0]),
      ];
    },
    /** @param {(x: number, y: number) => number} height from 0 to 1 @param {number[]} levels of the lines */
    paint(height, levels) {
      const { xs, ys } = plane;
      plane.size = svg.clientWidth || plane.size;
      const blue = getComputedStyle(canvas).color.match(/\d+/g)?.slice(0, 3).map(Number) ?? [0, 0, 0];
      const image = context.createImageData(FINE, FINE);
      const share = (/** @type {number} */ i, /** @type {Point} */ [a, b]) => a + (i / (FINE - 1)) * (b - a);
      const across = Array.from({ length: FINE }, (_, i) => i);
      const rows = across.map((j) => across.map((i) => height(share(i, xs), share(FINE - 1 - j, ys))));
      rows.flat().forEach((up, i) => image.data.set([...blue, 255 * OPAQUE * up], 4 * i));
      context.putImageData(image, 0, 0);
      const scale = (/** @type {number} */ n) => ((n * plane.size) / (FINE - 1)).toFixed(1);
      const pieces = levels.flatMap((level) => contour(rows, level));
      lines.setAttribute(
        'd',
        pieces.map((piece) => `M${piece.map((at) => at.map(scale).join(' ')).join('L')}`).join(''),
      );
    },
  };
  return plane;
}

/** Let a mark be dragged over a plane, moved by the arrow keys, and pressed.
 * @param {SVGGElement} mark @param {ReturnType<typeof area>} plane @param {() => Point} get
 * @param {(to: Point) => void} move @param {(key: string) => boolean} [press] takes a key, or not; a click is Enter */
export function draggable(mark, plane, get, move, press = () => false) {
  let held = 0; // 1: held, 2: moved
  const on = (/** @type {string} */ kind, /** @type {(event: any) => void} */ act) => mark.addEventListener(kind, act);
  on('pointerdown', (event) => {
    held = 1;
    mark.setPointerCapture(event.pointerId);
  });
  on('pointermove', (event) => {
    const [to, from] = [plane.at(plane.under(event)), plane.at(get())];
    if (!held || (held === 1 && Math.hypot(to[0] - from[0], to[1] - from[1]) < 9)) return;
    held = 2;
    move(plane.under(event));
  });
  on('pointerup', () => {
    if (held === 1) press('Enter');
    held = 0;
  });
  on('pointercancel', () => (held = 0));
  on('keydown', (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      /** @type {string} */ (event.key)
    ];
    const [[x, y], step] = [get(), (plane.xs[1] - plane.xs[0]) / 30];
    if (by) move([x + by[0] * step, y + by[1] * step]);
    if (by || press(event.key === ' ' ? 'Enter' : event.key)) event.preventDefault();
  });
}
