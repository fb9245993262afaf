// Everything that opens below a graph, joined with what only it needs into a script of its own.

import { curvePanel } from './curve.js';
import { h } from '../drawing/dom.js';
import { setEntries, update } from '../drawing/edits.js';
import { explain, words } from '../drawing/explain.js';
import { formula } from './maths.js';
import { HANDS, PANELS } from '../drawing/more.js';
import { makeEditable } from '../drawing/numbers.js';
import { predictPanel } from './predict.js';
import { sharePanel } from './share.js';
import { dress } from '../drawing/sizes.js';
import { tablePanel } from './table.js';
import { Training } from '../engine/training.js';
import { zoom } from '../drawing/zoom.js';

/** Give a graph the looks of what can be done to it, and let its marks explain themselves.
 * @param {Ui} ui @param {HTMLElement} body */
function equip(ui, body) {
  body.append(h('style', PANEL_STYLE));
  explain(ui, body);
  document.addEventListener('fullscreenchange', () => {
    for (const box of ui.drawing?.boxes.values() ?? []) box.looks = ''; // its digits have another size
    ui.redraw();
  });
}

Object.assign(HANDS, { dress, equip, edit: makeEditable, setEntries, Training, update, words, zoom });
Object.assign(PANELS, {
  formula,
  'loss curve': curvePanel,
  predict: predictPanel,
  table: tablePanel,
  share: sharePanel,
});
