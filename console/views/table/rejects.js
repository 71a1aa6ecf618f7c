import { counted, moment, number } from "../../lib/format.js";
import { html, useRef } from "../../lib/html.js";
import { useApp, useResource } from "../app.js";
import { Empty, Loaded, Skeleton } from "../parts/states.js";
import { Replay } from "./loads.js";
import { RejectRows } from "./reject_rows.js";

/** @typedef {import("../screens/table.js").Load} Load */
/** @typedef {{items: import("./reject_rows.js").Reject[], nextCursor?: string}} Known */

const [PAGE, CSV_ROWS] = [100, 500];

/** What a load could not load, and what to do about it. @param {import("../screens/table.js").TabProps} props */
export function LoadRejects({ table, loads }) {
  const { route, router } = useApp();
  return html`
    <${Loaded} resource=${loads} what="The list of loads" skeleton=${html`<${Skeleton} rows=${6} kind="row" />`}>
      ${(/** @type {Load[]} */ all) => {
        const some = all.filter(({ rowsRejected }) => rowsRejected > 0);
        const load = some.find(({ loadId }) => loadId === route.query.load) ?? some[0];
        if (!load) return html`<${Empty} title="Nothing was rejected" icon="check"><p>A row that does not fit the plan is kept here, with its line, the reason and its cells.</p><//>`;
        return html`
          <label class="line small">Load
            <select value=${load.loadId} onChange=${(/** @type {any} */ event) => router.set({ load: event.currentTarget.value })}>
              ${some.map(({ loadId, startedAt, fileName = "", rowsRejected }) => html`<option value=${loadId}>${moment(startedAt)} · ${fileName} · ${counted(rowsRejected, "reject")}</option>`)}
            </select>
          </label>
          <${OfLoad} key=${load.loadId} load=${load} areaId=${table.owner.id} />
        `;
      }}
    <//>
  `;
}

/** @param {{load: Load, areaId: string}} props */
function OfLoad({ load, areaId }) {
  const { client, envId, links, session } = useApp();
  const { loadId, fileId = null, rowsRejected } = load;
  const known = useRef(/** @type {Known} */ ({ items: [] }));
  const rejects = useResource(async (signal) => {
    const { items, nextCursor: cursor } = known.current;
    if (items.length > 0 && !cursor) return known.current;
    const page = await client.listRejects(envId, loadId, { limit: PAGE, cursor }, { signal });
    return (known.current = { ...page, items: [...items, ...page.items] });
  }, [loadId]);
  return html`
    <div class="line reject-actions">
      ${session.may("editor") && html`<a class="button primary" href=${links.plan(areaId, { file: fileId })}>Mend the plan</a>`}
      ${session.may("operator") && html`<${Replay} load=${load} />`}
      <a class="button" href=${links.rejectsCsv(loadId)} download>Download as CSV${rowsRejected > CSV_ROWS && ` (the first ${CSV_ROWS})`}</a>
    </div>
    <${Loaded} resource=${rejects} what="The list of rejects" skeleton=${html`<${Skeleton} rows=${8} kind="row" />`}>
      ${(/** @type {Known} */ { items, nextCursor }) => html`
        <ul class="line small reasons" aria-label="Reasons">${reasonsOf(items).map(([reason, count]) => html`<li key=${reason}><strong class="figure">${number(count)}</strong> <code>${reason}</code></li>`)}</ul>
        <div class="sheet"><${RejectRows} rejects=${items} /></div>
        <p class="line soft small"><span role="status">${number(items.length)} of ${counted(rowsRejected, "reject")}</span>
          ${nextCursor && html`<button type="button" disabled=${rejects.isLoading} onClick=${() => rejects.load()}>Show more</button>`}</p>
      `}
    <//>
  `;
}

/** How often each reason is among them, the commonest first. @param {Known["items"]} rejects */
function reasonsOf(rejects) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { code, column } of rejects) {
    const reason = column === null ? code : `${code} in ${column}`;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}
