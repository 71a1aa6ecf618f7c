/**
 * Build an element. Strings become text nodes, so nothing that a job, a file or a user wrote is ever read as HTML.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `onclick` and the like take functions; null and false are left out.
 * @param {...(Node | string | number | false | null | undefined)} children what is false or missing is left out
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}
