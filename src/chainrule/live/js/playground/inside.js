// What the XOR network has inside: its weights as lines, and the plane of its hidden units.

import { s } from '../drawing/dom.js';
import { number } from '../engine/text.js';

/** Where x1, x2, both hidden units and the answer stand, and which number is the bias of each. */
const NODES = [
  ['x1', 28, 52, -1],
  ['x2', 28, 178, -1],
  ['unit 1', 148, 52, 4],
  ['unit 2', 148, 178, 5],
  ['y_hat', 262, 115, 8],
];
/** Each weight: which number it is, from where to where it leads, and at which share of the way its number stands. */
const LINES = [
  [0, 0, 2, 0.5],
  [1, 0, 3, 0.36],
  [2, 1, 2, 0.36],
  [3, 1, 3, 0.5],
  [6, 2, 4, 0.42],
  [7, 3, 4, 0.42],
];

/** A number with three digits after the point. @param {number} x */
export const rounded = (x) => number(Number(x.toFixed(3)));

/** @param {number[]} point */
export const place = (point) => point.map((n) => n.toFixed(1)).join(' ');

/** The mark of a sample: open for the target 0, full for 1, as in the lessons. @param {number} y */
export const shape = (y) => (y ? s('rect.one', { x: -7, y: -7, width: 14, height: 14 }) : s('circle.zero', { r: 7.5 }));

/** @param {SVGSVGElement} svg @param {Network} net @param {Point} at the sample whose numbers are shown */
export function drawNetwork(svg, net, at) {
  const shut = [0, 1].map((j) => net.samples.every(({ x }) => !net.hidden(x)[j]));
  const values = [...at, ...net.hidden(at), net.forward(...at)];
  const text = (
    /** @type {string} */ kind,
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {string} */ said,
  ) => s('text', { class: kind, x, y, 'text-anchor': 'middle' }, said, ' ');
  const signed = (/** @type {number} */ i) => (net.weights[i] < 0 ? '' : '+') + rounded(net.weights[i]);
  const ends = (/** @type {number} */ node) => /** @type {number[]} */ (NODES[node].slice(1, 3));
  const said = [
    `The network at the sample (${at.map(number).join(', ')})`,
    LINES.map(([i, a, b]) => `${NODES[a][0]} to ${NODES[b][0]} ${signed(i)}`).join(', '),
    `hidden units ${values.slice(2, 4).map(number).join(' and ')}, answer ${number(values[4])}`,
    ...shut.flatMap((is, j) => (is ? [`unit ${j + 1} is shut at every sample`] : [])),
  ];
  svg.setAttribute('aria-label', `${said.join('; ')}.`);
  svg.replaceChildren(
    ...LINES.map(([i, a, b]) => {
      const w = net.weights[i];
      const wide = 1 + Math.min(13, 3.2 * Math.abs(w));
      return s('path', {
        class: w < 0 ? 'weight minus' : 'weight plus',
        d: `M${ends(a)}L${ends(b)}`,
        'stroke-width': wide,
      });
    }),
    ...LINES.map(([i, a, b, share]) => {
      const [x, y] = ends(a).map((n, k) => n + share * (ends(b)[k] - n));
      return text('halo', x, y + 4, signed(i));
    }),
    ...NODES.map(([name, x, y, bias], i) => {
      const [cx, cy, j, below] = [Number(x), Number(y), i - 2, i % 2 ? 37 : -27];
      const of = Number(bias) < 0 ? '' : `bias ${signed(Number(bias))}`;
      const called = `${name}${shut[j] ? ', shut' : ''}`;
      return s(
        'g',
        s('circle', { class: shut[j] ? 'node shut' : 'node', cx, cy, r: 22 }),
        text('v', cx, cy + 4, rounded(values[i])),
        text('n', cx, cy + below, i < 4 && of ? `${called}, ${of}` : called),
        text('e', cx, cy + 37, i < 4 ? '' : of),
      );
    }),
  );
}

/** The plane of the hidden units: the bent square, the samples, and the line that the second layer draws.
 * @param {ReturnType<import('./plane.js').area>} plane @param {Network} net */
export function drawHidden(plane, net) {
  const places = net.samples.map(({ x, y }) => ({ at: net.hidden(x), y }));
  const most = Math.max(0.5, ...places.flatMap(({ at }) => at)) * 1.15;
  const end = 2 ** (Math.ceil(2 * Math.log2(most)) / 2); // it grows by steps, so that the plane mostly stands still
  plane.xs = plane.ys = [-end / 12, end];
  plane.paint((h, k) => net.second(h, k), [0.5]);
  const bent = [0, 1, 2, 3, 4].flatMap((i) =>
    [false, true].map((across) => {
      const line = Array.from({ length: 25 }, (_, j) =>
        plane.at(net.hidden(across ? [j / 24, i / 4] : [i / 4, j / 24])),
      );
      return `M${line.map(place).join('L')}`;
    }),
  );
  const marks = places.map(({ at, y }) => {
    const mark = shape(y);
    mark.setAttribute('transform', `translate(${place(plane.at(at))})`);
    return mark;
  });
  plane.top.replaceChildren(s('path.bent', { d: bent.join('') }), ...marks);
  const said = places.map(({ at, y }) => `(${at.map(number).join(', ')}) with target ${y}`);
  plane.svg.setAttribute('aria-label', `The plane of the hidden units, with the samples at ${said.join('; ')}.`);
}
