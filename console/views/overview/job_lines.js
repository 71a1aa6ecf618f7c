import { bytes, compact, counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Meter } from "../parts/controls.js";
import { Ago, shownStatus, Status, Took } from "../parts/words.js";

/** @typedef {import("stepmill/types").Job} Job */
/** @typedef {Map<string, string> | undefined} Names of areas, by their ids */

/** A job by what it does and for which area. @param {{job: Job, names: Names}} props */
function JobLink({ job, names }) {
  const { links } = useApp();
  const area = names?.get(job.params.areaId);
  return html`<a class="job-link" href=${links.job(job.jobId)}><strong class="mono">${job.type}</strong>${area && html` <span class="clip">${area}</span>`}</a>`;
}

/** What runs: which step of how many, and how far that is. @param {{jobs: Job[], names: Names}} props */
export const RunningList = ({ jobs, names }) => html`
  <ul class="job-lines running">
    ${jobs.map((job) => {
      const index = job.steps.findIndex((step) => step.status !== "DONE");
      const step = job.steps[index];
      const { done, total } = step?.progress ?? {};
      return html`
        <li key=${job.jobId}>
          <${JobLink} job=${job} names=${names} />
          <${Status} status=${shownStatus(job)} />
          <span class="how-far">
            <span class="line small"><span>${step ? html`${step.name} <span class="soft">${index + 1} of ${job.steps.length}</span>` : "Done"}</span><span class="grow"></span>
              <span class="soft figure">${textOf(step?.progress)}</span></span>
            ${job.status === "RUNNING" && html`<${Meter} label=${`${step?.name ?? job.type}, ${job.type}`} done=${done} total=${total} />`}
          </span>
          <span class="soft small since"><${Took} from=${job.startedAt} to=${job.finishedAt} /></span>
          ${job.waiting && html`<p class="why">${job.waiting.message}</p>`}
        </li>
      `;
    })}
  </ul>
`;

/** "12,000 of 40,000 rows" @param {import("stepmill/types").Progress | null | undefined} progress */
function textOf(progress) {
  if (!progress) return "";
  const { done, total, unit, message } = progress;
  if (done === null) return message ?? "";
  if (unit === "bytes") return total ? `${bytes(done)} of ${bytes(total)}` : bytes(done);
  return `${total ? `${compact(done)} of ${compact(total)}` : compact(done)} ${unit ?? ""}`;
}

/** What waits, and why. @param {{jobs: Job[], names: Names}} props */
export const WaitingList = ({ jobs, names }) => html`
  <ul class="job-lines">
    ${jobs.map(
      (job) => html`
        <li key=${job.jobId}><${JobLink} job=${job} names=${names} /><span class="soft small since"><${Ago} at=${job.waiting?.since ?? job.createdAt} /></span>
          <p class="why">${job.waiting?.message}</p></li>
      `,
    )}
  </ul>
`;

/** What failed: where, by what code, and what is said about it. @param {{jobs: Job[], names: Names}} props */
export const FailedList = ({ jobs, names }) => html`
  <ul class="job-lines">
    ${jobs.map(
      (job) => html`
        <li key=${job.jobId}><${JobLink} job=${job} names=${names} /><span class="soft small since"><${Ago} at=${job.finishedAt} /></span>
          <p class="why">${job.error && html`<code class="bad">${job.error.code}</code> ${job.error.message}`}</p></li>
      `,
    )}
  </ul>
`;

/** "and 12 more" with the way to them. @param {{count: number, href: string}} props */
export const More = ({ count, href }) => (count > 0 ? html`<p class="more"><a href=${href}>${counted(count, "more job")}</a></p>` : null);
