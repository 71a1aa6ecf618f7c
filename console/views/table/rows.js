import { useApp, useOwnModel } from "app";
import { number } from "format";
import { html, useEffect } from "html";
import { Dialog, Empty, Facts, Failure, Grid } from "parts";
import { TableRows } from "../../models/table_rows.js";

/** @typedef {import("stepmill/types").Table["columns"][number]} Column */

const MEASURED = 40;
const [FEWEST, MOST] = [6, 34];
const MOST_COLUMNS = 100;

/** Every row of a table, and one of them in full. @param {import("../screens/table.js").TabProps} props */
export function Rows({ table }) {
  const { client, envId, route, router } = useApp();
  const { physId, logicalName, rows: total, columns: all, lastLoadAt } = table;
  const wanted = parseInt(route.query.column) - 1;
  const from = all[wanted] ? wanted - (wanted % MOST_COLUMNS) : 0;
  const columns = all.slice(from, from + MOST_COLUMNS);
  const rows = useOwnModel(() => new TableRows((query, signal) => client.listRows(envId, physId, query, { signal }), total), []);
  const { count } = rows;
  const open = parseInt(route.query.row) - 1;
  const row = rows.row(open);
  useEffect(() => rows.look("record", open), [open]);
  useEffect(() => rows.refresh(total), [total, lastLoadAt]);
  useEffect(() => document.querySelector(".records")?.scrollTo({ left: 0 }), [from]);
  const to = (/** @type {string} */ words, /** @type {"row" | "column"} */ what, /** @type {number} */ index, /** @type {number} */ end) =>
    html`<button disabled=${index < 0 || index >= end} onClick=${() => router.set({ [what]: index + 1 })}>${words}</button>`;
  if (!count) return html`<${Empty} title="The table has no rows" icon="tables"><p>Its loads tell why.</p><//>`;
  const failure = rows.error && html`<${Failure} error=${rows.error} what="The list" onRetry=${() => rows.refresh()} />`;
  return html`
    ${failure}
    ${all[MOST_COLUMNS] && html`
      <p class="line toolbar soft small">
        Columns ${number(from + 1)} to ${number(from + columns.length)} of ${number(all.length)}.
        ${to("Earlier", "column", from - MOST_COLUMNS, all.length)} ${to("Later", "column", from + MOST_COLUMNS, all.length)}
      </p>`}
    ${open >= count
      ? html`<p role="status">There is no row ${number(open + 1)}.</p>`
      : open >= 0 && html`
        <${Dialog} title=${`Row ${number(open + 1)}`} onClose=${() => router.set({ row: null })}>
          ${row ? html`<${Facts} items=${all.map(({ logicalName: name, unit }) => [html`${name} ${unit && `(${unit})`}`, shown(row[name])])} />` : failure}
          <footer>
            <span class="soft small grow" role="status">${number(open + 1)} of ${number(count)}</span>
            ${to("Previous", "row", open - 1, count)} ${to("Next", "row", open + 1, count)}
          </footer>
        <//>`}
    <div class="rows-view" style=${{ "--columns": widthsOf(columns, rows) }}>
      <${Grid} label=${`Rows of ${logicalName}; Enter shows one in full`} name="records" rowHeight=${32} count=${count} columns=${headsOf(columns)}
        onOpen=${(index) => router.set({ row: index + 1 }, { push: true })} item=${rows.row} version=${from} row=${(index) => cellsOf(columns, rows.row(index), index)}
        onSight=${(first, last) => rows.look("grid", first, last - 1)} />
    </div>
  `;
}

/** Each column as wide as its name and its first values need. @param {Column[]} columns @param {TableRows} rows */
function widthsOf(columns, rows) {
  const widths = columns.map(({ logicalName, type, unit }) => {
    const values = Array.from({ length: MEASURED }, (_, index) => textOf(rows.row(index)?.[logicalName] ?? "").length);
    return Math.min(MOST, Math.max(FEWEST, logicalName.length + 1, type.length + (unit?.length ?? 0), ...values));
  });
  return [FEWEST, ...widths].map((letters) => `calc(${letters}ch + 1.6rem)`).join(" ");
}

/** @param {Column[]} columns */
const headsOf = (columns) => [
  { key: "#", text: "#", className: "number" },
  ...columns.map(({ name, logicalName, type, unit }) => ({ key: name, className: sideOf(type), text: html`<b>${logicalName}</b><small>${type}${unit && `, ${unit}`}</small>` })),
];

/** @param {Column[]} columns @param {Record<string, unknown> | null} row @param {number} index */
const cellsOf = (columns, row, index) =>
  row && [
    html`<div role="gridcell" class="number soft">${index + 1}</div>`,
    ...columns.map(({ logicalName, type }) => html`<div role="gridcell" class=${sideOf(type)} title=${textOf(row[logicalName])}>${shown(row[logicalName])}</div>`),
  ];

/** @param {string} type */
const sideOf = (type) => (["integer", "numeric", "double"].includes(type) ? "number" : "");

/** A value as it is in the table: times are in UTC, since they are data. @param {unknown} value */
const textOf = (value) => (typeof value === "object" ? JSON.stringify(value, null, 2) : String(value));

/** As it is shown: nothing is told from an empty text. @param {unknown} value */
const shown = (value) => ((value ?? "") === "" ? html`<i class="soft">${value === "" ? "empty" : "null"}</i>` : textOf(value));
