// What a program computed as the data of a live graph: the same that chainrule/live/graph_data.py makes of a recording.

import { ELEMENTWISE, local } from '../engine/ops.js';
import { numbers, shapeText } from '../engine/text.js';
import { opsBehind } from './tape.js';
import { formulaOf, nameMaths, ruleMaths } from './written.js';

/** So many ops are drawn, and so many entries has a local gradient that is shown. */
const [DRAWN, SHOWN] = [60, 400];

/** @param {Float64Array} data */
const plainly = (data) =>
  Array.from(data, (x) => (Number.isFinite(x) ? x : x !== x ? 'NaN' : x > 0 ? 'Infinity' : '-Infinity'));

/**
 * The graph of a backward pass, or of all that led to a value; nothing where there is too much to draw.
 * @param {Value} root @param {Pass | null} pass @returns {any} its data,
 * or how many ops there are
 */
export function recorded(root, pass) {
  const ops = opsBehind(root, (op) => op.inputs.map((v) => v.op)).reverse();
  if (ops.length > DRAWN) return ops.length;
  const all = [...new Set(ops.flatMap((op) => [...op.inputs, ...op.outputs]))];
  if (!all.length) all.push(root);
  const place = new Map(all.map((v, i) => [v, i]));
  const at = (/** @type {Value} */ v) => /** @type {number} */ (place.get(v));
  /** @type {Map<string, number>} */ const taken = new Map();
  const names = all.map((v) => {
    const name = v.name || v.text || 'value';
    const again = (taken.get(name) ?? 0) + 1;
    taken.set(name, again);
    return again > 1 ? `${name}#${again}` : name;
  });
  const back = pass ? pass.ops.map((op) => ops.indexOf(op)) : [];
  const flows = pass
    ? pass.flows.map(([op, i, r]) => /** @type {[number, number, number?]} */ ([ops.indexOf(op), i, ...(r ? [r] : [])]))
    : [];
  const carried = new Map(flows.map(([o, i], f) => [`${o} ${i}`, f]));
  const differentiated = new Set(pass ? [pass.root, ...pass.flows.map(([op, i]) => op.inputs[i])] : []);
  const maths = names.map(nameMaths);
  const values = all.map((v, i) => ({
    n: names[i],
    m: maths[i],
    s: v.shape,
    t: v.type,
    d: plainly(v.data),
    ...(v.op && place.has(v.op.outputs[0]) && ops.includes(v.op) ? {} : { leaf: /** @type {1} */ (1) }),
    ...(differentiated.has(v)
      ? { w: /** @type {1} */ (1), g: plainly(/** @type {Float64Array} */ (pass?.gradients.get(v))) }
      : {}),
  }));
  /** @type {any} */ const view = {
    ops: ops.map((op) => ({
      n: op.name,
      i: op.inputs.map(at),
      o: op.outputs.map(at),
      e: op.source?.text ?? op.name,
      line: op.source?.line,
      m: formulaOf(
        op,
        op.inputs.map((v) => names[at(v)]),
      ),
      a: op.step.argument.map((/** @type {number} */ k) => String.fromCharCode(97 + k)).join(''),
      c: Object.fromEntries(
        op.step.constants.flatMap((/** @type {any} */ x, /** @type {number} */ k) =>
          x === undefined ? [] : [[String.fromCharCode(97 + k), x]],
        ),
      ),
      ...(op.step.given ? { g: op.step.given } : {}),
      ...(op.step.dims ? { dims: op.step.dims } : {}),
    })),
    edges: ops.flatMap((op, o) =>
      op.inputs.map((input, i) => {
        const f = carried.get(`${o} ${i}`);
        return { o, i, r: at(op.outputs[0]), ...(f === undefined ? {} : { b: 1, f, ...factor(op, i, at) }) };
      }),
    ),
    back,
  };
  return { values, flows, roots: pass ? [[at(pass.root), plainly(pass.start)]] : [], called: {}, views: [view] };
}

/** The local gradient on an edge: its kind, its text, and its rule. @param {Op} op @param {number} i
 * @param {(v: Value) => number} at */
function factor(op, i, at) {
  const [input, output] = [op.inputs[i], op.outputs[0]];
  const single = output.data.length === 1;
  const kind = ELEMENTWISE[op.name] ? 'e' : single ? 'g' : 'j';
  const large = kind === 'j' ? input.data.length * output.data.length : output.data.length + input.data.length;
  const some = input.data.length > 0 && output.data.length > 0;
  const t = some && large <= SHOWN ? local(op.step, op.local, i, kind) : null;
  const words = t && numbers(t);
  const rule = ruleMaths(op, i, at);
  return { k: kind, l: !t || !words ? '' : words.length > 16 || kind === 'j' ? shapeText(t.shape) : words, ...rule };
}
