import { duration, secondsBetween } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useAction, useApp } from "../app.js";
import { Accounting } from "../parts/accounting.js";
import { Dialog } from "../parts/controls.js";
import { Failure, Loaded, Skeleton } from "../parts/states.js";
import { Ago } from "../parts/words.js";

/** @typedef {import("../screens/table.js").Load} Load */

/** @param {Load} load */
const isInForce = ({ supersededBy, revertedAt, removedAt }) => !supersededBy && !revertedAt && !removedAt;

/** Every load of the table, the newest first. @param {import("../screens/table.js").TabProps} props */
export const Loads = ({ table, loads, onChange }) => html`
  <${Loaded} resource=${loads} what="The list of loads" skeleton=${html`<${Skeleton} rows=${5} kind="tile" />`}>
    ${(/** @type {Load[]} */ all) => html`<ol class="entries loads sheet">${all.map((load) => html`<${One} key=${load.loadId} load=${load} table=${table} onChange=${onChange} />`)}</ol>`}
  <//>
`;

/** @param {{load: Load, table: import("stepmill/types").Table, onChange: () => void}} props */
function One({ load, table, onChange }) {
  const { links, session } = useApp();
  const [isAsked, setAsked] = useState(false);
  const { loadId, fileId, fileName, mode, planVersion, jobId, rowsRejected, startedAt, finishedAt, replayOf, supersededBy, revertedAt, removedAt } = load;
  const isHere = isInForce(load);
  return html`
    <li>
      <p class="line">
        ${fileId && html`<strong><a href=${links.file(table.owner.id, fileId)}>${fileName}</a></strong>`}
        ${replayOf && html`<span class="tag">rejects, loaded again</span>`}
        ${isHere && html`<span class="tag in-force">in force</span>`}
        ${revertedAt && html`<span class="tag">reverted <${Ago} at=${revertedAt} /></span>`}
        ${removedAt && html`<span class="tag">removed <${Ago} at=${removedAt} /></span>`}
        ${supersededBy && html`<span class="tag">superseded by a later load</span>`}
        <span class="soft grow"><${Ago} at=${finishedAt ?? startedAt} />${` · ${duration(secondsBetween(startedAt, finishedAt))} · ${mode} · plan v${planVersion} · `}<a href=${links.job(jobId)}>job</a></span>
        ${isHere && session.may("operator") && html`
          ${rowsRejected > 0 && html`<${Replay} load=${load} />`}
          ${mode !== "upsert" && html`<button type="button" onClick=${() => setAsked(true)}>Revert</button>`}
        `}
      </p>
      <${Accounting} counts=${load} rejectsHref=${links.table(table.physId, { tab: "rejects", load: loadId })} />
      ${isAsked && html`<${Revert} load=${load} onClose=${() => setAsked(false)} onDone=${onChange} />`}
    </li>
  `;
}

/** @param {{load: Load, onClose: () => void, onDone: () => void}} props */
function Revert({ load, onClose, onDone }) {
  const { client, envId, notices } = useApp();
  const { run, error, isRunning } = useAction(async () => {
    await client.revertLoad(envId, load.loadId);
    notices.good("The load was reverted.");
    onClose();
    onDone();
  });
  return html`
    <${Dialog} title="Revert this load?" onClose=${onClose}>
      <p>${load.mode === "append" ? "The rows that it added go." : "Its rows go, and those that they replaced come back."} Readers see it at one instant.</p>
      ${error && html`<${Failure} error=${error} what="The revert" />`}
      <footer><button type="button" class="danger" disabled=${isRunning} onClick=${run}>Revert the load</button></footer>
    <//>
  `;
}

/** Loads just the rejected rows again, by the plan now in force. @param {{load: Load}} props */
export function Replay({ load }) {
  const { client, envId, links, notices } = useApp();
  const { run, error, isRunning } = useAction(async () => {
    const { jobId } = await client.replayRejects(envId, load.loadId);
    notices.good("The rejects are being loaded again.", { href: links.job(jobId), linkText: "Watch it" });
  });
  return html`
    <button type="button" disabled=${isRunning} onClick=${run}>Load the rejects again</button>
    ${error && html`<${Failure} error=${error} what="Loading them again" />`}
  `;
}
