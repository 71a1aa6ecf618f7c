import { bytes, compact, counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Meter } from "../parts/controls.js";
import { Section } from "../parts/page.js";
import { Ago, shownStatus, Status, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Job} Job */

/**
 * Jobs, by what they do and for which area, each with what its line tells; how many more there are, or that there is none.
 * @param {{title: string, aside?: any, jobs: Job[], count?: number, more: string, none: string, names: Map<string, string> | undefined, line: (job: Job) => any}} props
 */
export function Jobs({ title, aside, jobs, count = 0, more, none, names, line }) {
  const { links } = useApp();
  const id = title.replace(/\W+/g, "-").toLowerCase();
  return html`
    <${Section} title=${title} id=${id} aside=${aside}>
      <div class="sheet">
        ${jobs.length === 0 && html`<p class="nothing">${none}</p>`}
        <ul class="job-lines">
          ${jobs.map((job) => html`<li key=${job.jobId}><a href=${links.job(job.jobId)}><strong class="mono">${job.type}</strong> ${names?.get(job.params.areaId)}</a>${line(job)}</li>`)}
        </ul>
        ${count > jobs.length && html`<p class="nothing"><a href=${more}>${counted(count - jobs.length, "more job")}</a></p>`}
      </div>
    <//>
  `;
}

/** Which step of how many, and how far that is. @param {Job} job */
export function runningLine(job) {
  const index = job.steps.findIndex((step) => step.status !== "DONE");
  const step = job.steps[index];
  const { done, total, unit, message } = step?.progress ?? {};
  const amount = unit === "bytes" ? bytes : compact;
  const far = typeof done === "number" ? `${amount(done)}${total ? ` of ${amount(total)}` : ""} ${unit === "bytes" ? "" : (unit ?? "")}` : message;
  return html`
    <${Status} status=${shownStatus(job)} /><span class="since"><${Took} from=${job.startedAt} to=${job.finishedAt} /></span>
    <div class="how-far"><span>${step?.name} <span class="soft">${step && `${index + 1} of ${job.steps.length}`}</span></span><span class="soft figure">${far}</span>
      ${job.status === "RUNNING" && html`<${Meter} label=${`${job.type} ${step?.name ?? ""}`} done=${done} total=${total} />`}</div>
    ${job.waiting && html`<p class="why">${job.waiting.message}</p>`}
  `;
}

/** Since when, and why. @param {Job} job */
export const waitingLine = (job) => html`<span class="since"><${Ago} at=${job.waiting?.since ?? job.createdAt} /></span><p class="why">${job.waiting?.message}</p>`;

/** When, and what is said about it. @param {Job} job */
export const failedLine = (job) => html`<span class="since"><${Ago} at=${job.finishedAt} /></span><p class="why"><code class="bad">${job.error?.code}</code> ${job.error?.message}</p>`;
