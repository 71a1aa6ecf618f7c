import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Json, Table } from "./values.js";

/** What helps, by code: the ways below. @type {Record<string, string>} */
const HELP = {
  ...{ too_many_rejects: "plan file", bad_value: "plan file", missing_columns: "plan areas", invalid_plan: "plan", records_not_found: "plan", column_cannot_convert: "plan" },
  ...{ row_too_large: "plan", key_too_long: "plan area", key_column_missing: "area plan", key_not_unique: "area", area_not_found: "areas", suspiciously_small: "small file" },
  ...{ no_rows: "file plan", no_columns: "file", file_not_found: "file", blob_not_found: "file", damaged_file: "file", truncated_file: "file", empty_file: "file" },
  ...{ not_a_table: "file", broken_json: "file", no_first_row: "file", records_disagree: "file plan", job_type_changed: "again", timeout: "again", lock_busy: "again" },
  ...{ crashed_repeatedly: "workers log", memory_limit: "workers log", compute_killed: "workers" },
};

/**
 * How a job failed, and what helps.
 * @param {{job: import("stepmill/types").Job, mayAct: boolean, onRetry: () => void, onAgain: (params?: object) => void}} props
 */
export function Failed({ job, mayAct, onRetry, onAgain }) {
  const { links } = useApp();
  const error = /** @type {import("stepmill/types").Failure} */ (job.error);
  const { areaId } = job.params;
  const { examples = [], ...details } = /** @type {any} */ (error.details ?? {});
  const way = (/** @type {string} */ href, /** @type {string} */ text) => html`<a class="button" href=${href}>${text}</a>`;
  /** @type {Record<string, any>} */
  const ways = {
    plan: areaId && way(links.plan(areaId), "Mend the plan"),
    file: areaId && way(links.area(areaId), "Upload the file again"),
    area: areaId && way(links.area(areaId), "Change the area's key"),
    areas: way(links.areas(), "Choose another area"),
    workers: way(links.workers(), "See the workers"),
    log: way(links.job(job.jobId, { tab: "log" }), "Read the log"),
    small: mayAct && html`<button type="button" onClick=${() => onAgain({ allowSmall: true })}>Allow it and run again</button>`,
    again: mayAct && html`<button type="button" onClick=${() => onAgain()}>Run again with changes</button>`,
  };
  return html`
    <section class="failure" aria-labelledby="failed">
      <${Icon} name="warning" />
      <div class="flow grow">
        <h2 id="failed">${job.steps.find(({ status }) => status === "ERROR")?.name ?? "The job"} failed</h2>
        <p>${error.message}</p>
        <p class="soft"><code>${error.code}</code> ${error.retryable ? "The same may go well when it is tried again." : "Until something changes, a retry ends the same way."}</p>
        ${examples.length > 0 && html`<${Table} label="Examples" heads=${["#Line", "Column", "Value", "Why"]}
          rows=${examples.slice(0, 3).map((/** @type {any} */ each) => [each.line, each.column, html`<code>${each.raw}</code>`, each.reason])} />`}
        <div class="line">
          ${(HELP[error.code] ?? "log").split(" ").map((name) => ways[name])}
          ${mayAct && error.retryable && html`<button type="button" class="quiet" onClick=${onRetry}><${Icon} name="retry" />Retry</button>`}
        </div>
        ${Object.keys(details).length > 0 && html`<${Json} title="Details" value=${error.details} />`}
      </div>
    </section>
  `;
}
