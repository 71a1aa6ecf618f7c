import { Observable } from "../lib/observable.js";
import { isSame, newestFirst, rowAfter, rowOf } from "./job_row.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Job} Job */
/** @typedef {import("stepmill/types").JobFilters} JobFilters */
/** @typedef {import("./connection.js").StatusChange} StatusChange */
/** @typedef {import("./job_row.js").JobRow} JobRow */

const FIRST_PAGE = 50;
const PAGE = 200;
const ASK_MS = 500;
/** Ids stand in the address of the request, which has to stay short. */
const ASKED_AT_ONCE = 200;
/** When more than these have changed it is less to read what is in sight anew. */
const TOO_MANY = 2_000;
/** No stream tells how far a step is unless its job is followed, so those in sight are asked for. */
const PROGRESS_MS = 3_000;
const AGAIN_MS = 3_000;

/**
 * The jobs that match some filters, the newest first: read page by page as far as somebody looks, and kept true. A change
 * of status is shown at once; the jobs that changed are then asked for together with the filters, which tells the rest
 * and which of them belong here now.
 */
export class JobList extends Observable {
  /** @type {JobRow[]} */
  rows = [];
  /** Why the last reading failed. @type {Error | null} */
  error = null;
  /** Whether `rows` are those of the filters, and not of the ones before. */
  isCurrent = false;
  /** Grows with each other list that is shown. */
  turn = 0;
  #client;
  #connection;
  /** @type {JobFilters} */
  #filters = {};
  /** How many there are, where that is known. @type {number | null} */
  #total = null;
  /** @type {string | undefined} */
  #cursor;
  /** @type {Map<string, JobRow>} */
  #known = new Map();
  #sight = { first: 0, last: FIRST_PAGE };
  /** What is under way belongs to the filters and the reading that it began with. */
  #work = new AbortController();
  #isReading = false;
  /** Whether something may have been missed since the rows were read. */
  #isOld = true;
  /** Jobs to be asked for. @type {Set<string>} */
  #changed = new Set();
  /** Jobs that changed while a page was read, which may tell what they were before. @type {Set<string>} */
  #meanwhile = new Set();
  #isAsking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #askTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #progressTimer;
  /** @type {(() => void)[]} */
  #stops = [];

  /**
   * @param {StepmillClient} client
   * @param {import("./connection.js").Connection} connection
   */
  constructor(client, connection) {
    super();
    this.#client = client;
    this.#connection = connection;
  }

  /** Rows there are, or will be once they are read. */
  get count() {
    return this.#cursor === undefined && this.isCurrent ? this.rows.length : Math.max(this.rows.length, this.#total ?? 0);
  }

  /** Begin to hear of changes. */
  open() {
    const back = () => this.#connection.state === "live" && this.error && this.retry();
    this.#stops = [this.#connection.onStatus((changes) => this.#hear(changes)), this.#connection.onGap(() => this.isCurrent && this.#begin()), this.#connection.subscribe(back)];
    this.#progressTimer = setInterval(() => this.#askProgress(), PROGRESS_MS);
  }

  close() {
    for (const stop of this.#stops) stop();
    clearInterval(this.#progressTimer);
    clearTimeout(this.#askTimer);
    this.#work.abort();
  }

  /** Show the jobs of these filters. What was there stays until they are read. @param {JobFilters} filters */
  show(filters) {
    this.#filters = filters;
    this.#sight = { first: 0, last: FIRST_PAGE };
    this.isCurrent = false;
    this.#begin();
  }

  /** Try again what failed. */
  retry() {
    this.error = null;
    if (this.#isOld) this.#begin();
    else this.#more();
    this.changed();
  }

  /** These rows are looked at. @param {number} first @param {number} last */
  look(first, last) {
    this.#sight = { first, last };
    if (!this.error) this.#more();
  }

  /** Whether the newest is in sight. */
  get isAtTop() {
    return this.#sight.first === 0;
  }

  /** How many match the filters, now or when they are shown, as it was counted elsewhere. @param {number | null} total */
  setTotal(total) {
    if (total === this.#total) return;
    const before = this.count;
    this.#total = total;
    if (this.count !== before) this.changed();
  }

  /** Where a job stands; -1 if it does not. @param {string} jobId */
  indexOf(jobId) {
    const row = this.#known.get(jobId);
    return row ? this.#placeOf(row) : -1;
  }

  /** The first row that does not stand before this one. @param {{createdAt: string, jobId: string}} row */
  #placeOf(row) {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (newestFirst(this.rows[middle], row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Read from the newest on, as far as somebody looks, and then show that instead of what is there. */
  async #begin() {
    this.#work.abort();
    this.#work = new AbortController();
    const { signal } = this.#work;
    clearTimeout(this.#askTimer);
    this.#changed.clear();
    this.#isAsking = false;
    this.#isOld = true;
    /** @type {JobRow[]} */
    const rows = [];
    /** @type {string | undefined} */
    let cursor;
    await this.#reading(async () => {
      do {
        const limit = rows.length === 0 && this.#sight.last <= FIRST_PAGE ? FIRST_PAGE : PAGE;
        const page = await this.#client.listJobs({ ...this.#filters, limit, cursor }, { signal });
        if (signal.aborted) return;
        rows.push(...page.items.map((job) => this.#asKnown(rowOf(job))));
        cursor = page.nextCursor;
      } while (cursor !== undefined && rows.length < this.#sight.last);
      this.rows = rows;
      this.#known = new Map(rows.map((row) => [row.jobId, row]));
      this.#cursor = cursor;
      if (!this.isCurrent) this.turn += 1;
      this.isCurrent = true;
      this.#isOld = false;
    }, signal);
  }

  /** Read on, page after page, until what is looked at is there. */
  async #more() {
    if (this.#isReading || this.#isOld) return;
    const { signal } = this.#work;
    await this.#reading(async () => {
      while (this.#cursor !== undefined && this.rows.length < this.#sight.last + PAGE / 2) {
        const page = await this.#client.listJobs({ ...this.#filters, limit: PAGE, cursor: this.#cursor }, { signal });
        if (signal.aborted) return;
        for (const job of page.items) {
          if (this.#known.has(job.jobId)) continue;
          const row = rowOf(job);
          this.rows.push(row);
          this.#known.set(row.jobId, row);
        }
        this.#cursor = page.nextCursor;
        this.changed();
      }
    }, signal);
  }

  /** @param {() => Promise<void>} read @param {AbortSignal} signal */
  async #reading(read, signal) {
    this.#isReading = true;
    this.#meanwhile.clear();
    try {
      await read();
      if (signal.aborted) return;
      this.error = null;
      for (const jobId of this.#meanwhile) this.#changed.add(jobId);
      this.#askSoon();
    } catch (error) {
      if (signal.aborted) return;
      this.error = /** @type {Error} */ (error);
    }
    this.#isReading = false;
    this.changed();
  }

  /** @param {StatusChange[]} changes */
  #hear(changes) {
    let isSeen = false;
    for (const change of changes) {
      this.#changed.add(change.jobId);
      if (this.#isReading) this.#meanwhile.add(change.jobId);
      const row = this.#known.get(change.jobId);
      if (row) isSeen = this.#put(rowAfter(row, change)) || isSeen;
    }
    this.#askSoon();
    if (isSeen) this.changed();
  }

  #askProgress() {
    if (this.#connection.state !== "live") return;
    for (const row of this.rows.slice(this.#sight.first, this.#sight.last)) {
      if (row.status === "RUNNING") this.#changed.add(row.jobId);
    }
    this.#askSoon();
  }

  #askSoon(ms = ASK_MS) {
    if (this.#isAsking || this.#changed.size === 0 || !this.isCurrent) return;
    this.#isAsking = true;
    this.#askTimer = setTimeout(() => this.#ask(), ms);
  }

  async #ask() {
    if (this.#changed.size > TOO_MANY) return this.#begin();
    const { signal } = this.#work;
    const asked = [...this.#changed].slice(0, ASKED_AT_ONCE);
    for (const jobId of asked) this.#changed.delete(jobId);
    let pause = ASK_MS;
    try {
      const { items } = await this.#client.listJobs({ ...this.#filters, jobId: asked, limit: ASKED_AT_ONCE }, { signal });
      if (!signal.aborted) this.#answer(asked, items);
    } catch {
      // Nothing is lost: they are asked for again. That the server does not answer is said by the connection.
      for (const jobId of asked) this.#changed.add(jobId);
      pause = AGAIN_MS;
    }
    if (signal.aborted) return;
    this.#isAsking = false;
    this.#askSoon(pause);
  }

  /** @param {string[]} asked @param {Job[]} jobs */
  #answer(asked, jobs) {
    const found = new Map(jobs.map((job) => [job.jobId, job]));
    let isSeen = false;
    for (const jobId of asked) {
      // It changed again: a newer answer will come.
      if (this.#changed.has(jobId)) continue;
      const job = found.get(jobId);
      isSeen = (job ? this.#put(rowOf(job)) : this.#remove(jobId)) || isSeen;
    }
    if (isSeen) this.changed();
  }

  /** Put a row where it belongs, as far as that is read. Tells whether what is in sight is another. @param {JobRow} row */
  #put(row) {
    const known = this.#known.get(row.jobId);
    if (known && isSame(known, row)) return false;
    const place = this.#placeOf(row);
    if (!known && place === this.rows.length && this.#cursor !== undefined) return false;
    this.#known.set(row.jobId, row);
    this.rows.splice(place, known ? 1 : 0, row);
    if (!known && this.#total !== null) this.#total += 1;
    return !known || (place >= this.#sight.first && place < this.#sight.last);
  }

  /** @param {string} jobId */
  #remove(jobId) {
    const place = this.indexOf(jobId);
    if (place < 0) return false;
    this.rows.splice(place, 1);
    this.#known.delete(jobId);
    if (this.#total !== null) this.#total -= 1;
    return true;
  }

  /** The row that is there already, if it shows the same, so that it is not drawn again. @param {JobRow} row */
  #asKnown(row) {
    const known = this.#known.get(row.jobId);
    return known && isSame(known, row) ? known : row;
  }
}
