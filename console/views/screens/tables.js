import { useApp, useFreshAfterLoads, useResource } from "app";
import { counted } from "format";
import { html } from "html";
import { Ago, Bytes, Count, Empty, Loaded, Page, Skeleton, Table } from "parts";
import { readAll } from "../../models/resource.js";

/** What they can be sorted by, the least first; by name they are when they come. @type {Record<string, (table: import("stepmill/types").Table) => number>} */
const ORDERS = { Name: () => 0, Rows: ({ rows }) => -rows, "Last load": ({ lastLoadAt }) => -Date.parse(lastLoadAt ?? "1970") };

/** All tables of the environment. */
export function Screen() {
  const { client, envId, links, route, router } = useApp();
  const { q = "", sort = "Name" } = route.query;
  const tables = useResource((signal) => readAll((query) => client.listTables(envId, query, { signal })), []);
  useFreshAfterLoads([tables]);
  const found = (tables.data ?? []).filter(({ logicalName }) => logicalName.toLowerCase().includes(q.toLowerCase()));
  const by = ORDERS[sort] ?? ORDERS.Name;
  found.sort((one, other) => by(one) - by(other));
  /** @type {import("../parts/page.js").TableColumn[]} */
  const columns = [
    ["Table", (table) => html`<a href=${links.table(table.physId)}>${table.logicalName}</a>`],
    ["Rows", (table) => html`<${Count} value=${table.rows} />`, "number"],
    ["Size", (table) => html`<${Bytes} value=${table.bytes} />`, "number wide-only"],
    ["Last load", (table) => html`<${Ago} at=${table.lastLoadAt} />`],
    ["From", ({ owner }) => (owner.kind === "area" ? html`<a href=${links.area(owner.id)}>Files</a>` : "Web API"), "wide-only"],
  ];
  const nothing = html`
    <${Empty} title="No tables yet" icon="tables">
      <p>Drop a file anywhere on this page: its columns are found and typed, its rows loaded and accounted for. Or run</p>
      <p><code>${links.loadByCommand()}</code></p>
    <//>`;
  const list = (/** @type {number} */ count) => html`
    <div class="line tools small">
      <input type="search" aria-label="Search tables" placeholder="Search tables" value=${q} onInput=${(event) => router.set({ q: event.currentTarget.value })} />
      <label>Sort by <select value=${sort} onChange=${(event) => router.set({ sort: event.currentTarget.value })}>${Object.keys(ORDERS).map((name) => html`<option>${name}</option>`)}</select></label>
      <span class="soft" role="status">${q && `${found.length} of `}${counted(count, "table")}</span>
    </div>
    <${Table} label="Tables" columns=${columns} items=${found} />
  `;
  return html`
    <${Page} title="Tables">
      <${Loaded} resource=${tables} what="The list of tables" skeleton=${html`<${Skeleton} rows=${6} kind="row" />`}>${({ length }) => (length ? list(length) : nothing)}<//>
    <//>
  `;
}
