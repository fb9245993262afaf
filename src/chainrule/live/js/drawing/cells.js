// Tensors as colours: a cell a number, purple above zero and green below, the stronger the larger.

import { attribute, attributes, h, s, write } from './dom.js';
import { CHARACTER, fit, LINE, PADDING } from './drawing.js';
import { entryName, number, shapeText, SHOWN } from '../engine/text.js';

/** As in chainrule/views/layout.py. */
const CELL = [12, 12];
const DIGITS = [52, 18];
const NARROW = [42, 18];
/** Numbers over so many powers of ten are told apart. */
const DECADES = 4;
const LEVELS = 10;
/** The strongest colour is this opaque, so that a number can be read on it. */
const STRONGEST = 0.5;

/** How a tensor's cells stand; a single row of some numbers goes on in the next line. @param {number[]} shape */
function grid(shape) {
  let columns = shape[shape.length - 1];
  let rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  if (rows === 1 && columns > 4 && columns <= SHOWN) [rows, columns] = [Math.ceil(columns / 3), 3];
  const digits = columns <= 4 && rows <= 9 && rows * columns <= 12;
  const [wide, high] = digits ? (columns === 4 ? NARROW : DIGITS) : CELL;
  const [across, down] = [Math.min(columns, 16), Math.min(rows, 9)];
  return { columns, wide, high, digits, across, down, cut: columns > across || rows > down };
}

/** The largest number of a graph, as it was recorded: all cells are measured against it.
 * @param {Ui} ui */
function largest({ model }) {
  let most = 0;
  for (const t of [...model.start, ...model.recorded])
    if (t) for (const x of t.data) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
  return most || 1;
}

/** How strong a number's colour is, from 0 to 1: by its size, in powers of ten.
 * @param {number} x @param {number} most */
const strength = (x, most) =>
  x === 0 ? 0 : Math.max(1 / LEVELS, Math.min(1, 1 + Math.log10(Math.abs(x) / most) / DECADES));

/** Give a box its cells. @param {Drawing} drawing @param {Ui} ui
 * @param {import('../engine/model.js').PlacedBox} placed @param {number} most
 * @returns {() => void} what shows its numbers */
export function cells(drawing, ui, [v, left, top], most) {
  const { model } = drawing;
  const box = drawing.boxes.get(v);
  const { s: shape, n: name } = model.plain.values[v];
  if (!box) return () => {};
  const { columns, wide, high, across, down, digits, cut } = grid(shape);
  if (box.entries.length)
    box.grid = ({ data }) => {
      write(box.value, '');
      box.entries.forEach((handle, i) => {
        const [back, line, label] = handle.children;
        const [x, y] = [box.x + (i % columns) * wide, box.y - 1 + Math.floor(i / columns) * high];
        const text = number(data[i]);
        fit(/** @type {SVGTextElement} */ (label), text, wide - 6);
        attributes(label, { x: x + 3, y });
        attributes(back, { x, y: y - 13, width: wide, height: high });
        attribute(line, 'd', `M${x + 3} ${y + 3}h${wide - 6}`);
        attributes(handle, { 'aria-valuenow': data[i], 'aria-valuetext': text });
      });
    };
  for (const handle of box.entries) handle.classList.add('on');
  box.looks = '';
  const [x0, y0] = [left + PADDING, top + PADDING + LINE + 2];
  const apart = Math.max(across * wide, 17 * CHARACTER) + PADDING;
  for (const text of [box.value, box.gradient]) text.classList.add('told');

  const parts = ['value', 'gradient'].map((kind, k) => {
    const x = x0 + k * apart;
    const small = s('text', { class: k ? 'g' : 'v', x, y: y0 + down * high + 12 });
    const title = s('title');
    const paint = s('g');
    const group = s('g.cells', { tabindex: 0, role: 'img' }, title, paint, small);
    box.group.insertBefore(group, box.entries[0] ?? null);
    /** @type {Tensor | null} */ let shown = null;
    let at = 0;
    /** @param {number} i */
    const told = (i) => `${k ? 'gradient of ' : ''}${entryName(name, shape, i)} = ${number(shown?.data[i] ?? NaN)}`;
    group.addEventListener('pointermove', (event) => {
      const ground = paint.getBoundingClientRect();
      const column = Math.floor(((event.clientX - ground.left) / ground.width) * across);
      const row = Math.floor(((event.clientY - ground.top) / ground.height) * down);
      if (shown && column >= 0 && column < across && row >= 0 && row < down) write(title, told(row * columns + column));
    });
    group.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (event.key === 'Enter') void ui.open('table');
      else if (step) shown?.data[at + step] !== undefined && ui.say(`${told((at += step))}.`);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    group.addEventListener('click', () => void ui.open('table'));

    return () => {
      shown = k ? model.arrived(v) : model.reached(v) ? model.values[v] : null;
      attribute(group, 'class', shown ? 'cells' : 'bare');
      if (!shown) return;
      const { data } = shown;
      // one path for each colour: quicker than an element a cell
      /** @type {Map<string, string>} */ const ways = new Map();
      const labels = [];
      const odd = { nan: 0, inf: 0 };
      for (let row = 0; row < down; row++)
        for (let column = 0; column < across; column++) {
          const i = row * columns + column;
          if (i >= data.length) continue;
          const [cx, cy] = [x + column * wide, y0 + row * high];
          const number_ = data[i];
          const kind = Number.isNaN(number_) ? 'nan' : Number.isFinite(number_) ? '' : 'inf';
          const level = kind ? 0 : Math.ceil(strength(number_, most) * LEVELS);
          const key = kind || `${number_ < 0 ? 'minus' : 'plus'} ${level}`;
          const edge = `M${cx} ${cy}h${wide - 1}v${high - 1}h${1 - wide}z`;
          const hatch =
            kind === 'nan' ? `M${cx} ${cy + high - 1}l${wide - 1} ${1 - high}M${cx} ${cy}l${wide - 1} ${high - 1}` : '';
          ways.set(key, (ways.get(key) ?? '') + edge + hatch);
          if (digits && !(box.entries.length && !k)) {
            const label = s('text', { x: cx + 3, y: cy + 13 });
            fit(label, number(number_), wide - 6);
            labels.push(label);
          }
        }
      for (const x of data)
        if (x !== x) odd.nan++;
        else if (!Number.isFinite(x)) odd.inf++;
      const drawn = [...ways].map(([key, d]) => {
        const [kind, level] = key.split(' ');
        return s('path', { class: `cell ${kind}`, d, 'fill-opacity': (Number(level ?? 0) / LEVELS) * STRONGEST });
      });
      paint.replaceChildren(...drawn, ...labels);
      const finite = data.filter(Number.isFinite);
      const words = Object.entries(odd).flatMap(([word, count]) => (count ? [`${count} ${word}`] : []));
      const range = finite.length ? [`${number(Math.min(...finite))} to ${number(Math.max(...finite))}`] : [];
      const caption = `${shapeText(shape)}${cut ? '…' : ''} ${[...words, ...range].join(', ')}`;
      fit(small, k ? caption.slice(caption.indexOf(') ') + 2) : caption, apart - PADDING); // one shape for both
      const keys = 'Arrow keys read its numbers, Enter opens the table.';
      attribute(group, 'aria-label', `${caption}: ${kind} of ${name}. ${keys}`);
    };
  });
  return () => parts.forEach((refresh) => refresh());
}

/** Write what the colours mean above the graph. @param {Ui} ui @returns {number} the largest number */
export function key(ui) {
  const most = largest(ui);
  if (!ui.frame.querySelector('.key')) {
    const swatch = (/** @type {string} */ kind) => h('i', { class: kind });
    const ends = `${number(most / 10 ** DECADES)} to ${number(most)}`;
    ui.frame.append(h('p.key', swatch('plus'), ' + ', swatch('minus'), ` − ${ends}`));
  }
  return most;
}
