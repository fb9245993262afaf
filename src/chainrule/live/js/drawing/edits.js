// Numbers changed by a reader, by hand or by steps of descent, and what is said of it.

import { derivative, number } from '../engine/text.js';

/** Change numbers by hand: of which leaf, which one, to what.
 * @param {Ui} ui @param {[number, number, number][]} changes @returns {string} what is wrong, if anything */
export function setEntries(ui, changes) {
  const { model } = ui;
  try {
    model.setEntries(changes);
  } catch (error) {
    return error instanceof Error ? `${error.message}.` : '';
  }
  const [v, at, x] = changes[0];
  const held = model.values[v]?.data[at] ?? x;
  const over = held === x || Number.isFinite(held) ? '' : `${x} overflows ${model.plain.values[v].t}. `;
  ui.edited();
  if (model.trained.includes(v) || ui.chosen < 0) ui.chosen = model.trained.includes(v) ? v : (model.trained[0] ?? -1);
  const { chosen } = ui;
  const end = model.root < 0 ? (model.ops.at(-1)?.o[0] ?? v) : model.root;
  const said = [`${over}${model.names[v]} = ${model.valueText(v)}`];
  if (model.at === model.last) {
    said.push(`: ${model.names[end]} = ${model.valueText(end)}`);
    if (chosen >= 0)
      said.push(`, ${derivative(model.names[model.loss], model.names[chosen])} = ${model.gradientText(chosen)}`);
  }
  ui.say(`${said.join('')}.`);
  ui.changed();
  return '';
}

/** Take steps against the gradients. @param {Ui} ui @param {number} rate @param {number} times */
export function update(ui, rate, times) {
  const { model, training } = ui;
  if (model.fixed) throw new Error(`these numbers cannot be changed: ${model.fixed}`);
  if (!Number.isFinite(rate)) throw new Error('a learning rate is a finite number');
  const before = training.at;
  try {
    for (let k = 0; k < times; k++) training.update(rate);
  } catch {
    ui.say('The next step would leave the numbers that fit. Reset, or use a smaller rate.', true);
    if (training.at > before) ui.changed();
    return;
  }
  const loss = model.root < 0 ? '' : `${model.names[model.root]} = ${number(training.history[training.at].loss)}`;
  ui.say(`After ${training.at} update${training.at === 1 ? '' : 's'}: ${loss}.`);
  ui.changed();
}
