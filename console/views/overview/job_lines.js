import { bytes, compact } from "../../lib/format.js";
import { html, useEffect, useState } from "../../lib/html.js";
import { jobAfter } from "../../models/job_after.js";
import { useApp } from "../app.js";
import { Meter } from "../parts/controls.js";
import { Section } from "../parts/page.js";
import { Ago, shownStatus, Status, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Job} Job */

/**
 * Jobs, by what they do and for which area, each with what its line tells; or that there is none.
 * @param {{title: string, aside: any, jobs: Job[], none: string, names: Map<string, string> | undefined, Line: (props: {job: Job}) => any}} props
 */
export function Jobs({ title, aside, jobs, none, names, Line }) {
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
export function RunningLine({ job: listed }) {
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
    ${job.waiting && html`<p class="why">${job.waiting.message}</p>`}
  `;
}

/** Since when, and why. @param {{job: Job}} props */
export const WaitingLine = ({ job: { waiting, createdAt } }) => html`<span class="since"><${Ago} at=${waiting?.since ?? createdAt} /></span><p class="why">${waiting?.message}</p>`;

/** When, and what is said about it. @param {{job: Job}} props */
export const FailedLine = ({ job: { finishedAt, error } }) => html`<span class="since"><${Ago} at=${finishedAt} /></span><p class="why"><code class="bad">${error?.code}</code> ${error?.message}</p>`;
