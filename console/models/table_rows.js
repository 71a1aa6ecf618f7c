import { Observable } from "../lib/observable.js";

/** @typedef {Record<string, unknown>} Row */

const PAGE = 200;
const PAGES_NEAR = 15;
/** Between two reads, so that few of the pages that a scroll passes by are asked for. */
const PAUSE_MS = 80;

/** A table's rows, of which those are read that somebody looks at; pages far from them are let go. */
export class TableRows extends Observable {
  /** @type {Error | null} */
  error = null;
  #list;
  /** What was read before the table changed stays until it is read again. @type {Map<number, {rows: Row[], state: number}>} */
  #pages = new Map();
  /** A page that was never read is of state 0, in which nothing has to be read. */
  #state = 0;
  /** Pages by who looks at them. @type {Record<string, number[]>} */
  #wanted = {};
  /** @type {AbortController | null} */
  #reading = null;
  #page = 0;

  /**
   * @param {(query: {limit: number, offset: number}, signal: AbortSignal) => Promise<import("stepmill/types").Page<Row>>} list
   * @param {number} count how many there are; they are read from the first `refresh` on
   */
  constructor(list, count) {
    super();
    this.#list = list;
    this.count = count;
  }

  /** Null while it is not there yet. @param {number} index */
  row = (index) => this.#pages.get(pageOf(index))?.rows[index % PAGE] ?? null;

  /** These rows are looked at, by the grid or otherwise. @param {string} where @param {number[]} indices */
  look(where, ...indices) {
    this.#wanted[where] = indices.map(pageOf);
    if (!this.#sight().includes(this.#page)) this.#reading?.abort();
    this.#read();
  }

  /** The table has changed, or is to be tried again. */
  refresh(count = this.count) {
    this.#reading?.abort();
    this.error = null;
    this.count = count;
    this.#state += 1;
    this.#read();
    this.changed();
  }

  /** Nothing is read from here on. */
  close() {
    this.refresh(0);
  }

  /** The first page gives columns their widths. */
  #sight() {
    return [...Object.values(this.#wanted).flat(), 0];
  }

  /** One page after another, until none is missing. */
  async #read() {
    const page = this.#sight().find((each) => each * PAGE < this.count && (this.#pages.get(each)?.state ?? 0) !== this.#state);
    if (page === undefined || this.#reading || this.error) return;
    const { signal } = (this.#reading = new AbortController());
    this.#page = page;
    try {
      const { items, nextCursor } = await this.#list({ limit: PAGE, offset: page * PAGE }, signal);
      signal.throwIfAborted();
      const end = page * PAGE + items.length;
      this.count = nextCursor ? Math.max(this.count, end + 1) : end;
      this.#pages.set(page, { rows: items, state: this.#state });
      for (const each of this.#pages.keys()) if (Math.abs(each - page) > PAGES_NEAR && !this.#sight().includes(each)) this.#pages.delete(each);
    } catch (error) {
      if (!signal.aborted) this.error = /** @type {Error} */ (error);
    }
    this.changed();
    setTimeout(() => {
      this.#reading = null;
      this.#read();
    }, PAUSE_MS);
  }
}

/** @param {number} index */
const pageOf = (index) => Math.trunc(index / PAGE);
