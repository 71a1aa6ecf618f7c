import { jobAfter } from "./job_after.js";

/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */
/** @typedef {(events: StreamEvent[]) => void} Listener */

/** One job that is followed on the shared stream, by any number of listeners, each told every event once. */
export class FollowedJob {
  /** The number of the last event that each has; null where it waits for its snapshot. @type {Map<Listener, number | null>} */
  #listeners = new Map();
  /** @type {import("stepmill/types").Job | null} */
  #job = null;
  #last = 0;

  get isIdle() {
    return this.#listeners.size === 0;
  }

  /** After which event the stream has to go on for everybody to have what they miss; null for a snapshot. */
  get after() {
    const known = [...this.#listeners.values()];
    return known.includes(null) ? null : Math.min(.../** @type {number[]} */ (known));
  }

  /** Whether the stream has to begin anew for this listener. @param {Listener} listener @param {string} [after] */
  join(listener, after) {
    const number = after === undefined ? null : Number(after);
    this.#listeners.set(listener, number);
    if (number === null && this.#job) this.#tell(listener, [{ event: "snapshot", id: String(this.#last), data: this.#job }]);
    return number === null ? !this.#job : this.#last === 0 || number < this.#last;
  }

  /** @param {Listener} listener */
  leave(listener) {
    this.#listeners.delete(listener);
  }

  /** @param {StreamEvent[]} events */
  take(events) {
    for (const event of events) {
      const number = Number(event.id);
      if (event.event === "snapshot" || number > this.#last) this.#job = jobAfter(this.#job, event);
      this.#last = Math.max(this.#last, number);
    }
    for (const listener of [...this.#listeners.keys()]) this.#tell(listener, events);
  }

  /** @param {Listener} listener @param {StreamEvent[]} events */
  #tell(listener, events) {
    const news = events.filter(({ event, id }) => {
      const [number, known] = [Number(id), this.#listeners.get(listener)];
      if (known === undefined) return false;
      // The end of a job that rests has the number of the snapshot that it comes with.
      if (known === null ? event !== "snapshot" : event === "end" ? number < known : number <= known) return false;
      this.#listeners.set(listener, number);
      return true;
    });
    if (news.length > 0) listener(news);
  }
}
