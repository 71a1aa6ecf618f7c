import { useApp, useFresh, useResource } from "app";
import { bytes, compact, duration, inZone, label, number } from "format";
import { html, useEffect, useRef, useState } from "html";
import { Ago, Chart, Failure, Icon, Meter, Page, Section, shownStatus, Skeleton, Status, Table, Took } from "parts";
import { jobAfter } from "../../models/job_after.js";
import { RANGES, readFigures, readNow, readStock } from "../../models/overview.js";
import { chooseFiles } from "../choose_files.js";

/** @typedef {import("stepmill/types").Job} Job */

const AGES = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 172_800, 604_800];

/** @param {number} seconds */
const age = (seconds) => duration(Math.round(seconds));

/** What runs, waits and failed; how much gets done; what has not been loaded for long. */
export function Screen() {
  const { client, envId, links, route, router, session, uploads } = useApp();
  const range = Object.hasOwn(RANGES, route.query.range) ? route.query.range : "hour";
  const now = useFresh(useResource((signal) => readNow(client, envId, signal), []), 1_000, 60_000);
  const figures = useFresh(useResource((signal) => readFigures(client, envId, range, signal), [range]), 2_000, 15_000);
  const stock = useFresh(useResource((signal) => readStock(client, envId, signal), []), 30_000, 300_000);
  // What was there stays until another range is.
  const kept = useRef(figures.data);
  const day = (kept.current = figures.data ?? kept.current);
  const jobs = now.data;
  const error = now.error ?? figures.error ?? stock.error;
  const failure = error && html`<${Failure} error=${error} what="The overview" onRetry=${() => [now, figures, stock].forEach((each) => each.load())} />`;
  const upload = session.may("operator") && html`<button onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Choose files</button>`;
  if (jobs?.isFirst) return html`<${Page} title="Overview">${failure}<${FirstStart} upload=${upload} /><//>`;

  const of = (/** @type {string} */ status) => links.jobs({ status });
  const oldest = day?.points[day.points.length - 1]?.queueAgeSeconds;
  const names = stock.data?.names;
  /** @type {import("../parts/page.js").TableColumn[]} */
  const columns = [
    ["Table", ({ physId, logicalName }) => html`<a href=${links.table(physId)}>${logicalName}</a>`],
    ["Rows", ({ rows }) => number(rows), "number"],
    ["Last loaded", ({ lastLoadAt }) => html`<${Ago} at=${lastLoadAt} />`, "number"],
  ];
  return html`
    <${Page} title="Overview" actions=${upload}>
      ${failure}
      <div class="tiles day">
        <${Tile} name="Running" value=${jobs?.runningCount} href=${of("RUNNING")} />
        <${Tile} name="Waiting" value=${jobs?.waitingCount} href=${of("PENDING")} note=${oldest && `oldest for ${age(oldest)}`} />
        <${Tile} name="Done today" value=${day?.done} href=${of("DONE")} />
        <${Tile} name="Failed today" value=${day?.failed} href=${of("ERROR")} tone="bad" />
        <${Tile} name="Rows loaded today" value=${day?.rowsLoaded} href=${links.tables()} />
      </div>
      ${!jobs && !error && html`<${Skeleton} rows=${6} kind="row" />`}
      ${jobs &&
      html`
        <div class="running"><${Jobs} title="Running" jobs=${jobs.running} names=${names} Line=${RunningLine} none="Nothing runs. What starts is shown here, step by step." /></div>
        <div class="columns">
          <${Jobs} title="Waiting" jobs=${jobs.waiting} names=${names} Line=${RestingLine} none="Nothing waits." />
          <${Jobs} title="Newest failures" aside=${html`<a href=${of("ERROR")}>All failed jobs</a>`} jobs=${jobs.failed} names=${names} Line=${RestingLine} none="Nothing failed." />
        </div>
      `}
      <${Section} title="Over time" id="over-time" aside=${html`<div class="choice" role="group" aria-label="How far back">${Object.keys(RANGES).map(
        (name) => html`<button aria-pressed=${name === range} onClick=${() => router.set({ range: name })}>${label(name)}</button>`,
      )}</div>`}>
        <div class="charts">${day ? chartsOf(day) : html`<${Skeleton} rows=${1} kind="chart" /><${Skeleton} rows=${1} kind="chart" />`}</div>
      <//>
      ${stock.data && stock.data.stale.length > 0 && html`
        <${Section} title="Not loaded for the longest" id="stale" aside=${html`<a href=${links.tables()}>All tables</a>`}>
          <${Table} label="Tables not loaded for the longest" items=${stock.data.stale} columns=${columns} />
        <//>`}
    <//>
  `;
}

/** @param {{name: string, value: number | undefined, href: string, note?: any, tone?: string}} props */
const Tile = ({ name, value, href, note, tone }) => html`
  <a class="tile" href=${href}><span class="name">${name}</span><span class=${`value ${(value && tone) || ""}`}>${value === undefined ? "–" : compact(value)}</span>${value ? html`<span class="note">${note}</span>` : ""}</a>
`;

/**
 * Jobs, by what they do and for which area, each with what its line tells; or that there is none.
 * @param {{title: string, aside?: any, jobs: Job[], none: string, names: Map<string, string> | undefined, Line: (props: {job: Job}) => any}} props
 */
function Jobs({ title, aside, jobs, none, names, Line }) {
  const { links } = useApp();
  return html`
    <${Section} title=${title} id=${title.split(" ")[0]} aside=${aside}>
      <ul class="sheet job-lines">
        ${jobs.length === 0 && html`<li><span class="why">${none}</span></li>`}
        ${jobs.map((job) => html`<li key=${job.jobId}><a href=${links.job(job.jobId)}><strong class="mono">${job.type}</strong> ${names?.get(job.params.areaId)}</a><${Line} job=${job} /></li>`)}
      </ul>
    <//>
  `;
}

/** Which step of how many, and how far that is, as it goes on. @param {{job: Job}} props */
function RunningLine({ job: listed }) {
  const { connection } = useApp();
  const [job, setJob] = useState(listed);
  useEffect(() => connection.follow(listed.jobId, (events) => setJob((known) => events.reduce(jobAfter, /** @type {Job | null} */ (known)) ?? known)), []);
  const index = job.steps.findIndex((step) => step.status !== "DONE");
  const step = job.steps[index];
  const { done, total, unit, message } = step?.progress ?? {};
  const amount = (/** @type {number} */ value) => (unit === "bytes" ? bytes(value) : `${compact(value)} ${unit ?? ""}`);
  return html`
    <${Status} status=${shownStatus(job)} /><span class="since"><${Took} from=${job.startedAt} to=${job.finishedAt} /></span>
    <div class="how-far"><span>${step && html`${step.name} <span class="soft">${index + 1} of ${job.steps.length}</span>`}</span>
      <span class="soft figure">${done ? `${amount(done)}${total ? ` of ${amount(total)}` : ""}` : message}</span>
      ${job.status === "RUNNING" && html`<${Meter} label=${`${job.type} ${step?.name ?? ""}`} done=${done} total=${total} />`}</div>
    ${job.waiting && html`<p class="why">${inZone(job.waiting.message)}</p>`}
  `;
}

/** Since when it waits, or when it failed; and why. @param {{job: Job}} props */
const RestingLine = ({ job: { waiting, createdAt, finishedAt, error } }) => html`
  <span class="since"><${Ago} at=${waiting?.since ?? finishedAt ?? createdAt} /></span><p class="why">${inZone(waiting?.message) || html`<code class="bad">${error?.code}</code> ${error?.message}`}</p>
`;

/** What got done, and how long the queue is. @param {{points: any[], range: string}} figures */
function chartsOf({ points, range }) {
  const series = (/** @type {string} */ label, /** @type {string} */ colour, /** @type {(point: any) => number} */ of) => {
    const values = points.map(of);
    return { label, colour, values, whole: values.reduce((sum, value) => sum + value, 0) };
  };
  const finished = [
    series("done", "--loaded", (point) => point.finished.DONE),
    series("failed", "--rejected", (point) => point.finished.ERROR),
    series("cancelled", "--deduplicated", (point) => point.finished.CANCELLED),
  ];
  const waited = series("highest", "--WAITING", (point) => point.queueAgeSeconds ?? 0);
  const ages = [{ ...waited, whole: Math.max(...waited.values) }];
  const shared = { over: `The last ${range}`, times: points.map((point) => Date.parse(point.at) / 1000), between: RANGES[range].between };
  return html`
    <${Chart} title="Finished jobs" ...${shared} series=${finished} format=${compact} />
    <${Chart} title="Queue age" ...${shared} series=${ages} format=${age} steps=${AGES} />
  `;
}

/** No job has ever run here: three ways to a first table. @param {{upload: any}} props */
function FirstStart({ upload }) {
  const { links } = useApp();
  return html`
    <p class="lead">A file becomes a typed PostgreSQL table, with every row accounted for. Three ways to begin:</p>
    <ol class="ways">
      <li class="sheet pad"><h2>Drop a file anywhere</h2><p>CSV or JSON, on any screen. You watch it load.</p>${upload}</li>
      <li class="sheet pad"><h2>By the command line</h2><p>With your <code>STEPMILL_TOKEN</code>: <code>${links.loadByCommand()}</code></p></li>
      <li class="sheet pad"><h2>By HTTP</h2><p>Make an area, send it a file, start a job. <a href=${links.api()}>All calls</a></p></li>
    </ol>
  `;
}
