import { useApp, useFreshAfterLoads, useResource } from "app";
import { number, percent } from "format";
import { html } from "html";
import { Ago, Bytes, Commonest, Count, Histogram, Loaded, Page, Skeleton, Table, Tabs } from "parts";
import { readAll } from "../../models/resource.js";
import { LoadRejects, Loads, rejectedIn } from "../table/loads.js";
import { Rows } from "../table/rows.js";

/** @typedef {{table: import("stepmill/types").Table, loads: import("../../models/resource.js").Resource<import("stepmill/types").Load[]>, onChange: () => void}} TabProps */

/** @type {[id: string, name: string, Tab: (props: TabProps) => any][]} */
const TABS = [["rows", "Rows", Rows], ["columns", "Columns", Columns], ["loads", "Loads", Loads], ["rejects", "Rejects", LoadRejects]];

/** One table: its rows, columns, loads and rejects. */
export function Screen() {
  const { client, envId, links, route, session } = useApp();
  const { physId } = route.params;
  const table = useResource((signal) => client.getTable(envId, physId, { signal }), []);
  const loads = useResource((signal) => readAll((query) => client.listLoads(envId, physId, query, { signal })), []);
  useFreshAfterLoads([table, loads]);
  const { data } = table;
  const schema = session.environments.find((each) => each.envId === envId)?.schemaName ?? envId;
  const view = [schema, data?.logicalName ?? ""].map((name) => `"${name.replaceAll('"', '""')}"`).join(".");
  const [current, , Tab] = TABS.find(([id]) => id === route.query.tab) ?? TABS[0];
  const counts = [data?.rows, data?.columns.length, loads.data?.length, rejectedIn(loads.data ?? [])?.rowsRejected ?? 0];
  const tabs = TABS.map(([id, name], place) => ({
    id,
    text: html`${name} <${Count} value=${counts[place]} />`,
    href: links.table(physId, { tab: place ? id : null }),
  }));
  const subtitle = data && html`
    <${Bytes} value=${data.bytes} /><span>loaded <${Ago} at=${data.lastLoadAt} /></span>
    ${data.owner.kind === "area" && html`<a href=${links.area(data.owner.id)}>Files</a><a href=${links.plan(data.owner.id)}>Plan v${data.planVersion}</a>`}`;
  const sql = data && html`<input class="mono" size="40" readonly aria-label="SQL that reads it" value=${`SELECT * FROM ${view}`} onClick=${(event) => event.currentTarget.select()} />`;
  return html`
    <${Page} title=${data?.logicalName ?? "Table"} kicker=${html`<a href=${links.tables()}>Tables</a>`} subtitle=${subtitle} actions=${sql}>
      <${Loaded} resource=${table} what="The table" skeleton=${html`<${Skeleton} rows=${8} kind="row" />`}>
        ${() => html`
          <${Tabs} label="Parts of it" current=${current} tabs=${tabs} />
          <${Tab} table=${data} loads=${loads} onChange=${() => void (table.load(), loads.load())} />
        `}
      <//>
    <//>
  `;
}

/** What each column is, and what it holds. @param {TabProps} props */
function Columns({ table: { physId, columns, lastLoadAt, rows } }) {
  const { client, envId } = useApp();
  const profile = useResource(async (signal) => {
    const { sampledRows, columns: found } = await client.profileTable(envId, physId, { signal });
    return { sampledRows, items: columns.map((column, place) => ({ ...column, ...found[place] })) };
  }, [lastLoadAt, rows]);
  const end = (/** @type {any} */ value) => html`<div class="clip" title=${value}>${String(value ?? "–")}</div>`;
  return html`
    <${Loaded} resource=${profile} what="What the columns hold" skeleton=${html`<${Skeleton} rows=${columns.length} kind="row" />`}>${({ sampledRows, items }) => {
      /** @type {import("../parts/page.js").TableColumn[]} */
      const shown = [
        ["Column", ({ name, logicalName }) => html`${logicalName}${name !== logicalName && html`<small>${name}</small>`}`],
        ["Type", ({ type, unit }) => html`${type}${unit && `, ${unit}`}`],
        ["Nulls", ({ nulls }) => percent(nulls / (sampledRows || 1)), "number"],
        ["Distinct", ({ distinct }) => html`<${Count} value=${distinct} />`, "number"],
        ["From", ({ min }) => end(min)],
        ["To", ({ max }) => end(max)],
        ["Distribution", ({ logicalName, histogram, commonest = [] }) => histogram ? html`<${Histogram} buckets=${histogram} label=${`Distribution of ${logicalName}`} />` : html`<${Commonest} values=${commonest.slice(0, 3)} total=${sampledRows} />`, "values"],
      ];
      return html`
        ${sampledRows < rows && html`<p class="soft small">As found in ${number(sampledRows)} rows taken at random.</p>`}
        <${Table} label="Columns" columns=${shown} items=${items} />
      `;
    }}<//>
  `;
}
