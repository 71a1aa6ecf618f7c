import { label } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { Field } from "../parts/controls.js";
import { Failure } from "../parts/states.js";

/** @typedef {Record<string, any>} Data */

/**
 * A field for each value of `like`, which tells how it is filled in: texts in lines, a number, yes or no, JSON, one of
 * `choices`, else a text; it is what holds where `data` has nothing. `set` is told what changed, undefined for nothing.
 * @param {{data: Data, like: Data, choices?: Record<string, (string | string[])[]>, hints?: Record<string, string>, set: (changes: Data) => void, faultAt?: (name: string) => string | undefined}} props
 */
export const Fields = ({ data, like, choices = {}, hints = {}, set, faultAt }) =>
  Object.keys(like).map((name) => {
    const value = data[name] ?? like[name];
    const put = (/** @type {any} */ changed) => set({ [name]: changed });
    if (typeof value === "boolean") return html`<label key=${name} class="check"><input type="checkbox" checked=${value} onChange=${() => put(!value)} />${label(name)}</label>`;
    const props = { name, value, isSet: data[name] !== undefined, options: choices[name], put };
    return html`<${Field} key=${name} label=${label(name)} hint=${hints[name] ?? (isLines(value) && "One in each line")} error=${faultAt?.(name)}><${Control} ...${props} /><//>`;
  });

/** @param {any} value */
const isLines = (value) => Array.isArray(value) && typeof (value[0] ?? "") === "string";

/** @param {{value: any, isSet: boolean, options?: (string | string[])[], put: (value: any) => void}} props */
function Control({ value, isSet, options, put }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const on = (/** @type {(text: string) => any} */ read) => (/** @type {any} */ event) => put(read(event.currentTarget.value));
  if (options) return html`<select value=${value} onChange=${on(String)}>${options.map((each) => [each, each].flat()).map(([each, text]) => html`<option key=${each} value=${each}>${text || "none"}</option>`)}</select>`;
  if (isLines(value)) return html`<textarea rows="2" value=${value.join("\n")} onInput=${on((text) => (text ? text.split("\n") : undefined))} />`;
  if (typeof value === "number") return html`<input type="number" step="any" value=${isSet ? value : ""} onInput=${on((text) => (text ? Number(text) : undefined))} />`;
  if (typeof value === "string") return html`<input value=${isSet ? value.replaceAll("\t", "\\t") : ""} placeholder=${value} onInput=${on((text) => text.replaceAll("\\t", "\t") || undefined)} />`;
  const write = (/** @type {any} */ { currentTarget }) => {
    setTyped(currentTarget.value);
    try {
      put(JSON.parse(currentTarget.value));
      currentTarget.setCustomValidity("");
    } catch {
      currentTarget.setCustomValidity("This is not JSON yet.");
    }
  };
  return html`<textarea rows="3" class="mono" spellcheck="false" value=${typed ?? JSON.stringify(value)} onInput=${write} />`;
}

/** Fields that are sent together by one button. @param {{action: any, submit: any, what: string, className?: string, children: any}} props */
export const Form = ({ action, submit, what, className = "primary", children }) => html`
  <form class="form" onSubmit=${(event) => (event.preventDefault(), action.run())}>
    ${children} ${action.error && html`<${Failure} error=${action.error} what=${what} />`}
    <div class="form-foot"><button class=${className} disabled=${action.isRunning}>${submit}</button></div>
  </form>
`;

/** Choices of which each has a sentence. @param {{legend: string, choices: string[][], value: string, set: (value: any) => void}} props */
export const Radios = ({ legend, choices, value, set }) => html`
  <fieldset class="modes"><legend class="field-label">${legend}</legend>
    ${choices.map(([each, text, more]) => html`<label key=${each}><input type="radio" name=${legend} checked=${value === each} onChange=${() => set(each)} /><span>${text} <span class="soft">${more}</span></span></label>`)}
  </fieldset>
`;
