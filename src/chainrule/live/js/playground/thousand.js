// The lesson's thousand starts, trained in the page, as a histogram of the losses at which they end.

import { h, write } from '../drawing/dom.js';
import { Network, WAYS } from './network.js';

const WIDTH = 0.02;
const BINS = 15;

/** @param {(k: number) => void} choose @param {() => 'notebook' | number} chosen */
export function histogram(choose, chosen) {
  /** @type {number[][]} */ const bins = Array.from({ length: BINS }, () => []);
  const said = h('p.why', 'At which loss do the thousand end?');
  const bars = bins.map((bin) => {
    const next = () => choose(bin[(bin.indexOf(Number(chosen())) + 1) % bin.length]);
    return h('button', { type: 'button', class: 'column', click: next }, h('i'), h('span'));
  });
  const columns = h('div.columns', { role: 'group', 'aria-label': 'Starts by their last loss' }, ...bars);
  let done = 0;

  /** Train some, and let the page live in between. */
  function more() {
    const net = new Network();
    for (const end = performance.now() + 12; done < 1000 && performance.now() < end; done++) {
      net.start(done, new Set());
      for (let k = 0; k < WAYS.thousand.epochs; k++) net.train();
      bins[Math.min(BINS - 1, Math.floor(net.loss() / WIDTH))].push(done);
    }
    redraw();
    if (done < 1000) setTimeout(more, 12);
  }

  function redraw() {
    const most = Math.max(1, ...bins.map((bin) => bin.length));
    write(
      said,
      `${done < 1000 ? done : 'All'} of the thousand, by the loss at which they end, 0 to 0.3. Press a column.`,
    );
    bars.forEach((bar, i) => {
      const { length } = bins[i];
      const [low, high] = [i, i + 1].map((n) => Number((n * WIDTH).toFixed(2)));
      bar.disabled = !length;
      bar.setAttribute('aria-label', `${length} starts end with a loss from ${low} to ${high}`);
      bar.title = `${length} starts: loss from ${low} to ${high}`;
      bar.setAttribute('aria-pressed', String(bins[i].includes(Number(chosen()))));
      /** @type {HTMLElement} */ (bar.firstChild).style.height = `${(100 * length) / most}%`;
      write(/** @type {Element} */ (bar.lastChild), length > most / 20 ? String(length) : '');
    });
  }

  new IntersectionObserver(([{ isIntersecting }], self) => {
    if (!isIntersecting) return;
    self.disconnect();
    more();
  }).observe(columns);
  return { node: h('div', columns, said), redraw };
}
