// What every playground element stands on: a shadow root with the graph's looks, beside what it holds without a script.

import { h } from '../drawing/dom.js';

/** @param {string} name @param {string} style @param {(host: any, body: HTMLElement) => void} make */
export function playground(name, style, make) {
  const [light, dark] = PALETTES;
  const colours = Object.keys(light).map((key) => `--${key}:light-dark(${light[key]},${dark[key]})`);
  customElements.define(
    `chainrule-${name}`,
    class extends HTMLElement {
      version = VERSION;

      connectedCallback() {
        if (this.shadowRoot) return;
        const body = h('div.live');
        const looks = h('style', `.live{${colours.join(';')}}${DRAWING}${STYLE}${PANEL_STYLE}${FRAME_STYLE}${style}`);
        this.attachShadow({ mode: 'open' }).append(looks, body);
        make(this, body);
      }
    },
  );
}

/** Call when sizes or colours may have changed. @param {Element} element @param {() => void} redraw */
export function watch(element, redraw) {
  new ResizeObserver(redraw).observe(element);
  new MutationObserver(redraw).observe(document.body, { attributes: true });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

export const STILL = matchMedia('(prefers-reduced-motion: reduce)');

/** A slider whose ends are powers of ten, with its number. @param {string} name @param {[number, number]} ends
 * @param {number} start @param {(x: number) => void} set */
export function rateSlider(name, ends, start, set) {
  const said = h('output.count');
  const field = h('input', {
    type: 'range',
    step: 0.05,
    min: Math.log10(ends[0]),
    max: Math.log10(ends[1]),
    'aria-label': name,
    input: () => {
      put(Number((10 ** Number(field.value)).toPrecision(2)));
      set(held);
    },
  });
  let held = start;
  /** @param {number} x */
  function put(x) {
    held = x;
    field.value = String(Math.log10(x));
    field.setAttribute('aria-valuetext', String(x));
    said.value = String(x);
  }
  put(start);
  return { node: h('label.field', h('span', name), ' ', field, said), put };
}
