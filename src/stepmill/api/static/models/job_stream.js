import { call } from "./api.js";
import { ENDED } from "./job_feed.js";

const RECONNECT_MS = 2000;
const LOG_LINES = 500;
const EVENTS_AT_ONCE = 500;
const MAX_PAGES = 20;

/**
 * One job, kept up to date by its event stream. Knows SSE and no DOM; calls `changed` after each event.
 * It survives a lost connection, and a job that is taken up again after its end.
 */
export class JobStream {
  #source = null;
  #timer = null;
  #lastEventId = null;
  #changed;

  /**
   * @param {string} jobId
   * @param {(stream: JobStream) => void} changed
   */
  constructor(jobId, changed) {
    this.jobId = jobId;
    this.job = null;
    this.log = [];
    this.connected = false;
    this.#changed = changed;
  }

  open() {
    this.close();
    const after = this.#lastEventId === null ? "" : `?lastEventId=${encodeURIComponent(this.#lastEventId)}`;
    this.#source = new EventSource(`/api/jobs/${encodeURIComponent(this.jobId)}/stream${after}`);
    this.#source.onopen = () => this.#set({ connected: true });
    this.#source.onerror = () => this.#lost();
    for (const kind of ["snapshot", "status", "step", "progress", "log", "end"]) {
      this.#source.addEventListener(kind, (event) => this.#take(kind, /** @type {MessageEvent} */ (event)));
    }
  }

  close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    this.connected = false;
  }

  #lost() {
    this.#set({ connected: false });
    // EventSource tries again by itself unless the answer was an error or "nothing more" (204).
    if (this.#source?.readyState !== EventSource.CLOSED) return;
    if (this.isOver) this.close();
    else this.#timer = setTimeout(() => this.open(), RECONNECT_MS);
  }

  get isOver() {
    return ENDED.includes(this.job?.status);
  }

  /**
   * What the feed over all jobs tells: a job whose stream has ended may have been taken up again, here or elsewhere. Then
   * its stream goes on. Without a status the feed knows no more than that it may have missed something.
   * @param {{jobId: string, status: string}} [status]
   */
  hear(status) {
    const goesOn = !status || (status.jobId === this.jobId && !ENDED.includes(status.status));
    if (goesOn && this.isOver && !this.#source) this.open();
  }

  #take(kind, event) {
    this.#lastEventId = event.lastEventId || this.#lastEventId;
    const data = JSON.parse(event.data);
    if (kind === "snapshot") this.#begin(data, Number(event.lastEventId));
    else if (kind === "log") this.log = [...this.log, data].slice(-LOG_LINES);
    else if (kind === "step" || kind === "progress") this.#takeStep(data);
    else if (this.job) this.job = { ...this.job, ...data, finishedAt: kind === "end" ? data.at : null };
    if (kind === "end") this.close();
    this.#changed(this);
  }

  #begin(job, lastNumber) {
    this.job = job;
    this.log = [];
    this.#readLog(lastNumber);
  }

  /** The log up to the snapshot: the stream sends only what comes after it. */
  async #readLog(lastNumber) {
    const earlier = [];
    let after = "0";
    for (let page = 0; after && page < MAX_PAGES; page += 1) {
      const found = await call(`/api/jobs/${encodeURIComponent(this.jobId)}/events?after=${after}&limit=${EVENTS_AT_ONCE}`).catch(() => null);
      const known = (found?.items ?? []).filter((event) => Number(event.id) <= lastNumber);
      earlier.push(...known.filter((event) => event.event === "log").map((event) => event.data));
      after = known.length === EVENTS_AT_ONCE ? found.nextCursor : null;
    }
    if (earlier.length > 0) this.#set({ log: [...earlier, ...this.log].slice(-LOG_LINES) });
  }

  #takeStep(data) {
    if (!this.job) return;
    const name = data.name ?? data.step;
    const { done, total, unit, message, ...rest } = data;
    const news = done === undefined ? data : { progress: { done, total, unit, message }, ...("status" in rest ? rest : {}) };
    if (data.status === "RUNNING" || data.reason === "retry") news.progress = null;
    this.job = { ...this.job, steps: this.job.steps.map((step) => (step.name === name ? { ...step, ...news } : step)) };
  }

  #set(values) {
    Object.assign(this, values);
    this.#changed(this);
  }
}
