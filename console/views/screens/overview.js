import { compact, duration, label } from "../../lib/format.js";
import { html, useRef } from "../../lib/html.js";
import { RANGES, readFigures, readNow, readStock } from "../../models/overview.js";
import { useApp, useFresh, useModel, useResource } from "../app.js";
import { chooseFiles } from "../choose_files.js";
import { Table } from "../files/table.js";
import { FailedLine, Jobs, RunningLine, WaitingLine } from "../overview/job_lines.js";
import { Chart } from "../parts/chart.js";
import { Icon } from "../parts/icon.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Skeleton } from "../parts/states.js";
import { Ago, Count } from "../parts/words.js";

const AGES = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 172_800, 604_800];

/** Whole seconds, or more. @param {number} seconds */
const age = (seconds) => (seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds));

/** What runs, waits and failed; how much gets done; what has not been loaded for long. */
export function Screen() {
  const { client, envId, connection, links, route, router, session, uploads } = useApp();
  const range = route.query.range in RANGES ? route.query.range : "hour";
  const now = useResource((signal) => readNow(client, envId, signal), []);
  const figures = useResource((signal) => readFigures(client, envId, range, signal), [range]);
  const stock = useResource((signal) => readStock(client, envId, signal), []);
  useFresh(now, 1_000, 60_000);
  useFresh(figures, 2_000, 15_000);
  useFresh(stock, 30_000, 300_000);
  const { state } = useModel(connection);
  // What was there stays until another range is.
  const kept = useRef(figures.data);
  const day = (kept.current = figures.data ?? kept.current);
  const jobs = now.data;
  // That the connection is lost is told at the top already.
  const error = state === "lost" ? null : (now.error ?? figures.error ?? stock.error);
  const failure = error && html`<${Failure} error=${error} what="The overview" onRetry=${() => [now, figures, stock].forEach((each) => each.load())} />`;
  const upload = session.may("operator") && html`<button type="button" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Choose files</button>`;
  if (jobs?.isFirst && session.environments.some((each) => each.envId === envId)) return html`<${Page} title="Overview">${failure}<${FirstStart} upload=${upload} /><//>`;

  const of = (/** @type {string} */ status, from = "") => links.jobs({ status, from });
  const oldest = day?.points[day.points.length - 1]?.queueAgeSeconds;
  const all = (/** @type {string} */ status, /** @type {string} */ word) => html`<a href=${of(status)}>All ${word} jobs</a>`;
  const names = stock.data?.names;
  /** @type {import("../files/table.js").TableColumn[]} */
  const columns = [
    ["Table", ({ physId, logicalName }) => html`<a href=${links.table(physId)}>${logicalName}</a>`],
    ["Rows", ({ rows }) => html`<${Count} value=${rows} />`, "number"],
    ["Last loaded", ({ lastLoadAt }) => html`<${Ago} at=${lastLoadAt} />`, "number"],
  ];
  return html`
    <${Page} title="Overview" actions=${upload}>
      ${failure}
      <div class="tiles day">
        <${Tile} name="Running" value=${jobs?.runningCount} href=${of("RUNNING")} />
        <${Tile} name="Waiting" value=${jobs?.waitingCount} href=${of("PENDING")} note=${oldest && `oldest for ${age(oldest)}`} />
        <${Tile} name="Done today" value=${day?.done} href=${of("DONE", day?.since)} />
        <${Tile} name="Failed today" value=${day?.failed} href=${of("ERROR", day?.since)} tone="bad" />
        <${Tile} name="Rows loaded today" value=${day?.rowsLoaded} href=${links.tables()} />
      </div>
      ${!jobs && !error && html`<${Skeleton} rows=${6} kind="row" />`}
      ${jobs &&
      html`
        <div class="running"><${Jobs} title="Running" aside=${all("RUNNING", "running")} jobs=${jobs.running} names=${names} Line=${RunningLine} none="Nothing runs. What starts is shown here, step by step." /></div>
        <div class="columns">
          <${Jobs} title="Waiting" aside=${all("PENDING", "waiting")} jobs=${jobs.waiting} names=${names} Line=${WaitingLine} none="Nothing waits." />
          <${Jobs} title="Newest failures" aside=${all("ERROR", "failed")} jobs=${jobs.failed} names=${names} Line=${FailedLine} none="Nothing failed." />
        </div>
      `}
      <${Section} title="Over time" id="over-time" aside=${html`<div class="choice" role="group" aria-label="How far back">${Object.keys(RANGES).map(
        (name) => html`<button type="button" aria-pressed=${name === range} onClick=${() => router.set({ range: name })}>${label(name)}</button>`,
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
  const waited = series("at most", "--WAITING", (point) => point.queueAgeSeconds ?? 0);
  const ages = [{ ...waited, whole: Math.max(...waited.values) }];
  const shared = { over: `The last ${range}`, times: points.map((point) => Date.parse(point.at) / 1000), between: RANGES[range].between };
  return html`
    <${Chart} title="Finished jobs" ...${shared} series=${finished} format=${compact} />
    <${Chart} title="Longest wait" ...${shared} series=${ages} format=${age} steps=${AGES} />
  `;
}

/** No job has ever run here: three ways to a first table. @param {{upload: any}} props */
function FirstStart({ upload }) {
  const { links } = useApp();
  return html`
    <p class="lead">A file becomes a typed PostgreSQL table, with every row accounted for. Nothing has run here yet; three ways to begin:</p>
    <ol class="ways">
      <li class="sheet pad"><h2>Drop a file anywhere</h2><p>CSV or JSON, compressed or not, on any screen. You watch it load.</p>${upload}</li>
      <li class="sheet pad"><h2>By the command line</h2><p>Where <code>stepmill</code> and your <code>STEPMILL_TOKEN</code> are: <code>${links.loadByCommand()}</code></p></li>
      <li class="sheet pad"><h2>By HTTP</h2><p>Make an area, send it a file, start a job. <a href=${links.api()}>All calls</a></p></li>
    </ol>
  `;
}
