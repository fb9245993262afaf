// The state of a graph, as the address holds it.

import { flat, short, tensor } from '../engine/tensors.js';

/** @param {Ui} ui @returns {string} what an address has after its # */
export function writeState(ui) {
  const { model } = ui;
  const state = new URLSearchParams({ graph: String(ui.number) });
  if (model.at !== model.last) state.set('step', String(model.at));
  for (const v of model.leaves) {
    const t = model.values[v];
    if (t?.data.some((x, i) => !Object.is(x, model.start[v]?.data[i])))
      state.set(
        `v.${model.names[v]}`,
        [...t.data].map((x) => (model.plain.values[v].t === 'float32' ? short(x) : String(x))).join(' '),
      );
  }
  if (ui.rate && (ui.panel || ui.rate !== ui.firstRate)) state.set('rate', String(ui.rate));
  if (model.shown) state.set('view', ui.path.join(' '));
  if (ui.panel) state.set('panel', ui.panel);
  return state.toString();
}

/** Take over what an address says, as far as it fits this graph. @param {Ui} ui @param {string} hash */
export function readState(ui, hash) {
  const state = new URLSearchParams(hash.replace(/^#/, ''));
  const { model } = ui;
  if (state.get('graph') !== String(ui.number)) return '';
  const given = new Map();
  for (const v of model.leaves) {
    const numbers = state
      .get(`v.${model.names[v]}`)
      ?.split(' ')
      .map((text) => (text === 'NaN' || Number(text) === Number(text) ? Number(text) : undefined));
    const { s } = model.plain.values[v];
    const like = tensor(s);
    if (numbers?.length === like.data.length && !numbers.includes(undefined))
      given.set(v, { shape: s, data: flat(numbers) });
  }
  try {
    if (given.size && !model.fixed) model.set(given);
  } catch {
    /* it does not fit */
  }
  for (const view of (state.get('view') ?? '').split(' ').slice(1).map(Number))
    if (model.view.ops.some((op) => op.v === view)) ui.enter(view);
  const step = Number(state.get('step') ?? model.last);
  const rate = Number(state.get('rate'));
  if (Number.isInteger(step)) model.at = Math.max(0, Math.min(model.last, step));
  if (rate > 0 && Number.isFinite(rate)) ui.rate = rate;
  return state.get('panel') ?? '';
}
