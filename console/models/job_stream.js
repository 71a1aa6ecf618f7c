import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

const SOON_MS = 300;
const SELDOM_MS = 15_000;

/** One job, live: as it is now, and every event it ever had, each once and in order. */
export class JobStream extends Observable {
  /** @type {import("stepmill/types").Job | null} */
  job = null;
  /** Why there is no job, or earlier events are missing. @type {Error | null} */
  error = null;
  /** Grows at its end only. @type {StreamEvent[]} */
  events = [];
  #client;
  #connection;
  #jobId;
  #over = new AbortController();
  /** @type {(() => void) | undefined} */
  #unfollow;
  /** The number of the last of `events`, and the one up to which they are read as a list. */
  #last = 0;
  #until = 0;
  #isReading = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("stepmill").StepmillClient} client
   * @param {import("./connection.js").Connection} connection
   * @param {string} jobId
   */
  constructor(client, connection, jobId) {
    super();
    this.#client = client;
    this.#connection = connection;
    this.#jobId = jobId;
  }

  /** Begin, or read on what is missing. The job is read first, so that one that is not there is never followed. */
  async open() {
    const { signal } = this.#over;
    if (this.#isReading || signal.aborted) return;
    this.#isReading = true;
    this.error = null;
    try {
      this.job ??= await this.#client.getJob(this.#jobId, { signal });
      signal.throwIfAborted();
      this.#unfollow ??= this.#connection.follow(this.#jobId, (events) => this.#take(events));
      while (this.#last < this.#until) {
        const { items } = await this.#client.listEvents(this.#jobId, { after: this.#last, limit: 500 }, { signal });
        if (items.length === 0) this.#last = this.#until;
        items.forEach((event) => this.#add(event));
      }
    } catch (error) {
      this.error = /** @type {Error} */ (error);
    }
    this.#isReading = false;
    this.changed();
  }

  close() {
    this.#over.abort();
    this.#unfollow?.();
    clearTimeout(this.#timer);
  }

  /** Whether `events` is all there is. */
  get isComplete() {
    return this.#until > 0 && this.#last >= this.#until;
  }

  /** What comes while earlier events are missing is read with them. @param {StreamEvent[]} events */
  #take(events) {
    for (const event of events) {
      this.job = jobAfter(this.job, event);
      if (event.event === "snapshot" || this.#last < this.#until) this.#until = Math.max(this.#until, Number(event.id));
      else this.#add(event);
    }
    if (this.#last < this.#until && !this.error) this.open();
    this.#askWhy(SOON_MS);
    this.changed();
  }

  /** @param {StreamEvent} event */
  #add(event) {
    if (Number(event.id) <= this.#last) return;
    this.#last = Number(event.id);
    this.events.push(event);
  }

  /** Why a job waits depends on others, too, so that no event of its own tells it. @param {number} ms */
  #askWhy(ms) {
    clearTimeout(this.#timer);
    if (this.job?.status !== "PENDING" && !this.job?.waiting) return;
    this.#timer = setTimeout(async () => {
      const now = this.#connection.state === "live" ? await this.#client.getJob(this.#jobId, { signal: this.#over.signal }).catch(() => null) : null;
      if (this.#over.signal.aborted) return;
      if (this.job && now?.status === this.job.status) this.job = { ...this.job, waiting: now.waiting };
      this.changed();
      this.#askWhy(SELDOM_MS);
    }, ms);
  }
}
