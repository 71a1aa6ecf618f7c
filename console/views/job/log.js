import { utc } from "../../lib/format.js";
import { html, useMemo } from "../../lib/html.js";
import { fieldsText, LEVELS, logLines } from "../../models/job_log.js";
import { useApp } from "../app.js";
import { Empty } from "../parts/states.js";
import { Lines } from "./lines.js";
import { Json, onValue } from "./values.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

/** @type {Record<string, string>} */
const HUES = { warning: "CANCELLED", error: "ERROR" };
const LEAST = ["All levels", "Info and above", "Warnings and errors", "Errors"];
const KINDS = ["status", "step", "progress", "log", "end"];

/** The job's log: by level, searched, its end followed. @param {{events: StreamEvent[], isLive: boolean}} props */
export function Log({ events, isLive }) {
  const { route, router } = useApp();
  const { level = "debug", q = "" } = route.query;
  const lines = useMemo(() => logLines(events, { level, q }), [events.length, level, q]);
  const cells = (/** @type {StreamEvent} */ { data }) => [
    html`<span class=${`level ${HUES[data.level] ?? ""}`}>${data.level}</span>`,
    data.step,
    html`${data.message} <span class="soft">${fieldsText(data.fields)}</span>`,
  ];
  const detail = (/** @type {StreamEvent} */ { data }) => html`
    <p class="soft small">${utc(data.at)} · ${data.step} · ${data.level}</p><p class="whole">${data.message}</p>
    ${Object.keys(data.fields ?? {}).length > 0 && html`<${Json} title="Fields" open value=${data.fields} />`}
  `;
  if (!lines.length && !q && level === "debug") return html`<${Empty} title="Nothing is logged" icon="menu">What a step says about its work stands here as it says it.<//>`;
  return html`
    <${Lines} name="log" heads=${["Level", "Step", "Message"]} items=${lines} cells=${cells} detail=${detail} isLive=${isLive}>
      <select aria-label="Level" value=${level} onChange=${onValue((value) => router.set({ level: value }))}>
        ${LEVELS.map((each, index) => html`<option key=${each} value=${each}>${LEAST[index]}</option>`)}
      </select>
      <input type="search" aria-label="Search the log" placeholder="Search" value=${q} onInput=${onValue((value) => router.set({ q: value }))} />
    <//>
  `;
}

/** All that happened to the job. @param {{events: StreamEvent[], isLive: boolean}} props */
export function Events({ events, isLive }) {
  const { route, router } = useApp();
  const { kind = "" } = route.query;
  const shown = useMemo(() => events.filter(({ event }) => !kind || event === kind), [events.length, kind]);
  const cells = (/** @type {StreamEvent} */ { id, event, data }) => [html`<span class="figure">${id}</span>`, event, whatOf(data)];
  return html`
    <${Lines} name="events" heads=${["No.", "Event", "What"]} items=${shown} cells=${cells} detail=${(/** @type {StreamEvent} */ event) => html`<${Json} open value=${event} />`} isLive=${isLive}>
      <select aria-label="Kind" value=${kind} onChange=${onValue((value) => router.set({ kind: value }))}>
        <option value="">All kinds</option>${KINDS.map((each) => html`<option key=${each}>${each}</option>`)}
      </select>
    <//>
  `;
}

/** An event in a line. @param {any} data */
const whatOf = ({ step, name, status, reason, done, total, unit, message, error }) =>
  [step ?? name, status, reason, done !== undefined && `${done ?? 0}${total ? ` of ${total}` : ""} ${unit ?? ""}`, message ?? error?.code].filter(Boolean).join(" · ");
