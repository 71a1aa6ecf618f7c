import { Observable } from "../lib/observable.js";

/** @typedef {import("stepmill/types").JobFilters} JobFilters */
/** @typedef {import("stepmill/types").JobStatus} JobStatus */

const SOON_MS = 2_000;
/** A count that takes long is not asked for all the time. */
const REST = 10;

/** How many jobs some filters match, by status, whatever status they ask for; counted again when jobs change. */
export class JobCounts extends Observable {
  /** @type {Record<JobStatus, number> | null} */
  byStatus = null;
  #client;
  #connection;
  /** @type {JobFilters} */
  #filters = {};
  #work = new AbortController();
  #pause = SOON_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {(() => void)[]} */
  #stops = [];

  /**
   * @param {import("stepmill").StepmillClient} client
   * @param {import("./connection.js").Connection} connection
   */
  constructor(client, connection) {
    super();
    this.#client = client;
    this.#connection = connection;
  }

  open() {
    const soon = () => this.#soon();
    this.#stops = [this.#connection.onStatus(soon), this.#connection.onGap(soon)];
  }

  close() {
    for (const stop of this.#stops) stop();
    clearTimeout(this.#timer);
    this.#work.abort();
  }

  /** @param {JobFilters} filters */
  show({ status: _, ...filters }) {
    if (this.byStatus && JSON.stringify(filters) === JSON.stringify(this.#filters)) return;
    this.#filters = filters;
    this.#count();
  }

  /** How many have one of these statuses, or any if none is named; null while nothing is counted. @param {JobStatus[]} statuses */
  total(statuses) {
    if (!this.byStatus) return null;
    const wanted = statuses.length > 0 ? statuses : /** @type {JobStatus[]} */ (Object.keys(this.byStatus));
    return wanted.reduce((sum, status) => sum + (this.byStatus?.[status] ?? 0), 0);
  }

  #soon() {
    this.#timer ??= setTimeout(() => this.#count(), this.#pause);
  }

  async #count() {
    clearTimeout(this.#timer);
    this.#work.abort();
    const work = new AbortController();
    this.#work = work;
    const begun = performance.now();
    try {
      const { byStatus } = await this.#client.countJobs(this.#filters, { signal: work.signal });
      if (work.signal.aborted) return;
      this.byStatus = byStatus;
    } catch {
      // The list says why nothing can be read. Without a count its end is found by reading on.
      if (work.signal.aborted) return;
      this.byStatus = null;
    }
    this.#pause = Math.max(SOON_MS, REST * (performance.now() - begun));
    this.#timer = undefined;
    this.changed();
  }
}
