import { useAction, useApp, useResource } from "app";
import { counted, number } from "format";
import { html } from "html";
import { Dialog, Failure, Meter, Skeleton, Status } from "parts";
import { closed, countAll, doToAll, filtersOfIds, TAKES } from "../../models/job_bulk.js";

/** @typedef {import("../../models/job_filters.js").JobStatus} JobStatus */
/** @typedef {import("../../models/job_bulk.js").Act} Act */

const WORDS = {
  cancel: { verb: "Cancel", none: "None of these jobs waits or runs.", rest: "ended already", done: "cancelled" },
  retry: { verb: "Retry", none: "None of these jobs failed or was cancelled.", rest: "did not fail", done: "retried" },
};

/**
 * Says how many jobs it is about before anything is done to them: to those with these ids, or to all that the filters match.
 * @param {{act: Act, filters: import("stepmill/types").JobFilters, ids: Set<string> | null, onDone: () => void, onClose: () => void}} props
 */
export function BulkDialog({ act, filters, ids, onDone, onClose }) {
  const { client, envId, notices } = useApp();
  const words = WORDS[act];
  const found = useResource(async (signal) => {
    const bounded = ids ? filtersOfIds(envId, ids) : [await closed(client, filters, signal)].filter((each) => each !== null);
    return { targets: bounded, byStatus: await countAll(client, bounded, signal) };
  }, []);
  const run = useAction(async () => {
    const matched = await doToAll(client, act, found.data?.targets ?? []);
    notices.good(`${counted(matched, "job")} ${words.done}`);
    onDone();
    onClose();
  });
  const countOf = (/** @type {JobStatus} */ status) => found.data?.byStatus[status] ?? 0;
  const taken = TAKES[act].reduce((sum, status) => sum + countOf(status), 0);
  const rest = Object.values(found.data?.byStatus ?? {}).reduce((sum, count) => sum + count, 0) - taken;
  return html`<${Dialog} title=${`${words.verb} jobs`} onClose=${onClose}>
    <div class="flow" role="status">
      ${found.error && html`<${Failure} error=${found.error} what="How many they are" onRetry=${() => found.load()} />`}
      ${!found.data && !found.error && html`<${Skeleton} rows=${3} />`}
      ${found.data && taken === 0 && html`<p>${words.none}</p>`}
      ${taken > 0 &&
      html`<p class="bulk-count"><strong>${counted(taken, "job")}</strong> will be ${words.done}:</p>
        <ul class="line">${TAKES[act].filter(countOf).map((status) => html`<li key=${status}><${Status} status=${status} /> <span class="figure">${number(countOf(status))}</span></li>`)}</ul>`}
      ${rest > 0 && html`<p class="soft small">${counted(rest, "other")} that you chose ${words.rest}.</p>`}
      ${taken > 0 && !ids && html`<p class="soft small">Jobs that come from now on are not taken.</p>`}
    </div>
    ${run.error && html`<${Failure} error=${run.error} />`} ${run.isRunning && html`<${Meter} label="Under way" />`}
    <footer>
      <button onClick=${onClose}>Close</button>
      ${taken > 0 && html`<button class=${act === "cancel" ? "danger" : "primary"} aria-disabled=${run.isRunning} onClick=${() => run.run()}>${words.verb} ${counted(taken, "job")}</button>`}
    </footer>
  <//>`;
}
