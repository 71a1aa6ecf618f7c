import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Links } from "../../lib/links.js";
import { useApp, useModel, useResource } from "../app.js";
import { Command } from "../overview/command.js";
import { useFresh } from "../overview/fresh.js";
import { Page } from "../parts/page.js";
import { Empty, Failure, Skeleton } from "../parts/states.js";
import { Ago, Bytes, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Worker} Worker */

/** Who is alive, and busy with what. */
export function Screen() {
  const { client, connection } = useApp();
  const { state } = useModel(connection);
  const workers = useResource((signal) => client.listWorkers({ signal }).then(({ items }) => items), []);
  useFresh(workers, { soonMs: 1_000, everyMs: 5_000 });
  const list = workers.data;
  return html`
    <${Page} title="Workers" subtitle=${list && list.length > 0 && html`<${Sum} workers=${list} />`}>
      ${workers.error && state !== "lost" && html`<${Failure} error=${workers.error} what="The workers" onRetry=${() => workers.load()} />`}
      ${list === null ? !workers.error && html`<${Skeleton} rows=${3} kind="row" />` : list.length === 0 ? html`<${Nobody} />` : html`<${Versions} workers=${list} /><${Workers} workers=${list} />`}
    <//>
  `;
}

const Nobody = () => html`
  <${Empty} title="No worker is alive" icon="workers">
    <p>Jobs are accepted and wait until one is. <code>stepmill serve</code> has a worker of its own; more are started, on this machine or another, by</p>
    <${Command} text="stepmill worker" />
  <//>
`;

/** @param {{workers: Worker[]}} props */
function Sum({ workers }) {
  const [running, slots] = ["runningJobs", "concurrency"].map((key) => workers.reduce((sum, worker) => sum + Number(/** @type {any} */ (worker)[key]), 0));
  return html`<span>${counted(workers.length, "worker")} alive</span><span>${running} of ${counted(slots, "slot")} taken</span>`;
}

/** Workers of different versions may do the same job differently. @param {{workers: Worker[]}} props */
function Versions({ workers }) {
  const versions = [...new Set(workers.map((worker) => worker.version))].sort();
  if (versions.length < 2) return null;
  return html`<p class="hint apart" role="note">These workers have ${versions.length} versions: ${versions.join(", ")}. Which one runs a job is chance; bring all to the same.</p>`;
}

/** @param {{workers: Worker[]}} props */
const Workers = ({ workers }) => html`
  <div class="sheet scroll">
    <table class="workers">
      <thead><tr>${["Worker", "Busy with", "Slots", "Memory", "Runs", "Version", "Since", "Seen"].map((name) => html`<th key=${name} scope="col">${name}</th>`)}</tr></thead>
      <tbody>${workers.map((worker) => html`<${Row} key=${worker.workerId} worker=${worker} />`)}</tbody>
    </table>
  </div>
`;

/** @param {{worker: Worker}} props */
function Row({ worker }) {
  const { concurrency, runningJobs, types } = worker;
  return html`
    <tr>
      <th scope="row"><strong class="mono">${worker.workerId}</strong><span class="soft small">${worker.host}, process ${worker.pid}</span></th>
      <td data-name="Busy with"><${Busy} worker=${worker} /></td>
      <td data-name="Slots"><span class="slots" aria-hidden="true">${Array.from({ length: Math.min(concurrency, 16) }, (_, index) => html`<i class=${index < runningJobs ? "taken" : ""}></i>`)}</span><span class="figure">${runningJobs} of ${concurrency}</span></td>
      <td data-name="Memory"><${Bytes} value=${worker.memoryBytes} /></td>
      <td data-name="Runs"><span class="line">${types.map((type) => html`<span key=${type} class="tag">${type}</span>`)}</span></td>
      <td data-name="Version">${worker.version}</td>
      <td data-name="Since"><${Ago} at=${worker.startedAt} /></td>
      <td data-name="Seen"><${Ago} at=${worker.lastSeenAt} /></td>
    </tr>
  `;
}

/** The jobs of the reader's tenant, and how many others. @param {{worker: Worker}} props */
function Busy({ worker }) {
  const { jobs = [], runningJobs } = worker;
  if (jobs.length + runningJobs === 0) return html`<span class="soft">Idle</span>`;
  return html`
    <ul class="busy">
      ${jobs.map(
        ({ jobId, envId, type, step, startedAt }) => html`
          <li key=${jobId}><a class="mono" href=${new Links(envId).job(jobId)}>${type}</a> <span>${step}</span> <span class="soft small"><${Took} from=${startedAt} /></span></li>
        `,
      )}
      ${runningJobs > jobs.length && html`<li class="soft">${counted(runningJobs - jobs.length, jobs.length ? "other job" : "job")}</li>`}
    </ul>
  `;
}
