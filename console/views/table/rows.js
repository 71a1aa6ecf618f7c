import { html, useEffect, useRef } from "../../lib/html.js";
import { TableRows } from "../../models/table_rows.js";
import { useApp, useOwnModel } from "../app.js";
import { Grid } from "../parts/grid.js";
import { Empty, Failure } from "../parts/states.js";
import { isNumber, shown, textOf } from "./cells.js";
import { Record } from "./record.js";

/** @typedef {import("./cells.js").Column} Column */

const MEASURED = 40;
const [FEWEST, MOST] = [6, 34];
const MOST_COLUMNS = 100;

/** Every row of a table, and one of them in full. @param {import("../screens/table.js").TabProps} props */
export function Rows({ table }) {
  const { client, envId, route, router } = useApp();
  const { physId, logicalName, rows: total, lastLoadAt } = table;
  const columns = table.columns.slice(0, MOST_COLUMNS);
  const view = useRef(/** @type {HTMLElement | null} */ (null));
  const sight = useRef([0, MEASURED]);
  const open = Number.parseInt(route.query.row ?? "", 10) - 1;
  const isOpen = open >= 0;
  const rows = useOwnModel(() => new TableRows((query, signal) => client.listRows(envId, physId, query, { signal }), total), [envId, physId]);
  const look = () => rows.look(isOpen ? [open, ...sight.current] : sight.current);
  useEffect(look, [rows, open]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) rows.refresh(total);
    isFirst.current = false;
  }, [total, lastLoadAt]);
  const show = (/** @type {number} */ index) => router.set({ row: index + 1 });
  const close = () => {
    router.set({ row: null });
    /** @type {HTMLElement | null | undefined} */ (view.current?.querySelector("[role=grid]"))?.focus();
  };
  if (total === 0) return html`<${Empty} title="The table has no rows" icon="tables"><p>Its loads tell what became of them: rejected, filtered, or taken back.</p><//>`;
  return html`
    ${rows.error && html`<${Failure} error=${rows.error} what="The list of rows" onRetry=${() => rows.retry()} />`}
    ${columns.length < table.columns.length && html`<p class="soft small">These are the first ${MOST_COLUMNS} of ${table.columns.length} columns. A row that is opened has all.</p>`}
    <div ref=${view} class=${isOpen ? "rows-view with-record" : "rows-view"} style=${layoutOf(columns, rows)} onKeyDown=${(/** @type {KeyboardEvent} */ { key }) => key === "Escape" && isOpen && close()}>
      <${Grid} label=${`Rows of ${logicalName}; Enter shows one in full`} name="records" rowHeight=${32} count=${rows.count} columns=${headsOf(columns)} version=${`${open} ${lastLoadAt}`} onOpen=${show}
        item=${(/** @type {number} */ index) => rows.row(index)} row=${(/** @type {number} */ index) => cellsOf(columns, rows.row(index), index, index === open)}
        onSight=${(/** @type {number} */ first, /** @type {number} */ last) => {
          sight.current = [first, last - 1];
          look();
        }} />
      ${isOpen && html`<${Record} columns=${table.columns} row=${rows.row(open)} index=${open} count=${total} onShow=${show} onClose=${close} />`}
    </div>
  `;
}

/** Each column as wide as its name and its first values need. @param {Column[]} columns @param {TableRows} rows */
function layoutOf(columns, rows) {
  const first = Array.from({ length: MEASURED }, (_, index) => rows.row(index)).filter((row) => row !== null);
  const letters = columns.map(({ logicalName, type, unit }) => {
    const needed = [logicalName.length + 1, type.length + (unit?.length ?? 0), ...first.map((row) => textOf(row[logicalName]).length)];
    return Math.min(MOST, Math.max(FEWEST, ...needed));
  });
  const widths = [FEWEST, ...letters].map((count) => `calc(${count}ch + 1.6rem)`);
  return { "--columns": widths.join(" "), "--width": `calc(${letters.reduce((sum, count) => sum + count, FEWEST)}ch + ${1.6 * widths.length}rem)` };
}

/** @param {Column[]} columns */
const headsOf = (columns) => [
  { key: "#", text: "#", className: "number" },
  ...columns.map(({ name, logicalName, type, unit }) => ({ key: `.${name}`, className: isNumber(type) ? "number" : "", text: html`<b>${logicalName}</b><small>${unit ? `${type}, ${unit}` : type}</small>` })),
];

/** @param {Column[]} columns @param {Record<string, unknown> | null} row @param {number} index @param {boolean} isOpen */
const cellsOf = (columns, row, index, isOpen) =>
  row && [
    html`<div key="#" role="gridcell" class=${isOpen ? "number open" : "number soft"}>${index + 1}</div>`,
    ...columns.map(({ name, logicalName, type }) => html`<div key=${`.${name}`} role="gridcell" class=${isNumber(type) ? "number" : ""} title=${textOf(row[logicalName])}>${shown(row[logicalName])}</div>`),
  ];
