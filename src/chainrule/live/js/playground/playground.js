// The page's element: code that is run as it is typed, what it prints, and its graph.

import { button, h, write } from '../drawing/dom.js';
import { choice, copier } from '../drawing/fields.js';
import { more } from '../drawing/more.js';
import { nested } from '../engine/tensors.js';
import { editor, fetched } from './editor.js';
import { place } from './places.js';
import { runProgram } from './program.js';
import { Refused } from './python.js';
import { recorded } from './record.js';
import { tape, Tensor, walk } from './tape.js';

/** Typing rests for so long before the code is run, in milliseconds. */
const REST_OF = 350;
/** A graph wider than this, in pixels, does not fit beside the code. */
const WIDE = 480;
const IMPORTS = {
  torch: 'import torch',
  F: 'import torch.nn.functional as F',
  nn: 'from torch import nn',
  math: 'import math',
};

/** The code with the imports that it needs to run anywhere. @param {string} code */
export function asPyTorch(code) {
  const bare = code.replace(/'[^'\n]*'|"[^"\n]*"|#.*/g, '');
  const needed = Object.entries(IMPORTS).filter(
    ([name]) => new RegExp(`\\b${name}\\.`).test(bare) && !new RegExp(`import (.*\\b)?${name}\\b`).test(bare),
  );
  return needed.length ? `${needed.map(([, line]) => line).join('\n')}\n\n${code}` : code;
}

/** All of a graph's data that is no number of a value. @param {Plain} plain */
const structure = ({ values, views: [{ ops, edges, back }], flows }) =>
  JSON.stringify([
    values.map((v) => [v.n, v.s, v.t, v.leaf, v.w, v.d?.map(Number).every(Number.isFinite)]),
    ops,
    edges.map((e) => [e.o, e.i, e.r, e.b, e.k]),
    back,
    flows,
  ]);

/** What helps, by what PyTorch said. @param {string} message */
function note(message) {
  const [seen, says] = WORDS.notes.find(([pattern]) => new RegExp(pattern).test(message)) ?? ['', ''];
  return says.replaceAll('$1', new RegExp(seen).exec(message)?.[1] ?? '');
}

/** The script of the graphs. @type {any} */
const GRAPHS = Object.values(/** @type {any} */ (globalThis).chainruleGraphs)[0];

class Workbench extends HTMLElement {
  static version = VERSION;
  /** What was printed, and what is wrong: a sentence with its line, or nothing. */
  printed = '';
  error = '';
  /** @type {any} */ graph = null;
  #kept = '';
  /** @type {Plain | null} */ #plain = null;
  /** @type {number[]} */ #lines = [];
  #timer = 0;
  /** @type {Promise<unknown> | null} */ #ready = null;
  #started = false;
  /** @type {Map<string, any>} */ #scope = new Map();
  /** @type {import('./tape.js').Pass | null} */ #pass = null;
  /** @type {[string, string][]} */ #programs = [];
  #place = h('div.editor');
  #holder = h('div.graph.chainrule-plays');
  #printed = h('pre.printed', { role: 'log', tabindex: 0, 'aria-label': 'Printed' });
  #error = h('p.wrong', { role: 'alert' });
  #out = h('div.out', h('strong', 'Printed'), this.#printed, this.#error);
  #said = h('p.said', { role: 'status' });
  #copier = copier((text) => write(this.#said, text));
  /** @type {import('./editor.js').Editor | undefined} */ #editor;

  connectedCallback() {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => this.#start());
    else this.#start();
  }

  #start() {
    if (this.#started) return;
    this.#started = true;
    this.#programs = JSON.parse(this.querySelector(':scope > script')?.textContent ?? '[]');
    const shared = /^#code=(.*)$/.exec(location.hash)?.[1];
    let first = this.#programs[0]?.[1] ?? '';
    try {
      if (shared) first = decodeURIComponent(shared);
    } catch {
      /* an address that was cut off */
    }
    const titles = this.#programs.map(([title], i) => `${i + 1}. ${title}`);
    const examples = choice('Examples', ['Examples', ...titles], (at) => this.#take(this.#programs[at - 1]?.[1]));
    const { copy, field } = this.#copier;
    this.#kept = first;
    this.#holder.addEventListener('change', (event) => {
      event.stopPropagation(); // what happens in the graph is the graph's, which writes the address a moment later
      setTimeout(() => location.hash.startsWith('#graph=') && this.#keep(), 300);
    });
    this.replaceChildren(
      h('style', CODE_STYLE),
      h('div.bar', { role: 'toolbar', 'aria-label': 'Code' }, examples,
        button('Copy as PyTorch', () => copy(asPyTorch(this.code), 'Copied: a script that prints the same.')),
        button('Share', () => copy(this.#address(), 'Copied: the link opens this code.'))),
      h('div.left', this.#place, this.#out, this.#said, field),
      this.#holder,
    ); // prettier-ignore
    void this.run().then(() => {
      this.#editor = editor(this.#place, this.#kept, () => this.#typed());
    });
    this.#place.append(h('pre', first));
    setInterval(() => this.#follow(), 150);
  }

  get code() {
    return this.#editor?.text ?? this.#kept;
  }
  set code(to) {
    this.#kept = to;
    if (this.#editor) this.#editor.text = to;
    clearTimeout(this.#timer);
  }

  /** @param {string | undefined} code */
  #take(code) {
    if (code === undefined) return;
    this.code = code;
    void this.run();
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.run(), REST_OF);
  }

  #address() {
    return `${location.href.split('#')[0]}#code=${encodeURIComponent(this.code)}`;
  }

  /** Run the code. */
  async run() {
    clearTimeout(this.#timer);
    try {
      await (this.#ready ??= Promise.all([more('ops'), fetched('parser'), fetched('layout')]));
    } catch {
      this.#ready = null;
      this.#show('', 'The scripts that read your code could not be fetched. Try again when you are online.', 0, '');
      return;
    }
    const { printed, error, scope } = runProgram(this.code);
    const sentence = error ? `Line ${error.line}: ${error.kind ? `${error.kind}: ` : ''}${error.message}` : '';
    this.#scope = scope;
    let says = error?.kind ? note(error.message) : '';
    if (error?.kind !== 'SyntaxError') says = this.#draw() || says;
    this.#show(printed, sentence && !/[.?!]$/.test(sentence) ? `${sentence}.` : sentence, error?.line ?? 0, says);
    if (this.#editor || this.code !== this.#programs[0]?.[1]) this.#keep();
    this.dispatchEvent(new CustomEvent('change', { bubbles: true }));
  }

  /** Keep the code in the address. */
  #keep() {
    try {
      history.replaceState(history.state, '', this.#address());
    } catch {
      /* a frame without an address of its own */
    }
  }

  /** @param {string} printed @param {string} error @param {number} line @param {string} says */
  #show(printed, error, line, says) {
    this.printed = printed;
    this.error = error;
    write(this.#printed, printed);
    this.#printed.classList.toggle('none', !printed);
    write(this.#error, error);
    write(this.#said, says);
    this.#editor?.mark(error ? line : 0, error);
  }

  /** Leave no graph of other code. */
  #clear() {
    this.graph = this.#plain = null;
    this.#holder.replaceChildren();
    return '';
  }

  /** Draw what ran; nothing is said where all is as the code says. @returns {string} */
  #draw() {
    const last = tape.last;
    let pass = tape.passes.at(-1) ?? null;
    if (!pass && last?.requires && last.value.data.length === 1)
      try {
        pass = walk(last, Float64Array.of(1));
      } catch (caught) {
        if (!(caught instanceof Refused)) throw caught; // backward() would refuse, and nobody asked for it
      }
    const implied = pass && !tape.passes.length;
    this.#pass = pass;
    const root = pass?.root ?? last?.value;
    if (!root) return this.#clear();
    /** @type {Plain | number} */ const plain = recorded(root, pass);
    if (typeof plain === 'number') {
      this.#clear();
      return `${plain} operations are too many to draw here; what is printed is right all the same.`;
    }
    this.#lines = plain.views[0].ops.map((op) => /** @type {any} */ (op).line);
    const same = this.#plain && this.graph?.set && structure(this.#plain) === structure(plain);
    if (same)
      plain.values.forEach((value, v) => {
        const before = this.#plain?.values[v];
        if (!value.leaf || String(before?.d) === String(value.d)) return;
        void this.graph.set(
          value.n,
          nested({ shape: value.s, data: Float64Array.from(/** @type {number[]} */ (value.d)) }),
        );
      });
    else {
      place(plain);
      this.classList.toggle('large', plain.views[0].wide.w > WIDE);
      this.graph = document.createElement('chainrule-graph');
      this.#holder.replaceChildren(this.graph);
      GRAPHS.bring(this.graph, plain);
    }
    this.#plain = plain;
    return implied
      ? `Without a backward() of its own, the graph shows what ${root.name || 'it'}.backward() would do.`
      : '';
  }

  /** Light the line of the op that is shown. */
  #follow() {
    const moment = this.graph?.moment?.();
    const view = this.#plain?.views[0];
    if (!moment || !view) return;
    const forward = view.ops.length;
    const o = moment.step <= forward ? moment.step - 1 : view.back[moment.step - forward - 2];
    this.#editor?.light(moment.step === moment.of ? 0 : (this.#lines[o] ?? 0));
  }

  /** The tensors of the program, by name. */
  values() {
    return this.#collect((t) => t.value.data);
  }

  /** What `.grad` of its leaves is, and for what was computed its gradient in the last backward pass. */
  gradients() {
    return this.#collect((t) => t.grad?.value.data ?? this.#pass?.gradients.get(t.value));
  }

  /** @param {(t: Tensor) => Float64Array | undefined} of */
  #collect(of) {
    const tensors = [...this.#scope].filter(([, v]) => v instanceof Tensor);
    return Object.fromEntries(
      tensors.flatMap(([name, t]) => {
        const data = of(t);
        return data ? [[name, nested({ shape: t.value.shape, data })]] : [];
      }),
    );
  }
}

customElements.define('chainrule-code', Workbench);
