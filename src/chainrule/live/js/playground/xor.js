// <chainrule-xor>: the network of the lessons on XOR, trained in the page, with all that one may do to it.

import { button, h, s, write } from '../drawing/dom.js';
import { tick } from '../drawing/fields.js';
import { number } from '../engine/text.js';
import { plot } from '../panels/plots.js';
import { playground, rateSlider, STILL, watch } from './frame.js';
import { drawHidden, drawNetwork, place, rounded, shape } from './inside.js';
import { Network, SAMPLES } from './network.js';
import { area, draggable } from './plane.js';
import { histogram } from './thousand.js';

/** What can be switched on, and what it does. @type {Record<string, string>} */
const FAULTS = {
  'not zeroed': 'Nothing empties .grad: each step takes all gradients so far once more.',
  'rate too large': 'The rate is so large that each step overshoots.',
  'all weights equal': 'All weights start at 0.5: both hidden units get the same gradients, and stay one unit.',
  'dead units': 'The biases of the hidden units start at −3: every gate is shut, and passes no gradient back.',
  'sum for mean': 'The losses are summed: the gradient is as many times too large as there are samples.',
};
/** The part of the plane that is shown, in which samples stay. */
const ENDS = /** @type {Point} */ ([-0.25, 1.25]);
/** So many losses are drawn; of more, every second is dropped. */
const MOST_LOSSES = 1000;
const MOST_SAMPLES = 20;

/** @param {any} host @param {HTMLElement} body */
function trainXor(host, body) {
  const net = new Network();
  /** @type {'notebook' | number} */ let from = 'notebook';
  /** @type {Set<string>} */ const faults = new Set();
  /** Every so many epochs a loss is kept. */
  let every = 1;
  /** @type {Point[]} */ let losses = [];
  /** The losses of the run before. @type {Point[]} */ let before = [];
  let chosen = net.samples[1];
  let running = 0;

  const start = button('▶ Start', () => (running ? pause() : run()), { class: 'main' });
  const said = h('p.say', { role: 'status' });
  const count = h('p.now');
  const rate = rateSlider('rate', [0.001, 100], net.rate, (x) => {
    net.rate = x;
    tell(`The rate is ${x} from here on.`);
  });
  const network = s('svg', { viewBox: '0 0 306 222', class: 'network', role: 'img' });
  const inputs = area({ role: 'group', 'aria-label': 'The plane of the inputs, x1 across and x2 up' });
  const hidden = area({ role: 'img' });
  const curve = plot(150, { role: 'img', 'aria-label': 'Loss over epochs' });
  const thousand = histogram(begin, () => from);
  const field = h('input', {
    type: 'number',
    min: 0,
    max: 999,
    value: 7,
    'aria-label': 'Number',
    change: () => pick(),
  });
  const radio = { type: 'radio', name: 'start' };
  const notebook = tick('the notebook’s start', () => begin('notebook'), radio);
  const other = tick('one of a thousand: number', () => pick(), radio);
  const switches = Object.keys(FAULTS).map((name) => tick(name, (on) => host.fault(name, on), { name }));
  const why = h('p.why');
  const graph = h('div.pass', { hidden: true }, h('slot'));
  const figure = (/** @type {string} */ title, /** @type {Element} */ drawn, /** @type {string} */ words) =>
    h('figure', h('figcaption', h('b', title), h('small', words)), drawn);
  const group = (/** @type {string} */ name, /** @type {(Node | string)[]} */ ...parts) =>
    h('div.fields', { role: 'group', 'aria-label': name }, ...parts);
  body.append(
    h(
      'div.three',
      figure('The network', network, 'purple + and green −, as wide as the weight is large'),
      figure('What it answers', inputs.node, 'x1 across, x2 up; the bluer, the closer to 1'),
      figure('What layer two sees', hidden.node, 'unit 1 across, unit 2 up; the square is bent'),
    ),
    group(
      'Training',
      start,
      button('Step', () => advance(1), { title: 'One epoch: once through all samples' }),
      button('× 100', () => advance(100), { title: 'A hundred epochs' }),
      button('Reset', () => reset(), { title: 'The same start and the samples of XOR again' }),
      rate.node,
    ),
    count,
    said,
    h('p.hint', 'Drag a sample. Click it, and its backward pass plays below.'),
    group('Samples', 'Add a sample:', ...[0, 1].map((y) => button(`${'○■'[y]} target ${y}`, () => append(y)))),
    h('div.two', curve.node, h('div', group('Start', notebook.node, other.node, field), thousand.node)),
    group('Faults', h('b', 'Break it:'), ...switches.map(({ node }) => node)),
    why,
    graph,
  );

  /** @param {string} text */
  const tell = (text) => write(said, text);
  const changed = () => {
    redraw();
    host.dispatchEvent(new CustomEvent('change', { bubbles: true }));
  };

  /** Begin anew. @param {'notebook' | number} at */
  function begin(at) {
    pause(false);
    if (losses.length > 1) before = losses;
    from = at;
    net.start(from, faults);
    [every, losses] = [1, [[0, net.loss()]]];
    rate.put(net.rate);
    (from === 'notebook' ? notebook : other).box.checked = true;
    if (from !== 'notebook') field.value = String(from);
    for (const { box } of switches) box.checked = faults.has(box.name);
    switches[4].box.disabled = !net.way.batch;
    write(why, [...faults].map((name) => FAULTS[name]).join(' '));
    const way = net.way.batch ? 'All samples make one step' : 'Each sample makes a step';
    tell(`${way}, with a rate of ${net.rate}. It is trained for ${net.way.epochs} epochs.`);
    changed();
  }

  function pick() {
    const k = Number(field.value || NaN);
    if (Number.isInteger(k) && k >= 0 && k < 1000) return begin(k);
    field.value = '7';
    tell('The starts have the numbers from 0 to 999.');
  }

  /** @param {number} epochs */
  function train(epochs) {
    for (let k = 0; k < epochs; k++) {
      net.train();
      if (net.epoch % every === 0) losses.push([net.epoch, net.loss()]);
      if (losses.length > MOST_LOSSES) [every, losses] = [every * 2, losses.filter((_, i) => i % 2 === 0)];
    }
  }

  /** @param {number} epochs */
  function advance(epochs) {
    pause(false);
    train(epochs);
    sum();
  }

  function run() {
    const { epochs, batch } = net.way;
    const end = (Math.floor(net.epoch / epochs) + 1) * epochs;
    let last = 0;
    write(start, '❚❚ Pause');
    /** @param {number} now */
    const frame = (now) => {
      train(Math.min(batch ? 4 : 20, end - net.epoch));
      if (net.epoch >= end) return pause();
      running = requestAnimationFrame(frame);
      if (STILL.matches && now - last < 500) return; // states, without the motion between them
      last = now;
      redraw();
    };
    running = requestAnimationFrame(frame);
  }

  /** Come to rest. @param {boolean} [loud] */
  function pause(loud = true) {
    if (!running) return;
    cancelAnimationFrame(running);
    running = 0;
    write(start, '▶ Start');
    if (loud) sum();
  }

  /** Say how far it has come. */
  function sum() {
    const answers = net.samples.map(({ x }) => rounded(net.forward(...x)));
    tell(`After ${net.epoch} epochs the loss is ${number(net.loss())}, and the answers are ${answers.join(', ')}.`);
    changed();
  }

  function reset() {
    net.samples = SAMPLES.map((sample) => ({ ...sample }));
    chosen = net.samples[1];
    begin(from);
  }

  /** Add a sample of one's own. @param {number} y */
  function append(y) {
    if (net.samples.length >= MOST_SAMPLES) return tell(`There is room for ${MOST_SAMPLES} samples.`);
    net.samples.push({ x: [0.5, 0.5], y, own: true });
    tell('It stands in the middle. Drag it, or move it with the arrow keys; Delete removes it.');
    changed();
    /** @type {SVGElement} */ (inputs.top.lastChild).focus({ preventScroll: true });
  }

  /** The weights as PyTorch has them. */
  function weights() {
    const [a, b, c, d, e, f, g, k, l] = net.weights;
    const w1 = [
      [a, b],
      [c, d],
    ];
    return { w1, b1: [e, f], w2: [[g], [k]], b2: [l] };
  }

  /** Play a sample's backward pass with the numbers of now. @param {Sample} sample */
  async function play(sample) {
    pause(false);
    chosen = sample;
    redraw();
    const drawn = host.querySelector('chainrule-graph');
    if (!drawn?.set) return;
    graph.hidden = false;
    for (const [name, value] of Object.entries({ ...weights(), x: sample.x, y: sample.y }))
      await drawn.set(name, value);
    await drawn.step(0);
    tell(`The pass of the sample (${sample.x.map(number).join(', ')}) plays below, with the weights of now.`);
    graph.scrollIntoView({ block: 'nearest', behavior: STILL.matches ? 'auto' : 'smooth' });
    await drawn.play();
  }

  /** The marks of the samples in the plane of the inputs. @type {Map<Sample, SVGGElement>} */
  const marks = new Map();
  /** @param {Sample} sample */
  function mark(sample) {
    const text = s('text.v.halo', { 'text-anchor': 'middle' });
    const node = s('g.mark', { role: 'button', tabindex: 0 }, s('circle.hit', { r: 22 }), shape(sample.y), text);
    const within = (/** @type {number} */ n) => Number(Math.max(ENDS[0], Math.min(ENDS[1], n)).toFixed(2));
    draggable(
      node,
      inputs,
      () => sample.x,
      ([x, y]) => {
        sample.x = [within(x), within(y)];
        changed();
      },
      (key) => {
        if (key === 'Enter') void play(sample);
        else if ((key === 'Delete' || key === 'Backspace') && sample.own) {
          net.samples = net.samples.filter((one) => one !== sample);
          if (chosen === sample) chosen = net.samples[0];
          tell('The sample is gone.');
          changed();
        } else return false;
        return true;
      },
    );
    return node;
  }

  function redraw() {
    inputs.xs = inputs.ys = ENDS;
    inputs.paint((x, y) => net.forward(x, y), [0.5]);
    for (const [sample, node] of marks)
      if (!net.samples.includes(sample)) {
        node.remove();
        marks.delete(sample);
      }
    for (const sample of net.samples) {
      const node = marks.get(sample) ?? mark(sample);
      if (!marks.has(sample)) inputs.top.append(node);
      marks.set(sample, node);
      const answer = rounded(net.forward(...sample.x));
      const at = sample.x.map(number).join(', ');
      node.setAttribute('transform', `translate(${place(inputs.at(sample.x))})`);
      node.setAttribute(
        'aria-label',
        `${answer}: answer at (${at}), target ${sample.y}. Arrow keys move it, Enter plays its backward pass.`,
      );
      node.classList.toggle('chosen', sample === chosen);
      const label = /** @type {Element} */ (node.lastChild);
      label.setAttribute('y', String(sample.x[1] > 0.5 ? 36 : -27)); // inside of the plane, and clear of the ring
      write(label, answer);
    }
    drawHidden(hidden, net);
    drawNetwork(network, net, chosen.x);
    const loss = net.loss();
    write(count, `epoch ${net.epoch} · loss ${number(loss)} · ${net.right()} of ${net.samples.length} right`);
    const points = [...losses, /** @type {Point} */ ([net.epoch, loss])];
    curve.draw({
      x: 'epochs',
      y: 'loss',
      xs: [0, Math.max(net.way.epochs, net.epoch)],
      ys: [0, Math.max(0.3, ...points.map(([, y]) => y))],
      curves: [
        { points: before, kind: 'trail' },
        { points, kind: 'f' },
      ],
      marks: [{ at: [net.epoch, loss], kind: 'dot' }],
    });
    thousand.redraw();
  }

  Object.assign(host, {
    start(/** @type {'notebook' | number} */ at) {
      if (at !== 'notebook' && !(Number.isInteger(at) && at >= 0 && at < 1000))
        throw new Error('a start is "notebook", or a whole number from 0 to 999');
      begin(at);
    },
    async train(/** @type {number} */ epochs) {
      pause(false);
      for (let left = epochs; left > 0; left -= 500) {
        train(Math.min(500, left));
        await new Promise((done) => setTimeout(done));
      }
      sum();
    },
    loss: () => net.loss(),
    weights,
    predict: (/** @type {Point} */ [a, b]) => net.forward(a, b),
    fault(/** @type {string} */ name, /** @type {boolean} */ on) {
      if (!FAULTS[name])
        throw new Error(`there is no fault called ${name}; there are ${Object.keys(FAULTS).join(', ')}`);
      faults[on ? 'add' : 'delete'](name);
      begin(from);
    },
  });
  Object.defineProperty(host, 'rate', {
    get: () => net.rate,
    set(x) {
      net.rate = Number(x);
      rate.put(net.rate);
    },
  });
  watch(body, redraw);
  begin(from);
}

playground('xor', XOR_STYLE, trainXor);
