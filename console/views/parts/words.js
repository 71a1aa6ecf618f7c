import { useTick } from "app";
import { ago, bytes, clock, duration, label, moment, number, secondsBetween, utc } from "format";
import { html } from "html";

/** @typedef {import("stepmill/types").JobStatus | "STOPPING" | "WAITING"} Shown */

/** A time in the reader's zone; the exact UTC on hover. @param {{at: string | null | undefined, only?: "clock" | "moment"}} props */
export const Time = ({ at, only = "moment" }) =>
  at ? html`<time class="time" datetime=${at} title=${utc(at)}>${only === "clock" ? clock(at) : moment(at)}</time>` : null;

/** "5 min ago", kept true; the exact UTC on hover. @param {{at: string | null | undefined}} props */
export function Ago({ at }) {
  useTick(at && Date.now() - Date.parse(at) < 60_000 ? 1_000 : 30_000);
  return at ? html`<time class="time" datetime=${at} title=${utc(at)}>${ago(at)}</time>` : null;
}

/** How long something took, or has taken so far. @param {{from: string | null | undefined, to?: string | null}} props */
export function Took({ from, to }) {
  useTick(1_000, Boolean(from && !to));
  const seconds = secondsBetween(from, to);
  return from ? html`<span class="figure">${duration(to ? seconds : Math.max(1, Math.round(seconds)))}</span>` : null;
}

/** @param {{value: number | null | undefined}} props */
export const Count = ({ value }) => html`<span class="figure">${typeof value === "number" ? number(value) : "–"}</span>`;

/** @param {{value: number | null | undefined}} props */
export const Bytes = ({ value }) => (typeof value === "number" ? html`<span class="figure" title=${`${number(value)} bytes`}>${bytes(value)}</span>` : "–");

/** A status as a coloured word. @param {{status: Shown}} props */
export const Status = ({ status }) => html`<span class=${`status ${status}`}><i aria-hidden="true"></i>${label(status.toLowerCase())}</span>`;

/**
 * What a job's status is to a person: one that stops, or that waits with its work begun, is not simply running.
 * @param {{status: import("stepmill/types").JobStatus, cancelRequestedAt?: string | null, waiting?: unknown}} job
 * @returns {Shown}
 */
export function shownStatus(job) {
  if (job.status !== "RUNNING") return job.status;
  if (job.cancelRequestedAt) return "STOPPING";
  return job.waiting ? "WAITING" : "RUNNING";
}
