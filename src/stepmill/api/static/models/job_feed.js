import { call } from "./api.js";

const KEPT = 50;
const RECONNECT_MS = 2000;
export const ENDED = ["DONE", "ERROR", "CANCELLED"];

/**
 * The newest jobs, kept up to date by the feed over all jobs. Calls `changed` when something did, with the status that was
 * told, of whichever job; without one when the feed was opened and everything may have changed.
 */
export class JobFeed {
  #source = null;
  #timer = null;
  #changed;

  /** @param {(feed: JobFeed, status?: Record<string, any>) => void} changed */
  constructor(changed) {
    /** @type {Array<Record<string, any>>} */
    this.jobs = [];
    this.connected = false;
    this.problem = null;
    this.#changed = changed;
  }

  /** Begin: the stream first, then the list, so that nothing falls between the two. */
  open() {
    this.close();
    this.#source = new EventSource("/api/stream");
    this.#source.onopen = () => this.#begin();
    this.#source.onerror = () => this.#lost();
    this.#source.addEventListener("status", (event) => this.#take(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  }

  close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    this.connected = false;
  }

  async #begin() {
    this.connected = true;
    try {
      this.jobs = (await call(`/api/jobs?limit=${KEPT}`)).items;
      this.problem = null;
    } catch (error) {
      this.problem = error;
    }
    this.#changed(this);
  }

  #lost() {
    this.connected = false;
    this.#changed(this);
    if (this.#source?.readyState !== EventSource.CLOSED) return;
    this.#timer = setTimeout(() => this.open(), RECONNECT_MS);
  }

  async #take(status) {
    const isKnown = this.jobs.some((job) => job.jobId === status.jobId);
    if (isKnown) {
      this.jobs = this.jobs.map((job) => (job.jobId === status.jobId ? { ...job, ...status } : job));
      this.#changed(this, status);
    }
    if (isKnown && !ENDED.includes(status.status)) return;
    // What is new, or has a result now, is fetched: a status says neither.
    const job = await call(`/api/jobs/${encodeURIComponent(status.jobId)}`).catch(() => null);
    if (!job) return;
    const others = this.jobs.filter((other) => other.jobId !== job.jobId);
    this.jobs = [job, ...others].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(0, KEPT);
    this.#changed(this, status);
  }
}
