import { compact, label, number } from "../../lib/format.js";
import { html, useEffect, useMemo, useRef } from "../../lib/html.js";
import { RANGES, readFigures, readNow, readStock, RunningJobs } from "../../models/overview.js";
import { useApp, useModel, useOwnModel, useResource } from "../app.js";
import { chooseFiles } from "../choose_files.js";
import { useFresh } from "../fresh.js";
import { age, Charts } from "../overview/charts.js";
import { FirstStart } from "../overview/first_start.js";
import { failedLine, Jobs, runningLine, waitingLine } from "../overview/job_lines.js";
import { Icon } from "../parts/icon.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Skeleton } from "../parts/states.js";
import { Ago, Count } from "../parts/words.js";

/** What runs, waits and failed; how much gets done; what has not been loaded for long. */
export function Screen() {
  const { client, envId, connection, links, route, router, session, uploads } = useApp();
  const range = route.query.range in RANGES ? route.query.range : "hour";
  const now = useResource((signal) => readNow(client, envId, signal), []);
  const figures = useResource((signal) => readFigures(client, envId, range, signal), [range]);
  const stock = useResource((signal) => readStock(client, envId, signal), []);
  useFresh(now, 1_000);
  useFresh(figures, 2_000, 15_000);
  useFresh(stock, 30_000);
  const running = useOwnModel(() => new RunningJobs(connection), []);
  useEffect(() => running.show(now.data?.running ?? []), [now.data]);
  const { state } = useModel(connection);

  // What was there stays until another range is.
  const kept = useRef(figures.data);
  const day = (kept.current = figures.data ?? kept.current);
  // Progress comes often, and the charts don't change by it.
  const charts = useMemo(() => day && html`<${Charts} points=${day.points} range=${day.range} />`, [day]);
  // That the connection is lost is told at the top already.
  const error = state === "lost" ? null : (now.error ?? figures.error ?? stock.error);
  const failure = error && html`<${Failure} error=${error} what="The overview" onRetry=${() => [now, figures, stock].forEach((each) => each.load())} />`;
  if (now.data?.isFirst && session.environments.some((each) => each.envId === envId)) return html`<${Page} title="Overview">${failure}<${FirstStart} /><//>`;
  const jobs = now.data;
  const names = stock.data?.names;
  const of = (/** @type {string} */ status, from = "") => links.jobs({ status, from });
  const oldest = day?.points.at(-1)?.queueAgeSeconds;
  const choice = Object.keys(RANGES).map(
    (name) => html`<button type="button" aria-pressed=${name === range} onClick=${() => router.set({ range: name === "hour" ? null : name })}>${label(name)}</button>`,
  );
  return html`
    <${Page} title="Overview" actions=${session.may("operator") && html`<button type="button" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Upload files</button>`}>
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
        <div class="running"><${Jobs} title="Running" jobs=${running.jobs} count=${jobs.runningCount} more=${of("RUNNING")} none="Nothing runs. What starts is shown here, step by step." names=${names}
          line=${runningLine} aside=${html`<a href=${links.jobs()}>All jobs</a>`} /></div>
        <div class="columns">
          <${Jobs} title="Waiting" jobs=${jobs.waiting} count=${jobs.waitingCount} more=${of("PENDING")} none="Nothing waits." names=${names} line=${waitingLine} />
          <${Jobs} title=${day?.failed === 0 && jobs.failed.length > 0 ? "Failed before today" : "Newest failures"} jobs=${jobs.failed} more=${of("ERROR")} none="Nothing failed." names=${names}
            line=${failedLine} aside=${html`<a href=${of("ERROR")}>All failed jobs</a>`} />
        </div>
      `}
      <${Section} title="Over time" id="over-time" aside=${html`<div class="choice" role="group" aria-label="How far back">${choice}</div>`}>
        ${charts ?? html`<div class="charts"><${Skeleton} rows=${2} kind="chart" /><${Skeleton} rows=${2} kind="chart" /></div>`}
      <//>
      ${stock.data && stock.data.stale.length > 0 && html`<${Stale} ...${stock.data} />`}
    <//>
  `;
}

/** @param {{name: string, value: number | undefined, href: string, note?: any, tone?: string}} props */
const Tile = ({ name, value, href, note, tone }) => html`
  <a class="tile" href=${href}><span class="name">${name}</span><span class=${`value ${(value && tone) || ""}`}>${value === undefined ? "–" : compact(value)}</span>${(value && note) ? html`<span class="note">${note}</span>` : ""}</a>
`;

/** @param {{stale: import("stepmill/types").Table[], tables: number}} props */
function Stale({ stale, tables }) {
  const { links } = useApp();
  return html`
    <${Section} title="Not loaded for the longest" id="stale" aside=${html`<a href=${links.tables()}>All ${number(tables)} tables</a>`}>
      <div class="sheet"><table>
        <thead><tr><th scope="col">Table</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Last loaded</th></tr></thead>
        <tbody>${stale.map(
          ({ physId, logicalName, rows, lastLoadAt }) => html`<tr key=${physId}><td><a href=${links.table(physId)}>${logicalName}</a></td><td class="number"><${Count} value=${rows} /></td><td class="number"><${Ago} at=${lastLoadAt} /></td></tr>`,
        )}</tbody>
      </table></div>
    <//>
  `;
}
