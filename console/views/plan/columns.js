import { counted } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { CHOICES, isOfMany, MAPPINGS, TYPES, withKind } from "../../models/plan_mappings.js";
import { useApp } from "../app.js";
import { Fields } from "../files/forms.js";
import { Icon } from "../parts/icon.js";
import { Section } from "../parts/page.js";

/** @typedef {{draft: import("../../models/plan_draft.js").PlanDraft, index: number}} OfColumn */

const FAILURES = [["rejectRow", "Reject the row"], ["nullValue", "Take it as empty"], ["failLoad", "Stop the load"]];
const LIKE = { logicalName: "", name: "", source: "", unit: "", precision: 38, scale: 0, onFailure: "rejectRow", nullValues: [], nullable: true, partOfTheKey: false };
const HINTS = { logicalName: "What readers see", onFailure: "What a value that does not fit does", nullValues: "Words for no value, one in each line" };

/** The columns of the plan: which there are, and what each becomes. @param {{draft: OfColumn["draft"]}} props */
export const Columns = ({ draft }) => html`
  <${Section} title="Columns" id="columns" aside="What is off is not loaded.">
    <ol class="sheet plan-columns">${draft.columns.map((_, index) => html`<${Column} key=${index} draft=${draft} index=${index} />`)}</ol>
  <//>
`;

/** @param {OfColumn} props */
function Column({ draft, index }) {
  const { route } = useApp();
  const { isOn, column } = draft.columns[index];
  const [wantsOpen, setOpen] = useState(route.query.column === column.name);
  const isOpen = isOn && wantsOpen;
  const name = column.logicalName ?? column.name;
  const kind = column.mapping?.kind ?? "DIRECT";
  const fault = isOn && draft.faultAt(draft.pointerOf(index));
  const set = (/** @type {any} */ values) => draft.changeColumn(index, values);
  const rejects = isOn ? draft.rejects.filter((each) => each.column === column.name) : [];
  const choice = (/** @type {string} */ what, /** @type {string} */ value, /** @type {string[]} */ options, /** @type {(chosen: string) => void} */ choose) => html`
    <select aria-label=${`${what} of ${name}`} disabled=${!isOn} value=${value} onChange=${(event) => choose(event.currentTarget.value)}>${options.map((each) => html`<option key=${each}>${each}</option>`)}</select>`;
  return html`
    <li class=${isOn ? "" : "off"}>
      <div class="plan-column">
        <input type="checkbox" aria-label=${`Load ${name}`} checked=${isOn} onChange=${() => draft.turn(index, !isOn)} />
        <span class="clip"><strong>${name}</strong>${column.source !== name && html`<br /><span class="small soft">${column.source ?? "made of several"}</span>`}</span>
        ${choice("Type", column.type, TYPES, (type) => set({ type }))}
        ${choice("Mapping", kind, Object.keys(MAPPINGS), (chosen) => (setOpen(true), set(withKind(column, chosen))))}
        <button type="button" class="quiet" disabled=${!isOn} aria-expanded=${String(isOpen)} aria-label=${`More of ${name}`} onClick=${() => setOpen(!isOpen)}><${Icon} name=${isOpen ? "down" : "more"} /></button>
      </div>
      ${fault && html`<p class="small bad" role="alert">${fault}</p>`}
      ${rejects.length > 0 && html`<div class="hint ERROR">
        <p>${counted(rejects.length, "row")} of those tried ${rejects.length === 1 ? "is" : "are"} rejected here: ${rejects[0].reason}</p>
        <div class="line"><button type="button" onClick=${() => set({ type: "text" })}>Make it text</button>
          <button type="button" onClick=${() => set({ onFailure: "nullValue", nullable: null })}>Take what does not fit as empty</button></div></div>`}
      ${isOpen && html`<${Details} draft=${draft} index=${index} />`}
    </li>
  `;
}

/** @param {OfColumn} props */
function Details({ draft, index }) {
  const { column } = draft.columns[index];
  const at = draft.pointerOf(index);
  const { source = {}, keyColumns = [] } = draft.rest;
  const { mapping = { kind: "DIRECT" } } = column;
  const { source: _source, precision, scale, ...like } = LIKE;
  const shown = { ...(!isOfMany(mapping.kind) && { source: "" }), ...(column.type === "numeric" && { precision, scale }), ...like };
  const set = ({ partOfTheKey, ...values } = /** @type {any} */ ({})) => {
    if (partOfTheKey !== undefined) draft.change({ keyColumns: partOfTheKey ? [...keyColumns, column.name] : keyColumns.filter((/** @type {string} */ key) => key !== column.name) });
    else draft.changeColumn(index, values);
  };
  const choices = { onFailure: FAILURES, ...(source.columns?.length && { source: source.columns }) };
  return html`
    <div class="plan-fields"><${Fields} data=${mapping} like=${MAPPINGS[mapping.kind]?.like ?? {}} choices=${CHOICES} set=${(/** @type {any} */ values) => set({ mapping: { ...mapping, ...values } })} faultAt=${(/** @type {string} */ name) => draft.faultAt(`${at}/mapping/${name}`)} /></div>
    <div class="plan-fields"><${Fields} data=${{ ...column, partOfTheKey: keyColumns.includes(column.name) }} like=${shown} choices=${choices} hints=${HINTS} set=${set} faultAt=${(/** @type {string} */ name) => draft.faultAt(`${at}/${name}`)} /></div>
  `;
}
