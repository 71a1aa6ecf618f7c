import { compact, number } from "../../lib/format.js";
import { html, useEffect } from "../../lib/html.js";
import { RANGES, readFigures, readNow, readStock, RunningJobs } from "../../models/overview.js";
import { useApp, useModel, useOwnModel, useResource } from "../app.js";
import { age, Charts } from "../overview/charts.js";
import { FirstStart } from "../overview/first_start.js";
import { useFresh } from "../overview/fresh.js";
import { FailedList, More, RunningList, WaitingList } from "../overview/job_lines.js";
import { chooseFiles } from "../choose_files.js";
import { Icon } from "../parts/icon.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Skeleton } from "../parts/states.js";
import { Ago, Count } from "../parts/words.js";

/** @typedef {NonNullable<Awaited<ReturnType<typeof readNow>>>} Now */
/** @typedef {Awaited<ReturnType<typeof readFigures>> | null} Figures */
/** @typedef {Awaited<ReturnType<typeof readStock>> | null} Stock */

/** What runs, waits and failed; how much gets done; what has not been loaded for long. */
export function Screen() {
  const { client, envId, connection, route, session, uploads } = useApp();
  const range = route.query.range in RANGES ? route.query.range : "hour";
  const now = useResource((signal) => readNow(client, envId, signal), []);
  const figures = useResource((signal) => readFigures(client, envId, range, signal), [range]);
  const stock = useResource((signal) => readStock(client, envId, signal), []);
  useFresh(now, { soonMs: 2_000 });
  useFresh(figures, { soonMs: 2_000, everyMs: 15_000 });
  useFresh(stock, { soonMs: 30_000 });
  const running = useOwnModel(() => new RunningJobs(connection), [connection]);
  useEffect(() => {
    if (now.data) running.show(now.data.running);
  }, [now.data, running]);
  const { state } = useModel(connection);

  // What is told of a lost connection is told once, at the top of every screen.
  const error = state === "lost" ? null : (now.error ?? figures.error ?? stock.error);
  const failure = error && html`<${Failure} error=${error} what="The overview" onRetry=${() => [now, figures, stock].forEach((each) => each.load())} />`;
  if (now.data?.isFirst) return html`<${Page} title="Overview">${failure}<${FirstStart} /><//>`;
  const upload = session.may("operator") && html`<button type="button" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Upload files</button>`;
  return html`
    <${Page} title="Overview" actions=${upload}>
      ${failure}
      <${Tiles} now=${now.data} figures=${figures.data} />
      ${now.data ? html`<${Jobs} now=${now.data} running=${running.jobs} failedToday=${figures.data?.failed} names=${stock.data?.areaNames} />` : html`<${Skeleton} rows=${4} kind="row" />`}
      <${Section} title="Over time" id="over-time" aside=${html`<${RangeChoice} range=${range} />`}>
        ${figures.data ? html`<${Charts} points=${figures.data.points} words=${`The last ${range}`} />` : html`<div class="charts"><${Skeleton} rows=${2} kind="chart" /><${Skeleton} rows=${2} kind="chart" /></div>`}
      <//>
      <${Stale} stock=${stock.data} />
    <//>
  `;
}

/** The day in numbers, each the way to what it counts. @param {{now: Now | null, figures: Figures}} props */
function Tiles({ now, figures }) {
  const { links } = useApp();
  const oldest = figures?.points.at(-1)?.queueAgeSeconds;
  const tiles = [
    { name: "Running", value: now?.runningCount, href: links.jobs({ status: "RUNNING" }) },
    { name: "Waiting", value: now?.waitingCount, note: now?.waitingCount && oldest ? `oldest for ${age(oldest)}` : "", href: links.jobs({ status: "PENDING" }) },
    { name: "Done today", value: figures?.done, href: links.jobs({ status: "DONE" }) },
    { name: "Failed today", value: figures?.failed, tone: figures?.failed ? "bad" : "", href: links.jobs({ status: "ERROR" }) },
    { name: "Rows loaded today", value: figures?.rowsLoaded, href: links.tables() },
  ];
  return html`
    <div class="tiles day">
      ${tiles.map(
        ({ name, value, note, tone, href }) => html`
          <a key=${name} class="tile" href=${href}><span class="name">${name}</span>
            <span class=${`value ${tone ?? ""}`} title=${value === undefined ? "" : number(value)}>${value === undefined ? "–" : compact(value)}</span>
            ${note && html`<span class="note">${note}</span>`}</a>
        `,
      )}
    </div>
  `;
}

/** @param {{now: Now, running: import("stepmill/types").Job[], failedToday: number | undefined, names: Map<string, string> | undefined}} props */
function Jobs({ now, running, failedToday, names }) {
  const { links } = useApp();
  const nothing = (/** @type {string} */ text) => html`<p class="nothing">${text}</p>`;
  return html`
    <${Section} title="Running" id="running" aside=${html`<a href=${links.jobs()}>All jobs</a>`}>
      <div class="sheet">
        ${running.length > 0 ? html`<${RunningList} jobs=${running} names=${names} />` : nothing("Nothing runs. What starts is shown here, step by step.")}
        <${More} count=${now.runningCount - running.length} href=${links.jobs({ status: "RUNNING" })} />
      </div>
    <//>
    <div class="columns">
      <${Section} title="Waiting" id="waiting">
        <div class="sheet">
          ${now.waiting.length > 0 ? html`<${WaitingList} jobs=${now.waiting} names=${names} />` : nothing("Nothing waits.")}
          <${More} count=${now.waitingCount - now.waiting.length} href=${links.jobs({ status: "PENDING" })} />
        </div>
      <//>
      <${Section} title=${failedToday === 0 && now.failed.length > 0 ? "Failed before today" : "Newest failures"} id="failed" aside=${html`<a href=${links.jobs({ status: "ERROR" })}>All failed jobs</a>`}>
        <div class="sheet">${now.failed.length > 0 ? html`<${FailedList} jobs=${now.failed} names=${names} />` : nothing("Nothing failed.")}</div>
      <//>
    </div>
  `;
}

/** @param {{range: string}} props */
function RangeChoice({ range }) {
  const { router } = useApp();
  return html`
    <div class="choice" role="group" aria-label="How far back">
      ${Object.entries(RANGES).map(
        ([name, { text }]) => html`<button key=${name} type="button" aria-pressed=${name === range} onClick=${() => router.set({ range: name === "hour" ? null : name })}>${text}</button>`,
      )}
    </div>
  `;
}

/** Tables by how long ago they were loaded. @param {{stock: Stock}} props */
function Stale({ stock }) {
  const { links } = useApp();
  if (!stock || stock.stale.length === 0) return null;
  return html`
    <${Section} title="Not loaded for the longest" id="stale" aside=${html`<a href=${links.tables()}>All ${number(stock.tables)} tables</a>`}>
      <div class="sheet scroll">
        <table>
          <thead><tr><th scope="col">Table</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Last loaded</th></tr></thead>
          <tbody>
            ${stock.stale.map(
              (table) => html`<tr key=${table.physId}><td><a href=${links.table(table.physId)}>${table.logicalName}</a></td><td class="number"><${Count} value=${table.rows} /></td><td class="number"><${Ago} at=${table.lastLoadAt} /></td></tr>`,
            )}
          </tbody>
        </table>
      </div>
    <//>
  `;
}
