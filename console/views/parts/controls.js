import { useAction } from "app";
import { label } from "format";
import { html, useEffect, useLayoutEffect, useRef, useState } from "html";
import { Failure, Icon } from "./page.js";

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
    dialog.current?.showModal();
    // The focus goes back to where it was.
    return () => dialog.current?.close();
  }, []);
  const close = () => dialog.current?.close();
  return html`
    <dialog ref=${dialog} class=${className} aria-label=${title} onClose=${() => dialog.current && onClose()} onClick=${(/** @type {MouseEvent} */ event) => event.target === dialog.current && close()}>
      <div class="dialog-body">
        <header>${head ?? html`<h2>${title}</h2>`}<button class="quiet" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
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

/** @typedef {Record<string, any>} Data */

/**
 * A field for each value of `like`, which tells how it is filled in: texts in lines, a number, yes or no, JSON, one of
 * `choices`, else a text; it is what holds where `data` has nothing. `set` is told what changed, undefined for nothing;
 * `onBroken` that a field holds what is no JSON, until what it gives is called.
 * @param {{data: Data, like: Data, choices?: Record<string, (string | string[])[]>, hints?: Record<string, string>, set: (changes: Data) => void, faultAt?: (name: string) => string | undefined, onBroken?: () => () => void}} props
 */
export const Fields = ({ data, like, choices = {}, hints = {}, set, faultAt, onBroken }) =>
  Object.keys(like).map((name) => {
    const value = data[name] ?? like[name];
    const put = (/** @type {any} */ changed) => set({ [name]: changed });
    if (typeof value === "boolean") return html`<label key=${name} class="check"><input type="checkbox" checked=${value} onChange=${() => put(!value)} />${label(name)}</label>`;
    const props = { value, isSet: data[name] !== undefined, options: choices[name], put, onBroken };
    return html`<${Field} key=${name} label=${label(name)} hint=${hints[name] ?? (isLines(value) && "One in each line")} error=${faultAt?.(name)}><${Control} ...${props} /><//>`;
  });

/** @param {any} value */
const isLines = (value) => Array.isArray(value) && typeof (value[0] ?? "") === "string";

/** @param {{value: any, isSet: boolean, options?: (string | string[])[], put: (value: any) => void, onBroken?: () => () => void}} props */
function Control({ value, isSet, options, put, onBroken }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const [fault, setFault] = useState("");
  useEffect(() => (fault ? onBroken?.() : undefined), [fault]);
  const on = (/** @type {(text: string) => any} */ read) => (/** @type {any} */ event) => put(read(event.currentTarget.value));
  if (options) return html`<select value=${value} onChange=${on(String)}>${options.map((each) => [each, each].flat()).map(([each, text]) => html`<option key=${each} value=${each}>${text || "none"}</option>`)}</select>`;
  if (isLines(value)) return html`<textarea rows="2" value=${value.join("\n")} onInput=${on((text) => (text ? text.split("\n") : undefined))} />`;
  const type = typeof value;
  if (type !== "object") return html`<input type=${type} step="any" value=${isSet ? value : ""} placeholder=${value} onInput=${on((text) => (text === "" ? undefined : type === "number" ? Number(text) : text))} />`;
  const write = (/** @type {any} */ { currentTarget }) => {
    let wrong = "";
    try {
      put(JSON.parse(currentTarget.value));
    } catch {
      wrong = "This is not JSON yet.";
    }
    currentTarget.setCustomValidity(wrong);
    setTyped(currentTarget.value);
    setFault(wrong);
  };
  return html`<textarea rows="2" class="mono" spellcheck="false" aria-invalid=${fault !== ""} value=${typed ?? JSON.stringify(value)} onInput=${write} onBlur=${() => fault || setTyped(null)} />
    ${fault && html`<span class="field-error">${fault}</span>`}`;
}

/** Fields that are sent together by one button; in a dialog the first of them has the focus. @param {{action: any, submit: any, what: string, className?: string, children: any}} props */
export function Form({ action, submit, what, className = "primary", children }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => /** @type {HTMLElement | null} */ (form.current?.querySelector("dialog :is(input, select, textarea)"))?.focus(), []);
  return html`
    <form ref=${form} class="form" onSubmit=${(event) => (event.preventDefault(), action.run())}>
      ${children} ${action.error && html`<${Failure} error=${action.error} what=${what} />`}
      <div class="form-foot"><button class=${className} aria-disabled=${action.isRunning}>${submit}</button></div>
    </form>
  `;
}

/** Asks before `act` does what can't be taken back. @param {{title: string, submit: string, act: () => Promise<unknown>, onClose: () => void, children: any}} props */
export function Confirm({ title, submit, act, onClose, children }) {
  const action = useAction(act);
  return html`<${Dialog} title=${title} onClose=${onClose}><${Form} action=${action} submit=${submit} what="This" className="danger">${children}<//><//>`;
}
