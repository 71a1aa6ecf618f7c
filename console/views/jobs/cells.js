import { inZone, number, percent } from "format";
import { html } from "html";
import { shownStatus, Status, Time, Took } from "parts";

/** @typedef {import("../../models/job_row.js").JobRow} JobRow */

/** The list's columns; the first is for the marks. */
export const COLUMNS = [
  { key: "status", text: "Status" },
  { key: "type", text: "Type" },
  { key: "about", text: "Job", className: "about-cell" },
  { key: "state", text: "Progress" },
  { key: "rows", text: "Rows", className: "number" },
  { key: "created", text: "Created", className: "number" },
  { key: "took", text: "Took", className: "number" },
];

/**
 * The cells of a job's row.
 * @param {JobRow} row
 * @param {string} href
 * @param {string} [area] the name of the area that it belongs to
 */
export function cellsOf(row, href, area) {
  const about = row.about || area || row.given || row.jobId;
  return [
    html`<div key="status" role="gridcell" class="status-cell"><${Status} status=${shownStatus(row)} /></div>`,
    html`<div key="type" role="gridcell" class="type-cell soft">${row.type}</div>`,
    html`<div key="about" role="gridcell" class="about-cell"><a href=${href} tabindex="-1" title=${about}>${about}</a></div>`,
    html`<div key="state" role="gridcell" class="state-cell">${stateOf(row)}</div>`,
    html`<div key="rows" role="gridcell" class="rows-cell number figure">${row.rowsLoaded === null ? "" : number(row.rowsLoaded)}</div>`,
    html`<div key="created" role="gridcell" class="created-cell number soft"><${Time} at=${row.createdAt} /></div>`,
    html`<div key="took" role="gridcell" class="took-cell number">${row.status !== "PENDING" && html`<${Took} from=${row.startedAt} to=${row.finishedAt} />`}</div>`,
  ];
}

/** How far it is, why it waits, or what went wrong. @param {JobRow} row */
function stateOf({ status, note, rowsRejected, step, share }) {
  if (note) return html`<span class=${status === "ERROR" ? "bad clip" : "soft clip"} title=${note}>${inZone(note)}</span>`;
  if (!step) return rowsRejected > 0 && html`<span class="soft">${number(rowsRejected)} rejected</span>`;
  if (share === null) return step;
  return html`${step}<i class="share" aria-hidden="true" style=${{ "--share": share }}></i><span class="figure soft">${percent(Math.floor(share * 100) / 100)}</span>`;
}
