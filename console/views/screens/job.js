import { bytes, duration, number } from "../../lib/format.js";
import { html, useEffect, useState } from "../../lib/html.js";
import { speedOf } from "../../models/job_speed.js";
import { JobStream } from "../../models/job_stream.js";
import { useAction, useApp, useOwnModel, useResource } from "../app.js";
import { Failed } from "../job/failed.js";
import { Events, Log } from "../job/log.js";
import { NewJob } from "../job/new_job.js";
import { Timeline } from "../job/timeline.js";
import { Json, Table, Values } from "../job/values.js";
import { Accounting } from "../parts/accounting.js";
import { Dialog, Meter, Tabs } from "../parts/controls.js";
import { Icon } from "../parts/icon.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Loaded, Skeleton } from "../parts/states.js";
import { Ago, shownStatus, Status, Time, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Job} Job */
/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

const TABS = { overview: "Overview", log: "Log", events: "Events", data: "Params and result" };

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
  const { client, route, session, links, envId } = useApp();
  const { jobId, status } = job;
  const { areaId, fileId } = job.params;
  const { tab = "overview" } = route.query;
  const hasFailed = status === "ERROR" || status === "CANCELLED";
  const isLive = !hasFailed && status !== "DONE";
  const mayAct = session.may("operator");
  const [again, setAgain] = useState(/** @type {Job | null} */ (null));
  const [isChoosing, setChoosing] = useState(false);
  const cancel = useAction(() => client.cancelJob(jobId));
  const retry = useAction((/** @type {string} */ fromStep) => client.retryJob(jobId, fromStep ? { fromStep } : {}));
  const file = useResource(async (signal) => fileId && client.getFile(envId, fileId, { signal }), []).data;
  const area = useResource(async (signal) => areaId && client.getArea(envId, areaId, { signal }), []).data;
  const types = useResource((signal) => client.listJobTypes({ signal }), []).data;
  const always = (types?.items.find(({ type }) => type === job.type)?.steps ?? []).filter((step) => step.always).map(({ name }) => name);
  const steps = job.steps.filter(({ name }) => !always.includes(name));
  const choices = steps.filter((_, index) => steps.slice(0, index).every((step) => step.status === "DONE"));
  // A button that was pressed may be gone now.
  useEffect(() => {
    if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (document.querySelector("#main h1"))?.focus({ preventScroll: true });
  }, [isLive]);
  const runAgain = (params = {}) => setAgain({ ...job, params: { ...job.params, ...params } });
  const retryFrom = (step = "") => {
    setChoosing(false);
    retry.run(step);
  };
  const actions = mayAct && html`
    ${isLive && html`<button class="danger" disabled=${Boolean(job.cancelRequestedAt)} onClick=${cancel.run}><${Icon} name="stop" />Cancel</button>`}
    ${hasFailed && html`<button class="primary" onClick=${() => retryFrom()}><${Icon} name="retry" />Retry</button>`}
    ${hasFailed && choices.length > 1 && html`<button onClick=${() => setChoosing(true)}>Retry from<${Icon} name="down" /></button>`}
    <button onClick=${() => runAgain()}>Run again</button>
  `;
  const subtitle = html`
    <span role="status"><${Status} status=${shownStatus(job)} /></span>
    ${area && html`<span>into <a href=${links.area(areaId)}>${area.name}</a></span>`}
    <span>submitted <${Ago} at=${job.createdAt} /> by ${job.createdBy}</span>
    ${job.startedAt && status !== "PENDING" && html`<span>${isLive ? "running for" : "took"} <${Took} from=${job.startedAt} to=${job.finishedAt} /></span>`}
  `;
  return html`
    <${Page} title=${file ? `${job.type} ${file.name}` : job.type} subtitle=${subtitle} actions=${actions} kicker=${html`<a href=${links.jobs()}>Jobs</a> / <code>${jobId}</code>`}>
      ${cancel.error && html`<${Failure} error=${cancel.error} what="The cancel" />`}
      ${retry.error && html`<${Failure} error=${retry.error} what="The retry" />`}
      ${stream.historyError && html`<${Failure} error=${stream.historyError} what="Earlier events" onRetry=${() => stream.readHistory()} />`}
      <${Tabs} label="Parts of this job" current=${tab} tabs=${Object.entries(TABS).map(([id, text]) => ({ id, text, href: links.job(jobId, { tab: id === "overview" ? null : id }) }))} />
      ${(tab === "log" || tab === "events") && (stream.isComplete ? html`<${tab === "log" ? Log : Events} events=${stream.events} isLive=${isLive} />` : html`<${Skeleton} rows=${8} kind="row" />`)}
      ${tab === "data" && html`<${Data} job=${job} />`}
      ${tab === "overview" &&
      html`
        ${status === "ERROR" && job.error && html`<${Failed} job=${job} mayAct=${mayAct} onAgain=${runAgain} />`}
        <${Situation} job=${job} />
        ${status === "RUNNING" && !job.waiting && html`<${Progress} job=${job} events=${stream.events} />`}
        <${Rows} job=${job} />
        <${Section} title="Steps" id="steps" aside=${html`<${Time} at=${job.createdAt} />`}><${Timeline} job=${job} events=${stream.events} always=${always} /><//>
        ${job.attempt > 0 && html`<${Attempts} job=${job} />`}
      `}
    <//>
    ${again && html`<${NewJob} from=${again} onClose=${() => setAgain(null)} />`}
    ${isChoosing &&
    html`<${Dialog} title="Retry from a step" onClose=${() => setChoosing(false)}>
      <p>It runs again, and all steps after it.</p>
      ${choices.map((step) => html`<button key=${step.name} onClick=${() => retryFrom(step.name)}>${step.name}<${Status} status=${step.status} /></button>`)}
    <//>`}
  `;
}

/** Why it does not go on, or how it was stopped. @param {{job: Job}} props */
function Situation({ job: { status, steps, waiting, cancelRequestedAt, finishedAt } }) {
  const { links } = useApp();
  if (status === "CANCELLED") {
    const stopped = steps.map(({ error }) => /** @type {any} */ (error?.details)?.stoppedAfterMs).find((ms) => ms !== undefined);
    return html`<p class="hint CANCELLED">Cancelled <${Time} at=${cancelRequestedAt ?? finishedAt} />.
      ${stopped === undefined ? " None of its work ran any more." : html` All of its work had stopped <strong class="figure">${duration(stopped / 1000)}</strong> later.`}</p>`;
  }
  if (finishedAt) return null;
  if (cancelRequestedAt) return html`<p class="hint STOPPING">Stopping for <${Took} from=${cancelRequestedAt} />. It is cancelled once none of its work runs any more.</p>`;
  if (!waiting) return status === "PENDING" && html`<p class="hint WAITING">It waits to start.</p>`;
  const holder = waiting.heldBy?.jobId;
  const [before, after] = (waiting.message ?? "Another job holds the lock that it needs.").split(holder ?? "\n");
  return html`<p class="hint WAITING"><strong>Waiting for <${Took} from=${waiting.since} />.</strong> ${before}${after && html`<a href=${links.job(holder)}>${holder}</a>${after}`}</p>`;
}

/** How far the running step is, how fast, and how long still. @param {{job: Job, events: StreamEvent[]}} props */
function Progress({ job, events }) {
  const step = job.steps.find(({ status }) => status === "RUNNING");
  if (!step) return null;
  const { done, total, unit, message } = step.progress ?? {};
  const speed = speedOf(events, step.name);
  const word = unit && unit !== "bytes" ? ` ${unit}` : "";
  const amount = (/** @type {number | null | undefined} */ value) => (unit === "bytes" ? bytes(value ?? 0) : number(Math.round(value ?? 0)));
  return html`
    <div class="progress sheet pad">
      <p class="line"><strong>${step.name}</strong><span class="soft grow clip">${message}</span><strong class="figure">${total && `${Math.floor((100 * (done ?? 0)) / total)}%`}</strong></p>
      <${Meter} label=${`Progress of ${step.name}`} done=${done} total=${total} />
      <p class="line soft small figure">
        <span>${done || total ? `${amount(done)}${total ? ` of ${amount(total)}` : ""}${word}` : html`running for <${Took} from=${step.startedAt} />`}</span>
        ${speed && html`<span>${amount(speed.perSecond)}${word}/s</span>`}
        ${speed && speed.secondsLeft !== null && html`<span>about ${duration(Math.max(1, Math.round(speed.secondsLeft))).replace(".0", "")} left</span>`}
      </p>
    </div>
  `;
}

/** What became of each row, once they are counted. @param {{job: Job}} props */
function Rows({ job }) {
  const { links } = useApp();
  const counts = job.result ?? job.steps.findLast(({ output }) => output?.rowsLoaded >= 0)?.output;
  if (counts?.rowsLoaded === undefined) return null;
  const { physId, logicalName, loadId } = counts;
  return html`
    <${Section} title="Rows" id="rows" aside=${physId && html`in the table <a href=${links.table(physId)}>${logicalName}</a>`}>
      <${Accounting} counts=${counts} rejectsHref=${physId && links.table(physId, { tab: "rejects", load: loadId })} />
    <//>
  `;
}

/** Each start of work on it: by whom, when, and how it ended. @param {{job: Job}} props */
function Attempts({ job }) {
  const { client, links } = useApp();
  const attempts = useResource((signal) => client.listAttempts(job.jobId, { limit: 500 }, { signal }), [job.attempt, job.status]);
  const row = (/** @type {any} */ { attempt, outcome, startedAt, endedAt, workerId }) => [
    ...[attempt, outcome ?? "running", html`<${Time} at=${startedAt} />`, html`<${Took} from=${startedAt} to=${endedAt} />`],
    html`<a href=${links.workers()}>${workerId}</a>`,
  ];
  return html`<${Section} title="Attempts" id="attempts"><${Loaded} resource=${attempts} what="The attempts">
    ${(/** @type {any} */ { items }) => html`<${Table} label="Each attempt" heads=${["#No.", "Outcome", "Started", "#Took", "Worker"]} rows=${items.map(row)} />`}
  <//><//>`;
}

/** @param {{job: Job}} props */
const Data = ({ job }) => html`
  <${Section} title="Params" id="params"><${Values} data=${job.params} job=${job} /><${Json} value=${job.params} /><//>
  <${Section} title="Result" id="result">${job.result ? html`<${Values} data=${job.result} job=${job} /><${Json} value=${job.result} />` : html`<p class="soft">There is none.</p>`}<//>
  <${Section} title="The whole job" id="whole"><${Json} value=${job} /><//>
`;
