// What a reader has before him: the parts put together.

import { attribute, button, h, s, write } from './dom.js';
import { Drawing } from './drawing.js';
import { HANDS, later, more, PANELS } from './more.js';
import { Player } from './player.js';
import { productOf } from './product.js';
import { readState, writeState } from './state.js';

/** The marks of a graph: kind, colour, and what the legend has for it. */
const LEGEND = [
  ['value', 'v', 'value, forward →'],
  ['gradient', 'g', '⇠ gradient, backward'],
  ['upstream', 'u g', 'upstream gradient'],
  ['local', 'g', '× local gradient'],
];
/** Text has 12 px; that it is a little smaller may spare a small graph its other layout. */
const SMALLEST = 0.96;
/** So many boxes are shown without a frame that scrolls. */
const MANY = 40;
/** With fewer boxes all is in sight, and a wheel with Ctrl is the page's own. */
const FEW_BOXES = 12;

const KEYS = 'Graph. Left and right arrow keys step through it, up and down go from mark to mark.';

export class Ui {
  firstRate = 0;
  rate = this.firstRate;
  panel = '';
  /** The views that were opened, each inside the one before. */
  path = [0];
  /** @type {Drawing | undefined} */ drawing;
  /** The value that the formula is about, once somebody has chosen one. */
  chosen = -1;
  /** Whether the whole product is wanted, and not only what the step multiplies. */ #whole = false;
  #touched = false;
  #equipped = false;
  #later = 0;
  /** @type {import('../engine/training.js').Training | undefined} */ #training;
  /** @type {Map<string, Panel>} */ #panels = new Map();
  /** @type {Map<string, Drawing>} */ #drawings = new Map();
  /** @type {HTMLButtonElement[]} */ #toggles = [];
  #trail = h('nav.bar', { 'aria-label': 'Opened groups', hidden: true });
  stage = h('div.stage', { tabindex: 0, role: 'group', 'aria-label': KEYS });
  frame = h('div.frame', this.stage);
  formula = h('div.maths');
  #said = h('p.say', { role: 'status' });
  #count = h('span.count');
  #slide = () => this.step(Number(this.#slider.value));
  #slider = h('input', { type: 'range', min: 0, 'aria-label': 'Step', input: this.#slide });
  #play = button('▶ Play', () => void (this.player.playing ? this.player.pause() : this.player.play()));
  #beat = h('p.beat');
  #holder = h('div.panel', { hidden: true });
  #host;
  #body;

  /** @param {HTMLElement} host @param {Model} model @param {number} place among the graphs of the page */
  constructor(host, model, place) {
    const { fixed, plain } = model;
    const live = model.trained.length > 0 && model.root >= 0 && !fixed;
    this.#host = host;
    this.number = place;
    this.model = model;
    this.player = new Player(this);
    const back = model.last > model.forward;
    const times = [0.5, 1, 2].map((times) => h('option', { value: times, selected: times === 1 }, `${times}×`));
    if (back) times.push(h('option', { value: 0 }, 'stop at ?'));
    const change = () => this.player.go(Number(speed.value));
    const speed = h('select', { 'aria-label': 'Speed', class: 'speed', change }, ...times);
    const panels = { 'Loss curve': live, Predict: model.last > 0, Table: true, Share: 'code' in plain };
    for (const [key, there] of Object.entries(panels)) if (there) this.#toggles.push(this.#toggle(key));
    const followers = back ? 'every value and gradient follows' : 'every value follows';
    const hint = fixed
      ? `These are the recorded numbers. They can be stepped through, and not changed: ${fixed}.`
      : `Drag a number with a dotted line under it, or click it and type: ${followers}.`;
    const folded = plain.views[0].ops.some((op) => op.v) ? ' It is folded: a box with ▸ opens.' : '';
    const on = (/** @type {Event} */ event) => this.#light(event, true);
    const off = (/** @type {Event} */ event) => this.#light(event, false);
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    const legend = (back ? LEGEND : LEGEND.slice(0, 1)).map(([kind, look, text]) =>
      h('span', { class: look, 'data-kind': kind, tabindex: 0 }, text),
    );
    if (plain.scale) legend.push(h('span.g', `▂▂ size of a gradient, from 1e${plain.scale.join(' to 1e')}`));
    const reset = !fixed && button('Reset', () => this.reset(), { title: 'The recorded numbers again' });
    const tools = [this.#play, this.#slider, this.#count, speed, h('span.gap'), reset, ...this.#toggles];
    if (document.fullscreenEnabled) tools.push(this.#corners());
    this.#body = h(
      'div.live',
      { keydown, pointerover: on, focusin: on, pointerout: off, focusout: off },
      h('p.hint', hint, folded),
      h('p.legend', ...legend),
      h('div.bar', { role: 'toolbar', 'aria-label': 'Steps and panels' }, ...tools),
      ...[this.#trail, this.frame, this.#beat, this.formula, this.#said, this.#holder],
    );
    this.stage.addEventListener('click', (event) => {
      if (this.#opened(event)) return;
      const v = /** @type {Element} */ (event.target).closest('[data-v]')?.getAttribute('data-v');
      if (v && model.at === model.last && model.arrived(Number(v))) {
        this.#whole = true;
        this.choose(Number(v));
      }
    });
  }

  /** @param {string} name of a panel */
  #toggle(name) {
    const panel = name.toLowerCase();
    const flip = () => this.open(this.panel === panel ? '' : panel);
    return button(name, flip, { 'data-panel': panel, 'aria-expanded': 'false' });
  }

  /** Put it into the page. @param {ShadowRoot} root */
  attach(root) {
    const style = h('style');
    const [light, dark] = PALETTES;
    style.textContent = `.live{${Object.keys(light)
      .map((key) => `--${key}:light-dark(${light[key]},${dark[key]})`)
      .join(';')}}${DRAWING}${STYLE}`;
    root.replaceChildren(style, this.#body, h('div.still', document.createElement('slot')));
    attribute(this.#host, 'data-lm-suppress-shortcuts', 'true');
    this.#fit();
    new ResizeObserver(() => this.#fit()).observe(this.stage);
    const tone = () => void (this.#body.style.colorScheme = isDark(this.#host) ? 'dark' : 'light');
    tone();
    const watcher = new MutationObserver(() => {
      tone();
      setTimeout(tone, 300);
    });
    for (const node of [document.documentElement, document.body]) watcher.observe(node, { attributes: true });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tone);
    const panel = readState(this, location.hash);
    const { model } = this;
    const told = location.hash.includes('graph=');
    const moves = !matchMedia('(prefers-reduced-motion: reduce)').matches;
    let fresh = Boolean(this.#host.closest('.chainrule-plays')) && !told && moves;
    if (fresh) model.at = 0;
    new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting) this.player.pause();
      else if (fresh) this.player.play();
      fresh &&= !isIntersecting;
    }).observe(this.stage);
    this.#touched = told && (model.at !== model.last || model.values !== model.start);
    if (this.#toggles.some((toggle) => toggle.dataset.panel === panel)) this.open(panel);
    this.redraw();
    (globalThis.requestIdleCallback ?? setTimeout)(() => later(() => this.#arm()));
  }

  /** Choose the layout that fits. */
  #fit() {
    const { model } = this;
    const { wide, narrow } = model.view;
    const room = this.stage.clientWidth - 4;
    if (room <= 0 && this.drawing) return;
    const key = room <= 0 || room >= SMALLEST * wide.w || narrow.w >= wide.w ? 'wide' : 'narrow';
    const layout = model.view[key];
    const held = `${model.shown} ${key}`;
    if (!this.#drawings.has(held)) this.#drawings.set(held, new Drawing(this.model, layout));
    const drawing = /** @type {Drawing} */ (this.#drawings.get(held));
    if (this.drawing === drawing) return;
    this.drawing = drawing;
    this.frame.classList.toggle('zooms', this.zooms);
    this.whole();
    this.stage.replaceChildren(drawing.svg);
    this.#arm();
    this.redraw();
  }

  /** Whether it is large enough to be zoomed, or has cells. */
  get zooms() {
    const { scale, views } = this.model.plain;
    return Boolean(scale) || views[0].wide.b.length > FEW_BOXES || views[0].wide.b.some((box) => box[6]);
  }

  /** Show the graph as large as it is, in a frame only where there are many boxes. */
  whole() {
    const { drawing, stage } = this;
    if (!drawing) return;
    const { w, b } = drawing.layout;
    drawing.svg.style.cssText = `max-width:${w}px;min-width:${Math.round(SMALLEST * w)}px`;
    stage.style.height = '';
    stage.classList.toggle('tall', b.length > MANY);
  }

  /** Let numbers be changed, the graph be zoomed and sizes be seen, once what does that is there. */
  #arm() {
    if (!this.#equipped) HANDS.equip?.(this, this.#body);
    this.#equipped = Boolean(HANDS.equip);
    const { drawing } = this;
    if (HANDS.zoom && this.zooms && !this.frame.querySelector('.zoom')) HANDS.zoom(this);
    if (drawing && HANDS.dress && !drawing.dress) {
      drawing.dress = HANDS.dress(drawing, this);
      this.redraw();
    }
    for (const { handle, v, at, name } of HANDS.edit ? (drawing?.handles.splice(0) ?? []) : [])
      HANDS.edit?.(handle, {
        least: this.model.plain.values[v].t.startsWith('float') ? 0 : 1,
        name,
        get: () => this.model.values[v]?.data[at] ?? NaN,
        set: (to) => HANDS.setEntries?.(this, [[v, at, to]]) ?? '',
        say: (text, bad) => this.say(text, bad),
        layer: this.stage,
      });
  }

  /** The updates of its weights, once that is there. */
  get training() {
    const { Training } = /** @type {Required<typeof HANDS>} */ (HANDS);
    return (this.#training ??= new Training(this.model));
  }

  /** Show everything as it is now. */
  redraw() {
    const { model, drawing } = this;
    const { at } = model;
    if (!drawing) return;
    const [now, flowing] = this.#coming().map((numbers) => new Set(numbers));
    drawing.render(now, flowing);
    this.#written();
    this.stage.classList.toggle('back', at > model.forward);
    this.#slider.style.accentColor = at > model.forward ? '' : 'var(--value)';
    this.#slider.max = String(model.last);
    this.#slider.value = String(at);
    this.#count.textContent = `${at} of ${model.last}`;
    this.shown(-1);
    this.#panels.get(this.panel)?.refresh();
    if (now.size && this.#touched) this.#show([...now][0]);
  }

  /** Write the formula of the step, once the graph was touched. */
  #written() {
    if (!this.#touched) return;
    if (PANELS.formula) this.#panel('formula').refresh();
    else later(() => PANELS.formula && this.#written());
  }

  /** @param {string} key @returns {Panel} */
  #panel(key) {
    const panel = this.#panels.get(key) ?? PANELS[key](this);
    this.#panels.set(key, panel);
    return panel;
  }

  /** The values and the edges that the current step is about. */
  #coming() {
    const { model } = this;
    const { at, forward, view } = model;
    if (at === 0) return [[], []];
    if (at === forward + 1) return [model.starts, []];
    if (at <= forward) return [view.ops[at - 1].o, view.edges.flatMap((edge, e) => (edge.o === at - 1 ? [e] : []))];
    const flowing = model.edgesOf(view.back[at - forward - 2]);
    return [flowing.map((e) => model.source(e)), flowing];
  }

  /** Bring a value into view, without moving the page. @param {number} v */
  #show(v) {
    const place = this.drawing?.place(v);
    const stage = this.stage;
    if (!place || !this.drawing) return;
    const scale = this.drawing.svg.getBoundingClientRect().width / this.drawing.layout.w;
    const [, x, y, w, h] = /** @type {number[]} */ (place.slice(0, 5)).map((n) => n * scale);
    /** @param {number} from @param {number} size @param {number} seen @param {number} room */
    const to = (from, size, seen, room) =>
      from < seen || from + size > seen + room ? from + size / 2 - room / 2 : seen;
    stage.scrollTo(to(x, w, stage.scrollLeft, stage.clientWidth), to(y, h, stage.scrollTop, stage.clientHeight));
  }

  /** Light an edge with its factor, and the reverse. @param {Event} event @param {boolean} on */
  #light(event, on) {
    const e = event.target instanceof Element ? event.target.closest('[data-e]')?.getAttribute('data-e') : null;
    if (e) for (const part of this.#body.querySelectorAll(`[data-e="${e}"]`)) part.classList.toggle('lit', on);
  }

  /** Open the group that was clicked. @param {Event} event */
  #opened(event) {
    const view = Number(/** @type {Element} */ (event.target).closest('[data-open]')?.getAttribute('data-open'));
    if (!view) return false;
    this.enter(view);
    this.tell();
    this.changed();
    this.stage.focus({ preventScroll: true });
    return true;
  }

  /** Show the inside of a group, or leave groups again. @param {number} view */
  enter(view) {
    const { path, model } = this;
    const known = path.indexOf(view);
    const names = [...(known < 0 ? [...path, view] : path.slice(0, known + 1))];
    this.path = names;
    model.show(view);
    this.chosen = -1;
    const named = names.map((at, k) =>
      k ? model.plain.views[names[k - 1]].ops.find((op) => op.v === at)?.e : 'Whole graph',
    );
    this.#trail.hidden = !view;
    const back = (/** @type {number} */ view) => {
      this.enter(view);
      this.changed();
    };
    const links = named.map((text = '', k) =>
      names[k] === view ? h('strong', text) : button(text, () => back(names[k])),
    );
    this.#trail.replaceChildren(...links.flatMap((link, k) => [k ? ' › ' : '', link]));
    this.#fit();
  }

  /** The button that fills the screen, with four corners on it. */
  #corners() {
    const flip = () => {
      void (document.fullscreenElement ? document.exitFullscreen() : this.#host.requestFullscreen());
      this.stage.focus({ preventScroll: true });
    };
    const made = button('', flip, { 'aria-label': 'Full screen', title: 'Full screen' });
    const path = s('path.corners', { d: 'M1 4V1H4M8 1H11V4M11 8V11H8M4 11H1V8' });
    made.append(s('svg', { viewBox: '0 0 12 12', width: 13, height: 13, 'aria-hidden': 'true' }, path));
    return made;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if ((event.key === 'Enter' || event.key === ' ') && this.#opened(event)) return event.preventDefault();
    const target = /** @type {Element} */ (event.target);
    const { model } = this;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, .panel')) return;
    if (event.key === ' ' && target === this.stage) {
      event.preventDefault();
      return this.#play.click();
    }
    const page = document.fullscreenElement ? 'Page' : 'None'; // what a lecturer's remote control sends
    const keys = { ArrowLeft: model.at - 1, ArrowRight: model.at + 1, Home: 0, End: model.last };
    const to = { ...keys, [`${page}Up`]: model.at - 1, [`${page}Down`]: model.at + 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.step(to);
  }

  /** @param {string} text @param {boolean} [bad] */
  say(text, bad = false) {
    this.#said.className = bad ? 'say bad' : 'say';
    write(this.#said, text);
  }

  /** Something changed: show it, keep it in the address, and tell whoever listens. */
  changed() {
    this.player.overtaken();
    this.#touched = true;
    this.redraw();
    clearTimeout(this.#later);
    this.#later = window.setTimeout(() => {
      const state = writeState(this);
      const ours = /^#?graph=\d+$/;
      if (ours.test(state) && !/^#graph=/.test(location.hash)) return;
      try {
        history.replaceState(history.state, '', ours.test(state) ? location.href.split('#')[0] : `#${state}`);
      } catch {
        /* a frame without an address of its own */
      }
    }, 250);
    this.#host.dispatchEvent(new CustomEvent('change', { bubbles: true }));
  }

  /** Go to a step. @param {number} to */
  step(to) {
    this.show(to);
    this.tell();
    this.changed();
  }

  /** Show a step, and say nothing. @param {number} to */
  show(to) {
    const { model } = this;
    if (!this.player.playing || to !== model.at + 1) this.player.overtaken();
    model.at = Math.max(0, Math.min(model.last, to));
    this.chosen = -1;
    this.redraw();
  }

  /** Write what a backward step multiplies: of the arrow that plays, or of those of the step that is shown.
   * @param {number} playing the edge, or -1 @param {import('./player.js').Beat} [beat] */
  shown(playing, beat) {
    const { model } = this;
    if (playing < 0 && this.player.beat.local) return;
    const edges = playing < 0 ? this.#coming()[1].filter((e) => model.passed(e)) : [playing];
    const written = edges.flatMap((e) => productOf(model, e, beat, this.#whole, () => this.#open()));
    const focused = this.#beat.matches(':focus-within');
    this.#beat.replaceChildren(...written);
    if (focused) written[0]?.focus();
    this.formula.hidden = written.length > 0 && !this.#whole;
  }

  /** Open the whole product below the step's, or close it again. */
  #open() {
    this.#whole = !this.#whole;
    this.#touched = true;
    this.redraw();
  }

  /** Playing began, or came to rest. */
  played() {
    write(this.#play, this.player.playing ? '❚❚ Pause' : '▶ Play');
  }

  /** All was played. */
  ended() {
    this.tell(true);
    this.changed();
  }

  /** Say what step is shown. @param {boolean} [ended] whether all was played */
  tell(ended) {
    const { words } = HANDS;
    if (words) this.say(words(this.model, ended));
    else later(() => HANDS.words && this.tell(ended));
  }

  /** What was learnt with other numbers is no longer true. */
  edited() {
    this.#training?.restart();
  }

  /** Choose the value whose gradient is written out. @param {number} v */
  choose(v) {
    this.chosen = v;
    this.#touched = true;
    this.redraw();
  }

  /** Open a panel, or none. @param {string} key */
  async open(key) {
    this.panel = key;
    for (const toggle of this.#toggles) attribute(toggle, 'aria-expanded', String(toggle.dataset.panel === key));
    this.#holder.hidden = true;
    if (key) {
      if (!PANELS[key]) await more().catch(() => {});
      if (this.panel !== key) return;
      if (!PANELS[key]) {
        this.open('');
        return this.say('The panel could not be fetched. Try again when you are online.', true);
      }
      this.#arm();
      const panel = this.#panel(key);
      this.#holder.hidden = false;
      this.#holder.replaceChildren(
        button('✕', () => this.open(''), { class: 'close', 'aria-label': 'Close' }),
        panel.node,
      );
      panel.open?.();
    }
    this.changed();
  }

  /** Take steps against the gradients. @param {number} rate @param {number} [times] */
  async update(rate, times = 1) {
    if (!HANDS.update) await more();
    HANDS.update?.(this, rate, times);
  }

  reset() {
    this.#panels.get('loss curve')?.reset?.();
    this.model.reset();
    this.edited();
    this.say('The recorded numbers are back.');
    this.changed();
  }
}

/** Whether the page behind an element is dark: its text is light. @param {Element} element */
function isDark(element) {
  const parts = /^rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(getComputedStyle(element).color);
  return parts
    ? 0.3 * Number(parts[1]) + 0.6 * Number(parts[2]) + 0.1 * Number(parts[3]) > 140
    : matchMedia('(prefers-color-scheme: dark)').matches;
}
