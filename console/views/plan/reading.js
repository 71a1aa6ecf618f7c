import { html } from "../../lib/html.js";
import { Fields } from "../files/forms.js";

const SOURCE = { format: "csv", encoding: "utf-8", recordsPath: "" };
const CSV = { format: "csv", encoding: "utf-8", delimiter: "", quote: "", escape: "", comment: "", preambleRows: 0, headerRows: 0 };
const HINTS = { delimiter: "\\t is a tab", preambleRows: "Lines before the table that are not read", headerRows: "1 if the first row names the columns", maxRejects: "How many rows may be rejected: so many, or such a share, whichever is more" };

/** How the source is read, and what concerns the whole table. @param {{draft: import("../../models/plan_draft.js").PlanDraft}} props */
export function Reading({ draft }) {
  const { source = {} } = draft.rest;
  const times = draft.columns.filter(({ isOn, column }) => isOn && /^(date|timestamp)/.test(column.type)).map(({ column }) => column.name);
  const choices = { format: ["csv", "jsonl", "json"], timeColumn: ["", ...times] };
  return html`
    <details class="sheet pad section" open=${["/source", "/maxRejects", "/timeColumn"].some((place) => draft.faultAt(place))}><summary><strong>Reading, time column, limit of rejects</strong></summary>
      <div class="plan-fields">
        <${Fields} data=${source} like=${source.format === "csv" ? CSV : SOURCE} choices=${choices} hints=${HINTS} set=${(values) => draft.change({ source: { ...source, ...values } })} faultAt=${(name) => draft.faultAt(`/source/${name}`)} />
        <${Fields} data=${draft.rest} like=${{ timeColumn: "", maxRejects: { rows: 10, share: 0.1 } }} choices=${choices} hints=${HINTS} set=${(values) => draft.change(values)} faultAt=${(name) => draft.faultAt(`/${name}`)} />
      </div>
    </details>
  `;
}
