import { number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useApp, useResource } from "../app.js";
import { useFreshAfterLoads } from "../files/live.js";
import { Tabs } from "../parts/controls.js";
import { Page } from "../parts/page.js";
import { Loaded, Skeleton } from "../parts/states.js";
import { Ago, Bytes, Count } from "../parts/words.js";
import { Columns } from "../table/columns.js";
import { Copy } from "../table/copy.js";
import { Loads } from "../table/loads.js";
import { LoadRejects } from "../table/rejects.js";
import { Rows } from "../table/rows.js";

/** @typedef {import("stepmill/types").Table} Table */
/** @typedef {import("stepmill/types").Load & {fileId?: string, fileName?: string, supersededBy?: string, revertedAt?: string, removedAt?: string}} Load */
/** @typedef {{table: Table, loads: import("../../models/resource.js").Resource<Load[]>, onChange: () => void}} TabProps */

/** @type {[id: string, name: string, Tab: (props: TabProps) => any][]} */
const TABS = [["rows", "Rows", Rows], ["columns", "Columns", Columns], ["loads", "Loads", Loads], ["rejects", "Rejects", LoadRejects]];

/** One table: its rows, columns, loads and rejects. */
export function Screen() {
  const { client, envId, links, route } = useApp();
  const { physId } = route.params;
  const table = useResource((signal) => client.getTable(envId, physId, { signal }), []);
  const loads = useResource((signal) => /** @type {Promise<Load[]>} */ (readAll((query) => client.listLoads(envId, physId, query, { signal }))), []);
  useFreshAfterLoads([table, loads]);
  const [current, , Tab] = TABS.find(([id]) => id === route.query.tab) ?? TABS[0];
  const counts = [table.data?.rows, table.data?.columns.length, loads.data?.length, loads.data?.find(({ rowsRejected }) => rowsRejected > 0)?.rowsRejected];
  const tabs = TABS.map(([id, name], place) => ({
    id,
    text: html`${name} ${counts[place] && html`<span class="figure">${number(counts[place])}</span>`}`,
    href: links.table(physId, { tab: place ? id : null }),
  }));
  const onChange = () => void (table.load(), loads.load());
  return html`
    <${Page} title=${table.data?.logicalName ?? "Table"} kicker=${html`<a href=${links.tables()}>Tables</a>`} subtitle=${table.data && html`<${Subtitle} table=${table.data} last=${loads.data?.[0]} />`}
      actions=${table.data && html`<${Sql} name=${table.data.logicalName} />`}>
      <${Loaded} resource=${table} what="The table" skeleton=${html`<${Skeleton} rows=${8} kind="row" />`}>
        ${(/** @type {Table} */ data) => html`
          <${Tabs} label="Parts of the table" current=${current} tabs=${tabs} />
          <${Tab} table=${data} loads=${loads} onChange=${onChange} />
        `}
      <//>
    <//>
  `;
}

/** @param {{table: Table, last: Load | undefined}} props */
function Subtitle({ table: { owner, rows, bytes, planVersion, lastLoadAt }, last }) {
  const { links } = useApp();
  return html`
    <span><${Count} value=${rows} /> rows</span><${Bytes} value=${bytes} />
    ${owner.kind === "area" && html`<a href=${links.area(owner.id)}>Files</a><a href=${links.plan(owner.id)}>Plan v${planVersion}</a>`}
    <span>loaded <${Ago} at=${lastLoadAt} /></span>${last && html`<a href=${links.job(last.jobId)}>Last job</a>`}
  `;
}

/** How SQL names the table. @param {{name: string}} props */
function Sql({ name }) {
  const { session, envId } = useApp();
  const schema = session.environments.find((each) => each.envId === envId)?.schemaName ?? envId;
  const view = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
  return html`<${Copy} text=${view} /><${Copy} text=${`SELECT * FROM ${view} LIMIT 100`} />`;
}
