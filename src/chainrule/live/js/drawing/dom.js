// Making elements, with as little ceremony as possible.

/** @typedef {Record<string, unknown>} Attributes */
/** @typedef {(Node | string | null | false)[]} Children */

/** @template {Element} T @param {T} made @param {Attributes} attributes @param {Children} children @returns {T} */
function furnish(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, /** @type {EventListener} */ (value));
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of children) if (child) made.append(child);
  return made;
}

/**
 * Functions among the attributes listen; `false` leaves an attribute out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {Children} children
 */
export const h = (tag, attributes = {}, ...children) => furnish(document.createElement(tag), attributes, children);

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {Children} children
 */
export const s = (tag, attributes = {}, ...children) =>
  furnish(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

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
