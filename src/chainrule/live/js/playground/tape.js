// What ran: each op with its values, and the way back through them, as autograd walks it.

import { ROUND } from '../engine/model.js';
import { back, ELEMENTWISE, run } from '../engine/ops.js';
import { sameShape, sizeOf, spread } from '../engine/tensors.js';
import { refused, Unknown } from './python.js';
import { broadcast } from './types.js';
import { tensorText } from './printed.js';

/** A value that was there once: what is changed in place is a new one.
 * @typedef {{shape: number[], data: Float64Array, type: string, name: string, text: string, op?: Op}} Value */
/** @typedef {{node?: Op, leaf?: Tensor}} Way where a gradient goes on */
/** @typedef {{name: string, fn: string, inputs: Value[], outputs: Value[], ways: (Way | null)[], step: any,
 *   local: Value[], saves: string, kept: [Tensor, number][], turn: number, freed: boolean, source: any}} Op */
/** @typedef {{root: Value, start: Float64Array, ops: Op[], flows: [Op, number, number][],
 *   gradients: Map<Value, Float64Array>}} Pass */

/** So many entries has a tensor at most, and so many ops a program. */
const [ENTRIES, OPS] = [100_000, 200_000];

/** The state of the program that runs. */
export const tape = {
  recording: true,
  turn: 0,
  /** The code of the op that comes, for its name. @type {any} */ source: null,
  /** @type {Pass[]} */ passes: [],
  /** Tensors that keep their gradient though they are no leaves. @type {Tensor[]} */ retaining: [],
  /** What was made last, and might be differentiated. @type {Tensor | null} */ last: null,
};

export function restart() {
  Object.assign(tape, { recording: true, turn: 0, source: null, passes: [], retaining: [], last: null });
}

export class Tensor {
  /** @type {Tensor | null} */ grad = null;
  /** @type {Op | null} */ node = null;
  /** Where it shows entries of another one: how to read them again. @type {(() => Float64Array) | null} */ view = null;
  /** Whether they stand in another order there, and whether that was changed since autograd saw them. */
  loose = false;
  stale = false;
  seen = 0;
  /** What it shares with others that have the same memory: how often that was changed, and to what. */
  memory;
  #value;

  /** @param {Value} value @param {boolean} [requires] */
  constructor(value, requires = false) {
    this.#value = value;
    this.requires = requires;
    this.memory = { version: 0, data: value.data };
  }

  get value() {
    if (this.seen !== this.memory.version) {
      this.seen = this.memory.version;
      this.stale = Boolean(this.view && this.requires);
      this.#value = { ...this.#value, data: this.view?.() ?? this.memory.data, op: undefined };
    }
    return this.#value;
  }

  /** Have another value in the same memory. @param {Value} value */
  become(value) {
    if (this.view) throw new Unknown('this page does not change a part of another tensor in place');
    this.#value = value;
    this.memory.data = value.data;
    this.seen = ++this.memory.version;
  }

  get shape() {
    return this.value.shape;
  }

  /** Its number, as Python's. @returns {any} */
  item() {
    const { data, type } = this.value;
    if (data.length !== 1) throw refused('a Tensor with', data.length);
    return python(data[0], type);
  }

  truth() {
    if (this.value.data.length === 1) return this.value.data[0] !== 0;
    const kind = this.value.data.length ? 'more than one value' : 'no values';
    throw refused('Boolean value of', kind);
  }

  /** Its value, where autograd can follow it. */
  get followed() {
    const { value } = this;
    if (this.stale)
      throw new Unknown('this page does not follow what is changed in place while another tensor shows a part of it');
    return value;
  }

  repr() {
    return tensorText(this.followed, this.node?.fn, this.requires);
  }
}

/** @param {number} x @param {string} type @returns {any} */
export const python = (x, type) => (type === 'int64' ? BigInt(x) : type === 'bool' ? x !== 0 : x);

/** @param {number[]} shape @param {ArrayLike<number>} data @param {string} type @returns {Value} */
export function value(shape, data, type) {
  if (data.length > ENTRIES)
    throw new Unknown(`this page holds tensors of at most ${ENTRIES.toLocaleString('en')} entries`);
  return { shape, data: Float64Array.from(data, ROUND[type]), type, name: '', text: tape.source?.text ?? '' };
}

/** @param {string} name */
const camel = (name) => name.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase());

/**
 * Run an op and write it down: without more, its shape and its grad_fn are as its name says.
 * @param {string} name of the op in the page's engine @param {Given} a its arguments by name
 * @param {{shape?: number[], type?: string, fn?: string, dims?: number[], saves?: string, flat?: boolean,
 *   view?: boolean, types?: string[]}} how
 * @returns {any} a tensor, or a list of them where they have several types
 */
export function apply(name, a, how) {
  /** @type {Tensor[]} */ const inputs = [];
  /** @param {any} one @returns {any} how the engine has it: a tensor by its place */
  const placed = (one) =>
    one instanceof Tensor
      ? `@${inputs.push(one) - 1}`
      : Array.isArray(one)
        ? Array.from(one, placed)
        : typeof one === 'bigint'
          ? Number(one)
          : one;
  const given = Object.entries(a).flatMap(([key, one]) => (one === null ? [] : [[key, placed(one)]]));
  const { type = inputs[0].value.type, fn = `${camel(name)}Backward0` } = how;
  if (++tape.turn > OPS)
    throw new Unknown(`stopped after ${OPS.toLocaleString('en')} operations, the most that this page runs`);
  const rule = ELEMENTWISE[name];
  const shape = how.shape ?? (rule && inputs.map((t) => t.shape).reduce(broadcast));
  if (shape && sizeOf(shape) > ENTRIES) value([], { length: ENTRIES + 1 }, type);
  const values = inputs.map((t) => t.followed);
  const places = values.map((_, i) => i);
  const step = {
    name,
    inputs: places,
    types: values.map((v) => v.type),
    outputs: [values.length],
    output: values.length,
    given: rule ? undefined : Object.fromEntries(given),
    dims: how.dims,
    constants: rule ? Object.values(a).map((one) => (one instanceof Tensor ? undefined : one)) : [],
    argument: places,
    shape: /** @type {number[]} */ (shape),
    round: ROUND[type],
    maps: rule ? values.map((v) => spread(v.shape, /** @type {number[]} */ (shape))) : [],
  };
  const made = [run(step, values)].flat();
  const types = how.types ?? [type];
  const outputs = made.map((t, k) => ({ ...value(t.shape, t.data, types[k]), text: tape.source?.text ?? name }));
  Object.assign(step, { shape: made[0].shape, outputs: outputs.map((_, k) => values.length + k) });
  const requires = tape.recording && !how.flat && inputs.some((t) => t.requires && t.value.type.startsWith('float'));
  const saves = how.saves ?? '';
  /** @type {Op} */ const op = {
    name,
    fn,
    inputs: values,
    outputs,
    ways: inputs.map((t) => (requires && t.requires ? (t.node ? { node: t.node } : { leaf: t }) : null)),
    step,
    local: [...values, ...outputs],
    saves,
    kept: [],
    turn: tape.turn,
    freed: false,
    source: tape.source,
  };
  const tensors = outputs.map((one, k) => {
    one.op = op;
    const t = new Tensor(one, requires && types[k].startsWith('float'));
    if (t.requires) t.node = op;
    const view = () => [run(step, [inputs[0].value, ...values.slice(1)])].flat()[k].data;
    if (how.view) Object.assign(t, { view, memory: inputs[0].memory, seen: inputs[0].memory.version });
    return t;
  });
  if (requires) {
    inputs.forEach((t, i) => {
      const others = inputs.some((o, k) => k !== i && o.requires);
      if (saves.includes('i') && i === 0 && t.requires) op.kept.push([t, t.memory.version]);
      else if (saves.includes('x') && others) op.kept.push([t, t.memory.version]);
    });
    if (saves.includes('o')) op.kept.push([tensors[0], 0]);
  }
  return how.types ? tensors : tensors[0];
}

/** The ops behind a value, the last first. @param {Value} root @param {(op: Op) => (Op | undefined)[]} behind */
export function opsBehind(root, behind) {
  const found = new Set(root.op ? [root.op] : []);
  for (const op of found) for (const one of behind(op)) if (one) found.add(one);
  return [...found].sort((a, b) => b.turn - a.turn);
}

/** Walk back. @param {Tensor} root @param {Float64Array} start @returns {Pass} */
export function walk(root, start, keeps = true) {
  /** @type {Pass} */ const pass = {
    root: root.value,
    start,
    ops: [],
    flows: [],
    gradients: new Map([[root.value, start]]),
  };
  const nodes = new Set(root.node ? [root.node] : []);
  for (const op of nodes) for (const way of op.ways) if (way?.node) nodes.add(way.node);
  for (const op of [...nodes].sort((a, b) => b.turn - a.turn)) {
    if (op.freed && op.saves) throw refused('Trying to backward');
    for (const [t, version] of op.kept) if (t.memory.version !== version) throw changed(op, t, version);
    const each = op.outputs.map((one) => {
      const data = pass.gradients.get(one);
      return data ? { shape: one.shape, data } : null;
    });
    const result = each.findIndex(Boolean);
    pass.ops.push(op);
    op.ways.forEach((way, i) => {
      if (!way) return;
      const input = op.inputs[i];
      const { data } = back(op.step, each.length > 1 ? each : each[0], op.local, i);
      const before = pass.gradients.get(input);
      const round = ROUND[input.type];
      pass.gradients.set(input, before ? before.map((x, k) => round(x + data[k])) : data.map(round));
      pass.flows.push([op, i, result]);
    });
    if (!keeps) op.freed = true;
  }
  return pass;
}

/** @param {Op} op @param {Tensor} t @param {number} version */
function changed(op, t, version) {
  const kind = t.value.type === 'float64' ? 'Double' : 'Float';
  const maker = t.node ? `, which is output 0 of ${t.node.fn.replace(/Backward\d+$/, '')},` : '';
  return refused('one of the', kind, t.shape.join(', '), maker, t.memory.version, version);
}

/** Call backward. @param {Tensor} root @param {Tensor | null} gradient @param {boolean} keeps the graph */
export function backward(root, gradient, keeps) {
  const { shape, data, type } = root.value;
  if (!gradient && root.requires && data.length !== 1) throw refused('grad can be');
  if (gradient && !sameShape(gradient.shape, shape))
    throw refused('Mismatch in shape', gradient.shape.join(', '), shape.join(', '));
  if (!root.requires) throw refused('element 0 of');
  const pass = walk(root, gradient?.value.data ?? new Float64Array(data.length).fill(1), keeps);
  /** @type {Map<Tensor, Float64Array>} */ const leaves = new Map();
  const reach = (/** @type {Tensor} */ t, /** @type {Float64Array | undefined} */ more) => {
    const before = leaves.get(t);
    if (more) leaves.set(t, before ? before.map((x, i) => ROUND[t.value.type](x + more[i])) : more);
  };
  if (!root.node) reach(root, pass.start);
  /** @type {Set<Value>} */ const done = new Set();
  for (const op of pass.ops)
    op.ways.forEach((way, i) => {
      if (way?.leaf && !done.has(op.inputs[i])) reach(way.leaf, pass.gradients.get(op.inputs[i]));
      done.add(op.inputs[i]);
    });
  for (const [t, more] of leaves) {
    if (!t.grad) t.grad = new Tensor(value(t.shape, more, t.value.type));
    else
      t.grad.become(
        value(
          t.shape,
          t.grad.value.data.map((x, i) => x + more[i]),
          type,
        ),
      );
  }
  for (const t of tape.retaining) {
    const more = pass.gradients.get(t.value);
    if (more && t.node)
      t.grad = new Tensor(value(t.shape, t.grad?.value.data.map((x, i) => x + more[i]) ?? more, t.value.type));
  }
  tape.passes.push(pass);
}
