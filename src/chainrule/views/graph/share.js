// Take it away: the address that holds the state, the PyTorch code, the picture. And the state's way into the address.

import { h } from './dom.js';
import { short } from './model.js';
import { tensor } from './tensors.js';

/** @typedef {import('./element.js').Ui} Ui */
/** @typedef {import('./tensors.js').Tensor} Tensor */

/** @param {Ui} ui @returns {string} what an address has after its # */
export function writeState(ui) {
  const { model } = ui, state = new URLSearchParams({ graph: String(ui.number) });
  if (model.at !== model.last) state.set('step', String(model.at));
  for (const v of model.leaves) {
    const t = model.values[v];
    if (t?.data.some((x, i) => !Object.is(x, model.start[v]?.data[i]))) state.set(`v.${model.names[v]}`, [...t.data].map((x) => model.plain.values[v].t === 'float32' ? short(x) : String(x)).join(' '));
  }
  if (ui.rate !== ui.firstRate) state.set('rate', String(ui.rate));
  if (model.shown) state.set('view', ui.path.join(' '));
  if (ui.panel) state.set('panel', ui.panel);
  return state.toString();
}

/** Take over what an address says, as far as it fits this graph. @param {Ui} ui @param {string} hash */
export function readState(ui, hash) {
  const state = new URLSearchParams(hash.replace(/^#/, '')), { model } = ui;
  if (state.get('graph') !== String(ui.number)) return '';
  const given = new Map();
  for (const v of model.leaves) {
    const numbers = state.get(`v.${model.names[v]}`)?.split(' ').map(Number), { s } = model.plain.values[v], like = tensor(s);
    if (numbers?.length === like.data.length && numbers.every(Number.isFinite)) given.set(v, { shape: s, data: Float64Array.from(numbers) });
  }
  if (given.size && !model.fixed) model.set(given);
  for (const view of (state.get('view') ?? '').split(' ').slice(1).map(Number)) if (model.view.ops.some((op) => op.v === view)) ui.enter(view);
  const step = Number(state.get('step') ?? model.last), rate = Number(state.get('rate'));
  if (Number.isInteger(step)) model.at = Math.max(0, Math.min(model.last, step));
  if (rate > 0 && Number.isFinite(rate)) ui.rate = rate;
  return state.get('panel') ?? '';
}

/** @param {Ui} ui */
export function sharePanel(ui) {
  const { model } = ui, code = h('pre', { tabindex: 0 });
  const shown = h('textarea', { readonly: true, rows: 2, 'aria-label': 'Text to copy', hidden: true });
  /** @param {string} text @param {string} done */
  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      shown.hidden = true;
      ui.say(done);
    } catch {
      shown.hidden = false;
      shown.value = text;
      shown.select();
      ui.say('This page may not copy by itself: the text is selected, press Ctrl+C.');
    }
  }
  const address = () => `${location.href.split('#')[0]}#${writeState(ui)}`;
  function save() {
    const link = h('a', { download: 'graph.svg', href: URL.createObjectURL(new Blob([ui.picture()], { type: 'image/svg+xml' })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    ui.say('Saved as graph.svg.');
  }
  /** @param {string} text @param {() => void} click */
  const button = (text, click) => h('button', { type: 'button', click }, text);
  return {
    node: h('div', {}, h('div', { class: 'fields' }, button('Copy link', () => copy(address(), 'Copied: the link opens this graph as it is now.')),
      !model.fixed && button('Copy PyTorch code', () => copy(model.python(), 'Copied: this code gives exactly these numbers.')),
      button('Save picture', save)), shown, !model.fixed && code),
    refresh() { if (!model.fixed) code.textContent = model.python(); },
  };
}
