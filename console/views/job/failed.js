import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Json, Table } from "./values.js";

/** Which codes each way helps with. What is in none of them is told by the log. @type {Record<string, string>} */
const HELPS = {
  plan: "too_many_rejects bad_value missing_columns invalid_plan records_not_found column_cannot_convert row_too_large key_too_long key_column_missing no_rows records_disagree",
  key: "key_too_long key_column_missing key_not_unique",
  file: "too_many_rejects bad_value no_rows no_columns file_not_found blob_not_found damaged_file truncated_file empty_file not_a_table broken_json no_first_row records_disagree suspiciously_small",
  area: "missing_columns area_not_found",
  small: "suspiciously_small",
  again: "job_type_changed timeout lock_busy",
  workers: "crashed_repeatedly memory_limit compute_killed",
};

/**
 * How a job failed, and what helps.
 * @param {{job: import("stepmill/types").Job, mayAct: boolean, onAgain: (params?: object) => void}} props
 */
export function Failed({ job, mayAct, onAgain }) {
  const { links } = useApp();
  const { code, message, retryable, details } = /** @type {any} */ (job.error);
  const { areaId } = job.params;
  const link = (/** @type {string} */ href, /** @type {string} */ text) => html`<a class="button" href=${href}>${text}</a>`;
  const act = (/** @type {object} */ params, /** @type {string} */ text) => mayAct && html`<button onClick=${() => onAgain(params)}>${text}</button>`;
  /** @type {Record<string, any>} */
  const ways = {
    plan: areaId && link(links.plan(areaId), "Mend the plan"),
    key: areaId && link(links.area(areaId), "Change the area's key"),
    file: areaId && link(links.area(areaId), "Upload the file again"),
    area: link(links.areas(), "Choose another area"),
    small: act({ allowSmall: true }, "Allow it and run again"),
    again: act({}, "Run again with changes"),
    workers: link(links.workers(), "See the workers"),
  };
  const helpful = Object.keys(ways).filter((way) => HELPS[way].split(" ").includes(code));
  return html`
    <section class="failure" aria-labelledby="failed">
      <${Icon} name="warning" />
      <div class="flow grow">
        <h2 id="failed">${job.steps.find(({ status }) => status === "ERROR")?.name ?? "The job"} failed</h2>
        <p>${message}</p>
        <p class="soft"><code>${code}</code> ${retryable ? "The same may go well when it is tried again." : "Until something changes, a retry ends the same way."}</p>
        ${details?.examples && html`<${Table} label="Examples" heads=${["#Line", "Column", "Value", "Why"]}
          rows=${details.examples.slice(0, 3).map((/** @type {any} */ each) => [each.line, each.column, html`<code>${each.raw}</code>`, each.reason])} />`}
        <div class="line">${helpful.length ? helpful.map((way) => ways[way]) : link(links.job(job.jobId, { tab: "log" }), "Read the log")}</div>
        ${details && html`<${Json} title="Details" value=${details} />`}
      </div>
    </section>
  `;
}
