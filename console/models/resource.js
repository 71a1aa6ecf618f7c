import { Observable } from "../lib/observable.js";

/**
 * Something that is read from the server: `data` when it is there, `error` when the last reading failed. What was
 * there stays while it is read again.
 * @template T
 */
export class Resource extends Observable {
  /** @type {T | null} */
  data = null;
  /** @type {Error | null} */
  error = null;
  #read;
  /** @type {AbortController | null} */
  #reading = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(signal: AbortSignal) => Promise<T>} read */
  constructor(read) {
    super();
    this.#read = read;
  }

  /** Read it, now. A reading that is under way is given up. */
  async load() {
    this.close();
    const reading = new AbortController();
    this.#reading = reading;
    const news = await this.#read(reading.signal).then(
      (data) => ({ data, error: null }),
      (error) => ({ error }),
    );
    if (reading.signal.aborted) return;
    this.#reading = null;
    Object.assign(this, news);
    this.changed();
  }

  /**
   * Read it within `ms`: however often this is called until then, it is read once. A reading that is under way is let
   * finish first, or one that takes longer than things stay as they are would never be done.
   * @param {number} ms
   */
  loadSoon(ms) {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#reading) this.loadSoon(Math.max(ms, 100));
      else this.load();
    }, ms);
  }

  /** Stop whatever is under way. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reading?.abort();
    this.#reading = null;
  }
}

/**
 * All items of a list, page by page, up to `most`.
 * @template T
 * @param {(query: {limit: number, cursor?: string}) => Promise<import("stepmill/types").Page<T>>} list
 * @param {number} [most]
 * @returns {Promise<T[]>}
 */
export async function readAll(list, most = 2_000) {
  /** @type {T[]} */
  const items = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await list({ limit: 500, cursor });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && items.length < most);
  return items;
}
