import { useTick } from "app";
import { duration } from "format";
import { html } from "html";
import { Icon, Status, Time } from "parts";
import { axisOf, lanesOf, placeOf } from "../../models/job_timeline.js";
import { Values } from "./values.js";

/** @typedef {import("../../models/job_timeline.js").Bar} Bar */

/**
 * The steps on one axis of time: a bar for each attempt, dashed where it waited. A step opens to its times and its output.
 * @param {{job: import("stepmill/types").Job, events: import("stepmill/types").StreamEvent[], onRetry: false | ((fromStep: string) => void)}} props
 */
export function Timeline({ job, events, onRetry }) {
  useTick(500, !job.finishedAt);
  const lanes = lanesOf(job, events);
  const to = job.finishedAt ? Date.parse(job.finishedAt) : Math.max(Date.parse(events.at(-1)?.data.at ?? job.createdAt), Date.now());
  const axis = axisOf(lanes, Date.parse(job.createdAt), to);
  const tookOf = (/** @type {Bar[]} */ bars) => duration(bars.reduce((sum, bar) => sum + (bar.to ?? to) - bar.from, 0) / 1000);
  const placed = (/** @type {{from: number, to: number | null}} */ bar) => {
    const left = placeOf(axis, bar.from);
    return { left: `min(${left}%, 100% - 3px)`, width: `${placeOf(axis, bar.to ?? to) - left}%` };
  };
  const lane = (/** @type {import("../../models/job_timeline.js").Lane} */ { name, bars }, /** @type {number} */ index) => {
    const { status, error, output } = job.steps[index];
    const runs = bars.filter(({ kind }) => kind === "run");
    const mayRetry = onRetry && job.steps.slice(0, index).every((step) => step.status === "DONE");
    return html`
      <details key=${name}>
        <summary>
          <${Icon} name="more" /><strong class="clip">${name}</strong>
          <${Status} status=${error?.code === "cancelled" ? "CANCELLED" : status} />
          <span class="track" aria-hidden="true">${bars.map((bar) => html`<span class=${`${bar.kind} ${hueOf(bar)}`} style=${placed(bar)} title=${wordsOf(bar)}></span>`)}</span>
          <span class="figure soft">${runs.length ? tookOf(runs) : "–"}</span>
        </summary>
        <div class="lane-detail flow">
          ${bars.map((bar) => html`<p class="small line"><span class="grow">${wordsOf(bar)}</span><${Time} at=${new Date(bar.from).toISOString()} only="clock" /><span class="figure">${tookOf([bar])}</span></p>`)}
          ${error && html`<p class="small"><code class="bad">${error.code}</code> ${error.message}</p>`}
          ${output && html`<${Values} data=${output} />`}
          ${mayRetry && html`<button onClick=${() => onRetry(name)}>Retry from ${name}</button>`}
        </div>
      </details>
    `;
  };
  return html`
    <div class="timeline sheet">
      ${lanes.map(lane)}
      <div class="axis" aria-hidden="true">
        ${axis.cuts.map((cut) => html`<i class="cut" style=${placed(cut)}><span>${duration((cut.to - cut.from) / 1000)}</span></i>`)}
        ${[0, 0.25, 0.5, 0.75].map((share) => html`<i style=${{ left: `${100 * share}%` }}><span>${axis.cuts.length === 0 && duration((share * (to - axis.from)) / 1000)}</span></i>`)}
      </div>
    </div>
  `;
}

/** A step that a cancel ended did not fail; an attempt that is to be made again did. @param {Bar} bar */
const hueOf = ({ kind, status, error }) => (kind === "wait" ? "WAITING" : error?.code === "cancelled" ? "CANCELLED" : status === "PENDING" ? "ERROR" : status);

/** What a bar shows. @param {Bar} bar */
function wordsOf({ kind, status, attempt, reason, error }) {
  if (kind === "wait") return `waited: ${reason?.replaceAll("_", " ")}`;
  return `attempt ${attempt}: ${error?.code ?? (status === "PENDING" ? reason : status.toLowerCase())}`;
}
