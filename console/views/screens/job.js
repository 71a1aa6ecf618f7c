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
const SETTINGS = /** @type {(keyof Job)[]} */ (["jobId", "envId", "priority", "maxAttempts", "runAt", "createdBy"]);

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
  const { events, historyError } = stream;
  const { client, route, session, links, envId } = useApp();
  const { areaId, fileId } = job.params;
  const about = useResource(async (signal) => {
    const [file, area] = await Promise.all([fileId && client.getFile(envId, fileId, { signal }).catch(() => null), areaId && client.getArea(envId, areaId, { signal }).catch(() => null)]);
    return { file, area };
  }, []).data;
  const types = useResource((signal) => client.listJobTypes({ signal }), []).data;
  const [again, setAgain] = useState(/** @type {Job | null} */ (null));
  const [isChoosing, setChoosing] = useState(false);
  const cancel = useAction(() => client.cancelJob(job.jobId));
  const retry = useAction((/** @type {string} */ fromStep) => client.retryJob(job.jobId, fromStep ? { fromStep } : {}));
  const { tab = "overview" } = route.query;
  const mayAct = session.may("operator");
  const hasFailed = job.status === "ERROR" || job.status === "CANCELLED";
  const isLive = !hasFailed && job.status !== "DONE";
  // A button that was pressed may be gone now.
  useEffect(() => {
    if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (document.querySelector("#main h1"))?.focus({ preventScroll: true });
  }, [isLive]);
  const always = (types?.items.find(({ type }) => type === job.type)?.steps ?? []).filter((step) => step.always).map(({ name }) => name);
  const steps = job.steps.filter(({ name }) => !always.includes(name));
  const choices = steps.filter((_, index) => steps.slice(0, index).every(({ status }) => status === "DONE"));
  const runAgain = (params = {}) => setAgain({ ...job, params: { ...job.params, ...params } });
  const retryFrom = (step = "") => {
    setChoosing(false);
    retry.run(step);
  };
  const actions = mayAct && html`
    ${isLive && html`<button type="button" class="danger" disabled=${Boolean(job.cancelRequestedAt)} onClick=${cancel.run}><${Icon} name="stop" />Cancel</button>`}
    ${hasFailed && html`<button type="button" class="primary" onClick=${() => retryFrom()}><${Icon} name="retry" />Retry</button>`}
    ${hasFailed && choices.length > 1 && html`<button type="button" onClick=${() => setChoosing(true)}>Retry from<${Icon} name="down" /></button>`}
    <button type="button" onClick=${() => runAgain()}>Run again</button>
  `;
  const subtitle = html`
    <span role="status"><${Status} status=${shownStatus(job)} /></span>
    ${about?.area && html`<span>into <a href=${links.area(areaId)}>${about.area.name}</a></span>`}
    <span>submitted <${Ago} at=${job.createdAt} /> by ${job.createdBy}</span>
    ${job.startedAt && job.status !== "PENDING" && html`<span>${isLive ? "running for" : "took"} <${Took} from=${job.startedAt} to=${job.finishedAt} /></span>`}
  `;
  return html`
    <${Page} title=${`${job.type} ${about?.file?.name ?? ""}`.trim()} subtitle=${subtitle} actions=${actions} kicker=${html`<a href=${links.jobs()}>Jobs</a> / <code>${job.jobId}</code>`}>
      ${cancel.error && html`<${Failure} error=${cancel.error} what="The cancel" />`}
      ${retry.error && html`<${Failure} error=${retry.error} what="The retry" />`}
      ${historyError && html`<${Failure} error=${historyError} what="Earlier events" onRetry=${() => stream.readHistory()} />`}
      <${Tabs} label="Parts of this job" current=${tab} tabs=${Object.entries(TABS).map(([id, text]) => ({ id, text, href: links.job(job.jobId, { tab: id === "overview" ? null : id }) }))} />
      ${(tab === "log" || tab === "events") && (stream.isComplete ? html`<${tab === "log" ? Log : Events} events=${events} isLive=${isLive} />` : html`<${Skeleton} rows=${8} kind="row" />`)}
      ${tab === "data" && html`<${Data} job=${job} />`}
      ${tab === "overview" &&
      html`
        ${job.status === "ERROR" && job.error && html`<${Failed} job=${job} mayAct=${mayAct} onRetry=${() => retryFrom()} onAgain=${runAgain} />`}
        <${Situation} job=${job} />
        ${job.status === "RUNNING" && !job.waiting && html`<${Progress} job=${job} events=${events} />`}
        <${Rows} job=${job} />
        <${Section} title="Steps" id="steps" aside=${html`<${Time} at=${job.createdAt} />`}><${Timeline} job=${job} events=${events} always=${always} /><//>
        ${job.attempt > 0 && html`<${Attempts} job=${job} />`}
      `}
    <//>
    ${again && html`<${NewJob} from=${again} onClose=${() => setAgain(null)} />`}
    ${isChoosing &&
    html`<${Dialog} title="Retry from a step" onClose=${() => setChoosing(false)}>
      <p>It runs again, and all steps after it.</p>
      ${choices.map(({ name, status }) => html`<button key=${name} type="button" onClick=${() => retryFrom(name)}>${name}<${Status} status=${status} /></button>`)}
    <//>`}
  `;
}

/** Why it does not go on, or how it was stopped. @param {{job: Job}} props */
function Situation({ job }) {
  const { links } = useApp();
  const { waiting, cancelRequestedAt } = job;
  const stopped = job.steps.map(({ error }) => /** @type {any} */ (error?.details)?.stoppedAfterMs).find((ms) => ms !== undefined);
  if (job.status === "CANCELLED") {
    return html`<p class="hint CANCELLED">Cancelled <${Time} at=${cancelRequestedAt ?? job.finishedAt} />.
      ${stopped === undefined ? " None of its work ran any more." : html` All of its work had stopped <strong class="figure">${duration(stopped / 1000)}</strong> later.`}</p>`;
  }
  if (job.status !== "PENDING" && job.status !== "RUNNING") return null;
  if (cancelRequestedAt) return html`<p class="hint STOPPING">Stopping for <${Took} from=${cancelRequestedAt} />. It is cancelled once none of its work runs any more.</p>`;
  if (!waiting) return job.status === "PENDING" ? html`<p class="hint WAITING">It waits to start.</p>` : null;
  const holder = waiting.heldBy?.jobId;
  const [before, after] = (waiting.message ?? "Another job holds the lock that it needs.").split(holder ?? "\n");
  return html`<p class="hint WAITING"><strong>Waiting for <${Took} from=${waiting.since} />.</strong> ${before}${after !== undefined && html`<a href=${links.job(holder)}>${holder}</a>${after}`}</p>`;
}

/** How far the running step is, how fast, and how long still. @param {{job: Job, events: StreamEvent[]}} props */
function Progress({ job, events }) {
  const step = job.steps.find(({ status }) => status === "RUNNING");
  if (!step) return null;
  const { done, total, unit, message } = step.progress ?? {};
  const speed = speedOf(events, step.name);
  const amount = (/** @type {number} */ value) => (unit === "bytes" ? bytes(value) : number(Math.round(value)));
  const word = unit && unit !== "bytes" ? ` ${unit}` : "";
  return html`
    <div class="progress sheet pad">
      <p class="line"><strong>${step.name}</strong><span class="soft grow clip">${message}</span><strong class="figure">${total && `${Math.floor((100 * (done ?? 0)) / total)}%`}</strong></p>
      <${Meter} label=${`Progress of ${step.name}`} done=${done} total=${total} />
      <p class="line soft small figure">
        <span>${done || total ? `${amount(done ?? 0)}${total ? ` of ${amount(total)}` : ""}${word}` : html`running for <${Took} from=${step.startedAt} />`}</span>
        ${speed && html`<span>${amount(speed.perSecond)}${word}/s</span>`}
        ${speed && speed.secondsLeft !== null && html`<span>about ${duration(Math.max(1, Math.round(speed.secondsLeft))).replace(".0", "")} left</span>`}
      </p>
    </div>
  `;
}

/** What became of each row, once they are counted. @param {{job: Job}} props */
function Rows({ job }) {
  const { links } = useApp();
  const counts = job.result ?? job.steps.findLast(({ output }) => output?.rowsLoaded !== undefined)?.output;
  if (counts?.rowsLoaded === undefined) return null;
  const { physId, logicalName, loadId } = job.result ?? {};
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
  const row = (/** @type {any} */ each) => [each.attempt, each.outcome ?? "running", html`<${Time} at=${each.startedAt} />`, html`<${Took} from=${each.startedAt} to=${each.endedAt} />`, html`<a href=${links.workers()}>${each.workerId}</a>`];
  return html`<${Section} title="Attempts" id="attempts"><${Loaded} resource=${attempts} what="The attempts">
    ${(/** @type {any} */ { items }) => html`<${Table} label="Each attempt" heads=${["#No.", "Outcome", "Started", "#Took", "Worker"]} rows=${items.map(row)} />`}
  <//><//>`;
}

/** @param {{job: Job}} props */
const Data = ({ job }) => html`
  <${Section} title="Params" id="params"><${Values} data=${job.params} job=${job} /><${Json} value=${job.params} /><//>
  <${Section} title="Result" id="result">${job.result ? html`<${Values} data=${job.result} job=${job} /><${Json} value=${job.result} />` : html`<p class="soft">There is none.</p>`}<//>
  <${Section} title="Settings" id="settings">
    <${Values} job=${job} data=${Object.fromEntries(SETTINGS.map((name) => [name, job[name]]))} /><${Json} title="The whole job as JSON" value=${job} />
  <//>
`;
