import { Observable } from "../lib/observable.js";
import { FollowedJob } from "./followed_job.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** A status change as the feed tells it. @typedef {{jobId: string, type: string, envId: string, status: import("stepmill/types").JobStatus, attempt: number, reason: string | null, waiting: any, error: any, cancelRequestedAt: string | null, at: string}} StatusChange */
/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */
/** @typedef {{code?: string, status?: number}} Refusal */

const HIDDEN_GRACE_MS = 10_000;
const CATCH_UP_MS = 5 * 60_000;
const REOPEN_MS = 30;
const AGAIN_MS = 3_000;
/** The server follows no more at once: those that were asked for last, the others as these end. */
const MOST_FOLLOWED = 20;

/**
 * The tab's one stream: the status changes of all jobs, and every event of the jobs that are followed. What comes between
 * two frames is handed out together. A tab that nobody looks at gives its connection back and catches up later.
 */
export class Connection extends Observable {
  /** @type {"connecting" | "live" | "lost" | "paused"} */
  state = "connecting";
  #client;
  #envId = "";
  #stream = new AbortController();
  /** Where the stream goes on: the number of the last event that was taken. @type {string | undefined} */
  #position;
  /** Since when nothing is heard. */
  #silentSince = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #openTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pauseTimer;
  /** @type {Set<(changes: StatusChange[]) => void>} */
  #statusListeners = new Set();
  /** @type {Set<() => void>} */
  #gapListeners = new Set();
  /** @type {Map<string, FollowedJob>} */
  #followed = new Map();
  /** @type {StreamEvent[]} */
  #arrived = [];

  /** @param {StepmillClient} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /** Begin, or begin anew in another environment. @param {string} envId */
  open(envId) {
    this.#envId = envId;
    this.#position = undefined;
    this.#arrived = [];
    document.addEventListener("visibilitychange", this.#attend);
    this.#set("connecting");
    this.#connectIn(0);
    this.#attend();
  }

  close() {
    document.removeEventListener("visibilitychange", this.#attend);
    clearTimeout(this.#pauseTimer);
    this.#envId = "";
    this.#end();
  }

  /**
   * Hear of status changes.
   * @param {(changes: StatusChange[]) => void} listener
   * @returns {() => void} ends it
   */
  onStatus(listener) {
    this.#statusListeners.add(listener);
    return () => void this.#statusListeners.delete(listener);
  }

  /**
   * Hear that something may have been missed: whatever was read before is to be read again. Told when the stream has
   * opened without a place to go on at, also the first time.
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  onGap(listener) {
    this.#gapListeners.add(listener);
    return () => void this.#gapListeners.delete(listener);
  }

  /**
   * Hear every event of a job once: `snapshot` first, or what came after number `after`. A snapshot that comes later says
   * that the events before it could not be told.
   * @param {string} jobId
   * @param {(events: StreamEvent[]) => void} listener
   * @param {string} [after]
   * @returns {() => void} ends it
   */
  follow(jobId, listener, after) {
    const job = this.#followed.get(jobId) ?? new FollowedJob();
    const isFull = this.#followed.size > MOST_FOLLOWED;
    this.#followed.delete(jobId);
    this.#followed.set(jobId, job);
    if (job.join(listener, after) || isFull) this.#reopen();
    return () => {
      job.leave(listener);
      if (!job.isIdle || this.#followed.get(jobId) !== job) return;
      this.#followed.delete(jobId);
      this.#reopen();
    };
  }

  /** Jobs to follow are often changed several at once: one new connection does for them. */
  #reopen() {
    if (this.state !== "paused") this.#connectIn(REOPEN_MS);
  }

  /** @param {number} ms */
  #connectIn(ms) {
    clearTimeout(this.#openTimer);
    if (this.#envId) this.#openTimer = setTimeout(() => this.#connect(), ms);
  }

  async #connect() {
    this.#end();
    const { signal } = (this.#stream = new AbortController());
    const follow = () => [...this.#followed].slice(-MOST_FOLLOWED).map(([jobId, { after }]) => (after === null ? jobId : `${jobId}:${after}`));
    const onConnection = (/** @type {"open" | "lost"} */ news, /** @type {string | null} */ lastId) => {
      if (!signal.aborted) news === "open" ? this.#opened(lastId ?? undefined) : this.#lost();
    };
    try {
      for await (const event of this.#client.streamAll({ envId: this.#envId, after: this.#position, signal, follow, onConnection })) {
        if (signal.aborted) return;
        this.#take(event);
      }
      if (!signal.aborted) this.#connectIn(AGAIN_MS);
    } catch (error) {
      if (!signal.aborted) this.#refused(/** @type {Refusal} */ (error), signal);
    }
  }

  #end() {
    clearTimeout(this.#openTimer);
    this.#stream.abort();
  }

  /** After a short while what was missed is sent; after a long one it is less to read everything anew. @param {string} [position] */
  #opened(position) {
    if (this.#position !== undefined && this.#silentSince && Date.now() - this.#silentSince > CATCH_UP_MS) {
      this.#position = undefined;
      return this.#connectIn(0);
    }
    this.#silentSince = 0;
    this.#set("live");
    const isGap = this.#position === undefined;
    this.#position ??= position;
    if (isGap) for (const listener of [...this.#gapListeners]) listener();
  }

  #lost() {
    this.#silentSince ||= Date.now();
    this.#set("lost");
  }

  /** The server says no: a followed job is gone, the place to go on at is none of its own, or nobody is signed in any more. @param {Refusal} error @param {AbortSignal} signal */
  async #refused(error, signal) {
    this.#lost();
    if (error.code === "job_not_found") await this.#forgetMissing(signal);
    else if (error.code === "invalid_event_id") this.#position = undefined;
    if (!signal.aborted) this.#connectIn(AGAIN_MS);
  }

  /** @param {AbortSignal} signal */
  async #forgetMissing(signal) {
    const jobId = [...this.#followed.keys()].slice(-MOST_FOLLOWED);
    const there = await this.#client.listJobs({ jobId, limit: jobId.length }, { signal }).catch(() => null);
    if (!there) return;
    const known = new Set(there.items.map((job) => job.jobId));
    for (const each of jobId) if (!known.has(each)) this.#followed.delete(each);
  }

  /** @param {StreamEvent} event */
  #take(event) {
    if (this.#arrived.length === 0) requestAnimationFrame(() => this.#handOut());
    this.#arrived.push(event);
    if (event.event !== "job" && event.id) this.#position = event.id;
  }

  #handOut() {
    const arrived = this.#arrived;
    this.#arrived = [];
    const changes = arrived.filter((event) => event.event === "status").map((event) => event.data);
    if (changes.length > 0) for (const listener of [...this.#statusListeners]) listener(changes);
    /** @type {Map<string, StreamEvent[]>} */
    const byJob = new Map();
    for (const { event, data } of arrived) {
      if (event !== "job") continue;
      if (!byJob.has(data.jobId)) byJob.set(data.jobId, []);
      byJob.get(data.jobId)?.push(data);
    }
    for (const [jobId, events] of byJob) this.#followed.get(jobId)?.take(events);
  }

  #attend = () => {
    clearTimeout(this.#pauseTimer);
    if (document.hidden) this.#pauseTimer = setTimeout(() => this.#pause(), HIDDEN_GRACE_MS);
    else if (this.state === "paused") this.#resume();
  };

  #pause() {
    this.#end();
    this.#silentSince ||= Date.now();
    this.#set("paused");
  }

  #resume() {
    this.#set("connecting");
    if (Date.now() - this.#silentSince > CATCH_UP_MS) this.#position = undefined;
    this.#connectIn(0);
  }

  /** @param {Connection["state"]} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
