import { useAction, useApp, useOwnModel, useResource } from "app";
import { bytes, duration, inZone, number } from "format";
import { html, useEffect, useState } from "html";
import { Accounting, Ago, Failure, Icon, Meter, Page, Section, shownStatus, Skeleton, Status, Tabs, Time, Took } from "parts";
import { speedOf } from "../../models/job_speed.js";
import { JobStream } from "../../models/job_stream.js";
import { Failed } from "../job/failed.js";
import { Log } from "../job/log.js";
import { NewJob } from "../job/new_job.js";
import { Timeline } from "../job/timeline.js";
import { Values } from "../job/values.js";

/** @typedef {import("stepmill/types").Job} Job */

/** One job, as it happens. */
export function Screen() {
  const { route, client, connection, envId, router } = useApp();
  const stream = useOwnModel(() => new JobStream(client, connection, route.params.jobId), [], (made) => made.open());
  const { job, error } = stream;
  // Whatever the job leads to is in its environment.
  useEffect(() => {
    if (job && job.envId !== envId) router.set({ env: job.envId === "default" ? null : job.envId });
  }, [job?.envId]);
  if (job) return html`<${Shown} job=${job} stream=${stream} />`;
  return html`<${Page} title="Job">${error ? html`<${Failure} error=${error} what="The job" onRetry=${() => stream.open()} />` : html`<${Skeleton} rows=${6} kind="row" />`}<//>`;
}

/** @param {{job: Job, stream: JobStream}} props */
function Shown({ job, stream }) {
  const { client, route, session, links } = useApp();
  const { jobId, status, startedAt, params } = job;
  const { tab = "" } = route.query;
  const hasFailed = status === "ERROR" || status === "CANCELLED";
  const isLive = !hasFailed && status !== "DONE";
  const mayAct = session.may("operator");
  const [again, setAgain] = useState(/** @type {Job | null} */ (null));
  const { run, error } = useAction((/** @type {() => Promise<unknown>} */ act) => act());
  const retry = (/** @type {{fromStep?: string}} */ from) => run(() => client.retryJob(jobId, from));
  const failure = error ?? stream.error;
  const file = useResource(async (signal) => params.fileId && client.getFile(job.envId, params.fileId, { signal }), []).data;
  const runAgain = (more = {}) => setAgain({ ...job, params: { ...params, ...more } });
  const actions = mayAct && html`
    ${isLive && html`<button class="danger" disabled=${Boolean(job.cancelRequestedAt)} onClick=${() => run(() => client.cancelJob(jobId))}><${Icon} name="stop" />Cancel</button>`}
    ${hasFailed && html`<button class="primary" onClick=${() => retry({})}><${Icon} name="retry" />Retry</button>`}
    <button onClick=${() => runAgain()}>Run again</button>
  `;
  const subtitle = html`
    <span role="status"><${Status} status=${shownStatus(job)} /></span>
    <span>submitted <${Ago} at=${job.createdAt} /> by ${job.createdBy}</span>
    ${startedAt && status !== "PENDING" && html`<span>${isLive ? "running for" : "took"} <${Took} from=${startedAt} to=${job.finishedAt} />${job.attempt > 1 && ", from its first start"}</span>`}
  `;
  const tabs = Object.entries({ "": "Overview", log: "Log and events", data: "Params and result" });
  return html`
    <${Page} title=${file ? `${job.type} ${file.name}` : job.type} subtitle=${subtitle} actions=${actions} kicker=${html`<a href=${links.jobs()}>Jobs</a> / <code>${jobId}</code>`}>
      ${failure && html`<${Failure} error=${failure} what="The job" onRetry=${stream.error && (() => stream.open())} />`}
      <${Tabs} label="This job" current=${tab} tabs=${tabs.map(([id, text]) => ({ id, text, href: links.job(jobId, { tab: id }) }))} />
      ${tab === "log" && (stream.isComplete ? html`<${Log} events=${stream.events} isLive=${isLive} />` : html`<${Skeleton} rows=${8} kind="row" />`)}
      ${tab === "data" && html`
        <${Section} title="Params" id="params"><${Values} data=${params} /><//>
        <${Section} title="Result" id="result">${job.result ? html`<${Values} data=${job.result} />` : html`<p class="soft">There is none.</p>`}<//>
        <details class="section"><summary>The whole job</summary><pre class="whole">${JSON.stringify(job, null, 2)}</pre></details>
      `}
      ${!tab && html`
        ${status === "ERROR" && job.error && html`<${Failed} job=${job} mayAct=${mayAct} onAgain=${runAgain} />`}
        <${Situation} job=${job} />
        ${status === "RUNNING" && !job.waiting && html`<${Progress} job=${job} stream=${stream} />`}
        <${Rows} job=${job} />
        <${Section} title="Steps" id="steps" aside=${html`<${Time} at=${job.createdAt} />`}>
          ${stream.events.length
            ? html`<${Timeline} job=${job} events=${stream.events} onRetry=${mayAct && hasFailed && ((fromStep) => retry({ fromStep }))} />`
            : html`<${Skeleton} rows=${job.steps.length} kind="row" />`}
        <//>
      `}
    <//>
    ${again && html`<${NewJob} from=${again} onClose=${() => setAgain(null)} />`}
  `;
}

/** Why it does not go on, or how it was stopped. @param {{job: Job}} props */
function Situation({ job: { status, steps, waiting, cancelRequestedAt, finishedAt } }) {
  const { links } = useApp();
  if (status === "CANCELLED") {
    const stopped = steps.map(({ error }) => /** @type {any} */ (error?.details)?.stoppedAfterMs).find((ms) => ms !== undefined);
    return html`<p class="hint CANCELLED">Cancelled <${Time} at=${cancelRequestedAt ?? finishedAt} />.${" "}
      ${stopped === undefined ? "None of its work ran any more." : `All of its work had stopped ${duration(stopped / 1000)} later.`}</p>`;
  }
  if (!waiting) return null;
  const holder = waiting.heldBy?.jobId;
  const [before, after] = inZone(waiting.message).split(holder ?? "\n");
  return html`<p class="hint WAITING"><strong>Waiting for <${Took} from=${waiting.since} />.</strong> ${before}${after && html`<a href=${links.job(holder)}>${holder}</a>${after}`}</p>`;
}

/** How far the running step is, how fast, and how long still. @param {{job: Job, stream: JobStream}} props */
function Progress({ job, stream }) {
  const step = job.steps.find(({ status }) => status === "RUNNING");
  if (!step) return null;
  const { done, total, unit, message } = step.progress ?? {};
  const speed = speedOf(stream.events, step.name);
  const amount = (/** @type {number} */ value) => (unit === "bytes" ? bytes(value) : `${number(Math.round(value))} ${unit ?? ""}`);
  const told = [
    Number.isFinite(done) && amount(done ?? 0) + (total ? ` of ${amount(total)}` : ""),
    speed && `${amount(speed.perSecond)}/s`,
    speed?.secondsLeft && `about ${duration(Math.max(1, Math.round(speed.secondsLeft)))} left`,
  ];
  return html`
    <div class="sheet pad flow">
      <p class="line"><strong>${step.name}</strong><span class="soft grow">${message}</span><strong class="figure">${total && `${Math.floor((100 * (done ?? 0)) / total)}%`}</strong></p>
      <${Meter} label=${`Progress of ${step.name}`} done=${done} total=${total} />
      <p class="soft small">${told.filter(Boolean).join(" · ")}</p>
    </div>
  `;
}

/** What became of each row, once they are in the table. @param {{job: Job}} props */
function Rows({ job }) {
  const { links } = useApp();
  const counts = job.result;
  if (counts?.rowsLoaded === undefined) return null;
  const { physId, logicalName, loadId } = counts;
  return html`
    <${Section} title="Rows" id="rows" aside=${physId && html`in the table <a href=${links.table(physId)}>${logicalName}</a>`}>
      <${Accounting} counts=${counts} rejectsHref=${physId && links.table(physId, { tab: "rejects", load: loadId })} />
    <//>
  `;
}
