// What opens below a graph, and what few graphs compute with: each comes in a script of its own, when it is asked for.

import { h } from './dom.js';

/** @typedef {{node: HTMLElement, refresh: () => void, open?: () => void, reset?: () => void}} Panel */

/** What makes each panel, once that script is there. @type {Record<string, (ui: Ui) => Panel>} */
export const PANELS = {};
/** What makes numbers editable, and what updates weights: they come with it. @type {{
 *   edit?: typeof import('./numbers.js').makeEditable, Training?: typeof import('../engine/training.js').Training,
 *   dress?: typeof import('./sizes.js').dress, zoom?: typeof import('./zoom.js').zoom,
 *   setEntries?: typeof import('./edits.js').setEntries, update?: typeof import('./edits.js').update,
 *   equip?: (ui: Ui, body: HTMLElement) => void, words?: typeof import('./explain.js').words}} */
export const HANDS = {};

const FROM = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';
/** @type {Record<string, Promise<unknown> | undefined>} */ const coming = {};

/** Do what needs a script, once that is there. @param {() => void} act */
export const later = (act) => void more().then(act, () => {});

/** Fetch a script from beside this one; on a page that stands alone it follows in the same script. */
export const more = (part = 'panels') =>
  (coming[part] ??= FROM
    ? new Promise((done, fail) => {
        const failed = () => {
          coming[part] = undefined;
          fail();
        };
        document.head.append(
          h('script', { src: new URL(`chainrule-${part}.js?v=${VERSION}`, FROM), load: done, error: failed }),
        );
      })
    : Promise.resolve());
