// Gradient descent: updates, each kept, so that one can go back.

import { map } from './tensors.js';

/** @typedef {Map<number, Tensor>} Held */
/** @typedef {{leaves: Held, loss: number, kept: Held, speed: Held}} Moment */

export class Training {
  /** Whether nothing empties .grad. */
  keep = false;
  momentum = 0;
  at = 0;
  /** @type {Moment[]} */ history;

  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.history = [this.#now(new Map(), new Map())];
  }

  /** @param {Held} kept what stands in `.grad` before the backward pass @param {Held} speed the step before
   * @returns {Moment} */
  #now(kept, speed) {
    const { model } = this;
    return {
      leaves: new Map(model.leaves.map((v) => [v, /** @type {Tensor} */ (model.values[v])])),
      loss: model.root < 0 ? NaN : (model.values[model.root]?.data[0] ?? NaN),
      kept,
      speed,
    };
  }

  /** Begin anew from the numbers as they are, and zero the gradients. */
  restart() {
    this.at = 0;
    this.history = [this.#now(new Map(), new Map())];
  }

  /** Go to the weights after so many updates. @param {number} at */
  go(at) {
    this.at = at;
    this.model.set(new Map(this.history[at].leaves));
  }

  /** What stands in a leaf's `.grad` after this backward pass. @param {number} v @returns {Tensor} */
  grad(v) {
    const gradient = /** @type {Tensor} */ (this.model.gradients[v]);
    return this.keep ? this.#add(v, gradient, this.history[this.at].kept.get(v)) : gradient;
  }

  /** What a step multiplies by the rate. @param {number} v @returns {Tensor} */
  direction(v) {
    const before = this.momentum ? this.history[this.at].speed.get(v) : undefined;
    const { momentum } = this;
    return this.#add(v, this.grad(v), before && map(before, (x) => this.#round(v)(this.#round(v)(momentum) * x)));
  }

  /** Where a step leads. @param {number} v @param {number} rate @returns {Tensor} */
  next(v, rate) {
    const round = this.#round(v);
    const { shape, data } = /** @type {Tensor} */ (this.model.values[v]);
    const by = this.direction(v).data;
    return { shape, data: data.map((w, i) => round(w - round(round(rate) * by[i]))) };
  }

  /** Take one step against the gradients. @param {number} rate */
  update(rate) {
    const { model } = this;
    const moving = model.trained.filter((v) => model.gradients[v]);
    const given = new Map(moving.map((v) => [v, this.next(v, rate)]));
    for (const { data } of given.values()) if (!data.every(Number.isFinite)) throw new Error('it leaves what fits');
    const kept = new Map(moving.map((v) => [v, this.grad(v)]));
    const speed = new Map(moving.map((v) => [v, this.direction(v)]));
    model.set(given);
    this.history.splice(++this.at, Infinity, this.#now(kept, speed));
  }

  /** @param {number} v */
  #round(v) {
    return this.model.plain.values[v].t === 'float32' ? Math.fround : Number;
  }

  /** @param {number} v @param {Tensor} a @param {Tensor} [b] */
  #add(v, a, b) {
    return b ? { shape: a.shape, data: a.data.map((x, i) => this.#round(v)(x + b.data[i])) } : a;
  }
}
