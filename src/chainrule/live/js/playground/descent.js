// <chainrule-descent>: four optimizers race down a loss surface of two weights.

import { button, h, s, write } from '../drawing/dom.js';
import { choice, tick } from '../drawing/fields.js';
import { number } from '../engine/text.js';
import { playground, rateSlider, STILL, watch } from './frame.js';
import { area, draggable } from './plane.js';
import { OPTIMIZERS, SURFACES, TAKES, descend } from './race.js';

const STEPS = 60;
/** How rough the noise is, as a share of the largest gradient at the start. */
const ROUGH = 0.4;
const HEIGHTS = [0.004, 0.02, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9];

/** @param {Point} point */
const pair = (point) => `(${point.map(number).join(', ')})`;

/** @param {any} host @param {HTMLElement} body */
function raceDown(host, body) {
  let surface = 'line';
  /** @type {Point} */ let from = SURFACES.line.from;
  let steps = STEPS;
  let at = STEPS;
  let shown = 'sgd';
  let timer = 0;
  /** @type {Record<string, Settings>} */ let settings = {};
  /** @type {Record<string, ReturnType<typeof descend>>} */ let paths = {};

  const plane = area({ role: 'group', 'aria-label': 'Loss over two weights, a across and b up' });
  const start = button('▶ Race', () => (timer ? rest() : race()), { class: 'main' });
  const slider = h('input', { type: 'range', min: 0, 'aria-label': 'Step', input: () => go(Number(slider.value)) });
  const count = h('span.count');
  const surfaces = choice('Surface', Object.keys(SURFACES), () => choose(surfaces.value));
  const says = h('code');
  const noisy = tick('SGD with noise', () => changed());
  const table = h('div.rows.steps');
  const rates = Object.entries(OPTIMIZERS).map(([key, { name }]) => {
    const radio = h('input', { type: 'radio', name: 'shown', 'aria-label': `Show ${name}`, change: () => show(key) });
    const rate = rateSlider(`${name[0]} ${name}`, [0.001, 2], 0.1, (lr) => {
      settings[key] = { lr };
      changed();
    });
    return { key, radio, put: rate.put, node: h('div.fields', radio, rate.node) };
  });
  const point = s('g.mark', { role: 'slider', tabindex: 0, 'aria-label': 'Where the race begins' });
  point.append(s('circle.hit', { r: 22 }), s('circle.zero', { r: 7 }));
  const trails = s('g');
  plane.top.append(trails, point);
  body.append(
    h('div.fields', h('label.field', 'surface ', surfaces), says),
    h('div.two', plane.node, h('div', ...rates.map(({ node }) => node), noisy.node)),
    h('div.fields', start, slider, count),
    h('p.hint', 'Drag the circle: the race begins there. Choose an optimizer to see its step in numbers.'),
    table,
  );
  draggable(
    point,
    plane,
    () => from,
    (to) => {
      const { ends } = SURFACES[surface];
      from = /** @type {Point} */ (to.map((x, i) => Number(Math.max(ends[i][0], Math.min(ends[i][1], x)).toFixed(2))));
      changed();
    },
  );

  /** @param {string} name */
  function choose(name) {
    if (!SURFACES[name])
      throw new Error(`there is no surface called ${name}; there are ${Object.keys(SURFACES).join(', ')}`);
    surface = surfaces.value = name;
    from = SURFACES[name].from;
    settings = Object.fromEntries(Object.entries(SURFACES[name].rates).map(([key, lr]) => [key, { lr }]));
    for (const { key, put } of rates) put(settings[key].lr);
    write(says, SURFACES[name].says);
    changed();
  }

  /** @param {string} key */
  function show(key) {
    shown = key;
    redraw();
  }

  /** @param {number} to */
  function go(to) {
    at = Math.max(0, Math.min(steps, to));
    redraw();
  }

  function race() {
    go(at < steps ? at : 0);
    write(start, '❚❚ Pause');
    timer = window.setInterval(
      () => (at < steps ? go(at + (STILL.matches ? 10 : 1)) : rest()),
      STILL.matches ? 800 : 90,
    );
  }

  function rest() {
    clearInterval(timer);
    timer = 0;
    write(start, '▶ Race');
  }

  function changed() {
    const rough = ROUGH * Math.hypot(...SURFACES[surface].d(...SURFACES[surface].from));
    paths = {};
    for (const [key, given] of Object.entries(settings)) {
      const noise = key === 'sgd' && noisy.box.checked ? { noise: rough } : {};
      paths[key] = descend(surface, key, from, steps, { ...noise, ...given });
    }
    at = Math.min(at, steps);
    redraw();
    host.dispatchEvent(new CustomEvent('change', { bubbles: true }));
  }

  function redraw() {
    const { f, ends } = SURFACES[surface];
    [plane.xs, plane.ys] = ends;
    const corners = ends[0].flatMap((a) => ends[1].map((b) => f(a, b)));
    const low = Math.min(...corners, f(0, 2), f(2, 0), f(0, 0));
    const high = Math.max(...corners);
    plane.paint((a, b) => (f(a, b) - low) / (high - low), HEIGHTS);
    const put = (/** @type {Point} */ to) =>
      plane
        .at(to)
        .map((x) => Math.max(-1e4, Math.min(1e4, x)).toFixed(1))
        .join(' ');
    point.setAttribute('transform', `translate(${put(from)})`);
    point.setAttribute('aria-valuetext', pair(from));
    const { at: here, g } = paths[shown]?.[at] ?? { at: from, g: [0, 0] };
    const [x, y] = plane.at(here);
    const long = 44 / (Math.hypot(...g) || 1);
    trails.replaceChildren(
      s('path.b', { d: `M${x} ${y}l${g[0] * long} ${-g[1] * long}` }),
      ...Object.keys(paths).flatMap((key) => {
        const done = paths[key].slice(0, at + 1).map((one) => put(one.at));
        const head = s('g', { class: key === shown ? 'head shown' : 'head', transform: `translate(${done[at]})` });
        head.append(s('circle', { r: 9 }), s('text', { y: 4, 'text-anchor': 'middle' }, OPTIMIZERS[key].name[0]));
        return [s('path', { class: `way ${key}`, d: `M${done.join('L')}` }), head];
      }),
    );
    for (const { key, radio } of rates) radio.checked = key === shown;
    [slider.max, slider.value] = [String(steps), String(at)];
    write(count, `step ${at} of ${steps}`);
    slider.setAttribute(
      'aria-valuetext',
      `${at}: ${OPTIMIZERS[shown].name} at ${pair(here)}, loss ${number(f(...here))}`,
    );
    if (!paths[shown]) return table.replaceChildren();
    const { lines, by } = paths[shown][at];
    const next = /** @type {Point} */ (here.map((w, i) => w - by[i]));
    const row = (/** @type {string[]} */ ...cells) => h('tr', ...cells.map((text) => h('td', text)));
    const gradient = row('g', 'gradient', pair(g));
    gradient.className = 'g';
    table.replaceChildren(
      h(
        'table',
        { 'aria-label': `The next step of ${OPTIMIZERS[shown].name}` },
        row('w', `(a, b), where the loss is ${number(f(...here))}`, pair(here)),
        gradient,
        ...lines.map(([name, formula, value]) => row(name, formula, pair(value))),
        row('w', `w − ${TAKES[shown]} = w − ${pair(by)}, with lr = ${settings[shown].lr}`, pair(next)),
      ),
    );
  }

  Object.assign(host, {
    start(/** @type {Point} */ to) {
      from = to;
      changed();
    },
    run(/** @type {number} */ count_, /** @type {Record<string, Settings>} */ given = settings) {
      for (const key of Object.keys(given))
        if (!OPTIMIZERS[key])
          throw new Error(`there is no optimizer called ${key}; there are ${Object.keys(OPTIMIZERS).join(', ')}`);
      [steps, at, settings] = [count_, count_, given];
      if (!given[shown]) shown = Object.keys(given)[0];
      changed();
    },
    path: (/** @type {string} */ key) => paths[key].map((one) => one.at),
  });
  Object.defineProperty(host, 'surface', { get: () => surface, set: choose });
  watch(body, redraw);
  choose(host.getAttribute('surface') ?? surface);
}

playground('descent', DESCENT_STYLE, raceDown);
