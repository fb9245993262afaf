// The loss curve in hand: its slope at a point that is dragged, and descent as steps on it.

import { button, h } from '../drawing/dom.js';
import { ROUND } from '../engine/model.js';
import { setEntries } from '../drawing/edits.js';
import { choice, tick } from '../drawing/fields.js';
import { onGrid, unit } from '../drawing/numbers.js';
import { contour, numberField, plot } from './plots.js';
import { fill } from './slips.js';
import { map } from '../engine/tensors.js';
import { entryName, number } from '../engine/text.js';

/** @typedef {readonly [number, number]} Entry a leaf, and which of its numbers */

const ENTRIES = 200;
const GRID = 24;
/** Steps that Run takes one by one, a quarter of a second each; then it runs. */
const FIRST = 16;
/** The last steps that are drawn, and up to how many have their numbers. */
const DRAWN = 200;
const NUMBERED = 12;

const WHY = {
  keep: 'Nothing empties .grad: each backward pass adds to it, so every step repeats all steps before it.',
  sum: 'The mean is now a sum over {n} entries: loss and gradients are {n} times as large, and so is each step.',
  equal: 'All entries of a weight are equal, so all units compute the same and get the same gradient: they stay alike.',
  unlimited: 'Along its gradient the loss does not curve upwards here, so no rate is the limit.',
};
/** Rates as parts of the largest one that does not overshoot, each with its momentum and what it shows.
 * @type {Record<string, [number, number, string]>} */
const PRESETS = {
  gentle: [0.25, 0, 'A quarter of the limit, {limit}: on a parabola, each step goes half of the way.'],
  'too large': [1.25, 0, 'Beyond the limit, {limit}, each step jumps over the bottom and lands higher up.'],
  flat: [0.005, 0, 'So far below the limit, {limit}, that the loss hardly falls: train longer, or raise it.'],
  momentum: [0.05, 0.9, 'Each step repeats 0.9 of the one before: it gathers speed, and runs past the bottom.'],
};

/** The loss with some numbers changed. @param {Model} model @param {Entry[]} entries @param {number[]} numbers */
function lossWith(model, entries, numbers) {
  const values = /** @type {Tensor[]} */ ([...model.values]);
  entries.forEach(([v, at], k) => {
    if (values[v] === model.values[v]) values[v] = map(values[v], Number);
    values[v].data[at] = ROUND[model.plain.values[v].t](numbers[k]);
  });
  return model.forwards(values)[model.root].data[0];
}

/** How the loss bends along a direction, and how it rises; nothing where rounding would decide.
 * @param {Model} model @param {Entry[]} entries @param {number[]} from @param {number[]} way */
function bendOf(model, entries, from, way) {
  const at = (/** @type {number} */ k) => from.map((x, i) => x + k * way[i]);
  const [below, here, above] = [-1, 0, 1].map((k) => lossWith(model, entries, at(k)));
  const bend = above - 2 * here + below;
  return [bend > 1e-5 * Math.abs(here) ? bend : NaN, (above - below) / 2];
}

/** The rate above which a step along the gradient overshoots: 2 divided by the curvature in its direction.
 * @param {Model} model */
function limitOf(model) {
  const all = entriesOf(model);
  const slopes = all.map(([v, at]) => /** @type {Tensor} */ (model.gradients[v]).data[at]);
  const eps = 0.05 / Math.hypot(...slopes);
  const here = all.map(([v, at]) => /** @type {Tensor} */ (model.values[v]).data[at]);
  const way = slopes.map((g) => eps * g);
  const [bend] = bendOf(model, all, here, way);
  return about((2 * 0.05 ** 2) / bend, 3);
}

/** The lowest and the highest point, of those that are finite. @param {Point[]} points */
function endsOf(points) {
  const heights = points.map((p) => p[1]).filter(Number.isFinite);
  return heights.length ? [Math.min(...heights), Math.max(...heights)] : [0, 1];
}

/** All numbers that are trained. @param {Model} model */
const entriesOf = (model) =>
  model.trained.flatMap((v) => Array.from(model.values[v]?.data ?? [], (_, at) => /** @type {Entry} */ ([v, at])));

/** @param {number} x @param {number} digits */
const about = (x, digits) => Number(x.toPrecision(digits));

/** @param {Ui} ui */
export function curvePanel(ui) {
  const { model, training } = ui;
  const loss = model.names[model.root];
  const entries = entriesOf(model).slice(0, ENTRIES);
  const named = entries.map(([v, at]) => entryName(model.names[v], model.plain.values[v].s, at));
  /** Where each axis has its middle, and how far it reaches. @type {Point[]} */ let frame = [];
  /** The heights of the contours, and what they hold for. */
  let heights = { of: '', rows: /** @type {number[][]} */ ([]) };
  let running = false;
  let dragging = '';

  const turned = () => {
    frame = [];
    ui.choose(chosen()[0][0]);
  };
  const first = choice('Against', named, turned);
  const second = choice('Also against', ['alone', ...named.map((name) => `and ${name}`)], turned);
  /** @returns {Entry[]} */
  const chosen = () => {
    const [a, b] = [first.selectedIndex, second.selectedIndex - 1];
    return b < 0 || b === a ? [entries[a]] : [entries[a], entries[b]];
  };
  const held = (/** @type {Entry} */ [v, at]) => /** @type {Tensor} */ (model.values[v]).data[at];
  const slopeAt = (/** @type {Entry} */ [v, at]) => /** @type {Tensor} */ (model.gradients[v]).data[at];
  const entryOf = (/** @type {Tensor} */ t, /** @type {Entry} */ [, at]) => t.data[at];
  const now = () => /** @type {Tensor} */ (model.values[model.root]).data[0];

  const place = numberField('value', 0, (x) => move([x]), ui.say);
  const nudge = numberField('nudge', 0, () => refresh(), ui.say);
  const rate = numberField('learning rate', ui.rate, (x) => setRate(x), ui.say);
  const sized = () => setRate(about(10 ** Number(rates.value), 2));
  const size = { min: -5, max: 1, step: 0.01, 'aria-label': 'Learning rate, by size' };
  const rates = h('input', { type: 'range', ...size, input: sized });
  const picture = plot(250, { role: 'slider', tabindex: 0, 'aria-label': 'You are here, on the loss curve' });
  const losses = plot(250, { role: 'img', 'aria-label': 'The loss after each update' });
  const said = h('p.says');
  const step = h('p.step');
  const why = h('p.why');
  const count = h('span.count');
  const made = { type: 'range', min: 0, max: 0, 'aria-label': 'Updates made' };
  const back = h('input', { ...made, input: () => go(Number(back.value)) });
  const runs = button('▶ Run', () => run(!running), { class: 'main' });

  /** @param {number} x */
  function setRate(x) {
    ui.rate = x;
    ui.changed();
  }

  /** Give the numbers on the axes others. @param {number[]} to */
  function move(to) {
    run(false);
    const wrong = setEntries(
      ui,
      chosen().map((entry, k) => [...entry, to[k]]),
    );
    if (wrong) ui.say(wrong, true);
  }

  /** @param {number} times */
  function update(times) {
    run(false);
    void ui.update(ui.rate, times);
  }

  /** Go to the weights after so many updates. @param {number} at */
  function go(at) {
    run(false);
    training.go(at);
    ui.changed();
  }

  /** Take steps until somebody stops it, or nothing changes any more. @param {boolean} on */
  function run(on) {
    if (on === running) return;
    running = on;
    runs.textContent = on ? '❚❚ Stop' : '▶ Run';
    let then = -Infinity;
    const turn = async (/** @type {number} */ time) => {
      if (!running) return;
      if (time - then > (training.at < FIRST ? 250 : 0)) {
        then = time;
        const { at, history } = training;
        const before = history[at].loss;
        await ui.update(ui.rate);
        const seen = picture.node.isConnected && ui.panel === 'loss curve';
        if (!seen || training.at === at || training.history[training.at].loss === before) return run(false);
      }
      requestAnimationFrame(turn);
    };
    if (on) requestAnimationFrame(turn);
  }

  // the point, and the end of the nudge, in hand
  picture.node.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    const [entry] = chosen();
    const end = held(entry) + nudge.get();
    const apart = picture.far(event, [end, lossWith(model, [entry], [end])]);
    const nearer = chosen().length < 2 && apart < Math.min(24, picture.far(event, [held(entry), now()]));
    dragging = nearer ? 'nudge' : 'here';
    picture.node.setPointerCapture(event.pointerId);
    picture.node.focus({ preventScroll: true });
    event.preventDefault();
    drag(event);
  });
  picture.node.addEventListener('pointermove', (event) => dragging && drag(event));
  for (const end of ['pointerup', 'pointercancel'])
    picture.node.addEventListener(end, () => {
      dragging = '';
      refresh();
    });
  picture.node.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    const axis = event.key === 'ArrowLeft' || event.key === 'ArrowRight' ? 0 : chosen().length - 1;
    const grid = unit(frame[axis][1]) * (event.shiftKey ? 0.1 : 1);
    move(chosen().map((entry, k) => (k === axis ? onGrid(held(entry) + by * grid, grid) : held(entry))));
    event.preventDefault();
    event.stopPropagation();
  });

  /** @param {PointerEvent} event */
  function drag(event) {
    const under = picture.under(event).map((x, k) => onGrid(x, unit(frame[Math.min(k, frame.length - 1)][1]) / 10));
    if (dragging === 'here') return move(under);
    nudge.put(about(under[0] - held(chosen()[0]), 9) || unit(frame[0][1]) / 10);
    refresh();
  }

  /** Where an axis has its middle, the bottom that slope and curvature point to, and how far it reaches.
   * @param {Entry} entry @returns {Point} */
  function around(entry) {
    const x = Number.isFinite(held(entry)) ? held(entry) : 0;
    const eps = 0.01 * Math.max(1, Math.abs(x));
    const [bend, rise] = bendOf(model, [entry], [x], [eps]);
    const far = (-eps * rise) / bend;
    const size = Math.max(1, Math.abs(x));
    return Math.abs(far) < 5 * size && Math.abs(far) > 0.1 * size ? [x + far, 1.6 * Math.abs(far)] : [x, 1.5 * size];
  }

  /** The numbers at which the picture is computed along an axis. @param {number} axis @param {number} pieces */
  const along = (axis, pieces) =>
    Array.from({ length: pieces + 1 }, (_, k) => frame[axis][0] + frame[axis][1] * ((2 * k) / pieces - 1));

  /** One number on the axis, the loss above it. @param {Entry} entry @param {Point} next where the step leads */
  function onCurve(entry, [next]) {
    const here = /** @type {Point} */ ([held(entry), now()]);
    const there = (/** @type {number} */ x) => /** @type {Point} */ ([x, lossWith(model, [entry], [x])]);
    const curve = along(0, model.steps.length > 200 ? 24 : 96).map(there);
    const slope = slopeAt(entry);
    const end = there(here[0] + nudge.get());
    const corner = /** @type {Point} */ ([end[0], here[1]]);
    const ends = along(0, 1);
    const path = trail([entry]);
    const middle = /** @type {Point} */ ([(here[0] + end[0]) / 2, here[1]]);
    const right = end[0] > here[0];
    const higher = end[1] > here[1];
    const rise = number(end[1] - here[1]);
    const [low, high] = endsOf(curve);
    picture.draw({
      x: named[first.selectedIndex],
      y: loss,
      xs: /** @type {Point} */ (ends),
      ys: [low >= 0 && low < high / 2 ? 0 : low, high > low ? high : low + 1],
      curves: [
        { points: curve, kind: 'f' },
        { points: ends.map((x) => [x, here[1] + slope * (x - here[0])]), kind: 'b tangent' },
        { points: [here, corner, end], kind: 'side' },
        { points: path, kind: 'trail' },
        { points: [here, there(next)], kind: 'f step', arrow: true },
      ],
      marks: [
        ...path.map(numbered),
        { at: middle, kind: 'v', text: number(about(nudge.get(), 3)), lower: higher ? 16 : -6 },
        { at: [end[0], (here[1] + end[1]) / 2], kind: 'v', text: rise, side: right ? 'start' : 'end', lower: 4 },
        { at: end, kind: 'dot grip' },
        { at: here, kind: 'dot here' },
      ],
    });
    said.replaceChildren(
      h('strong', `${named[first.selectedIndex]} ${nudge.get() < 0 ? '−' : '+'} ${number(Math.abs(nudge.get()))}`),
      ` changes ${loss} by `,
      h('span.v', rise),
      '; the gradient says ',
      h('span.g', number(slope * nudge.get())),
      '.',
    );
  }

  /** Two numbers on the axes, the loss as heights. @param {Entry[]} both @param {Point} next where the step leads */
  function onMap(both, next) {
    const others = model.leaves.map((v) =>
      [...(model.values[v]?.data ?? [])].map((x, at) => (both.some((e) => e[0] === v && e[1] === at) ? 0 : x)),
    );
    const of = JSON.stringify([both, frame, others]);
    const [across, up] = [along(0, GRID), along(1, GRID)];
    if (heights.of !== of) heights = { of, rows: up.map((y) => across.map((x) => lossWith(model, both, [x, y]))) };
    const all = heights.rows.flat().filter(Number.isFinite);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const at = (/** @type {number[]} */ on, /** @type {number} */ k) => on[Math.floor(k)] + (k % 1) * (on[1] - on[0]);
    const here = /** @type {Point} */ (both.map(held));
    const slopes = both.map(slopeAt);
    const longest = Math.max(...slopes.map((g, k) => Math.abs(g) / frame[k][1])) || 1;
    const top = /** @type {Point} */ (slopes.map((g, k) => here[k] + (0.4 * g) / longest));
    const path = trail(both);
    picture.draw({
      x: named[first.selectedIndex],
      y: named[second.selectedIndex - 1],
      xs: /** @type {Point} */ (along(0, 1)),
      ys: /** @type {Point} */ (along(1, 1)),
      curves: [
        ...Array.from({ length: 10 }, (_, k) => ({
          kind: 'f level',
          points: contour(heights.rows, low + (high - low) * ((k + 0.3) / 10) ** 2).flatMap((piece) => [
            ...piece.map(([i, j]) => /** @type {Point} */ ([at(across, i), at(up, j)])),
            /** @type {Point} */ ([NaN, NaN]),
          ]),
        })),
        { points: path, kind: 'trail' },
        { points: [here, top], kind: 'b', arrow: true },
        { points: [here, next], kind: 'f step', arrow: true },
      ],
      marks: [...path.map(numbered), { at: here, kind: 'dot here' }],
    });
    said.replaceChildren(
      'The lines join points of equal loss. The ',
      h('span.g', `gradient (${slopes.map(number).join(', ')})`),
      ' points to where the loss rises most; the step goes against it.',
    );
  }

  /** Where the last updates led. @param {Entry[]} axes @returns {Point[]} */
  function trail(axes) {
    return training.history.slice(Math.max(0, training.at - DRAWN), training.at + 1).map(({ leaves, loss }) => {
      const [x, y = loss] = axes.map((entry) => entryOf(/** @type {Tensor} */ (leaves.get(entry[0])), entry));
      return [x, y];
    });
  }

  /** @param {Point} at @param {number} k @param {Point[]} all @returns {Mark} */
  const numbered = (at, k, all) => {
    const from = all.length - 1 - k;
    const text = from && all.length <= NUMBERED ? String(training.at - from) : '';
    return { at, kind: from < 3 * NUMBERED ? 'dot past' : '', text };
  };

  function refresh() {
    const axes = chosen();
    axes.forEach((entry, k) => {
      const off = !frame[k] || !(Math.abs(held(entry) - frame[k][0]) <= frame[k][1]);
      if (off && !dragging) frame[k] = around(entry);
    });
    frame.length = axes.length;
    if (!nudge.get()) nudge.put(about(frame[0][1] / 4, 1));
    const next = /** @type {Point} */ (axes.map((entry) => entryOf(training.next(entry[0], ui.rate), entry)));
    if (axes.length > 1) onMap(axes, next);
    else onCurve(axes[0], next);
    place.node.hidden = nudge.node.hidden = axes.length > 1;
    const [entry] = axes;
    const { history, at } = training;
    place.put(held(entry));
    picture.node.setAttribute('aria-valuenow', String(held(entry)));
    const shown = [first.selectedIndex, second.selectedIndex - 1].map((i) => named[i]);
    const told = axes.map((one, k) => `${shown[k]} = ${number(held(one))}`);
    picture.node.setAttribute('aria-valuetext', `${told.join(', ')}, ${loss} = ${number(now())}`);
    const by = entryOf(training.direction(entry[0]), entry);
    const fresh = slopeAt(entry);
    const kept = entryOf(training.grad(entry[0]), entry);
    const signed = (/** @type {number} */ x) => (x < 0 ? `(${number(x)})` : number(x));
    const parts = [`${number(fresh)} of this gradient`];
    if (!Object.is(kept, fresh)) parts.push(`${number(kept - fresh)} kept in .grad`);
    if (!Object.is(by, kept)) parts.push(`${number(by - kept)} of momentum`);
    step.replaceChildren(
      'Next: ',
      h('strong', named[first.selectedIndex]),
      ' = ',
      h('span.v', number(held(entry))),
      ` − ${number(ui.rate)} × `,
      h('span.g', signed(by)),
      ' = ',
      h('span.v', number(next[0])),
      parts.length > 1 ? `. The ${number(by)} is ${parts.join(' and ')}.` : '.',
    );
    const points = history.map((one, k) => /** @type {Point} */ ([k, one.loss]));
    const [least, most] = endsOf(points);
    losses.draw({
      x: 'updates',
      y: loss,
      xs: [0, Math.max(10, history.length - 1)],
      ys: [Math.min(0, least), most || 1],
      curves: [{ points, kind: 'f' }],
      marks: [{ at: points[at], kind: 'dot here' }],
    });
    back.max = String(history.length - 1);
    back.value = String(at);
    count.textContent = `after ${at} of ${history.length - 1} updates`;
    rate.put(ui.rate);
    rates.value = String(Math.log10(ui.rate));
  }

  /** @type {HTMLElement[]} */ const switches = [];
  /** @param {string} name @param {(on: boolean) => string} flip says why it matters */
  const add = (name, flip) => {
    const { node } = tick(name, (on) => {
      const says = flip(on);
      training.restart();
      why.textContent = on ? says : '';
      ui.changed();
    });
    switches.push(node);
  };
  add('not zeroed', (on) => {
    training.keep = on;
    return WHY.keep;
  });
  const means = model.steps.filter((one) => one.name === 'mean' && one.output === model.root);
  if (means.length) {
    const n = (model.values[means[0].inputs[0]]?.data.length ?? 0) / (model.values[means[0].output]?.data.length ?? 1);
    add('sum for mean', (on) => {
      for (const one of means) one.name = on ? 'sum' : 'mean';
      model.run();
      return fill(WHY.sum, { n: String(n) });
    });
  }
  const wide = model.trained.filter((v) => (model.values[v]?.data.length ?? 0) > 1);
  /** @type {Map<number, Tensor>} */ let apart = new Map();
  if (wide.length)
    add('weights all equal', (on) => {
      const before = new Map(wide.map((v) => [v, /** @type {Tensor} */ (model.values[v])]));
      const equal = wide.map((v) => {
        const t = /** @type {Tensor} */ (model.values[v]);
        const mean = t.data.reduce((a, b) => a + b, 0) / t.data.length;
        return /** @type {const} */ ([v, { shape: t.shape, data: t.data.map(() => mean) }]);
      });
      model.set(on ? new Map(equal) : apart);
      apart = before;
      return WHY.equal;
    });
  /** The rate that a preset has here, and the limit it goes by. @param {number} part */
  const rateOf = (part) => {
    const limit = limitOf(model);
    return { limit, rate: Math.min(10, Math.max(1e-5, about(part * (limit || 0.4), 2))) };
  };
  const presets = Object.entries(PRESETS).map(([name, [part, momentum, says]]) =>
    button(name, () => {
      const { limit, rate } = rateOf(part);
      training.momentum = momentum;
      training.restart();
      why.textContent = limit ? fill(says, { limit: number(limit) }) : WHY.unlimited;
      setRate(rate);
    }),
  );
  if (ui.rate === ui.firstRate) ui.rate = ui.firstRate = rateOf(PRESETS.gentle[0]).rate;

  const node = h(
    'div.curve',
    h('div.fields', first, entries.length > 1 && second, place.node, nudge.node),
    picture.node,
    losses.node,
    said,
    step,
    h('div.fields', rate.node, h('label.field.wide', rates), ...presets),
    h(
      'div.fields.runs',
      runs,
      button('Update', () => update(1)),
      button('× 100', () => update(100)),
      h('label.field.wide', count, ' ', back),
      ...switches,
    ),
    why,
  );
  new ResizeObserver(() => picture.node.isConnected && refresh()).observe(picture.node);
  /** Take back what was set here, as the recorded numbers come back. */
  function reset() {
    Object.assign(training, { keep: false, momentum: 0 });
    for (const one of means) one.name = 'mean';
    for (const box of node.querySelectorAll('.switch input')) /** @type {HTMLInputElement} */ (box).checked = false;
    why.textContent = '';
  }
  return { node, refresh, reset };
}
