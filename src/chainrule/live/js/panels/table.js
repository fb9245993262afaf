// Every value and gradient as a table, for those who would rather read than look.

import { h } from '../drawing/dom.js';

/** @param {Ui} ui */
export function tablePanel({ model }) {
  const rows = h('tbody');
  const heads = ['value', 'expression', 'number', 'gradient'].map((text) => h('th', { scope: 'col' }, text));
  return {
    node: h('div.rows', { tabindex: 0 }, h('table', h('thead', h('tr', ...heads)), rows)),
    refresh() {
      rows.replaceChildren(
        ...model.names.map((name, v) =>
          h(
            'tr',
            h('td', h('strong', name)),
            h('td', model.view.ops[model.maker[v]]?.e ?? ''),
            h('td.v', model.valueText(v)),
            h('td.g', model.gradientText(v)),
          ),
        ),
      );
    },
  };
}
