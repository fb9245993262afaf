// Making elements, with as little ceremony as possible.

/** @typedef {Record<string, unknown>} Attributes functions among them listen; `false` leaves one out */
/** @typedef {Node | string | null | false} Child */
/** @typedef {(Attributes | Child)[]} Inside attributes, if any, and children */

/** @template {Element} T @param {(tag: string) => Element} make @param {string} selector @param {Inside} inside
 * @returns {T} */
function furnished(make, selector, [first, ...rest]) {
  const [tag, ...classes] = selector.split('.');
  const made = make(tag);
  if (classes.length) made.setAttribute('class', classes.join(' '));
  const plain = first?.constructor === Object;
  for (const [key, value] of plain ? Object.entries(first) : []) {
    if (typeof value === 'function') made.addEventListener(key, /** @type {EventListener} */ (value));
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of plain ? rest : [first, ...rest]) if (child) made.append(/** @type {Node | string} */ (child));
  return /** @type {T} */ (made);
}

/** Make an element: its tag and classes, maybe attributes, and its children.
 * @template {keyof HTMLElementTagNameMap} K @param {K | `${K}.${string}`} selector @param {Inside} inside
 * @returns {HTMLElementTagNameMap[K]} */
export const h = (selector, ...inside) => furnished((tag) => document.createElement(tag), selector, inside);

/** @template {keyof SVGElementTagNameMap} K @param {K | `${K}.${string}`} selector @param {Inside} inside
 * @returns {SVGElementTagNameMap[K]} */
export const s = (selector, ...inside) =>
  furnished((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag), selector, inside);

/** @param {string} text @param {() => void} click @param {Attributes} [attributes] */
export const button = (text, click, attributes = {}) => h('button', { type: 'button', ...attributes, click }, text);

/** Write a text only where it differs, which is what makes large graphs quick.
 * @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} key @param {string | number} value */
export function attribute(element, key, value) {
  if (element.getAttribute(key) !== String(value)) element.setAttribute(key, String(value));
}

/** @param {Element} element @param {Record<string, string | number>} all */
export function attributes(element, all) {
  for (const [key, value] of Object.entries(all)) attribute(element, key, value);
}
