// The network of the XOR lessons, with a tight loop of its own: float32 as PyTorch, rounded after each operation.

const f = Math.fround;

/** @typedef {{x: [number, number], y: number, own?: boolean}} Sample */

export const SAMPLES = /** @type {Sample[]} */ ([
  { x: [0, 0], y: 0 },
  { x: [0, 1], y: 1 },
  { x: [1, 0], y: 1 },
  { x: [1, 1], y: 0 },
]);

/** Where the notebook begins: w1 row by row, b1, w2, b2. */
const NOTEBOOK = [0.1, 0.3, 0.2, 0.1, 0.2, -0.2, 0.1, -0.4, 0];

/** How each kind of start is trained: the notebook takes one sample a step, the lesson's thousand all at once. */
export const WAYS = {
  notebook: { rate: 0.01, epochs: 5000, batch: false, tooLarge: 300 },
  thousand: { rate: 1, epochs: 1000, batch: true, tooLarge: 30 },
};

/** Draw numbers as `torch.rand` does from a generator with this seed: the Mersenne twister, 24 bits a number.
 * @param {number} seed @param {number} count */
function rand(seed, count) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  const drawn = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const i = k % 624;
    if (!i)
      for (let j = 0; j < 624; j++) {
        const y = (state[j] & 0x80000000) | (state[(j + 1) % 624] & 0x7fffffff);
        state[j] = state[(j + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
    let y = state[i];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    drawn[k] = ((y ^ (y >>> 18)) & 0xffffff) / 2 ** 24;
  }
  return drawn;
}

/** @type {Float32Array | undefined} */ let drawn;

/** One of the lesson's thousand starts, `start(width=2)[..., k]` there. @param {number} k */
export function oneOfThousand(k) {
  drawn ??= rand(0, 9000).map((x) => 2 * x - 1);
  return Float32Array.from({ length: 9 }, (_, i) => /** @type {Float32Array} */ (drawn)[1000 * i + k]);
}

export class Network {
  /** @type {Float32Array} */ weights = Float32Array.from(NOTEBOOK);
  /** What stands in `.grad`. */
  grad = new Float32Array(9);
  /** @type {Sample[]} */ samples = SAMPLES.map((sample) => ({ ...sample }));
  way = WAYS.notebook;
  rate = this.way.rate;
  keep = false;
  sum = false;
  epoch = 0;
  h = 0;
  k = 0;

  /** @param {'notebook' | number} from @param {Set<string>} faults */
  start(from, faults) {
    this.way = from === 'notebook' ? WAYS.notebook : WAYS.thousand;
    this.weights = from === 'notebook' ? Float32Array.from(NOTEBOOK) : oneOfThousand(from);
    this.grad.fill(0);
    this.epoch = 0;
    this.keep = faults.has('not zeroed');
    this.sum = faults.has('sum for mean') && this.way.batch;
    this.rate = this.way.rate * (faults.has('rate too large') ? this.way.tooLarge : 1);
    const { weights } = this;
    if (faults.has('all weights equal'))
      [0, 1, 2, 3, 4, 5, 6, 7, 8].forEach((i) => (weights[i] = HALF.has(i) ? 0.5 : 0));
    if (faults.has('dead units')) weights[4] = weights[5] = -3;
    if (from === 'notebook') this.#pass(SAMPLES[0], 1, true); // its one extra step
  }

  /** What the network says; its hidden units say `h` and `k`. @param {number} a @param {number} b */
  forward(a, b) {
    const w = this.weights;
    this.h = Math.max(0, f(f(f(a * w[0]) + f(b * w[2])) + w[4]));
    this.k = Math.max(0, f(f(f(a * w[1]) + f(b * w[3])) + w[5]));
    return this.second(this.h, this.k);
  }

  /** @param {[number, number]} x @returns {[number, number]} */
  hidden([a, b]) {
    this.forward(a, b);
    return [this.h, this.k];
  }

  /** What the second layer makes of the first. @param {number} h @param {number} k */
  second(h, k) {
    const w = this.weights;
    return f(1 / (1 + Math.exp(-f(f(f(h * w[6]) + f(k * w[7])) + w[8]))));
  }

  /** One sample, forward and back; with `step` down the slope at once. @param {Sample} sample
   * @param {number} scale the upstream gradient of its loss @param {boolean} step */
  #pass({ x: [a, b], y }, scale, step) {
    const { weights: w, grad: g } = this;
    if (step && !this.keep) g.fill(0);
    const out = this.forward(a, b);
    const { h, k } = this;
    const score = f(f(f(scale * f(2 * f(out - y))) * f(1 - out)) * out);
    const dh = h > 0 ? f(score * w[6]) : 0;
    const dk = k > 0 ? f(score * w[7]) : 0;
    g[0] += f(a * dh);
    g[1] += f(a * dk);
    g[2] += f(b * dh);
    g[3] += f(b * dk);
    g[4] += dh;
    g[5] += dk;
    g[6] += f(h * score);
    g[7] += f(k * score);
    g[8] += score;
    if (step) this.#step();
  }

  #step() {
    const { weights, grad } = this;
    const rate = f(this.rate);
    for (let i = 0; i < 9; i++) weights[i] -= f(rate * grad[i]);
  }

  /** Go once through all samples. */
  train() {
    const { samples, way, sum, keep } = this;
    this.epoch++;
    if (!way.batch) {
      for (const sample of samples) this.#pass(sample, 1, true);
      return;
    }
    if (!keep) this.grad.fill(0);
    for (const sample of samples) this.#pass(sample, sum ? 1 : f(1 / samples.length), false);
    this.#step();
  }

  /** The mean over the samples. */
  loss() {
    const errors = this.samples.map(({ x: [a, b], y }) => (this.forward(a, b) - y) ** 2);
    return errors.reduce((a, b) => a + b, 0) / errors.length;
  }

  /** How many samples are on the right side of one half. */
  right() {
    return this.samples.filter(({ x: [a, b], y }) => Math.abs(this.forward(a, b) - y) < 0.5).length;
  }
}

/** Which numbers are weights that multiply. */
const HALF = new Set([0, 1, 2, 3, 6, 7]);
