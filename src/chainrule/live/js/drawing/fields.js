// Fields that panels and pages have in common.

import { h, write } from './dom.js';

/** A box to tick, with its text. @param {string} text @param {(on: boolean) => void} change
 * @param {Record<string, unknown>} [attributes] */
export function tick(text, change, attributes = {}) {
  const box = h('input', { type: 'checkbox', ...attributes, change: () => change(box.checked) });
  return { box, node: h('label.switch', box, text) };
}

/** Texts to choose from. @param {string} label @param {string[]} texts @param {(at: number) => void} change */
export function choice(label, texts, change) {
  const made = h('select', { 'aria-label': label, change: () => change(made.selectedIndex) });
  made.append(...texts.map((text) => h('option', text)));
  return made;
}

/** What copies a text; where a page may not, a field holds it, selected. @param {(text: string) => void} say */
export function copier(say) {
  const field = h('textarea', { readonly: true, rows: 3, 'aria-label': 'Text to copy', hidden: true });
  /** @param {string} text @param {string} done */
  async function copy(text, done) {
    field.hidden = true;
    try {
      await navigator.clipboard.writeText(text);
      say(done);
    } catch {
      field.hidden = false;
      field.value = text;
      field.select();
      say('This page may not copy by itself: the text is selected, press Ctrl+C.');
    }
  }
  return { field, copy };
}

/** A form for an answer, and what is said to it. @param {string} label @param {(typed: string) => void} check
 * @param {HTMLElement[]} more @returns {{field: HTMLInputElement, form: HTMLFormElement, verdict: HTMLElement,
 *   tell: (text: string, kind?: string) => void}} */
export function answering(label, check, ...more) {
  const field = h('input', { 'aria-label': label, autocomplete: 'off', size: 18, inputmode: 'text' });
  const named = h('label.field', h('span', label.toLowerCase()), ' ', field);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    check(field.value);
  };
  const verdict = h('p.says', { role: 'status' });
  return {
    field,
    form: h('form.fields', { submit }, named, h('button.main', 'Check'), ...more),
    verdict,
    tell(text, kind = '') {
      write(verdict, text);
      verdict.className = `says ${kind}`;
    },
  };
}
