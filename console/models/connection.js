import { Observable } from "../lib/observable.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** A status change as the feed tells it. @typedef {{jobId: string, type: string, envId: string, status: import("stepmill/types").JobStatus, attempt: number, reason: string | null, waiting: any, error: any, cancelRequestedAt: string | null, at: string}} StatusChange */
/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

const HIDDEN_GRACE_MS = 10_000;
const CATCH_UP_MS = 5 * 60_000;
const REOPEN_MS = 30;

/**
 * The tab's one stream: the status changes of all jobs, and every event of the jobs that are followed. What comes between
 * two frames is handed out together. A tab that nobody looks at gives its connection back and catches up later.
 */
export class Connection extends Observable {
  /** @type {"connecting" | "live" | "lost" | "paused"} */
  state = "connecting";
  #client;
  #envId = "";
  /** @type {AbortController | null} */
  #stream = null;
  /** @type {string | undefined} */
  #position;
  #pausedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Set<(changes: StatusChange[]) => void>} */
  #statusListeners = new Set();
  /** @type {Set<() => void>} */
  #gapListeners = new Set();
  /** @type {Map<string, {after: string | undefined, listeners: Set<(events: StreamEvent[]) => void>}>} */
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
    document.addEventListener("visibilitychange", this.#attend);
    this.#connect();
  }

  close() {
    document.removeEventListener("visibilitychange", this.#attend);
    clearTimeout(this.#timer);
    this.#stream?.abort();
    this.#stream = null;
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
   * Hear every event of a job: `snapshot` first, or what came after number `after`.
   * @param {string} jobId
   * @param {(events: StreamEvent[]) => void} listener
   * @param {string} [after]
   * @returns {() => void} ends it
   */
  follow(jobId, listener, after) {
    const known = this.#followed.get(jobId) ?? { after, listeners: new Set() };
    if (known.listeners.size > 0) known.after = undefined; // one that comes later needs the snapshot
    known.listeners.add(listener);
    this.#followed.set(jobId, known);
    this.#reopen();
    return () => {
      known.listeners.delete(listener);
      if (known.listeners.size > 0) return;
      this.#followed.delete(jobId);
      this.#reopen();
    };
  }

  /** Jobs to follow are often changed several at once: one new connection does for them. */
  #reopen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.state !== "paused" && this.#envId && this.#connect(), REOPEN_MS);
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#stream?.abort();
    const stream = new AbortController();
    this.#stream = stream;
    let isGap = this.#position === undefined;
    const onConnection = (/** @type {"open" | "lost"} */ news) => {
      if (stream.signal.aborted) return;
      this.#set(news === "open" ? "live" : "lost");
      if (news === "open" && isGap) for (const listener of [...this.#gapListeners]) listener();
      if (news === "open") isGap = false;
    };
    try {
      const follow = () => [...this.#followed].map(([jobId, { after }]) => (after ? `${jobId}:${after}` : jobId));
      const options = { envId: this.#envId, after: this.#position, signal: stream.signal, follow, onConnection };
      for await (const event of this.#client.streamAll(options)) {
        if (stream.signal.aborted) return;
        this.#take(event);
      }
    } catch (error) {
      if (stream.signal.aborted) return;
      this.#refused(/** @type {any} */ (error));
    }
  }

  /** The server says no: most likely a followed job is gone, or nobody is signed in any more. @param {{code?: string}} error */
  #refused(error) {
    if (error.code === "job_not_found") this.#followed.clear();
    this.#position = undefined;
    this.#set("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), 3_000);
  }

  /** @param {StreamEvent} event */
  #take(event) {
    if (this.#arrived.length === 0) requestAnimationFrame(() => this.#handOut());
    this.#arrived.push(event);
    if (event.event === "job") {
      const followed = this.#followed.get(event.data.jobId);
      if (followed) followed.after = event.data.id;
    } else if (event.id) {
      this.#position = event.id;
    }
  }

  #handOut() {
    const arrived = this.#arrived;
    this.#arrived = [];
    const changes = arrived.filter((event) => event.event === "status").map((event) => event.data);
    if (changes.length > 0) for (const listener of [...this.#statusListeners]) listener(changes);
    /** @type {Map<string, StreamEvent[]>} */
    const byJob = new Map();
    for (const { event, data } of arrived) {
      if (event === "job") byJob.set(data.jobId, [...(byJob.get(data.jobId) ?? []), data]);
    }
    for (const [jobId, events] of byJob) {
      for (const listener of this.#followed.get(jobId)?.listeners ?? []) listener(events);
    }
  }

  #attend = () => {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(() => this.#pause(), HIDDEN_GRACE_MS);
    else if (this.state === "paused") this.#resume();
  };

  #pause() {
    this.#stream?.abort();
    this.#stream = null;
    this.#pausedAt = Date.now();
    this.#set("paused");
  }

  /** After a short while what was missed is sent; after a long one it is less to read everything anew. */
  #resume() {
    if (Date.now() - this.#pausedAt > CATCH_UP_MS) this.#position = undefined;
    this.#set("connecting");
    this.#connect();
  }

  /** @param {Connection["state"]} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }
}
