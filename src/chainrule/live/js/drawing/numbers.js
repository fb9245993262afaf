// Numbers that can be changed where they stand: drag, type, or use the arrow keys.

import { attribute, attributes, button, h } from './dom.js';
import { number } from '../engine/text.js';

/**
 * @typedef {object} Editing
 * @property {string} name what screen readers call it
 * @property {number} least how far a drag or an arrow key goes at least
 * @property {() => number} get
 * @property {(x: number) => string} set changes the number; says what is wrong, or nothing
 * @property {(text: string, bad?: boolean) => void} say
 * @property {HTMLElement} layer where a field to type in may stand
 */

/** How far a drag or an arrow key goes: a tenth of the number's size. @param {number} x */
export const unit = (x) => 10 ** (Math.floor(Math.log10(Math.min(1e12, Math.max(Math.abs(x), 0.1)))) - 1);

/** Keep what was dragged to as round as it looks. @param {number} x @param {number} step */
export const onGrid = (x, step) => Number((Math.round(x / step) * step).toPrecision(12));

/** @param {SVGGElement} handle @param {Editing} editing */
export function makeEditable(handle, editing) {
  attributes(handle, { role: 'spinbutton', tabindex: 0, 'aria-label': editing.name });
  let from = 0;
  let at = 0;
  let moved = false;
  let held = -1;

  /** Where a drag or an arrow key begins: nan and inf lead nowhere. */
  const now = () => (Number.isFinite(editing.get()) ? editing.get() : 0);
  /** @param {number} x */
  const change = (x) => {
    const wrong = editing.set(x);
    if (wrong) editing.say(wrong, true);
  };

  handle.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    [from, at, moved, held] = [event.clientX, now(), false, event.pointerId];
    handle.setPointerCapture(held);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  handle.addEventListener('pointermove', (event) => {
    if (event.pointerId !== held) return;
    const far = event.clientX - from;
    if (!moved && Math.abs(far) < 4) return;
    moved = true;
    const step = Math.max(editing.least, unit(at || 1) / (event.shiftKey ? 10 : 1));
    change(onGrid(at + Math.round(far / 4) * step, step));
  });
  handle.addEventListener('pointerup', (event) => {
    if (event.pointerId !== held) return;
    held = -1;
    if (moved) return;
    if (event.pointerType === 'touch') pad();
    else type('');
  });
  handle.addEventListener('pointercancel', () => {
    held = -1;
  });
  handle.addEventListener('keydown', (event) => {
    const grid = Math.max(editing.least, unit(now() || 1) * (event.shiftKey ? 0.1 : 1));
    const step = grid * (event.key.startsWith('Page') ? 10 : 1);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowUp' || event.key === 'PageUp') change(onGrid(now() + step, grid));
    else if (event.key === 'ArrowDown' || event.key === 'PageDown') change(onGrid(now() - step, grid));
    else if (event.key === 'Enter' || event.key === 'F2' || event.key === ' ') type('');
    else if (/^[-+.\din]$/i.test(event.key)) type(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  /** Where something over the number stands. */
  function over() {
    const place = handle.getBoundingClientRect();
    const { layer } = editing;
    const base = layer.getBoundingClientRect();
    return {
      left: place.left - base.left + layer.scrollLeft - 4,
      top: place.top - base.top + layer.scrollTop - 4,
      place,
    };
  }

  /** Offer fingers less, more, and a keyboard, which hides half of the page. */
  function pad() {
    const { layer } = editing;
    const { left, top } = over();
    const step = (/** @type {number} */ by) => {
      const grid = Math.max(editing.least, unit(now() || 1));
      change(onGrid(now() + by * grid, grid));
    };
    const keys = h(
      'div.pad',
      {
        style: `left:${Math.min(left, layer.clientWidth - 158)}px;top:${Math.min(top + 34, layer.scrollHeight - 58)}px`,
      },
      button('−', () => step(-1), { 'aria-label': `Less ${editing.name}` }),
      button('+', () => step(1), { 'aria-label': `More ${editing.name}` }),
      button('⌨', () => (keys.remove(), type('')), { 'aria-label': `Type ${editing.name}` }),
    );
    for (const old of layer.querySelectorAll('.pad')) old.remove();
    layer.append(keys);
    const away = (/** @type {Event} */ event) => {
      if (event.composedPath().includes(keys)) return;
      keys.remove();
      document.removeEventListener('pointerdown', away);
    };
    document.addEventListener('pointerdown', away);
  }

  /** Open a field over the number. @param {string} first what was typed already */
  function type(first) {
    const { left, top, place } = over();
    const field = h('input.type', {
      'aria-label': `New number for ${editing.name}`,
      inputmode: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      style: `left:${left}px;top:${top}px;width:${Math.max(78, place.width + 20)}px`,
    });
    field.value = first || String(Number(editing.get().toPrecision(9)));
    let closed = false;
    /** @param {boolean} keep @param {boolean} refocus */
    const close = (keep, refocus) => {
      if (closed) return;
      const x = readEntry(field.value);
      const unchanged = field.value === String(Number(editing.get().toPrecision(9)));
      let wrong = '';
      if (keep && !unchanged) wrong = x === undefined ? expected(field.value, editing) : editing.set(x);
      if (wrong) {
        editing.say(wrong, true);
        attribute(field, 'aria-invalid', 'true');
        if (refocus) return field.select();
      }
      closed = true;
      field.remove();
      if (refocus) handle.focus({ preventScroll: true });
    };
    field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') close(true, true);
      if (event.key === 'Escape') close(false, true);
    });
    field.addEventListener('blur', () => close(true, false));
    editing.layer.append(field);
    field.focus({ preventScroll: true });
    if (!first) field.select();
  }
}

/** Say what is expected instead. @param {string} typed @param {{name: string, get: () => number}} editing */
export function expected(typed, { name, get }) {
  const [text, stays] = [typed.trim().slice(0, 20), `${name} stays ${number(get())}.`];
  const comma = text.replace(',', '.');
  if (comma !== text && NUMBER.test(comma)) return `A point parts the decimals: write ${comma}; ${stays}`;
  const wrong = text ? `“${text}” is not a number that fits here` : 'Nothing was typed';
  return `${wrong}. Type a number such as 0.5 or -2; ${stays}`;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Read what somebody typed, a fraction too. @param {string} typed @returns {number} NaN if it is no finite number */
export function readNumber(typed) {
  const parts = typed
    .replace(/[−–]/g, '-')
    .split('/')
    .map((part) => part.trim());
  const x =
    parts.length < 3 && parts.every((part) => NUMBER.test(part)) ? Number(parts[0]) / Number(parts[1] ?? 1) : NaN;
  return Number.isFinite(x) ? x : NaN;
}

/** Read a number that may be nan or infinite as well. @param {string} typed @returns {number | undefined} */
function readEntry(typed) {
  const word = /^([-+]?)(nan|inf)(inity)?$/i.exec(typed.trim().replace('−', '-'));
  if (word) return word[2].toLowerCase() === 'nan' ? NaN : word[1] === '-' ? -Infinity : Infinity;
  const x = readNumber(typed);
  return Number.isNaN(x) ? undefined : x;
}
