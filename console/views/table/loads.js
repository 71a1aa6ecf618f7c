import { useAction, useApp, useResource } from "app";
import { counted, number } from "format";
import { html, useState } from "html";
import { Accounting, Ago, Confirm, Empty, Failure, Loaded, Skeleton, Took } from "parts";
import { readAll } from "../../models/resource.js";
import { RejectRows } from "./reject_rows.js";

/** @typedef {import("stepmill/types").Load} Load */
/** @typedef {import("../screens/table.js").TabProps} TabProps */

const PAGE = 100;
const SKELETON = html`<${Skeleton} rows=${5} kind="tile" />`;

/** Every load of the table, the newest first. @param {TabProps} props */
export const Loads = ({ table, loads, onChange }) => html`
  <${Loaded} resource=${loads} what="The list" skeleton=${SKELETON}>
    ${(/** @type {Load[]} */ all) => html`<ol class="entries sheet">${all.map((load) => html`<${One} key=${load.loadId} load=${load} table=${table} onChange=${onChange} />`)}</ol>`}
  <//>
`;

/** @param {{load: Load, table: TabProps["table"], onChange: () => void}} props */
function One({ load, table, onChange }) {
  const { client, envId, links, notices, session } = useApp();
  const [isAsked, setAsked] = useState(false);
  const { loadId, fileId, fileName, mode, planVersion, jobId, startedAt, finishedAt, replayOf, revertedAt, removedAt } = load;
  const endedAt = removedAt ?? revertedAt;
  const isInForce = inForce(load);
  const revert = async () => {
    await client.revertLoad(envId, loadId);
    notices.good("The load was reverted.");
    setAsked(false);
    onChange();
  };
  return html`
    <li>
      <p class="line">
        ${fileId && html`<strong><a href=${links.file(table.owner.id, fileId)}>${fileName}</a></strong>`}
        ${replayOf && html`<span class="tag">rejects, loaded again</span>`}
        ${isInForce
          ? html`<span class="tag in-force">in force</span>`
          : html`<span class="tag">${removedAt ? "removed " : revertedAt ? "reverted " : "superseded by a later load"}<${Ago} at=${endedAt} /></span>`}
        <span class="soft grow"><${Ago} at=${finishedAt ?? startedAt} /> · <${Took} from=${startedAt} to=${finishedAt} /> · ${mode} · plan v${planVersion} · <a href=${links.job(jobId)}>job</a></span>
        ${isInForce && mode !== "upsert" && session.may("operator") && html`<button onClick=${() => setAsked(true)}>Revert</button>`}
      </p>
      <${Accounting} counts=${load} rejectsHref=${links.table(table.physId, { tab: "rejects", load: loadId })} />
      ${isAsked && html`<${Confirm} title="Revert this load?" submit="Revert the load" act=${revert} onClose=${() => setAsked(false)}>
        <p>Its rows go, and those that they replaced come back.</p><//>`}
    </li>
  `;
}

/** Whether the table has its rows. @param {Load} load */
const inForce = ({ supersededBy, revertedAt, removedAt }) => !(removedAt ?? revertedAt ?? supersededBy);

/** The newest of those in force that rejected rows. @param {Load[]} loads */
export const rejectedIn = (loads) => loads.find((load) => load.rowsRejected && inForce(load));

/** What a load rejected, and what to do about it. @param {TabProps} props */
export function LoadRejects({ table, loads }) {
  const { query } = useApp().route;
  return html`
    <${Loaded} resource=${loads} what="The list" skeleton=${SKELETON}>${(/** @type {Load[]} */ all) => {
      const load = all.find(({ loadId, rowsRejected }) => rowsRejected && loadId === query.load) ?? rejectedIn(all);
      return load
        ? html`<${Rejects} key=${load.loadId} load=${load} table=${table} />`
        : html`<${Empty} title="Nothing was rejected" icon="check"><p>A row that does not fit the plan is kept here, with the reason.</p><//>`;
    }}<//>
  `;
}

/** @param {{load: Load, table: TabProps["table"]}} props */
function Rejects({ load, table: { owner, physId } }) {
  const { loadId, fileId, fileName, rowsRejected, startedAt } = load;
  const { client, envId, links, notices, session } = useApp();
  // Each reading goes a page further.
  /** @type {import("../../models/resource.js").Resource<import("stepmill/types").Reject[]>} */
  const rejects = useResource(
    (signal) => readAll((query) => client.listRejects(envId, loadId, { ...query, limit: PAGE }, { signal }), (rejects.data?.length ?? 0) + PAGE), []);
  const replay = useAction(async () => {
    const { jobId } = await client.replayRejects(envId, loadId);
    notices.good("The rejects are being loaded again.", { href: links.job(jobId), linkText: "Watch it" });
  });
  return html`
    <div class="line block">
      <span class="grow small">${fileName}, loaded <${Ago} at=${startedAt} />${!inForce(load) && ", no longer in force"}. <a href=${links.table(physId, { tab: "loads" })}>Other loads</a></span>
      ${session.may("editor") && html`<a class="button primary" href=${links.plan(owner.id, { file: fileId ?? null })}>Mend the plan</a>`}
      ${session.may("operator") && inForce(load) && html`<button aria-disabled=${replay.isRunning} onClick=${replay.run}>Load the rejects again</button>`}
      <a class="button" href=${links.rejectsCsv(loadId)} download>Download as CSV</a>
    </div>
    ${replay.error && html`<${Failure} error=${replay.error} />`}
    <${Loaded} resource=${rejects} what="The list" skeleton=${SKELETON}>${(items) => html`
      <div class="sheet"><${RejectRows} rejects=${items} /></div>
      <p class="line soft small"><span role="status">${number(items.length)} of ${counted(rowsRejected, "reject")}</span>
        ${items.length % PAGE === 0 && items.length < rowsRejected && html`<button onClick=${() => rejects.load()}>Show more</button>`}</p>
    `}<//>
  `;
}
