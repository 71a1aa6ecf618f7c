import { html, useLayoutEffect, useRef } from "../../lib/html.js";
import { Icon } from "./icon.js";

/** @typedef {import("../../lib/html.js").Children} Children */

/**
 * Tabs whose choice is in the address, so they are links.
 * @param {{label: string, current: string, tabs: {id: string, text: Children, href: string}[]}} props
 */
export const Tabs = ({ label, current, tabs }) => html`
  <nav class="tabs" aria-label=${label}>
    ${tabs.map((tab) => html`<a key=${tab.id} href=${tab.href} aria-current=${tab.id === current ? "page" : undefined}>${tab.text}</a>`)}
  </nav>
`;

/**
 * A dialog over the page: the browser keeps focus in it, Escape closes it, focus goes back to where it was.
 * @param {{title: string, onClose: () => void, children: Children, className?: string, head?: Children}} props `head` stands in place of the title
 */
export function Dialog({ title, onClose, children, className, head }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  const close = () => dialog.current?.close();
  return html`
    <dialog ref=${dialog} class=${className} aria-label=${title} onClose=${onClose} onClick=${(/** @type {MouseEvent} */ event) => event.target === dialog.current && close()}>
      <div class="dialog-body">
        <header>${head ?? html`<h2>${title}</h2>`}<button type="button" class="quiet" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
        ${children}
      </div>
    </dialog>
  `;
}

/**
 * A field with its name above it, and what is wrong with it below.
 * @param {{label: Children, hint?: Children, error?: string, children: Children}} props
 */
export const Field = ({ label, hint, error, children }) => html`
  <label class="field">
    <span class="field-label">${label}</span>
    ${children}
    ${hint && html`<span class="field-hint">${hint}</span>`}
    ${error && html`<span class="field-error" role="alert">${error}</span>`}
  </label>
`;

/**
 * How far something is. Without a total it moves, to say that something happens.
 * @param {{label: string, done?: number | null, total?: number | null, tone?: string}} props
 */
export const Meter = ({ label, done, total, tone = "" }) =>
  total
    ? html`<progress class=${`meter ${tone}`} aria-label=${label} max=${total} value=${Math.min(done ?? 0, total)}></progress>`
    : html`<progress class=${`meter ${tone}`} aria-label=${label}></progress>`;
