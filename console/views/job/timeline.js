import { duration, utc } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { axisOf, lanesOf, placeOf, ticksOf } from "../../models/job_timeline.js";
import { useTick } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Status, Time } from "../parts/words.js";
import { Json, Table, Values } from "./values.js";

/** @typedef {import("../../models/job_timeline.js").Bar} Bar */

/** @type {Record<string, string>} */
const REASONS = {
  submitted: "waited to start",
  retry: "waited to start again",
  backoff: "waited before another attempt",
  waiting_for_lock: "waited for the lock",
  crashed: "its worker died",
  shutdown: "its worker stopped",
  database_lost: "its worker lost the database",
  cancel_requested: "waited to be cancelled",
};

/**
 * The steps on one axis of time: a bar for each attempt, dashed where it waited. A step opens to its times and its output.
 * @param {{job: import("stepmill/types").Job, events: import("stepmill/types").StreamEvent[], always: string[]}} props
 */
export function Timeline({ job, events, always }) {
  useTick(500, !job.finishedAt);
  const [open, setOpen] = useState("");
  const lanes = lanesOf(job, events);
  const from = Date.parse(job.createdAt);
  const to = job.finishedAt ? Date.parse(job.finishedAt) : Math.max(Date.parse(events.at(-1)?.data.at ?? job.createdAt), Date.now());
  const axis = axisOf(lanes, from, to);
  const lengthOf = (/** @type {Bar} */ bar) => duration(((bar.to ?? to) - bar.from) / 1000);
  return html`
    <div class="timeline sheet">
      <ol>
        ${lanes.map(({ name, bars }, index) => {
          const { status, error, output } = job.steps[index];
          const runs = bars.filter(({ kind }) => kind === "run");
          const took = runs.reduce((sum, bar) => sum + (bar.to ?? to) - bar.from, 0);
          return html`
            <li key=${name}>
              <button type="button" class="lane" aria-expanded=${String(open === name)} onClick=${() => setOpen(open === name ? "" : name)}>
                <span class="lane-name"><${Icon} name=${open === name ? "down" : "more"} /><span class="clip" title=${name}>${name}</span>
                  ${always.includes(name) && html`<span class="tag" title="Runs whatever came before: error, cancel or crash">always</span>`}</span>
                <${Status} status=${error?.code === "cancelled" ? "CANCELLED" : status === "RUNNING" && job.cancelRequestedAt ? "STOPPING" : status} />
                <span class="track" aria-hidden="true">
                  ${bars.map((bar) => {
                    const left = placeOf(axis, bar.from);
                    const width = placeOf(axis, bar.to ?? to) - left;
                    const title = `${wordsOf(bar)}\n${utc(bar.from)}\n${bar.to ? utc(bar.to) : "until now"}\n${lengthOf(bar)}`;
                    return html`<span key=${bar.kind + bar.from} class=${`bar-mark ${bar.kind} ${hueOf(bar)}`} title=${title}
                      style=${{ left: `min(${left}%, 100% - 3px)`, width: `${width}%` }}>${runs.length > 1 && bar.kind === "run" && width > 3 && bar.attempt}</span>`;
                  })}
                </span>
                <span class="lane-took figure">${took > 0 ? duration(took / 1000) : "–"}</span>
              </button>
              ${open === name &&
              html`<div class="lane-detail flow">
                ${bars.length ? html`<${Table} label=${`Times of ${name}`} className="scroll rows" heads=${["What", "From", "To", "#Took"]}
                  rows=${bars.map((bar) => [wordsOf(bar), timeOf(bar.from), bar.to ? timeOf(bar.to) : "now", lengthOf(bar)])} />` : html`<p class="soft small">It has not begun.</p>`}
                ${error && html`<p class="small"><code class="bad">${error.code}</code> ${error.message}</p>`}
                ${output && html`<${Values} data=${output} job=${job} /><${Json} title="Output as JSON" value=${output} />`}
              </div>`}
            </li>
          `;
        })}
      </ol>
      <div class="axis" aria-hidden="true">
        ${axis.map((part) => part.isCut && html`<i class="cut" style=${{ left: `${part.left}%`, width: `${part.width}%` }}><span>${duration((part.to - part.from) / 1000)}</span></i>`)}
        ${ticksOf(axis).map(({ at, text }) => html`<i style=${{ left: `${at}%` }}><span>${text}</span></i>`)}
      </div>
    </div>
  `;
}

/** @param {number} at */
const timeOf = (at) => html`<${Time} at=${new Date(at).toISOString()} only="clock" />`;

/** The status that gives a bar its colour. @param {Bar} bar */
const hueOf = ({ kind, status, error }) => (kind === "wait" ? "WAITING" : error?.code === "cancelled" ? "CANCELLED" : status === "PENDING" ? "ERROR" : status);

/** What a bar shows. @param {Bar} bar */
function wordsOf({ kind, status, attempt, reason = "", error }) {
  if (kind === "wait") return REASONS[reason] ?? "waited";
  return `attempt ${attempt}: ${error?.code ?? (status === "PENDING" ? (REASONS[reason] ?? reason) : status.toLowerCase())}`;
}
