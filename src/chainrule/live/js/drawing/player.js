// Playing: the steps of a graph as motion, each number held at the place where it is multiplied.

import { attribute, attributes, s, write } from './dom.js';
import { CHARACTER } from './drawing.js';
import { number, numbers } from '../engine/text.js';

/** @typedef {{beat: string, node: string, upstream: string, local: string, product: string}} Beat */

/** How long each part of a step lasts, in milliseconds at normal speed; what is to be read is held. */
const TIMES = { run: 400, rest: 250, start: 500, upstream: 500, held: 1000, arrive: 400, sum: 900 };
const REST = { beat: 'rest', node: '', upstream: '', local: '', product: '' };
const LONGEST = 20;
/** So far a pill stands from its arrow, which stays in sight. */
const BESIDE = 22;
/** What leaves a step that was overtaken: by another one, by an edit, by a group that was opened. */
const OVERTAKEN = Symbol('overtaken');

/** @param {string} text */
const brief = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

export class Player {
  playing = false;
  #speed = 1;
  /** Whether it stops before each product, for a guess. */ #stops = false;
  /** @type {Beat} */ beat = REST;
  #turn = 0;
  /** @type {SVGGElement[]} */ #pills = [];
  /** @type {(() => void)[]} */ #resting = [];
  #resume = () => {};
  #still = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {Ui} ui */
  constructor(ui) {
    this.ui = ui;
  }

  /** Play on from the step that is shown, or from the start when all is shown.
   * @returns {Promise<void>} kept when it comes to rest, at the end or paused */
  play() {
    const rest = new Promise((/** @type {(nothing: void) => void} */ kept) => this.#resting.push(kept));
    if (this.playing) return rest;
    this.playing = true;
    this.ui.played();
    if (this.beat !== REST) this.#resume();
    else this.#run();
    return rest;
  }

  /** Set the speed; 0 is the normal one, with a stop before each product. @param {number} times */
  go(times) {
    this.#speed = times || 1;
    this.#stops = !times;
  }

  /** Stop where it is, also in the middle of a step. */
  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.#rest();
  }

  /** Something else is shown from now on. */
  overtaken() {
    if (this.beat === REST && !this.playing) return;
    this.#turn++;
    this.#clear();
    this.#resume();
    this.pause();
  }

  #rest() {
    this.ui.played();
    for (const kept of this.#resting.splice(0)) kept();
  }

  #clear() {
    for (const pill of this.#pills.splice(0)) pill.remove();
    for (const edge of this.ui.drawing?.edges ?? []) edge.group.classList.remove('flows');
    this.beat = REST;
  }

  async #run() {
    const { model } = this.ui;
    const turn = ++this.#turn;
    if (model.at === model.last) this.ui.show(0);
    try {
      while (model.at < model.last) {
        this.beat = { ...REST, beat: 'step' };
        if (model.at < model.forward) await this.#forward(turn);
        else if (model.at > model.forward) await this.#backward(turn);
        this.#clear();
        this.ui.show(model.at + 1);
        this.beat = { ...REST, beat: 'step' };
        await this.#wait(turn, model.at === model.forward + 1 ? TIMES.start : TIMES.rest);
        if (!this.playing) await this.#wait(turn, 0);
      }
    } catch (reason) {
      if (reason !== OVERTAKEN) throw reason;
      return;
    }
    this.#clear();
    this.playing = false;
    this.ui.ended();
    this.#rest();
  }

  /** Let values run along the arrows into the coming op. @param {number} turn */
  async #forward(turn) {
    const { model } = this.ui;
    const moves = model.view.edges.flatMap((edge, e) =>
      edge.o === model.at ? [this.#mover(e, 'f', 'v', model.valueText(model.source(e)))] : [],
    );
    await this.#wait(turn, TIMES.run, (t) => moves.forEach((move) => move(t)));
  }

  /** Send upstream gradients to their factors, and the products on, one arrow after the other. @param {number} turn */
  async #backward(turn) {
    const { model } = this.ui;
    for (const e of model.edgesOf(model.view.back[model.at - model.forward - 1])) {
      const edge = model.view.edges[e];
      const v = model.source(e);
      const [upstream, local] = [model.gradientText(edge.r), model.localOf(e)];
      const carried = model.carried(e);
      const product = carried ? brief(numbers(carried)) : '';
      const move = this.#mover(e, 'b', 'g', upstream);
      /** @param {string} beat */
      const at = (beat) => {
        this.beat = { beat, node: model.names[edge.r], upstream, local, product };
        this.ui.say('');
        this.ui.shown(e, this.beat);
      };
      at('upstream');
      await this.#wait(turn, TIMES.upstream, (t) => move(t / 2));
      if (local) {
        at('product');
        move(0.5, `${brief(upstream)} × ${brief(local)}`);
        if (this.#stops) this.pause();
        await this.#wait(turn, TIMES.held);
      }
      at('arrive');
      move(0.5, product || brief(upstream));
      await this.#wait(turn, TIMES.arrive, (t) => move(0.5 + t / 2));
      const before = model.gradientText(v) || this.#at.get(v);
      if (before && carried?.data.length === 1) {
        at('sum');
        move(1, `${brief(before)} + ${product}`);
        await this.#wait(turn, TIMES.sum);
        move(1, number(Number(before) + carried.data[0]));
      }
      this.#at.set(v, product);
    }
    this.#at.clear();
  }

  /** What has arrived at a value within this step. @type {Map<number, string>} */ #at = new Map();

  /** Put a number on an arrow. @param {number} e @param {string} way @param {string} kind @param {string} text
   * @returns {(t: number, text?: string) => void} what moves it, from 0 to 1, and may change it */
  #mover(e, way, kind, text) {
    const { drawing } = this.ui;
    const path = /** @type {SVGPathElement | null | undefined} */ (drawing?.edges[e].group.querySelector(`.${way}`));
    if (!drawing || !path) return () => {};
    const label = s('text', { class: kind, 'text-anchor': 'middle', y: 4 });
    const back = s('rect', { rx: 9, y: -11, height: 22, class: `${kind}h` });
    const pill = s('g.pill', { 'aria-hidden': 'true' }, back, label);
    this.#pills.push(pill);
    if (way === 'b') drawing.edges[e].group.classList.add('flows');
    const length = path.getTotalLength();
    const [from, to] = [path.getPointAtLength(0), path.getPointAtLength(length)];
    const level = Math.abs(from.x - to.x) > Math.abs(from.y - to.y);
    /** @param {number} t @param {string} [now] */
    const move = (t, now) => {
      if (now !== undefined) write(label, now);
      const width = CHARACTER * (label.textContent ?? '').length + 14;
      attributes(back, { width, x: -width / 2 });
      const { x, y } = path.getPointAtLength(length * t);
      const [left, up] = level ? [0, BESIDE] : [width / 2 + BESIDE / 2, 0];
      attribute(pill, 'transform', `translate(${(x - left).toFixed(1)} ${(y - up).toFixed(1)})`);
    };
    move(0, brief(text));
    drawing.svg.append(pill);
    return move;
  }

  /** Let time pass while it plays. @param {number} turn @param {number} length @param {(t: number) => void} [draw] */
  async #wait(turn, length, draw) {
    for (let spent = 0, then = 0; ;) {
      if (!this.playing && turn === this.#turn)
        await new Promise((/** @type {(nothing: void) => void} */ on) => {
          this.#resume = on;
          then = 0;
        });
      if (turn !== this.#turn) throw OVERTAKEN;
      const now = await new Promise((/** @type {(time: number) => void} */ on) => requestAnimationFrame(on));
      if (turn !== this.#turn) throw OVERTAKEN;
      if (then) spent += (now - then) * this.#speed;
      then = now;
      draw?.(this.#still.matches ? 1 : Math.min(1, ease(spent / length)));
      if (spent >= length) return;
    }
  }
}

/** @param {number} t */
const ease = (t) => (t < 1 ? t * t * (3 - 2 * t) : 1);
