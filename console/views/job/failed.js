import { useApp } from "app";
import { html } from "html";
import { Icon } from "parts";

/** Codes of errors that another plan helps with: too_many_rejects, missing_columns, key_too_long, no_rows… */
const OF_PLAN = /reject|value|column|plan|record|row|key/;
/** crashed_repeatedly, memory_limit, compute_killed */
const OF_WORKERS = /crashed|memory|killed/;

/**
 * How a job failed, and what helps.
 * @param {{job: import("stepmill/types").Job, mayAct: boolean, onAgain: (params?: object) => void}} props
 */
export function Failed({ job, mayAct, onAgain }) {
  const { links } = useApp();
  const { code, message, retryable, details } = /** @type {any} */ (job.error);
  const { areaId } = job.params;
  const ways = [
    areaId && OF_PLAN.test(code) && [links.plan(areaId), "Mend the plan"],
    areaId && [links.area(areaId), "See its files"],
    OF_WORKERS.test(code) && [links.workers(), "See the workers"],
    [links.job(job.jobId, { tab: "log" }), "Read the log"],
  ];
  return html`
    <section class="failure ERROR" aria-labelledby="failed">
      <${Icon} name="warning" />
      <div class="flow grow">
        <h2 id="failed">${job.steps.find(({ status }) => status === "ERROR")?.name ?? "The job"} failed</h2>
        <p>${message}</p>
        <p class="soft"><code>${code}</code> ${retryable ? "A retry may go well." : "A retry alone ends the same way."}</p>
        ${details?.examples?.slice(0, 3).map((/** @type {any} */ each) => html`<p>Line ${each.line}, ${each.column}: <code>${each.raw}</code> ${each.reason}</p>`)}
        <div class="line">
          ${mayAct && code === "suspiciously_small" && html`<button onClick=${() => onAgain({ allowSmall: true })}>Allow it and run again</button>`}
          ${ways.map((way) => way && html`<a class="button" href=${way[0]}>${way[1]}</a>`)}
        </div>
      </div>
    </section>
  `;
}
