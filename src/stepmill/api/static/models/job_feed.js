import { call } from "./api.js";

const KEPT = 50;
const RECONNECT_MS = 2000;

/** The newest jobs, kept up to date by the feed over all jobs. Calls `changed` when something did. */
export class JobFeed {
  #source = null;
  #timer = null;
  #changed;

  /** @param {(feed: JobFeed) => void} changed */
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
    const known = this.jobs.findIndex((job) => job.jobId === status.jobId);
    if (known >= 0) {
      this.jobs = this.jobs.with ? this.jobs.with(known, { ...this.jobs[known], ...status }) : this.jobs.map((job, index) => (index === known ? { ...job, ...status } : job));
    } else {
      const job = await call(`/api/jobs/${encodeURIComponent(status.jobId)}`).catch(() => null);
      if (!job || this.jobs.some((other) => other.jobId === job.jobId)) return;
      this.jobs = [job, ...this.jobs].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(0, KEPT);
    }
    this.#changed(this);
  }
}
