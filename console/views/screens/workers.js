import { useApp, useFresh, useResource } from "app";
import { counted } from "format";
import { html } from "html";
import { Ago, Bytes, Empty, Failure, Page, Skeleton, Table, Took } from "parts";
import { Links } from "../../lib/links.js";

/** @typedef {import("stepmill/types").Worker} Worker */

/** Its own count is as old as its last sign of life; its jobs are those of now. @param {Worker} worker */
const takenOf = ({ runningJobs, jobs }) => Math.max(runningJobs, jobs.length);

/** @type {import("../parts/page.js").TableColumn[]} */
const COLUMNS = [
  ["Worker", ({ workerId, host, pid }) => html`<strong class="mono">${workerId}</strong><small>${host}, process ${pid}</small>`],
  ["Busy with", (worker) => html`<ul>${busyWith(worker)}</ul>`],
  ["Slots", (worker) => `${takenOf(worker)} of ${worker.concurrency}`, "nowrap"],
  ["Memory", ({ memoryBytes }) => html`<${Bytes} value=${memoryBytes} />`],
  ["Version", ({ version }) => version],
  ["Since", ({ startedAt }) => html`<${Ago} at=${startedAt} />`],
  ["Seen", ({ lastSeenAt }) => html`<${Ago} at=${lastSeenAt} />`],
];

/** @param {Worker} worker */
function busyWith(worker) {
  const { jobs } = worker;
  const others = takenOf(worker) - jobs.length;
  if (takenOf(worker) === 0) return html`<li class="soft">Idle</li>`;
  return html`
    ${jobs.map(({ jobId, envId, type, step, startedAt }) => html`<li key=${jobId}><a class="mono" href=${new Links(envId).job(jobId)}>${type}</a> ${step} <span class="soft"><${Took} from=${startedAt} /></span></li>`)}
    ${others > 0 && html`<li class="soft">${counted(others, "job")} of others</li>`}
  `;
}

/** Who is alive, and busy with what. */
export function Screen() {
  const { client } = useApp();
  const workers = useFresh(useResource((signal) => client.listWorkers({ signal }), []), 1_000, 5_000);
  const list = workers.data?.items;
  const sum = (/** @type {(worker: Worker) => number} */ of) => (list ?? []).reduce((total, worker) => total + of(worker), 0);
  const versions = [...new Set(list?.map(({ version }) => version))].sort();
  return html`
    <${Page} title="Workers" subtitle=${list?.length ? `${counted(list.length, "worker")} alive, ${sum(takenOf)} of ${counted(sum(({ concurrency }) => concurrency), "slot")} taken` : ""}>
      ${workers.error && html`<${Failure} error=${workers.error} what="The list of workers" onRetry=${() => workers.load()} />`}
      ${!list && !workers.error && html`<${Skeleton} kind="row" />`}
      ${versions.length > 1 && html`<p class="hint CANCELLED">These workers have ${versions.length} versions: ${versions.join(", ")}. Bring all to the same.</p>`}
      ${list && (list.length > 0
        ? html`<${Table} label="Workers" columns=${COLUMNS} items=${list} />`
        : html`<${Empty} title="No worker is alive" icon="workers"><p>Jobs are accepted and wait for one. Start it on any machine that reaches the database:</p><p><code>stepmill worker</code></p><//>`)}
    <//>
  `;
}
