// What a backward step multiplies, below the graph: upstream × local = gradient, each in the colour of where it stands.

import { numbers, typeset } from '../engine/text.js';
import { h } from './dom.js';

/** More letters are not written on a line. */
const LONGEST_LINE = 90;

/** Write the product of one edge, to be pressed for the whole one.
 * @param {Model} model @param {number} e @param {import('./player.js').Beat | undefined} beat how far it has played
 * @param {boolean} whole whether that stands there @param {() => void} click */
export function productOf(model, e, beat, whole, click) {
  const carried = model.carried(e);
  const { upstream, local, product } = beat ?? {
    upstream: model.gradientText(model.view.edges[e].r),
    local: model.localOf(e),
    product: carried ? numbers(carried) : '',
  };
  if (!local || !product || upstream.length + local.length + product.length > LONGEST_LINE) return [];
  const part = (/** @type {string} */ kind, /** @type {string} */ text, /** @type {string} */ of, maths = '') => {
    const below = h('small', of);
    below.insertAdjacentHTML('beforeend', maths);
    return h('span.part', h('b', { class: kind }, text), below);
  };
  const done = !beat || beat.beat === 'arrive' || beat.beat === 'sum';
  return [
    h(
      'button.product',
      { type: 'button', 'data-e': e, 'aria-expanded': String(whole), title: 'The whole product', click },
      part('u g', upstream, 'upstream'),
      ' × ',
      part('g', local, 'local', rule(model, e)),
      ' = ',
      part('g', done ? product : '?', `gradient of ${model.names[model.source(e)]}`),
    ),
  ];
}

/** Where a local gradient comes from, as maths; empty if it is the number itself.
 * @param {Model} model @param {number} e */
function rule(model, e) {
  const words = model.view.edges[e].m ?? '';
  const filled = words.replace(/{(\d+)}/g, (_, v) => typeset(model.plain.values[v]));
  return filled === words ? '' : ` = <math>${filled}</math>`;
}
