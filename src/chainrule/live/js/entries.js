// Ops that go entry by entry, and are not met on the first pages.

import { ELEMENTWISE } from './ops.js';

Object.assign(
  ELEMENTWISE,
  /** @type {Record<string, import('./ops.js').Elementwise>} */ ({
    rdiv: { f: (a, b, r) => r(1 / a) * b, d: [(g, a, b, _, r) => -r(g * b) * r(r(1 / a) * r(1 / a))] },
    rpow: { f: (a, b) => Math.pow(b, a), d: [(g, _, b, out, r) => g * r(out * r(Math.log(b)))] },
    sqrt: { f: (a) => Math.sqrt(a), d: [(g, a, b, out, r) => g / r(2 * out)] },
    reciprocal: { f: (a) => 1 / a, d: [(g, a, b, out, r) => -g * r(out * out)] },
    sin: { f: (a) => Math.sin(a), d: [(g, a, b, out, r) => g * r(Math.cos(a))] },
    cos: { f: (a) => Math.cos(a), d: [(g, a, b, out, r) => g * -r(Math.sin(a))] },
  }),
);
