import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

const SOON_MS = 300;
const SELDOM_MS = 15_000;

/** One job, live: as it is now, and every event it ever had, each once and in order. */
export class JobStream extends Observable {
  /** @type {import("stepmill/types").Job | null} */
  job = null;
  /** Why there is no job. @type {Error | null} */
  error = null;
  /** Why earlier events are missing. @type {Error | null} */
  historyError = null;
  /** Grows at its end only. @type {StreamEvent[]} */
  events = [];
  #client;
  #connection;
  #jobId;
  #over = new AbortController();
  #unfollow = () => {};
  /** The number of the last of `events`, and the one up to which they are read as a list. */
  #last = 0;
  #until = 0;
  #isReading = false;
  /** What came while earlier events were read. @type {StreamEvent[]} */
  #held = [];
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

  /** Begin. The job is read first, so that one that is not there is never followed. */
  async open() {
    const { signal } = this.#over;
    this.error = null;
    try {
      this.job = await this.#client.getJob(this.#jobId, { signal });
      if (!signal.aborted) this.#unfollow = this.#connection.follow(this.#jobId, (events) => this.#take(events));
    } catch (error) {
      this.error = /** @type {Error} */ (error);
    }
    this.changed();
  }

  close() {
    this.#over.abort();
    this.#unfollow();
    clearTimeout(this.#timer);
  }

  /** Whether `events` is all there is. */
  get isComplete() {
    return this.#until > 0 && this.#last >= this.#until;
  }

  /** Read the earlier events that are missing. */
  async readHistory() {
    if (this.#isReading) return;
    this.#isReading = true;
    this.historyError = null;
    try {
      while (this.#last < this.#until) {
        const { items } = await this.#client.listEvents(this.#jobId, { after: this.#last, limit: 500 }, { signal: this.#over.signal });
        if (items.length === 0) this.#last = this.#until;
        this.#add(items);
      }
      this.#add(this.#held.splice(0));
    } catch (error) {
      this.historyError = /** @type {Error} */ (error);
    }
    this.#isReading = false;
    this.changed();
  }

  /** @param {StreamEvent[]} events */
  #take(events) {
    for (const event of events) {
      this.job = jobAfter(this.job, event);
      if (event.event === "snapshot") this.#until = Math.max(this.#until, Number(event.id));
      else if (this.#last < this.#until) this.#held.push(event);
      else this.#add([event]);
    }
    if (this.#last < this.#until && !this.historyError) this.readHistory();
    this.#askWhy(SOON_MS);
    this.changed();
  }

  /** @param {StreamEvent[]} events */
  #add(events) {
    for (const event of events) {
      if (Number(event.id) <= this.#last) continue;
      this.#last = Number(event.id);
      this.events.push(event);
    }
  }

  /** Why a job waits depends on others, too, so that no event of its own tells it. @param {number} ms */
  #askWhy(ms) {
    clearTimeout(this.#timer);
    if (this.job?.status !== "PENDING" && !this.job?.waiting) return;
    this.#timer = setTimeout(async () => {
      const now = await this.#client.getJob(this.#jobId, { signal: this.#over.signal }).catch(() => null);
      if (this.#over.signal.aborted) return;
      if (this.job && now?.status === this.job.status) this.job = { ...this.job, waiting: now.waiting };
      this.changed();
      this.#askWhy(SELDOM_MS);
    }, ms);
  }
}
