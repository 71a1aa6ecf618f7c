import { html, useEffect } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useAction, useApp, useResource } from "../app.js";
import { Accounting } from "../parts/accounting.js";
import { Empty, Failure, Loaded, Skeleton } from "../parts/states.js";
import { Count, Time } from "../parts/words.js";
import { modeName } from "./area_form.js";
import { Table } from "./table.js";

/** What an area's files brought, the newest first; a load may be taken back, its rejects tried again. @param {{area: any}} props */
export function LoadList({ area }) {
  const { client, envId, links, session, uploads, notices } = useApp();
  const loads = useResource(async () => {
    try {
      return await readAll((query) => client.listLoads(envId, area.physId, query));
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) return [];
      throw error;
    }
  }, [envId, area.physId]);
  useEffect(() => {
    if (loads.data) loads.loadSoon(50);
  }, [area]);
  const action = useAction(async (act, load) => {
    if (act === "revert") {
      await client.revertLoad(envId, load.loadId);
      notices.good("The load is taken back.");
    } else {
      const file = { fileId: load.fileId, name: `${load.fileName}, its rejects`, bytes: 0 };
      await uploads.load(envId, area, file, () => client.replayRejects(envId, load.loadId));
    }
    loads.load();
  });
  /** @type {import("./table.js").TableColumn[]} */
  const columns = [
    ["Load", (load) => html`<a href=${links.job(load.jobId)}><${Time} at=${load.finishedAt ?? load.startedAt} /></a>`],
    ["File", (load) => html`${load.fileName}${load.replayOf && html` <span class="tag">rejects</span>`}`],
    ["Mode", (load) => modeName(load.mode), "wide-only"],
    ["Plan", (load) => html`<a href=${links.plan(area.areaId, { version: load.planVersion })}>v${load.planVersion}</a>`, "wide-only"],
    ["Rows", (load) => html`<${Accounting} slim counts=${load} /><span class="small soft"><${Count} value=${load.rowsLoaded} /> of <${Count} value=${load.rowsRead} />${load.rowsRejected > 0 && html` · <a href=${links.table(area.physId, { tab: "rejects", load: load.loadId })}>${load.rowsRejected} rejected</a>`}</span>`],
    ["Now", stateOf],
    ["", (load) => isInForce(load) && session.may("operator") && html`<div class="line end">
      ${load.rowsRejected > 0 && html`<button type="button" disabled=${action.isRunning} onClick=${() => action.run("replay", load)}>Replay rejects</button>`}
      ${load.mode !== "upsert" && html`<button type="button" disabled=${action.isRunning} onClick=${() => action.run("revert", load)}>Revert</button>`}</div>`],
  ];
  return html`
    ${action.error && html`<${Failure} error=${action.error} what="This" />`}
    <${Loaded} resource=${loads} what="The history of loads" skeleton=${html`<${Skeleton} rows=${4} kind="row" />`}>
      ${(items) => items.length
        ? html`<${Table} label="Loads" columns=${columns} items=${items} />`
        : html`<${Empty} title="Nothing was loaded yet" icon="clock"><p>Each load is listed here with what became of its rows, and can be taken back.</p><//>`}
    <//>
  `;
}

/** @param {any} load */
const isInForce = (load) => !load.supersededBy && !load.revertedAt && !load.removedAt;

/** @param {any} load */
function stateOf(load) {
  if (isInForce(load)) return html`<span class="status DONE"><i></i>In force</span>`;
  return html`<span class="soft">${load.revertedAt ? "Reverted" : load.removedAt ? "Removed" : "Replaced"}</span>`;
}
