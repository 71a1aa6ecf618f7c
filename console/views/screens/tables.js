import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useApp, useResource } from "../app.js";
import { useFreshAfterLoads } from "../files/live.js";
import { Page } from "../parts/page.js";
import { Empty, Loaded, Skeleton } from "../parts/states.js";
import { Ago, Bytes, Count } from "../parts/words.js";
import { Copy } from "../table/copy.js";

/** @typedef {import("stepmill/types").Table} Table */

const STALE_MS = 24 * 3_600_000;

/** @type {[name: string, className: string, sortedBy: (table: Table) => string | number, cell: (table: Table) => any][]} */
const COLUMNS = [
  ["Rows", "number", ({ rows }) => rows, ({ rows }) => html`<${Count} value=${rows} />`],
  ["Size", "number wide-only", ({ bytes }) => bytes, ({ bytes }) => html`<${Bytes} value=${bytes} />`],
  ["Columns", "number wide-only", ({ columns }) => columns.length, ({ columns }) => columns.length],
  ["Plan", "number wide-only", ({ planVersion }) => planVersion ?? 0, ({ planVersion }) => `v${planVersion ?? "–"}`],
  ["Last load", "", ({ lastLoadAt }) => lastLoadAt ?? "", ({ lastLoadAt }) => html`<span class=${Date.now() - Date.parse(lastLoadAt ?? "") > STALE_MS ? "stale" : ""}><${Ago} at=${lastLoadAt} /></span>`],
];
const NAME = "Table";

/** All tables of the environment. */
export function Screen() {
  const { client, envId, router, route } = useApp();
  const tables = useResource((signal) => readAll((query) => client.listTables(envId, query, { signal })), []);
  useFreshAfterLoads([tables]);
  const { q = "" } = route.query;
  const search = html`<input type="search" aria-label="Search tables" placeholder="Search" value=${q} onInput=${(/** @type {any} */ event) => router.set({ q: event.currentTarget.value })} />`;
  const found = (tables.data ?? []).filter(({ logicalName }) => logicalName.toLowerCase().includes(q.toLowerCase()));
  const all = tables.data?.length ?? 0;
  const count = html`<span role="status">${found.length < all && `${found.length} of `}${counted(all, "table")}</span>`;
  return html`
    <${Page} title="Tables" subtitle=${all > 0 && count} actions=${all > 0 && search}>
      <${Loaded} resource=${tables} what="The list of tables" skeleton=${html`<${Skeleton} rows=${6} kind="row" />`}>
        ${() => (all === 0 ? html`<${NoTables} />` : found.length > 0 && html`<${List} tables=${found} />`)}
      <//>
    <//>
  `;
}

/** @param {{tables: Table[]}} props */
function List({ tables }) {
  const { links, route, router } = useApp();
  const { sort = NAME, dir } = route.query;
  const by = COLUMNS.find(([name]) => name === sort)?.[2] ?? (({ logicalName }) => logicalName.toLowerCase());
  const sign = dir === "desc" ? -1 : 1;
  const sorted = [...tables].sort((a, b) => sign * (by(a) < by(b) ? -1 : Number(by(a) > by(b))));
  const head = (/** @type {string} */ name, className = "") => {
    const order = name !== sort ? undefined : dir ? "descending" : "ascending";
    const turn = () => router.set({ sort: name, dir: order === "ascending" ? "desc" : null });
    return html`<th scope="col" class=${className} aria-sort=${order}><button type="button" class="quiet" onClick=${turn}>${name}</button></th>`;
  };
  return html`
    <div class="sheet">
      <table class="tables">
        <thead><tr>${head(NAME)}${COLUMNS.map(([name, className]) => head(name, className))}<th scope="col" class="wide-only">From</th></tr></thead>
        <tbody>${sorted.map(
          (table) => html`
            <tr key=${table.physId}>
              <th scope="row"><a href=${links.table(table.physId)}>${table.logicalName}</a></th>
              ${COLUMNS.map(([, className, , cell]) => html`<td class=${className}>${cell(table)}</td>`)}
              <td class="wide-only">${table.owner.kind === "area" ? html`<a href=${links.area(table.owner.id)} aria-label=${`Files of ${table.logicalName}`}>Files</a>` : "Web API"}</td>
            </tr>
          `,
        )}</tbody>
      </table>
    </div>
  `;
}

function NoTables() {
  const { links } = useApp();
  return html`
    <${Empty} title="No tables yet" icon="tables">
      <p>A file becomes a table: its columns are found and typed, its rows loaded and accounted for. Drop a file anywhere on this page, or run</p>
      <p><${Copy} text=${links.loadByCommand()} /></p>
    <//>
  `;
}
