import { Observable } from "../lib/observable.js";

/** @typedef {import("stepmill/types").Reject} Reject */

const PAGE = 100;

/** The rejects of a load, read on as somebody asks for more. */
export class Rejects extends Observable {
  /** @type {Reject[]} */
  items = [];
  /** @type {Error | null} */
  error = null;
  isLoading = false;
  isAll = false;
  #read;
  #stop = new AbortController();
  /** @type {string | undefined} */
  #cursor;

  /** @param {(query: {limit: number, cursor?: string}, signal: AbortSignal) => Promise<import("stepmill/types").Page<Reject>>} read */
  constructor(read) {
    super();
    this.#read = read;
  }

  async more() {
    if (this.isLoading || this.isAll) return;
    Object.assign(this, { isLoading: true, error: null });
    this.changed();
    const { signal } = this.#stop;
    try {
      const { items, nextCursor } = await this.#read({ limit: PAGE, cursor: this.#cursor }, signal);
      if (signal.aborted) return;
      this.items = [...this.items, ...items];
      this.#cursor = nextCursor;
      this.isAll = !nextCursor;
    } catch (error) {
      if (signal.aborted) return;
      this.error = /** @type {Error} */ (error);
    }
    this.isLoading = false;
    this.changed();
  }

  close() {
    this.#stop.abort();
  }
}

/**
 * How often each reason is there, the commonest first.
 * @param {Reject[]} rejects
 * @returns {{code: string, column: string | null, count: number}[]}
 */
export function reasonsOf(rejects) {
  /** @type {Map<string, {code: string, column: string | null, count: number}>} */
  const reasons = new Map();
  for (const { code, column } of rejects) {
    const key = JSON.stringify([code, column]);
    const known = reasons.get(key) ?? { code, column, count: 0 };
    reasons.set(key, { ...known, count: known.count + 1 });
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count);
}
