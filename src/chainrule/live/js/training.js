// Gradient descent: updates, each kept, so that one can go back.

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./tensors.js').Tensor} Tensor */

export class Training {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.keep = false;
    /** What has added up in each `.grad`, where it is not zeroed. @type {Map<number, Tensor>} */
    this.kept = new Map();
    this.at = 0;
    this.history = [this.#now()];
  }

  #now() {
    const { model } = this;
    return {
      leaves: new Map(model.leaves.map((v) => [v, /** @type {Tensor} */ (model.values[v])])),
      loss: model.root < 0 ? NaN : (model.values[model.root]?.data[0] ?? NaN),
    };
  }

  /** The numbers were changed by hand: what comes after is no longer true. */
  edited() {
    this.history.splice(this.at, Infinity, this.#now());
    this.kept.clear();
  }

  /** Begin anew. */
  restart() {
    this.at = 0;
    this.edited();
  }

  /** Take one step against the gradients. @param {number} rate */
  update(rate) {
    const { model } = this;
    const given = new Map();
    for (const v of model.trained) {
      const weight = /** @type {Tensor} */ (model.values[v]);
      const gradient = model.gradients[v];
      const round = model.plain.values[v].t === 'float32' ? Math.fround : Number;
      if (!gradient) continue;
      const before = this.keep ? this.kept.get(v) : undefined;
      const used = before ? gradient.data.map((g, i) => round(g + before.data[i])) : gradient.data;
      this.kept.set(v, { shape: weight.shape, data: used });
      given.set(v, { shape: weight.shape, data: weight.data.map((w, i) => round(w - round(round(rate) * used[i]))) });
    }
    model.set(given);
    this.history.splice(++this.at, Infinity, this.#now());
  }
}
