// A recording that can be run again: its leaves, its values and gradients, and how far it has been stepped.

import { back, ELEMENTWISE, isKnown, Lacking, local, otherwise, run } from './ops.js';
import { flat, fromNested, map, near, sameShape, sizeOf, spread } from './tensors.js';
import { numbers } from './text.js';

/** @typedef {{n: string, m?: string, s: number[], t: string, d: unknown[] | null, as?: string, leaf?: 1, w?: 1,
 *   g?: unknown[] | null, gas?: string, z?: number | string}} PlainValue */
/** @typedef {{n: string, i: number[], o: number[], e: string, m: string, v?: number, h?: string, a?: string,
 *   c?: Record<string, unknown>, g?: Record<string, unknown>, dims?: number[]}} PlainOp */
/** @typedef {{o: number, i: number, r: number, b?: 1, f?: number, k?: string, l?: string, m?: string, p?: 1,
 *   q?: unknown[]}} PlainEdge */
/** A value, its left, top, width and height, the weights in it, and whether it has cells. @typedef {[
 *   number, number, number, number, number, [number, string][]?, 1?]} PlacedBox */
/** @typedef {{w: number, h: number, b: PlacedBox[], a: [string, string, number, number][]}} Layout */
/** @typedef {{ops: PlainOp[], edges: PlainEdge[], back: number[], wide: Layout, narrow: Layout}} View */
/** @typedef {{values: PlainValue[], views: View[], run?: PlainOp[], flows: [number, number, number?][],
 *   roots: [number, unknown[] | null][], code?: string | null, called: Record<number, string>,
 *   scale?: [number, number], failed?: [number, string]}} Plain what failed: its result, and what is to be said */

export const ROUND = /** @type {Record<string, import('./ops.js').Round>} */ ({
  float32: Math.fround,
  float64: (x) => x,
  int64: Math.trunc,
  bool: (x) => Number(x !== 0),
});
/** A local gradient's longest text, as in chainrule/views/limits.py. */
const LABEL = 16;
const AGREES = /** @type {Record<string, number>} */ ({ float32: 1e-4, float64: 1e-10 });

export class Model {
  /** What is shown: the whole, or the inside of a group. @type {View} */ view;
  shown = 0;
  /** How many steps there are forward, and in all; and which one is shown. */
  forward = 0;
  last = 0;
  at = 0;
  /** The op that made each value. @type {number[]} */ maker = [];
  /** When each op has its turn on the way back. @type {Map<number, number>} */ turn = new Map();
  /** The edges on which each op passes gradients on. @type {number[][]} */ flows = [];
  /** The edges on which a gradient flows into each value. @type {number[][]} */ into = [];
  /** Where gradients come in: at what was differentiated, or at what is used outside. @type {number[]} */ starts = [];

  /** @param {Plain} plain @throws if it is damaged */
  constructor(plain) {
    const { values, views, roots } = plain;
    this.plain = plain;
    this.view = views[0];
    /** All ops, also those of groups that are not opened. */
    this.ops = plain.run ?? views[0].ops;
    this.names = values.map((value) => value.n);
    this.leaves = values.flatMap((value, v) => (value.leaf ? [v] : []));
    this.trained = this.leaves.filter((v) => values[v].w && values[v].g !== undefined);
    this.root = roots.length === 1 && sizeOf(values[roots[0][0]].s) === 1 ? roots[0][0] : -1;
    for (const v of [
      ...[...views.flatMap((view) => view.ops), ...this.ops].flatMap((op) => [...op.i, ...op.o]),
      ...roots.map(([v]) => v),
    ])
      if (!(v in values)) throw new Error(`it points to value ${v} of ${values.length}`);
    for (const v of values)
      if (v.d && v.d.length !== sizeOf(v.s))
        throw new Error(`${v.n} has ${v.d.length} numbers for ${sizeOf(v.s)} entries`);

    /** What is written with the fewest digits is read back to the dtype's own number.
     * @param {unknown[] | null | undefined} data @param {PlainValue} value */
    const read = (data, { s, t }) => (data ? { shape: s, data: flat(data).map(ROUND[t] ?? Number) } : null);
    const recorded = values.map((value) => read(value.d, value));
    const gradients = values.map((value) => read(value.g, value));
    /** @type {(Tensor | null)[]} */ this.values = [...recorded];
    /** @type {(Tensor | null)[]} */ this.gradients = [...gradients];
    /** What each op passes back to each input. @type {Tensor[]} */
    this.passing = [];
    /** @type {Step[]} */ this.steps = [];
    /** Why it cannot be run again; empty if it can. */
    this.fixed = '';
    /** Whether that is for an op that is not there. */
    this.lacks = false;
    try {
      if (plain.failed) throw new Error(plain.failed[1]);
      if (!this.ops.length && views[0].ops.length)
        throw new Error('there are too many of them, or they are of kinds that a page does not compute');
      this.steps = this.ops.map((op) => this.#step(op));
      for (const v of this.leaves) if (!this.values[v]) throw new Error(`the numbers of ${values[v].n} were not kept`);
      this.run();
      const off = values.findIndex((value, v) => {
        const close = AGREES[value.t] ?? 0;
        const got = this.values[v];
        const back = this.gradients[v];
        const good = !recorded[v] || (got && near(got, recorded[v], close));
        return !good || (gradients[v] && !(back && near(back, gradients[v], close)));
      });
      if (off >= 0) throw new Error(`its own arithmetic gives other numbers for ${values[off].n}`);
    } catch (error) {
      this.fixed = error instanceof Error ? error.message : String(error);
      this.lacks = error instanceof Lacking;
      [this.values, this.gradients] = [[...recorded], [...gradients]];
    }
    this.start = this.values;
    /** The gradients as they were recorded. */
    this.recorded = gradients;
    this.show(0);
  }

  /** Show the whole, or the inside of a group. @param {number} shown */
  show(shown) {
    const { values, views, roots } = this.plain;
    const { ops, edges, back: turns } = (this.view = views[shown]);
    this.shown = shown;
    this.maker = values.map(() => -1);
    ops.forEach((op, o) =>
      op.o.forEach((v) => {
        this.maker[v] = o;
      }),
    );
    this.turn = new Map(turns.map((o, k) => [o, k]));
    this.flows = ops.map(() => []);
    edges.forEach((edge, e) => {
      if (edge.b) this.flows[edge.o].push(e);
    });
    this.into = values.map(() => []);
    for (const o of turns) for (const e of this.flows[o]) this.into[this.source(e)].push(e);
    this.starts = shown ? turns.flatMap((o) => ops[o].o).filter((v) => !this.into[v].length) : roots.map(([v]) => v);
    this.forward = ops.length;
    this.at = this.last = ops.length + (this.starts.length ? 1 + turns.length : 0);
  }

  /** @param {PlainOp} op @returns {Step} */
  #step(op) {
    const { values } = this.plain;
    const [v] = op.o;
    const result = values[v];
    if (!isKnown(op.n)) throw new Lacking(`${op.n} is none of the ops that a page can compute`);
    const round = ROUND[result.t];
    if (!round || (result.w && op.i.some((i) => values[i].w && values[i].t !== result.t)))
      throw new Error(`${op.n} gives ${result.t}`);
    const letters = op.a ?? '';
    const rule = ELEMENTWISE[op.n];
    /** @type {number[]} */ const constants = [];
    const type = result.t === 'bool' ? values[op.i[0]].t : result.t; // a number is compared as what it is held against
    const fit = op.n !== 'pow' && type.startsWith('float') ? ROUND[type] : Number;
    for (const [letter, number] of Object.entries(op.c ?? {}))
      constants[letter.charCodeAt(0) - 97] = fit(Number(number));
    const argument = [...letters].map((letter) => letter.charCodeAt(0) - 97);
    if (
      rule &&
      (argument.length !== op.i.length ||
        argument.length + Object.keys(op.c ?? {}).length !== Math.min(2, rule.f.length))
    )
      throw otherwise(op.n);
    return {
      name: op.n,
      inputs: op.i,
      types: op.i.map((i) => values[i].t),
      outputs: op.o,
      output: v,
      given: op.g,
      dims: op.dims,
      constants,
      argument,
      shape: result.s,
      round,
      maps: rule ? op.i.map((i) => spread(values[i].s, result.s)) : [],
    };
  }

  /** Run it all again from the leaves, forward and back. */
  run() {
    this.values = this.forwards(/** @type {Tensor[]} */ ([...this.values]));
    const found = /** @type {Tensor[]} */ (this.values);
    this.gradients = this.values.map(() => null);
    for (const [v, start] of this.plain.roots) if (start) this.#add(v, { shape: found[v].shape, data: flat(start) });
    this.plain.flows.forEach(([o, i, r = 0], f) => {
      const step = this.steps[o];
      const upstream = this.gradients[step.outputs[r]];
      if (!upstream) return;
      const each = step.outputs.map((_, k) => (k === r ? upstream : null));
      this.passing[f] = back(step, each[1] === undefined ? upstream : each, found, i);
      this.#add(step.inputs[i], this.passing[f]);
    });
  }

  /** Fill in what follows from the leaves. @param {Tensor[]} values */
  forwards(values) {
    for (const step of this.steps)
      [run(step, values)].flat().forEach((t, k) => {
        values[step.outputs[k]] = t;
      });
    return values;
  }

  /** @param {number} v @param {Tensor} more */
  #add(v, more) {
    const before = this.gradients[v];
    const round = ROUND[this.plain.values[v].t] ?? Number;
    this.gradients[v] = before ? { shape: more.shape, data: before.data.map((x, i) => round(x + more.data[i])) } : more;
  }

  /** The edges on which an op passes gradients on. @param {number} o */
  edgesOf(o) {
    return this.flows[o];
  }

  /** The input that an edge comes from. @param {number} e */
  source(e) {
    return this.view.ops[this.view.edges[e].o].i[this.view.edges[e].i];
  }

  /** What an edge carries back, where that is known. @param {number} e @returns {Tensor | null} */
  carried(e) {
    const { f, q } = this.view.edges[e];
    return f !== undefined && !this.fixed
      ? this.passing[f]
      : q
        ? { shape: this.plain.values[this.source(e)].s, data: flat(q) }
        : null;
  }

  /** What was differentiated. */
  get loss() {
    return this.plain.roots.length ? this.plain.roots[0][0] : -1;
  }

  /** Find a value by its name. @param {string} name */
  find(name) {
    const v = this.names.indexOf(name);
    if (v < 0) throw new Error(`there is no value called ${name}; there are ${this.names.join(', ')}`);
    return v;
  }

  /** Give leaves new numbers, and run. @param {Map<number, Tensor>} given */
  set(given) {
    if (this.fixed) throw new Error(`these numbers cannot be changed: ${this.fixed}`);
    for (const [v, t] of given) {
      const { n, s, t: dtype } = this.plain.values[v];
      if (!this.leaves.includes(v))
        throw new Error(
          `${n} is computed from other values; change one of ${this.leaves.map((l) => this.names[l]).join(', ')}`,
        );
      if (!sameShape(s, t.shape)) throw new Error(`${n} has shape (${s}), and this has (${t.shape})`);
      const rounded = map(t, ROUND[dtype] ?? Math.trunc);
      if (!dtype.startsWith('float') && !rounded.data.every(Number.isFinite))
        throw new Error(`${n} takes whole numbers`);
      given.set(v, rounded);
    }
    const before = this.values;
    this.values = [...before];
    for (const [v, t] of given) this.values[v] = t;
    try {
      this.run();
    } catch (error) {
      // such as a class that is not there
      this.values = before;
      this.run();
      throw error;
    }
  }

  /** @param {number} v @param {unknown} nested */
  read(v, nested) {
    return fromNested(nested, this.names[v]);
  }

  /** Change entries of leaves: of which, which one, to what. @param {[number, number, number][]} changes */
  setEntries(changes) {
    const given = new Map();
    for (const [v, at, x] of changes) {
      const { shape, data } = given.get(v) ?? /** @type {Tensor} */ (this.values[v]);
      given.set(v, {
        shape,
        data: data.map((/** @type {number} */ old, /** @type {number} */ i) => (i === at ? x : old)),
      });
    }
    this.set(given);
  }

  reset() {
    this.values = this.start;
    if (!this.fixed) this.run();
  }

  /** Whether a value is there at the step that is shown. @param {number} v */
  reached(v) {
    return this.maker[v] < this.at;
  }

  /** Whether an edge has carried its gradient at the step that is shown. @param {number} e */
  passed(e) {
    const { b, o } = this.view.edges[e];
    return Boolean(b) && Number(this.turn.get(o)) < this.at - this.forward - 1;
  }

  /** What has arrived at a value so far. @param {number} v @returns {Tensor | null} */
  arrived(v) {
    if (this.at <= this.forward) return null;
    const root = this.plain.roots.find(([r]) => r === v);
    const into = this.into[v];
    if (into.every((e) => this.passed(e))) return into.length || this.starts.includes(v) ? this.gradients[v] : null;
    // what groups pass back is known in sum alone
    if (this.plain.run && into.some((e) => this.view.edges[e].f === undefined)) return null;
    /** @type {Tensor | null} */ let sum = root?.[1] ? { shape: this.plain.values[v].s, data: flat(root[1]) } : null;
    for (const e of into) {
      const more = this.passed(e) ? this.carried(e) : null;
      if (more)
        sum = sum
          ? { shape: more.shape, data: more.data.map((x, i) => x + /** @type {Tensor} */ (sum).data[i]) }
          : more;
    }
    return sum;
  }

  /** @param {number} v */
  valueText(v) {
    const t = this.values[v];
    return !this.reached(v) ? '?' : t ? numbers(t) : (this.plain.values[v].as ?? 'not known');
  }

  /** @param {number} v */
  gradientText(v) {
    const t = this.arrived(v);
    if (t) return numbers(t);
    const all = this.at > this.forward && this.into[v].length && this.into[v].every((e) => this.passed(e));
    return all || (this.at > this.forward && this.starts.includes(v)) ? (this.plain.values[v].gas ?? '') : '';
  }

  /** @param {number} e @returns {Tensor | null} */
  local(e) {
    const { f, k, l } = this.view.edges[e];
    if (this.fixed || f === undefined || !k || !l) return null;
    const [o, i] = this.plain.flows[f];
    return local(this.steps[o], /** @type {Tensor[]} */ (this.values), i, k);
  }

  /** A local gradient with its numbers, however many. @param {number} e */
  localOf(e) {
    const t = this.local(e);
    return t ? numbers(t) : (this.view.edges[e].l ?? '');
  }

  /** A local gradient for the side of an edge: nothing where only its shape would fit. @param {number} e */
  localText(e) {
    const text = this.localOf(e);
    return text.length > LABEL || text.startsWith('(') ? '' : text;
  }
}
