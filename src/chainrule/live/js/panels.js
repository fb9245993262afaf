// Everything that opens below a graph, joined with what only it needs into a script of its own.

import { curvePanel } from './curve.js';
import { h } from './dom.js';
import { formula } from './maths.js';
import { HANDS, PANELS } from './more.js';
import { makeEditable } from './numbers.js';
import { predictPanel } from './predict.js';
import { sharePanel } from './share.js';
import { dress } from './sizes.js';
import { tablePanel } from './table.js';
import { Training } from './training.js';

const MAKERS = { 'loss curve': curvePanel, predict: predictPanel, table: tablePanel, share: sharePanel };

Object.assign(HANDS, { dress, edit: makeEditable, Training });
PANELS.formula = formula;
for (const [name, make] of Object.entries(MAKERS))
  PANELS[name] = (ui) => {
    const panel = make(ui);
    panel.node.prepend(h('style', {}, PANEL_STYLE));
    return panel;
  };
