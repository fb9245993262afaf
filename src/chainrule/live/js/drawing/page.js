// The element: brings the graphs of a page to life, and is what a script talks to.

import { Model } from '../engine/model.js';
import { nested } from '../engine/tensors.js';
import { Ui } from './element.js';
import { more } from './more.js';

const TAG = 'chainrule-graph';

/** Bring one element to life, if need be once more ops are there; where that fails, the picture and the table that it
 * holds are shown. @param {HTMLElement} host @param {Plain} plain */
function bring(host, plain, again = true) {
  const root = () => host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  try {
    const model = new Model(plain);
    if (model.lacks && again) {
      const then = () => bring(host, plain, false);
      more('ops').then(then, then);
      return;
    }
    const ui = new Ui(host, model, [...document.querySelectorAll(TAG)].indexOf(host));
    ui.attach(root());
    const collect = (/** @type {(Tensor | null)[]} */ found) =>
      Object.fromEntries(
        model.names.flatMap((name, v) => {
          const t = found[v];
          return t ? [[name, nested(t)]] : [];
        }),
      );
    Object.assign(host, {
      values: () => collect(model.values),
      gradients: () => collect(model.gradients),
      async set(/** @type {string} */ name, /** @type {unknown} */ value) {
        const v = model.find(name);
        model.set(new Map([[v, model.read(v, value)]]));
        ui.edited();
        ui.changed();
      },
      update: (/** @type {number} */ rate, /** @type {number} */ times) => ui.update(rate, times),
      reset: async () => ui.reset(),
      step: async (/** @type {number} */ to) => ui.step(to),
      play: () => ui.player.play(),
      pause: () => ui.player.pause(),
      moment: () => ({ step: model.at, of: model.last, ...ui.player.beat }),
    });
  } catch (error) {
    root().replaceChildren(document.createElement('slot'));
    console.error(`${TAG}: the picture and the table stay, since the graph could not be built: ${error}`);
  }
}

/** @type {any} */ const page = globalThis;
/** Each version of this script brings its own graphs to life: the first to define the element serves them all. */
const versions = (page.chainruleGraphs ??= {});
versions[VERSION] ??= { bring };
if (!customElements.get(TAG))
  customElements.define(
    TAG,
    class extends HTMLElement {
      #done = false;

      connectedCallback() {
        this.live();
      }

      live() {
        const source = this.querySelector('script[type="application/json"]');
        if (this.#done) return;
        if (!source) {
          if (document.readyState === 'loading')
            document.addEventListener('DOMContentLoaded', () => this.live(), { once: true });
          return;
        }
        try {
          const plain = JSON.parse(source.textContent ?? '');
          if (!versions[plain.version]) return;
          this.#done = true;
          versions[plain.version].bring(this, plain);
        } catch (error) {
          this.#done = true;
          console.error(`${TAG}: the picture and the table stay, since its data is damaged: ${error}`);
        }
      }
    },
  );
else for (const graph of document.querySelectorAll(TAG)) /** @type {any} */ (graph).live?.();
