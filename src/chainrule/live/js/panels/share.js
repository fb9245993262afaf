// Take it away: the address that holds the state, the PyTorch code, the picture.

import { python } from './code.js';
import { button, h } from '../drawing/dom.js';
import { copier } from '../drawing/fields.js';
import { writeState } from '../drawing/state.js';

/** @param {Ui} ui */
export function sharePanel(ui) {
  const { model } = ui;
  const code = h('pre', { tabindex: 0 });
  const { field, copy } = copier((text) => ui.say(text));
  const address = () => `${location.href.split('#')[0]}#${writeState(ui)}`;
  function save() {
    const link = h('a', {
      download: 'graph.svg',
      href: URL.createObjectURL(new Blob([picture(ui)], { type: 'image/svg+xml' })),
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    ui.say('Saved as graph.svg.');
  }
  /** Where code is edited: on a site with a playground, beside the script. */
  const script = /** @type {HTMLScriptElement | null} */ (
    document.querySelector('script[src*="_static/chainrule-graph"]')
  );
  const home = script && new URL('../playground/code.html', script.src);
  return {
    node: h(
      'div',
      h(
        'div.fields',
        button('Copy link', () => copy(address(), 'Copied: the link opens this graph as it is now.')),
        !model.fixed &&
          button('Copy PyTorch code', () => copy(python(model), 'Copied: this code gives exactly these numbers.')),
        button('Save picture', save),
        !model.fixed && home && h('a', { href: `${home}#code=${encodeURIComponent(python(model))}` }, 'Edit the code'),
      ),
      field,
      !model.fixed && code,
    ),
    refresh() {
      if (!model.fixed) code.textContent = python(model);
    },
  };
}

/** Draw the picture as a file of its own. @param {Ui} ui */
function picture(ui) {
  const svg = /** @type {SVGSVGElement} */ (/** @type {Drawing} */ (ui.drawing).svg.cloneNode(true));
  const [light, dark] = PALETTES;
  for (const extra of svg.querySelectorAll('.handle, .line, .hit, .edge:not(.passed) :is(.b, .halo)')) extra.remove();
  for (const old of svg.querySelectorAll('[tabindex], [role]'))
    for (const name of ['tabindex', 'role', 'aria-label', 'aria-valuenow', 'aria-valuetext']) old.removeAttribute(name);
  const coloured = (/** @type {Record<string, string>} */ palette) =>
    DRAWING.replace(/var\(--(\w+)\)/g, (_, key) => palette[key]);
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
  style.textContent = `${coloured(light)}@media(prefers-color-scheme:dark){${coloured(dark)}}`;
  svg.prepend(style);
  svg.removeAttribute('style');
  return new XMLSerializer().serializeToString(svg);
}
