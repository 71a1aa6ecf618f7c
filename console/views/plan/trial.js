import { useApp } from "app";
import { counted, number } from "format";
import { html } from "html";
import { Failure, Skeleton, Table } from "parts";
import { Findings } from "../files/findings.js";
import { RejectRows } from "../table/reject_rows.js";

const SHOWN_ROWS = 20;

/** What the draft makes of a file. @param {{draft: import("../../models/plan_draft.js").PlanDraft, files: any[], file: any}} props */
export function PlanTrial({ draft: { after, error, rejects }, files, file }) {
  const { router } = useApp();
  if (!file) return html`<p class="hint">Add a file to the area to see here what the plan makes of it.</p>`;
  /** @type {import("../parts/page.js").TableColumn[]} */
  const columns = after?.columns.map(({ logicalName = "", type = "" }) => [html`${logicalName}<br /><code>${type}</code>`, (/** @type {any} */ row) => cell(row[logicalName]), NUMBERS.includes(type) && "number"]);
  return html`
    <section class="plan-trial" aria-labelledby="trial" tabindex="0">
      <header class="line"><h2 id="trial">Tried on</h2>
        <select class="grow" aria-label="File to try the plan on" value=${file.fileId} onChange=${(event) => router.set({ file: event.target.value })}>${files.map(({ fileId, name }) => html`<option key=${fileId} value=${fileId}>${name}</option>`)}</select></header>
      ${error && html`<${Failure} error=${error} what="The plan" />`}
      ${after ? html`<${Findings} findings=${after.warnings} />` : !error && html`<${Skeleton} rows=${8} kind="row" />`}
      ${rejects.length > 0 && html`<h3>Rejected</h3><div class="sheet"><${RejectRows} rejects=${rejects.slice(0, SHOWN_ROWS)} /></div>`}
      ${after?.rows.length > 0 && html`<h3>First rows</h3><${Table} label="First rows by the plan" columns=${columns} items=${after.rows.slice(0, SHOWN_ROWS)} />`}
    </section>
  `;
}

const NUMBERS = ["integer", "numeric", "double"];

/** @param {any} value */
const cell = (value) => html`<span class="cell">${value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "–")}</span>`;

/** How many rows the draft rejects, and the plan before it did; grey while that is found out anew. @param {{draft: import("../../models/plan_draft.js").PlanDraft}} props */
export function Verdict({ draft: { after, before, error, isTrying } }) {
  if (!after || error) return null;
  const tone = (/** @type {number} */ rejected) => (isTrying ? "soft" : rejected ? "bad" : "");
  const { ofLoad, rowsRejected: now } = after;
  const was = before?.rowsRejected ?? now;
  return html`<span class=${tone(0)}>${counted(after.rowsRead, "row")} tried: <strong class=${tone(now)}>${now ? number(now) : "none"} rejected</strong>${was !== now && `, before ${number(was)}`}</span>
    ${ofLoad && html`<span class=${tone(0)}>Of what the last load rejected, <strong class=${tone(ofLoad.rowsRejected)}>${ofLoad.rowsRejected ? `${number(ofLoad.rowsRejected)} of ${number(ofLoad.rowsRead)} still` : "none is any more"}</strong></span>`}`;
}
