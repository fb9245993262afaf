// Where each value of a program's graph stands: the layered layout of dagre, with boxes and arrows as in Python's.

import { CHARACTER, LINE, PADDING } from '../drawing/drawing.js';
import { isShown, numbers } from '../engine/text.js';
import { sizeOf } from '../engine/tensors.js';

/** As in chainrule/views/layout.py. */
const [GAP_RIGHT, GAP_DOWN, GAP_ACROSS, LANE, PORT, CHANGED, LETTERS] = [76, 48, 30, 4, 26, 7, 34];
/** As in chainrule/live/limits.py: a graph wider than this runs downwards, and on a phone boxes have so much room. */
const [TOO_WIDE, PHONE] = [760, 366];

/** @param {string} text */
const cut = (text) => (text.length <= LETTERS ? text : `${text.slice(0, LETTERS - 1)}…`);

/** How large a box is. @param {Plain['values'][0]} value @param {string} made */
function measure(value, made) {
  const t = { shape: value.s, data: Float64Array.from(/** @type {number[]} */ (value.d), Number) };
  const size = sizeOf(value.s);
  const title = made && made !== value.n ? `${cut(value.n)} = ${cut(made)}` : cut(value.n);
  const below = value.g
    ? cut(numbers({ ...t, data: Float64Array.from(/** @type {number[]} */ (value.g), Number) }))
    : '';
  const room = isShown(t) && size > 1 ? Math.min(LETTERS, size * CHANGED + 2) : CHANGED;
  let width = CHARACTER * Math.max(title.length, 6 + room, 7 + cut(numbers(t)).length, below ? 7 + below.length : 0);
  let lines = LINE * (below ? 2 : 1);
  if (size > 1) {
    const columns = value.s[value.s.length - 1];
    const few = Math.max(size / columns, columns) <= 4 && size <= 12;
    const [wide, high] = few ? (columns === 4 ? [42, 18] : [52, 18]) : [12, 12];
    const across = Math.max(Math.min(columns, 16) * wide, 17 * CHARACTER);
    width = Math.max(title.length * CHARACTER, below ? 2 * across + PADDING : across);
    lines = Math.max(lines, Math.min(size / columns, 8) * high + 15);
  }
  return { width: width + 2 * PADDING, height: LINE + lines + 2 * PADDING, cells: size > 1 };
}

/** @param {Plain} plain without its layouts @param {boolean} right or down @returns {any} */
function placed(plain, right, room = Infinity) {
  const { Graph, layout } = /** @type {any} */ (globalThis).chainruleLayout;
  const [{ ops, edges }] = plain.views;
  const made = new Map(ops.flatMap((op) => op.o.map((v) => /** @type {const} */ ([v, op.e]))));
  const sizes = plain.values.map((value, v) => measure(value, made.get(v) ?? ''));
  const longest = Math.max(0, ...edges.map((edge) => (edge.l && edge.b && edge.l.length < 16 ? edge.l.length + 5 : 0)));
  const graph = new Graph({ multigraph: true });
  const apart = right ? Math.max(GAP_RIGHT, longest * CHARACTER) : GAP_DOWN;
  graph.setGraph({
    rankdir: right ? 'LR' : 'TB',
    nodesep: GAP_ACROSS,
    edgesep: 12,
    ranksep: apart,
    marginx: PADDING,
    marginy: PADDING,
  });
  sizes.forEach((size, v) => graph.setNode(String(v), { width: size.width, height: size.height }));
  edges.forEach((edge, e) => graph.setEdge(String(ops[edge.o].i[edge.i]), String(edge.r), {}, String(e)));
  loosen(plain, sizes, room, graph);
  layout(graph);
  const at = plain.values.map((_, v) => graph.node(String(v)));
  // what passes beside the outermost boxes has to be in the picture too
  const passing = graph.edges().flatMap((/** @type {any} */ e) => graph.edge(e).points);
  const low = passing.reduce(
    (/** @type {number} */ x, /** @type {any} */ p) => Math.min(x, right ? p.y : p.x),
    PADDING,
  );
  for (const p of [...at, ...passing]) p[right ? 'y' : 'x'] += PADDING - low;
  graph.graph()[right ? 'height' : 'width'] += PADDING - low;
  /** Points are (along, across) the graph's direction until the end. @param {Point} p @returns {Point} */
  const turned = ([u, v]) => (right ? [u, v] : [v, u]);
  const middle = (/** @type {number} */ v) => turned([at[v].x, at[v].y]);
  const size = (/** @type {number} */ v) => turned([sizes[v].width, sizes[v].height]);
  const inner = edges.map((edge, e) => {
    const { points } = graph.edge({ v: String(ops[edge.o].i[edge.i]), w: String(edge.r), name: String(e) });
    return points
      .slice(1, -1)
      .filter(
        (/** @type {any} */ _, /** @type {number} */ i, /** @type {any[]} */ all) =>
          all.length > 1 || points.length > 3,
      )
      .map((/** @type {any} */ p) => turned([p.x, p.y]));
  });
  /** Where edges meet a side of a box, spread over it as they come. @param {(e: number) => number} of
   * @param {(e: number) => number} from */
  const ports = (of, from) => {
    /** @type {number[]} */ const shift = [];
    for (const v of new Set(edges.map((_, e) => of(e)))) {
      const side = edges
        .flatMap((_, e) => (of(e) === v ? [e] : []))
        .sort((a, b) => from(a) - from(b) || edges[a].i - edges[b].i);
      const step = Math.min(right ? PORT : 1.8 * PORT, (0.7 * size(v)[1]) / side.length);
      side.forEach((e, i) => (shift[e] = (i - (side.length - 1) / 2) * step));
    }
    return shift;
  };
  const source = (/** @type {number} */ e) => ops[edges[e].o].i[edges[e].i];
  const leave = ports(source, (e) => (inner[e][0] ?? middle(edges[e].r))[1]);
  const arrive = ports(
    (e) => edges[e].r,
    (e) => (inner[e].at(-1) ?? middle(source(e)))[1],
  );
  const arrows = edges.map((edge, e) => {
    const [[u, v], [u1, v1]] = [middle(source(e)), middle(edge.r)];
    /** @type {Point[]} */ const way = [
      [u + size(source(e))[0] / 2, v + leave[e]],
      ...inner[e],
      [u1 - size(edge.r)[0] / 2, v1 + arrive[e]],
    ];
    const lane = edge.b && !inner[e].length ? LANE : 0;
    const line = (/** @type {Point[]} */ points, /** @type {number} */ by) =>
      curve(
        points.map(([x, y]) => [x, y + by]),
        lane,
        turned,
      );
    const [a, b] = way.slice(-2);
    const [along, across] = [b[0] - a[0], 2 * (b[1] - a[1])];
    const length = Math.hypot(along, across) || 1;
    const normal = /** @type {Point} */ ([-across / length, along / length]);
    const away = 10 + (Math.abs(turned(normal)[0]) * CHARACTER * ((edge.l?.length ?? 0) + 2)) / 2;
    const label = turned([(a[0] + b[0]) / 2 + normal[0] * away, (a[1] + b[1]) / 2 + LANE + normal[1] * away]);
    return [line(way, -lane), edge.b ? line(way.toReversed(), lane) : '', ...label.map(Math.round)];
  });
  const boxes = sizes.map(({ width, height, cells }, v) => [
    v,
    Math.round(at[v].x - width / 2),
    Math.round(at[v].y - height / 2),
    Math.round(width),
    Math.round(height),
    ...(cells ? [[], 1] : []),
  ]);
  return { w: Math.round(graph.graph().width), h: Math.round(graph.graph().height), b: boxes, a: arrows };
}

/** Join points by curves that leave and arrive along the graph's direction.
 * @param {Point[]} points @param {number} lane @param {(p: Point) => Point} turned */
function curve(points, lane, turned) {
  const text = (/** @type {Point} */ p) => turned(p).map(Math.round).join(' ');
  const rest = points.slice(1).map(([u1, v1], i) => {
    const [u0, v0] = points[i];
    const turn = (u0 + u1) / 2 + (Math.abs(v1 - v0) > PORT ? 1.5 * Math.sign(v1 - v0) * lane : 0);
    return [[turn, v0], [turn, v1], [u1, v1]].map((p) => text(/** @type {Point} */ (p))).join(' '); // prettier-ignore
  });
  return `M${text(points[0])}C${rest.join(' ')}`;
}

/** Let layers that are broader than the room be several: what would not fit waits for the one before it.
 * @param {Plain} plain @param {{width: number}[]} sizes @param {number} room @param {any} graph */
function loosen(plain, sizes, room, graph) {
  const [{ ops }] = plain.views;
  /** @type {number[]} */ const layer = plain.values.map(() => 0);
  for (const op of ops) for (const v of op.o) layer[v] = 1 + Math.max(-1, ...op.i.map((i) => layer[i]));
  const used = plain.values.map((_, v) => Math.min(...ops.flatMap((op) => (op.i.includes(v) ? [layer[op.o[0]]] : []))));
  plain.values.forEach((value, v) => {
    if (value.leaf && Number.isFinite(used[v])) layer[v] = used[v] - 1;
  });
  for (const at of new Set(layer)) {
    const row = [...sizes.keys()].filter((v) => layer[v] === at);
    let [width, before] = [0, -1];
    for (const v of row.toSorted((a, b) => Number(!plain.values[a].leaf) - Number(!plain.values[b].leaf))) {
      if (width && width + GAP_ACROSS + sizes[v].width > room && before >= 0) {
        graph.setEdge(String(before), String(v), { weight: 0 }, `after ${v}`);
        width = 0;
      }
      width += GAP_ACROSS + sizes[v].width;
      before = v;
    }
  }
}

/** Give a graph its layouts, for wide and for narrow pages. @param {Plain} plain */
export function place(plain) {
  const [view] = plain.views;
  const wide = placed(plain, true);
  view.wide = wide.w > TOO_WIDE ? placed(plain, false, TOO_WIDE) : wide;
  view.narrow = placed(plain, false, PHONE);
}
