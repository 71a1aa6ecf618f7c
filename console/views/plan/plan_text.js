import { html, useRef } from "../../lib/html.js";
import { Lines } from "../files/forms.js";

/** The whole plan as JSON, with its faults; each leads to its place. @param {{draft: import("../../models/plan_draft.js").PlanDraft}} props */
export function PlanText({ draft }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const text = draft.text ?? "";
  const show = (/** @type {string} */ pointer) => {
    const area = /** @type {HTMLTextAreaElement} */ (place.current?.querySelector("textarea"));
    const at = placeOf(text, pointer);
    area.focus();
    area.setSelectionRange(at, at + 1);
    area.scrollTop = (area.scrollHeight * text.slice(0, at).split("\n").length) / text.split("\n").length - area.clientHeight / 2;
  };
  return html`
    <div class="plan-text" ref=${place}>
      ${draft.faults.length > 0 && html`<ul class="hint ERROR">${draft.faults.map(({ pointer, message }) => html`<li><button type="button" class="quiet" onClick=${() => show(pointer)}><code>${pointer || "/"}</code></button> ${message}</li>`)}</ul>`}
      <${Lines} label="The plan" hint=${html`What may stand here is on the documentation's page on the transform plan.`} rows="30" class="mono" spellcheck="false" value=${text} set=${(typed) => draft.write(typed)}
        error=${draft.error && !draft.faults.length ? draft.error.message : undefined} />
    </div>
  `;
}

/**
 * Where in a JSON text the value of a pointer begins; 0 if it is not found.
 * @param {string} text
 * @param {string} pointer
 */
export function placeOf(text, pointer) {
  const wanted = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  /** Where one is: of each object or list around it the key or index. @type {(string | number)[]} */
  const path = [];
  let found = 0;
  let reached = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],:"]+/g)) {
    const last = path.length - 1;
    if (token === "}" || token === "]") path.pop();
    else if (token === ",") path[last] = typeof path[last] === "number" ? path[last] + 1 : "";
    else if (token.startsWith('"') && /^\s*:/.test(text.slice(index + token.length))) path[last] = JSON.parse(token);
    else {
      const fits = path.length <= wanted.length && path.every((part, place) => String(part) === wanted[place]);
      if (fits && path.length > reached) [found, reached] = [index, path.length];
      if (token === "{" || token === "[") path.push(token === "[" ? 0 : "");
    }
  }
  return found;
}
