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
  backoff: "waited before another attempt",
  waiting_for_lock: "waited for the lock",
  crashed: "its worker died",
  shutdown: "its worker stopped",
  database_lost: "its worker lost the database",
};

/**
 * The steps on one axis of time: a bar for each attempt, dashed where it waited. A step opens to its times and its output.
 * @param {{job: import("stepmill/types").Job, events: import("stepmill/types").StreamEvent[], always: string[]}} props
 */
export function Timeline({ job, events, always }) {
  useTick(500, !job.finishedAt);
  const [open, setOpen] = useState("");
  const lanes = lanesOf(job, events);
  const to = job.finishedAt ? Date.parse(job.finishedAt) : Math.max(Date.parse(events.at(-1)?.data.at ?? job.createdAt), Date.now());
  const axis = axisOf(lanes, Date.parse(job.createdAt), to);
  const tookOf = (/** @type {Bar[]} */ bars) => duration(bars.reduce((sum, bar) => sum + (bar.to ?? to) - bar.from, 0) / 1000);
  return html`
    <div class="timeline sheet">
      <ol>
        ${lanes.map(({ name, bars }, index) => {
          const { status, error, output } = job.steps[index];
          const runs = bars.filter(({ kind }) => kind === "run");
          const isOpen = open === name;
          return html`
            <li key=${name}>
              <button class="lane" aria-expanded=${String(isOpen)} onClick=${() => setOpen(isOpen ? "" : name)}>
                <span class="lane-name"><${Icon} name=${isOpen ? "down" : "more"} /><span class="clip" title=${name}>${name}</span>
                  ${always.includes(name) && html`<span class="tag" title="Runs whatever came before: error, cancel or crash">always</span>`}</span>
                <${Status} status=${hueOf({ status: status === "RUNNING" && job.cancelRequestedAt ? "STOPPING" : status, error })} />
                <span class="track" aria-hidden="true">
                  ${bars.map((bar) => {
                    const left = placeOf(axis, bar.from);
                    const width = placeOf(axis, bar.to ?? to) - left;
                    return html`<span key=${bar.kind + bar.from} class=${`bar-mark ${bar.kind} ${bar.kind === "wait" ? "WAITING" : bar.status === "PENDING" ? "ERROR" : hueOf(bar)}`} style=${{ left: `min(${left}%, 100% - 3px)`, width: `${width}%` }}
                      title=${[wordsOf(bar), utc(bar.from), bar.to ? utc(bar.to) : "until now", tookOf([bar])].join("\n")}>${runs.length > 1 && bar.kind === "run" && width > 3 && bar.attempt}</span>`;
                  })}
                </span>
                <span class="lane-took figure">${runs.length ? tookOf(runs) : "–"}</span>
              </button>
              ${isOpen &&
              html`<div class="lane-detail flow">
                <${Table} label=${`Times of ${name}`} className="rows" heads=${["What", "From", "To", "#Took"]} rows=${bars.map((bar) => [wordsOf(bar), timeOf(bar.from), bar.to ? timeOf(bar.to) : "now", tookOf([bar])])} />
                ${error && html`<p class="small"><code class="bad">${error.code}</code> ${error.message}</p>`}
                ${output && html`<${Values} data=${output} job=${job} /><${Json} value=${output} />`}
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

/** A step that a cancel ended did not fail. @param {{status: string, error?: any}} of */
const hueOf = ({ status, error }) => (error?.code === "cancelled" ? "CANCELLED" : status);

/** What a bar shows. @param {Bar} bar */
function wordsOf({ kind, status, attempt, reason = "", error }) {
  if (kind === "wait") return REASONS[reason] ?? "waited to start";
  return `attempt ${attempt}: ${error?.code ?? REASONS[status === "PENDING" ? reason : ""] ?? status.toLowerCase()}`;
}
