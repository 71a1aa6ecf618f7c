import { counted } from "format";
import { html, useMemo } from "html";
import { Fields, Section } from "parts";
import { MAPPINGS, TYPES, withKind } from "../../models/plan_mappings.js";

/** @typedef {{draft: import("../../models/plan_draft.js").PlanDraft}} OfDraft */

/** The columns of the plan: which there are, and what each becomes. @param {OfDraft} props */
export function Columns({ draft }) {
  const { rejects } = draft;
  let place = 0;
  return html`
    <${Section} title="Columns" id="columns" aside="What is off is not loaded.">
      <ol class="sheet plan-columns">${draft.columns.map(({ isOn, column }, index) => html`<${Column} key=${index} ...${{ draft, index, isOn, column, fault: isOn && draft.faultAt(place++), rejects }} />`)}</ol>
    <//>
  `;
}

/** A column, which is not drawn again while it would be the same. @param {OfDraft & import("../../models/plan_draft.js").DraftColumn & {index: number, fault?: string, rejects: any[]}} props */
function Column({ draft, index, isOn, column, fault, rejects }) {
  const own = isOn ? rejects.filter((each) => each.column === column.name) : [];
  const { kind, ...settings } = column.mapping ?? { kind: "DIRECT" };
  const name = column.logicalName ?? column.name;
  const set = (/** @type {any} */ values) => draft.changeColumn(index, values);
  const like = { ...(column.type === "numeric" && { precision: 38, scale: 0 }), ...(kind !== "DIRECT" && { settings: {} }) };
  const put = (/** @type {any} */ changes) => set(changes.settings ? { mapping: { kind, ...changes.settings } } : changes);
  const choice = (/** @type {string} */ what, /** @type {string} */ value, /** @type {string[]} */ options, /** @type {(chosen: string) => void} */ choose) => html`
    <select aria-label=${`${what} of ${name}`} disabled=${!isOn} value=${value} onChange=${(event) => choose(event.target.value)}>${options.map((each) => html`<option key=${each}>${each}</option>`)}</select>`;
  return useMemo(() => html`
    <li class=${isOn ? "" : "off"}>
      <div class="line">
        <input type="checkbox" aria-label=${`Load ${name}`} checked=${isOn} onChange=${() => draft.turn(index, !isOn)} />
        <input class="grow" aria-label=${`Name of ${name}`} title=${`From ${column.source ?? "several columns"}`} disabled=${!isOn} value=${column.logicalName} placeholder=${column.name} onInput=${(event) => set({ logicalName: event.target.value })} />
        ${choice("Type", column.type, TYPES, (type) => set({ type }))}
        <label class="check"><input type="checkbox" disabled=${!isOn} checked=${column.nullable !== false} onChange=${(event) => set({ nullable: event.target.checked })} />or empty</label>
        ${choice("Mapping", kind, Object.keys(MAPPINGS), (chosen) => set(withKind(column, chosen)))}
      </div>
      ${isOn && html`<div key=${kind} class="plan-fields"><${Fields} data=${{ ...column, settings }} like=${like} set=${put} onBroken=${draft.onBroken} /></div>`}
      ${fault && html`<p class="small bad" role="alert">${fault}</p>`}
      ${own[0] && html`<div class="hint ERROR">
        <p>${counted(own.length, "row")} of those tried ${own.length === 1 ? "is" : "are"} rejected here: ${own[0].reason}</p>
        <div class="line"><button onClick=${() => set({ type: "text" })}>Make it text</button>
          <button onClick=${() => set({ onFailure: "nullValue", nullable: null })}>Take what does not fit as empty</button></div></div>`}
    </li>
  `, [isOn, column, fault, own.length, own[0]]);
}
