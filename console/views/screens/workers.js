import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Links } from "../../lib/links.js";
import { useApp, useModel, useResource } from "../app.js";
import { useFresh } from "../fresh.js";
import { Page } from "../parts/page.js";
import { Empty, Failure, Skeleton } from "../parts/states.js";
import { Ago, Bytes, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Worker} Worker */

/** Who is alive, and busy with what. */
export function Screen() {
  const { client, connection } = useApp();
  const { state } = useModel(connection);
  const workers = useResource((signal) => client.listWorkers({ signal }).then(({ items }) => items), []);
  useFresh(workers, 1_000, 5_000);
  const list = workers.data ?? [];
  const sum = (/** @type {(worker: Worker) => number} */ of) => list.map(of).reduce((one, other) => one + other, 0);
  const versions = [...new Set(list.map(({ version }) => version))].sort();
  return html`
    <${Page} title="Workers" subtitle=${list.length > 0 && html`<span>${counted(list.length, "worker")} alive</span><span>${sum(takenOf)} of ${counted(sum((worker) => worker.concurrency), "slot")} taken</span>`}>
      ${workers.error && state !== "lost" && html`<${Failure} error=${workers.error} what="The list of workers" onRetry=${() => workers.load()} />`}
      ${!workers.data && !workers.error && html`<${Skeleton} kind="row" />`}
      ${workers.data && list.length === 0 && html`<${Empty} title="No worker is alive" icon="workers"><p>Jobs are accepted and wait for one. Start it on any machine that reaches the database:</p><p><code>stepmill worker</code></p><//>`}
      ${versions.length > 1 && html`<p class="hint versions">These workers have ${versions.length} versions: ${versions.join(", ")}. It is chance which of them runs a job. Bring all to the same.</p>`}
      ${list.length > 0 &&
      html`<div class="sheet"><table class="workers">
        <thead><tr>${["Worker", "Busy with", "Slots", "Memory", "Runs", "Version", "Since", "Seen"].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${list.map((worker) => html`<${Row} key=${worker.workerId} ...${worker} />`)}</tbody>
      </table></div>`}
    <//>
  `;
}

/** Its own count is as old as its last sign of life; its jobs are those of now. @param {Worker} worker */
const takenOf = ({ runningJobs, jobs }) => Math.max(runningJobs, jobs.length);

/** @param {Worker} worker */
function Row(worker) {
  const { workerId, host, pid, jobs, concurrency, memoryBytes, types, version, startedAt, lastSeenAt } = worker;
  const taken = takenOf(worker);
  return html`
    <tr>
      <th scope="row"><strong class="mono">${workerId}</strong><br /><span class="soft">${host}, process ${pid}</span></th>
      <td data-name="Busy with"><ul>
        ${jobs.map(({ jobId, envId, type, step, startedAt }) => html`<li key=${jobId}><a class="mono" href=${new Links(envId).job(jobId)}>${type}</a> ${step} <span class="soft"><${Took} from=${startedAt} /></span></li>`)}
        ${taken > jobs.length && html`<li class="soft">${counted(taken - jobs.length, "job")} of others</li>`}${taken === 0 && html`<li class="soft">Idle</li>`}
      </ul></td>
      <td data-name="Slots">${taken} of ${concurrency}</td>
      <td data-name="Memory"><${Bytes} value=${memoryBytes} /></td>
      <td data-name="Runs"><span>${types.map((type) => html`<span class="tag">${type}</span> `)}</span></td>
      <td data-name="Version">${version}</td>
      <td data-name="Since"><${Ago} at=${startedAt} /></td>
      <td data-name="Seen"><${Ago} at=${lastSeenAt} /></td>
    </tr>
  `;
}
