import { counted, number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Findings } from "../files/preview_parts.js";
import { Table } from "../files/table.js";
import { Failure, Skeleton } from "../parts/states.js";
import { RejectRows } from "../table/reject_rows.js";

const SHOWN_ROWS = 20;

/** What the draft makes of a file. @param {{draft: import("../../models/plan_draft.js").PlanDraft, files: any[], fileId: string | null}} props */
export function PlanTrial({ draft, files, fileId }) {
  const { router } = useApp();
  const { after, before, error, isTrying } = draft;
  if (!fileId) return html`<p class="hint">Add a file to the area to see here what the plan makes of it.</p>`;
  return html`
    <section class="plan-trial" aria-labelledby="trial">
      <header><h2 id="trial">Tried on</h2>
        <select aria-label="File to try the plan on" value=${fileId} onChange=${(event) => router.set({ file: event.currentTarget.value })}>
          ${files.map((file) => html`<option key=${file.fileId} value=${file.fileId}>${file.name}</option>`)}</select></header>
      <p role="status" class=${isTrying ? "soft" : ""}>${isTrying ? after && "Trying …" : after && !error && verdict(after, before)}</p>
      ${error && html`<${Failure} error=${error} what="The plan" />`}
      ${after ? html`<${Outcome} trial=${after} />` : !error && html`<${Skeleton} rows=${8} kind="row" />`}
    </section>
  `;
}

/** @param {any} after @param {any} before */
function verdict(after, before) {
  const now = after.rejects.length;
  const was = before?.rejects.length;
  return html`${counted(after.rowsRead, "row")} tried: <strong class=${now ? "bad" : ""}>${now ? `${number(now)} rejected` : "none rejected"}</strong>${was !== undefined && was !== now && html`, before ${number(was)}`}`;
}

/** @param {{trial: any}} props */
function Outcome({ trial }) {
  /** @type {import("../files/table.js").TableColumn[]} */
  const columns = trial.columns.map((/** @type {any} */ column) => [html`${column.logicalName}<br /><code>${column.type}</code>`, (/** @type {any} */ row) => cell(row[column.logicalName]), isNumber(column) ? "number" : ""]);
  return html`
    <${Findings} findings=${trial.warnings} />
    ${trial.rejects.length > 0 && html`<h3>Rejected</h3><div class="sheet"><${RejectRows} rejects=${trial.rejects.slice(0, SHOWN_ROWS)} /></div>`}
    ${trial.rows.length > 0 && html`<h3>First rows</h3><${Table} label="First rows by the plan" columns=${columns} items=${trial.rows.slice(0, SHOWN_ROWS)} />`}
  `;
}

/** @param {{type: string}} column */
const isNumber = ({ type }) => ["integer", "numeric", "double"].includes(type);

/** @param {any} value */
const cell = (value) => (value === null ? html`<span class="soft">–</span>` : html`<span class="cell">${typeof value === "object" ? JSON.stringify(value) : String(value)}</span>`);
