import { counted } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { MAPPINGS, TYPES, withKind } from "../../models/plan_mappings.js";
import { useApp } from "../app.js";
import { Check, Lines, Select, Text } from "../files/forms.js";
import { Icon } from "../parts/icon.js";
import { Section } from "../parts/page.js";
import { MappingFields } from "./mapping_fields.js";

/** @typedef {import("../../models/plan_draft.js").PlanDraft} PlanDraft */

/** @param {string[]} values @returns {[string, string][]} */
const same = (values) => values.map((value) => [value, value]);

/** @type {[string, string][]} */
const FAILURES = [["rejectRow", "Reject the row"], ["nullValue", "Take it as empty"], ["failLoad", "Stop the load"]];

/** The columns of the plan: which there are, and what each becomes. @param {{draft: PlanDraft}} props */
export const Columns = ({ draft }) => html`
  <${Section} title="Columns" id="columns" aside="What is off is not loaded.">
    <ol class="sheet plan-columns">${draft.columns.map((_, index) => html`<${Column} key=${index} draft=${draft} index=${index} />`)}</ol>
  <//>
`;

/** @param {{draft: PlanDraft, index: number}} props */
function Column({ draft, index }) {
  const { route } = useApp();
  const { isOn, column } = draft.columns[index];
  const [isOpen, setOpen] = useState(route.query.column === column.name);
  const name = column.logicalName ?? column.name;
  const at = draft.pointerOf(index);
  const fault = isOn && draft.faultAt(at);
  const set = (/** @type {Record<string, any>} */ values) => draft.changeColumn(index, values);
  const rejects = (draft.after?.rejects ?? []).filter((/** @type {any} */ each) => each.column === column.name);
  return html`
    <li class=${isOn ? "" : "off"}>
      <div class="plan-column">
        <input type="checkbox" aria-label=${`Load ${name}`} checked=${isOn} onChange=${() => draft.turn(index, !isOn)} />
        <span class="clip"><strong>${name}</strong>${column.source !== name && html`<br /><span class="small soft">${column.source ?? "made of several"}</span>`}</span>
        <select aria-label=${`Type of ${name}`} disabled=${!isOn} value=${column.type} onChange=${(event) => set({ type: event.currentTarget.value })}>
          ${TYPES.map((type) => html`<option key=${type}>${type}</option>`)}</select>
        <select aria-label=${`Mapping of ${name}`} disabled=${!isOn} value=${column.mapping?.kind ?? "DIRECT"} onChange=${(event) => (setOpen(true), set(withKind(column, event.currentTarget.value)))}>
          ${Object.keys(MAPPINGS).map((kind) => html`<option key=${kind}>${kind}</option>`)}</select>
        <button type="button" class="quiet" disabled=${!isOn} aria-expanded=${String(isOpen && isOn)} aria-label=${`More of ${name}`} onClick=${() => setOpen(!isOpen)}>
          <${Icon} name=${isOpen && isOn ? "down" : "more"} /></button>
      </div>
      ${fault && html`<p class="small bad" role="alert">${fault}</p>`}
      ${isOn && rejects.length > 0 && html`<div class="hint ERROR">
        <p>${counted(rejects.length, "row")} of those tried ${rejects.length === 1 ? "is" : "are"} rejected here: ${rejects[0].reason}</p>
        <div class="line"><button type="button" onClick=${() => set({ type: "text" })}>Make it text</button>
          <button type="button" onClick=${() => set({ onFailure: "nullValue", nullable: null })}>Take what does not fit as empty</button></div></div>`}
      ${isOn && isOpen && html`<${Details} draft=${draft} index=${index} set=${set} at=${at} />`}
    </li>
  `;
}

/** @param {{draft: PlanDraft, index: number, set: (values: Record<string, any>) => void, at: string}} props */
function Details({ draft, index, set, at }) {
  const { column } = draft.columns[index];
  const sources = draft.rest.source?.columns ?? [];
  const keys = draft.rest.keyColumns ?? [];
  const isOfMany = MAPPINGS[column.mapping?.kind]?.isOfMany;
  const lines = (/** @type {string} */ value) => (value ? value.split("\n") : null);
  return html`
    <div class="plan-fields">
      <${Text} label="Name for readers" value=${column.logicalName} set=${(logicalName) => set({ logicalName })} error=${draft.faultAt(`${at}/logicalName`)} />
      <${Text} label="Name" value=${column.name} set=${(name) => name && set({ name })} error=${draft.faultAt(`${at}/name`)} />
      ${!isOfMany && (sources.length
        ? html`<${Select} label="Source column" value=${column.source} set=${(source) => set({ source })} options=${same(sources)} />`
        : html`<${Text} label="Source field" value=${column.source} set=${(source) => set({ source })} />`)}
      ${column.type === "numeric" && html`
        <${Text} label="Digits" type="number" min="1" max="38" value=${column.precision} set=${(value) => set({ precision: value && Number(value) })} />
        <${Text} label="After the point" type="number" min="0" max="38" value=${column.scale} set=${(value) => set({ scale: value && Number(value) })} error=${draft.faultAt(`${at}/scale`)} />`}
      <${MappingFields} mapping=${column.mapping ?? { kind: "DIRECT" }} sources=${sources} set=${(mapping) => set({ mapping })} faultAt=${(name) => draft.faultAt(`${at}/mapping/${name}`)} />
      <${Text} label="Unit" value=${column.unit} set=${(unit) => set({ unit })} />
      <${Select} label="What does not fit" value=${column.onFailure ?? "rejectRow"} set=${(onFailure) => set({ onFailure })} options=${FAILURES} />
      <${Lines} label="Words for no value" hint="One in each line" rows="2" value=${(column.nullValues ?? []).join("\n")} set=${(value) => set({ nullValues: lines(value) })} />
      <div class="flow">
        <${Check} label="May be empty" value=${column.nullable ?? true} set=${(nullable) => set({ nullable })} />
        <${Check} label="Part of the key" value=${keys.includes(column.name)} set=${(isKey) => draft.change({ keyColumns: isKey ? [...keys, column.name] : keys.filter((/** @type {string} */ key) => key !== column.name) })} />
      </div>
    </div>
  `;
}
