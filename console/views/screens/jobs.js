import { useApp, useAreas, useModel, useResource } from "app";
import { counted, number } from "format";
import { html, useEffect, useMemo, useRef, useState } from "html";
import { Empty, Failure, Grid, Icon, Page, Skeleton } from "parts";
import { choiceOf, filtersOf, keyOf } from "../../models/job_filters.js";
import { JobList } from "../../models/job_list.js";
import { BulkDialog } from "../jobs/bulk.js";
import { cellsOf, COLUMNS } from "../jobs/cells.js";
import { FilterBar } from "../jobs/filter_bar.js";
import { useSelection } from "../jobs/selection.js";

const COUNTED_MS = 2_000;
const SLOWLY_COUNTED_MS = 15_000;
const TYPING_MS = 150;
const NARROW = matchMedia("(max-width: 52rem)");

/** All jobs of the environment: narrowed, followed live, cancelled and retried many at once. */
export function Screen() {
  const { client, connection, route, envId, session } = useApp();
  const choice = choiceOf(route.query);
  const key = keyOf(choice);
  const filters = useMemo(() => filtersOf(choice, envId), [key]);
  const { status: _, ...inAnyStatus } = filters;
  const counts = useResource((signal) => client.countJobs(inAnyStatus, { signal }), [keyOf({ ...choice, status: [] })]);
  useEffect(() => connection.onStatus(() => counts.loadSoon(choice.q ? SLOWLY_COUNTED_MS : COUNTED_MS)), [counts]);
  const list = useMemo(() => new JobList(client, connection), []);
  useEffect(() => {
    list.open();
    return () => list.close();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => list.show(filters), list.turn === 0 ? 0 : TYPING_MS);
    return () => clearTimeout(timer);
  }, [filters]);
  const known = counts.data && { ...counts.data.byStatus, total: counts.data.total };
  const total = known && (choice.status.length === 0 ? known.total : choice.status.reduce((sum, status) => sum + known[status], 0));
  useEffect(() => list.setTotal(total), [total]);
  return html`
    <${Page} title="Jobs" actions=${session.may("operator") && html`<${NewJobButton} />`}>
      <${FilterBar} choice=${choice} counts=${known ?? {}} />
      <${List} list=${list} choice=${choice} isNarrowed=${key !== ""} />
    <//>
  `;
}

/** Its dialog is read when somebody wants it. */
function NewJobButton() {
  const { notices } = useApp();
  const [NewJob, setNewJob] = useState(/** @type {any} */ (null));
  const open = () => import("../job/new_job.js").then((module) => setNewJob(() => module.NewJob), (error) => notices.failure(error));
  return html`<button class="primary" onClick=${open}><${Icon} name="plus" />New job</button>${NewJob && html`<${NewJob} onClose=${() => setNewJob(null)} />`}`;
}

/** @param {{list: JobList, choice: import("../../models/job_filters.js").Choice, isNarrowed: boolean}} props */
function List({ list, choice, isNarrowed }) {
  const { router, links, envId, session } = useApp();
  useModel(list);
  const { data: areas } = useAreas();
  const names = useMemo(() => new Map((areas ?? []).map((area) => [area.areaId, area.name])), [areas]);
  const selection = useSelection(list);
  const [act, setAct] = useState(/** @type {import("../../models/job_bulk.js").Act | null} */ (null));
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => void (NARROW.onchange = () => setNarrow(NARROW.matches)), []);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => selection.clear(), [list.turn]);

  const failure = list.error && html`<${Failure} error=${list.error} what="The list" onRetry=${() => list.retry()} />`;
  if (list.turn === 0) return failure || html`<${Skeleton} rows=${14} kind="row" />`;
  if (list.isCurrent && list.rows.length === 0) return html`${failure}<${None} isNarrowed=${isNarrowed} />`;
  const mayMark = session.may("operator");
  const marks = {
    key: "mark",
    className: "grid-mark",
    text: html`<input type="checkbox" aria-label="Select all that match" checked=${selection.isAll} onChange=${selection.isAll ? selection.clear : selection.all} />`,
  };
  return html`
    ${failure}
    <div class="jobs-line">
      ${selection.isAny
        ? html`<span role="status"><strong>${selection.isAll ? `All ${counted(list.count, "job")} that match` : `${number(selection.ids.size)} selected`}</strong></span>
          ${!selection.isAll && html`<button class="quiet wide-only" onClick=${selection.all}>Select all ${number(list.count)} that match</button>`}
          <button class="quiet" onClick=${selection.clear}>Clear</button><span class="grow"></span>
          <button onClick=${() => setAct("cancel")}><${Icon} name="stop" />Cancel…</button>
          <button onClick=${() => setAct("retry")}><${Icon} name="retry" />Retry…</button>`
        : html`<span class="soft small figure">${counted(list.count, "job")}, newest first</span>`}
      <${Newer} list=${list} place=${place} />
    </div>
    <div ref=${place} class="jobs-list" aria-busy=${String(!list.isCurrent)}>
      <${Grid} key=${list.turn} name="jobs" label="Jobs. Enter opens one, Space selects one." count=${list.count} rowHeight=${isNarrow ? 60 : 36} columns=${mayMark ? [marks, ...COLUMNS] : COLUMNS}
        item=${(/** @type {number} */ index) => list.rows[index]} version=${names}
        rowKey=${(/** @type {number} */ index) => list.rows[index]?.jobId ?? index} indexOf=${(/** @type {any} */ jobId) => list.indexOf(jobId)}
        row=${(/** @type {number} */ index) => {
          const row = list.rows[index];
          return row ? cellsOf(row, links.job(row.jobId), names.get(row.areaId)) : null;
        }}
        onSight=${(/** @type {number} */ first, /** @type {number} */ last) => list.look(first, last)}
        onOpen=${(/** @type {number} */ index) => list.rows[index] && router.go(links.job(list.rows[index].jobId))}
        onMark=${mayMark ? selection.mark : undefined} isMarked=${selection.has} />
    </div>
    ${act && html`<${BulkDialog} act=${act} filters=${filtersOf(choice, envId)} ids=${selection.isAll ? null : selection.ids} onDone=${selection.clear} onClose=${() => setAct(null)} />`}
  `;
}

/** How many have come above what one reads, and the way to them. @param {{list: JobList, place: {current: HTMLElement | null}}} props */
function Newer({ list, place }) {
  const seen = useRef({ turn: 0, jobId: "" });
  if (list.isAtTop || seen.current.turn !== list.turn) seen.current = { turn: list.turn, jobId: list.rows[0]?.jobId };
  const newer = list.indexOf(seen.current.jobId);
  if (newer <= 0) return null;
  return html`<button class="newer" onClick=${() => place.current?.querySelector(".grid")?.scrollTo({ top: 0 })}>${counted(newer, "new job")}</button>`;
}

/** @param {{isNarrowed: boolean}} props */
function None({ isNarrowed }) {
  const { links } = useApp();
  if (isNarrowed) return html`<${Empty} title="No job matches" icon="search"><p>Take a filter away, or look at <a href=${links.jobs()}>all jobs</a>.</p><//>`;
  return html`<${Empty} title="No jobs yet" icon="jobs">
    <p>All that Stepmill does is a job. The quickest to see: <a href=${links.areas()}>drop a file into an area</a>, and a job loads it into a table.</p>
    <p>From a terminal: <code>${links.loadByCommand()}</code></p>
  <//>`;
}
