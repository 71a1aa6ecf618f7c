import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { MAPPINGS, TYPES, withKind } from "../../models/plan_mappings.js";
import { Fields } from "../parts/controls.js";
import { Section } from "../parts/page.js";

/** @typedef {{draft: import("../../models/plan_draft.js").PlanDraft}} OfDraft */

/** The columns of the plan: which there are, and what each becomes. @param {OfDraft} props */
export const Columns = ({ draft }) => html`
  <${Section} title="Columns" id="columns" aside="What is off is not loaded.">
    <ol class="sheet plan-columns">${draft.columns.map((_, index) => html`<${Column} key=${index} draft=${draft} index=${index} />`)}</ol>
  <//>
`;

/** @param {OfDraft & {index: number}} props */
function Column({ draft, index }) {
  const { isOn, column } = draft.columns[index];
  const { kind, ...settings } = column.mapping ?? { kind: "DIRECT" };
  const name = column.logicalName ?? column.name;
  const fault = draft.faultOf(index);
  const rejects = isOn ? draft.rejects.filter((each) => each.column === column.name) : [];
  const set = (/** @type {any} */ values) => draft.changeColumn(index, values);
  const like = { ...(column.type === "numeric" && { precision: 38, scale: 0 }), ...(kind !== "DIRECT" && { settings: {} }) };
  const put = (/** @type {any} */ changes) => set(changes.settings ? { mapping: { kind, ...changes.settings } } : changes);
  const choice = (/** @type {string} */ what, /** @type {string} */ value, /** @type {string[]} */ options, /** @type {(chosen: string) => void} */ choose) => html`
    <select aria-label=${`${what} of ${name}`} disabled=${!isOn} value=${value} onChange=${(event) => choose(event.target.value)}>${options.map((each) => html`<option key=${each}>${each}</option>`)}</select>`;
  return html`
    <li class=${isOn ? "" : "off"}>
      <div class="line">
        <input type="checkbox" aria-label=${`Load ${name}`} checked=${isOn} onChange=${() => draft.turn(index, !isOn)} />
        <input class="grow" aria-label=${`Name of ${name}`} title=${`From ${column.source ?? "several columns"}`} disabled=${!isOn} value=${column.logicalName} placeholder=${column.name} onInput=${(event) => set({ logicalName: event.target.value })} />
        ${choice("Type", column.type, TYPES, (type) => set({ type }))}
        <label class="check"><input type="checkbox" disabled=${!isOn} checked=${column.nullable !== false} onChange=${(event) => set({ nullable: event.target.checked })} />or empty</label>
        ${choice("Mapping", kind, Object.keys(MAPPINGS), (chosen) => set(withKind(column, chosen)))}
      </div>
      ${isOn && html`<div key=${kind} class="plan-fields"><${Fields} data=${{ ...column, settings }} like=${like} set=${put} /></div>`}
      ${fault && html`<p class="small bad" role="alert">${fault}</p>`}
      ${rejects.length > 0 && html`<div class="hint ERROR">
        <p>${counted(rejects.length, "row")} of those tried ${rejects.length === 1 ? "is" : "are"} rejected here: ${rejects[0].reason}</p>
        <div class="line"><button onClick=${() => set({ type: "text" })}>Make it text</button>
          <button onClick=${() => set({ onFailure: "nullValue", nullable: null })}>Take what does not fit as empty</button></div></div>`}
    </li>
  `;
}
