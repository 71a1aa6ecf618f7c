import { html, useRef } from "../../lib/html.js";
import { Field } from "../parts/controls.js";
import { Icon } from "../parts/icon.js";
import { Failure } from "../parts/states.js";

/** Whatever else a control takes. @typedef {Record<string, any>} More */

/** Hears what was typed or chosen. @param {(value: string) => void} set */
const on = (set) => (/** @type {any} */ event) => set(event.currentTarget.value);

/** @param {{label: any, value: any, set: (value: string) => void, hint?: any, error?: string} & More} props */
export const Text = ({ label, hint, error, value, set, ...more }) =>
  html`<${Field} label=${label} hint=${hint} error=${error}><input value=${value ?? ""} onInput=${on(set)} aria-invalid=${error ? "true" : undefined} ...${more} /><//>`;

/** Several lines. @param {{label: any, value: any, set: (value: string) => void, hint?: any, error?: string} & More} props */
export const Lines = ({ label, hint, error, value, set, ...more }) =>
  html`<${Field} label=${label} hint=${hint} error=${error}><textarea value=${value} onInput=${on(set)} aria-invalid=${error ? "true" : undefined} ...${more} /><//>`;

/** @param {{label: any, value: any, set: (value: string) => void, options: [value: string, text: string][], hint?: any, error?: string}} props */
export const Select = ({ label, hint, error, value, set, options }) => html`
  <${Field} label=${label} hint=${hint} error=${error}>
    <select value=${value ?? ""} onChange=${on(set)}>${options.map(([each, text]) => html`<option key=${each} value=${each}>${text}</option>`)}</select>
  <//>
`;

/** @param {{label: any, value: boolean, set: (value: boolean) => void}} props */
export const Check = ({ label, value, set }) =>
  html`<label class="check"><input type="checkbox" checked=${value} onChange=${(event) => set(event.currentTarget.checked)} />${label}</label>`;

/** Fields that are sent together by one button. @param {{action: any, submit: any, what: string, className?: string, children: any}} props */
export const Form = ({ action, submit, what, className = "primary", children }) => html`
  <form class="form" onSubmit=${(event) => (event.preventDefault(), action.run())}>
    ${children} ${action.error && html`<${Failure} error=${action.error} what=${what} />`}
    <div class="form-foot"><button class=${className} disabled=${action.isRunning}>${submit}</button></div>
  </form>
`;

/** A button that opens the browser's choice of files. @param {{onFiles: (files: File[]) => void, text?: string}} props */
export function ChooseFiles({ onFiles, text = "Choose files" }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const take = (/** @type {any} */ { currentTarget }) => {
    onFiles([...currentTarget.files]);
    currentTarget.value = "";
  };
  return html`<input ref=${input} type="file" multiple hidden onChange=${take} />
    <button type="button" class="primary" onClick=${() => input.current?.click()}><${Icon} name="upload" />${text}</button>`;
}
