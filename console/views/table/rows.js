import { number } from "../../lib/format.js";
import { html, useEffect, useRef } from "../../lib/html.js";
import { TableRows } from "../../models/table_rows.js";
import { useApp, useOwnModel } from "../app.js";
import { Dialog } from "../parts/controls.js";
import { Grid } from "../parts/grid.js";
import { Empty, Facts, Failure, Skeleton } from "../parts/page.js";

/** @typedef {import("stepmill/types").Table["columns"][number]} Column */

const MEASURED = 40;
const [FEWEST, MOST] = [6, 34];
const MOST_COLUMNS = 100;

/** Every row of a table, and one of them in full. @param {import("../screens/table.js").TabProps} props */
export function Rows({ table }) {
  const { client, envId, route, router } = useApp();
  const { physId, logicalName, rows: total, lastLoadAt } = table;
  const columns = table.columns.slice(0, MOST_COLUMNS);
  const rows = useOwnModel(() => new TableRows((query, signal) => client.listRows(envId, physId, query, { signal }), total), []);
  const open = Number(route.query.row ?? 0) - 1;
  useEffect(() => rows.look("record", [open]), [open]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) rows.refresh(total);
    isFirst.current = false;
  }, [total, lastLoadAt]);
  const row = rows.row(open);
  const show = (/** @type {number} */ index) => router.set({ row: index + 1 });
  if (total === 0) return html`<${Empty} title="The table has no rows" icon="tables"><p>Its loads tell why.</p><//>`;
  return html`
    ${rows.error && html`<${Failure} error=${rows.error} what="The list" onRetry=${() => rows.refresh()} />`}
    ${columns.length < table.columns.length && html`<p class="soft small">The first ${MOST_COLUMNS} of ${table.columns.length} columns. An opened row has all.</p>`}
    <div class="rows-view" style=${{ "--columns": widthsOf(columns, rows) }}>
      <${Grid} label=${`Rows of ${logicalName}; Enter shows one in full`} name="records" rowHeight=${32} count=${rows.count} columns=${headsOf(columns)} onOpen=${show}
        item=${(index) => rows.row(index)} row=${(index) => cellsOf(columns, rows.row(index), index)}
        onSight=${(first, last) => rows.look("grid", [first, last - 1])} />
    </div>
    ${open >= 0 && open < total && html`
      <${Dialog} title=${`Row ${number(open + 1)}`} wide onClose=${() => router.set({ row: null })}>
        ${row ? html`<${Facts} items=${table.columns.map(({ logicalName: name, unit }) => [html`${name} ${unit && `(${unit})`}`, shown(row[name])])} />` : html`<${Skeleton} rows=${8} />`}
        <footer>
          <span class="soft small grow" role="status">${number(open + 1)} of ${number(total)}</span>
          <button disabled=${open === 0} onClick=${() => show(open - 1)}>Previous</button>
          <button disabled=${open + 1 >= total} onClick=${() => show(open + 1)}>Next</button>
        </footer>
      <//>`}
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
  ...columns.map((column) => ({ key: column.name, className: sideOf(column), text: html`<b>${column.logicalName}</b><small>${column.type}${column.unit && `, ${column.unit}`}</small>` })),
];

/** @param {Column[]} columns @param {Record<string, unknown> | null} row @param {number} index */
const cellsOf = (columns, row, index) =>
  row && [
    html`<div role="gridcell" class="number soft">${index + 1}</div>`,
    ...columns.map((column) => html`<div role="gridcell" class=${sideOf(column)} title=${textOf(row[column.logicalName])}>${shown(row[column.logicalName])}</div>`),
  ];

/** @param {Column} column */
const sideOf = ({ type }) => (["integer", "numeric", "double"].includes(type) ? "number" : "");

/** A value as it is in the table: times are in UTC, since they are data. @param {unknown} value */
const textOf = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : String(value));

/** As it is shown: nothing is told from an empty text. @param {unknown} value */
const shown = (value) => (value === null || value === "" ? html`<i class="soft">${value === null ? "null" : "empty"}</i>` : textOf(value));
