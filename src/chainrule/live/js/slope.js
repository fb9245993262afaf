// The loss against one number, with the tangent there; and what a nudge of it really does.

import { h } from './dom.js';
import { ROUND } from './model.js';
import { numberField, plot } from './plots.js';
import { entryName, number } from './text.js';

/** @typedef {import('./element.js').Ui} Ui */
/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./tensors.js').Tensor} Tensor */

const ENTRIES = 200;

/** What the loss would be with one entry of a leaf changed.
 * @param {Model} model @param {number} v @param {number} at @param {number} x */
function lossWith(model, v, at, x) {
  const values = /** @type {Tensor[]} */ ([...model.values]);
  const data = values[v].data.slice();
  data[at] = ROUND[model.plain.values[v].t](x);
  values[v] = { shape: values[v].shape, data };
  return model.forwards(values)[model.root].data[0];
}

/** @param {Ui} ui */
export function slopePanel(ui) {
  const { model } = ui;
  const entries = model.trained
    .flatMap((v) => Array.from(model.values[v]?.data ?? [], (_, at) => /** @type {const} */ ([v, at])))
    .slice(0, ENTRIES);
  const named = entries.map(([v, at]) => entryName(model.names[v], model.plain.values[v].s, at));
  const choice = h(
    'select',
    {
      'aria-label': 'Against',
      change: () => {
        centre = NaN;
        ui.choose(entries[choice.selectedIndex][0]);
      },
    },
    ...named.map((name) => h('option', {}, name)),
  );
  const nudge = numberField('nudge', 0.01, () => refresh(), ui.say);
  const picture = plot('The loss against one weight, with its tangent');
  const said = h('p', { class: 'says' });
  const place = numberField(
    'value',
    0,
    (x) => {
      const [v, at] = entries[choice.selectedIndex];
      const wrong = ui.set(v, at, x);
      if (wrong) ui.say(wrong, true);
    },
    ui.say,
  );
  let centre = NaN;
  let radius = 1;

  function refresh() {
    const [v, at] = entries[choice.selectedIndex];
    const name = named[choice.selectedIndex];
    const loss = model.names[model.root];
    const held = /** @type {Tensor} */ (model.values[v]).data[at];
    const slope = /** @type {Tensor} */ (model.gradients[v]).data[at];
    const now = /** @type {Tensor} */ (model.values[model.root]).data[0];
    if (!(Math.abs(held - centre) < 0.9 * radius)) [centre, radius] = [held, Math.max(2, 1.5 * Math.abs(held))];
    const points = model.steps.length > 200 ? 24 : 80;
    const low = centre - radius;
    const high = centre + radius;
    /** @type {[number, number][]} */ const curve = [];
    for (let k = 0; k <= points; k++) {
      const x = low + ((high - low) * k) / points;
      curve.push([x, lossWith(model, v, at, x)]);
    }
    picture.draw({
      x: name,
      y: loss,
      low,
      high,
      dots: [[held, now]],
      curves: [
        { points: curve, kind: 'f' },
        { points: [low, high].map((x) => [x, now + slope * (x - held)]), kind: 'b tangent' },
      ],
    });
    const by = nudge.get();
    const change = lossWith(model, v, at, held + by) - now;
    said.replaceChildren(
      h('strong', {}, `${name} ${by < 0 ? '−' : '+'} ${number(Math.abs(by))}`),
      ` changes ${loss} by `,
      h('span', { class: 'v' }, number(change)),
      '; the gradient says ',
      h('span', { class: 'g' }, number(slope * by)),
      '.',
    );
    place.put(held);
  }
  return {
    node: h(
      'div',
      {},
      h(
        'div',
        { class: 'fields' },
        h('label', { class: 'field' }, h('span', {}, 'against'), ' ', choice),
        place.node,
        nudge.node,
      ),
      picture.node,
      said,
    ),
    refresh,
  };
}
