import { Observable } from "../lib/observable.js";

/** @typedef {Record<string, unknown>} Row */

const PAGE = 200;
const AHEAD = 5_000;
const PAGES_KEPT = 30;

/**
 * A table's rows, as far as somebody looks. Only the page before tells where one begins, so one goes ahead by so many rows
 * at a time; the pages that were read first are let go, and read again when needed.
 */
export class TableRows extends Observable {
  /** @type {Error | null} */
  error = null;
  #list;
  #total;
  /** Where each page begins, as far as is known. @type {(string | undefined)[]} */
  #cursors = [undefined];
  /** What was read before the table changed stays until it is read again. @type {Map<number, {rows: Row[], state: number}>} */
  #pages = new Map();
  #state = 0;
  /** @type {Record<string, number[]>} */
  #wanted = {};
  /** @type {AbortController | null} */
  #reading = null;

  /**
   * @param {(query: {limit: number, cursor?: string}, signal: AbortSignal) => Promise<import("stepmill/types").Page<Row>>} list
   * @param {number} total
   */
  constructor(list, total) {
    super();
    this.#list = list;
    this.#total = total;
  }

  /** How many rows one can go to by now. */
  get count() {
    return Math.min(this.#total, (this.#cursors.length - 1) * PAGE + AHEAD);
  }

  /** Null while it is not there yet. @param {number} index */
  row(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.rows[index % PAGE] ?? null;
  }

  /** These rows are looked at, the most wanted first. @param {"grid" | "record"} where @param {number[]} indices */
  look(where, indices) {
    this.#wanted[where] = indices.map((index) => Math.floor(index / PAGE));
    this.#next();
  }

  /** The table has changed, or is to be tried again. */
  refresh(total = this.#total) {
    this.close();
    this.error = null;
    this.#total = total;
    this.#state += 1;
    this.#next();
  }

  close() {
    this.#reading?.abort();
    this.#reading = null;
  }

  /** The first page comes first: it tells whether all was replaced, so that what is known of the others is of no use. */
  #next() {
    if (this.#reading || this.error) return;
    const wanted = [0, ...Object.values(this.#wanted).flat()];
    const page = wanted.find((each) => each >= 0 && each * PAGE < this.#total && this.#pages.get(each)?.state !== this.#state);
    if (page !== undefined) this.#load(Math.min(page, this.#cursors.length - 1));
  }

  /** @param {number} page */
  async #load(page) {
    const { signal } = (this.#reading = new AbortController());
    try {
      const { items, nextCursor } = await this.#list({ limit: PAGE, cursor: this.#cursors[page] }, signal);
      if (signal.aborted) return;
      const known = this.#cursors[page + 1];
      if (known && known !== nextCursor) this.#forgetAfter(page);
      if (nextCursor) this.#cursors[page + 1] = nextCursor;
      else this.#total = page * PAGE + items.length;
      this.#pages.delete(page);
      this.#pages.set(page, { rows: items, state: this.#state });
      if (this.#pages.size > PAGES_KEPT) this.#pages.delete([...this.#pages.keys()][0]);
    } catch (error) {
      if (signal.aborted) return;
      if (/** @type {any} */ (error).code === "table_replaced") this.#forgetAfter(0);
      else this.error = /** @type {Error} */ (error);
    }
    this.#reading = null;
    this.changed();
    this.#next();
  }

  /** Where the pages after this one begin is no longer known. @param {number} page */
  #forgetAfter(page) {
    this.#cursors.length = page + 1;
    this.#state += 1;
  }
}
