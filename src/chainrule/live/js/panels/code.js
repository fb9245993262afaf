// The PyTorch code that gives the numbers of a graph.

import { flat, nested, short } from '../engine/tensors.js';

/** Write the code that gives exactly these numbers. @param {Model} model */
export function python(model) {
  const { values, roots, code } = model.plain;
  const lines = ['import torch', ''];
  const called = model.names.map((name, v) => model.plain.called[v] ?? name);
  for (const v of model.leaves) {
    const { w, t } = values[v];
    const extra = (t === 'float32' ? '' : `, dtype=torch.${t}`) + (w ? ', requires_grad=True' : '');
    lines.push(`${called[v]} = torch.tensor(${literal(/** @type {Tensor} */ (model.values[v]), t)}${extra})`);
  }
  lines.push(
    model.steps.some((step, o) => step.name !== model.ops[o].n)
      ? (code ?? '').replaceAll('.mean(', '.sum(')
      : (code ?? ''),
  );
  for (const [v, start] of roots) {
    const one = start?.length === 1 && Number(start[0]) === 1;
    const upstream = { shape: values[v].s, data: flat(start ?? []) };
    lines.push(`${called[v]}.backward(${one ? '' : `torch.tensor(${literal(upstream, values[v].t)})`})`);
  }
  return [...lines, '', ...model.trained.map((v) => `print(${called[v]}.grad)`), ''].join('\n');
}

/** @param {Tensor} t @param {string} dtype */
function literal(t, dtype) {
  /** @param {number} x */
  const write = (x) => {
    const text = dtype === 'float32' ? short(x) : String(x);
    return !Number.isFinite(x)
      ? `float("${x !== x ? 'nan' : x > 0 ? 'inf' : '-inf'}")`
      : dtype.startsWith('float') && /^-?\d+$/.test(text)
        ? `${text}.0`
        : text;
  };
  /** @param {any} part @returns {string} */
  const text = (part) => (Array.isArray(part) ? `[${part.map(text).join(', ')}]` : part);
  return text(nested(t, write));
}
