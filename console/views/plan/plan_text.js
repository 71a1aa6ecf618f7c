import { html, useRef } from "../../lib/html.js";
import { placeOf } from "../../models/json_place.js";
import { Field } from "../parts/controls.js";

/** The whole plan as JSON, with its faults; each leads to its place. @param {{draft: import("../../models/plan_draft.js").PlanDraft}} props */
export function PlanText({ draft }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const { text, faults, error } = draft;
  const show = (/** @type {string} */ pointer) => {
    const at = placeOf(text ?? "", pointer);
    area.current?.focus();
    area.current?.setSelectionRange(at, at + 1);
  };
  return html`
    ${faults.length > 0 && html`<ul class="hint ERROR">${faults.map(({ pointer, message }) => html`<li><button type="button" class="quiet" onClick=${() => show(pointer)}><code>${pointer || "/"}</code></button> ${message}</li>`)}</ul>`}
    <${Field} label="The plan" error=${faults.length ? "" : error?.message}><textarea ref=${area} rows="30" class="mono" spellcheck="false" value=${text} onInput=${(event) => draft.write(event.currentTarget.value)} /><//>
  `;
}
