import { Observable } from "../lib/observable.js";

/** @typedef {Record<string, unknown>} Row */

const PAGE = 200;
const AHEAD = 5_000;
const PAGES_KEPT = 30;

/**
 * A table's rows, as far as somebody looks. Only the page before tells where one begins, so one goes ahead by so many rows
 * at a time; pages far away are let go, and read again when needed.
 */
export class TableRows extends Observable {
  /** @type {Error | null} */
  error = null;
  #list;
  #total;
  /** Where each page begins, as far as is known. @type {(string | undefined)[]} */
  #cursors = [undefined];
  /** @type {Map<number, Row[]>} */
  #pages = new Map();
  /** The pages that were read since the table changed. @type {Set<number>} */
  #fresh = new Set();
  /** @type {number[]} */
  #wanted = [];
  #reached = 0;
  #end = Infinity;
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
    return Math.min(this.#end, this.#total, this.#reached + AHEAD);
  }

  /** Null while it is not there yet. @param {number} index */
  row(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  /** These rows are looked at, the most wanted first. @param {number[]} indices */
  look(indices) {
    this.#wanted = indices.map((index) => Math.floor(Math.max(0, index) / PAGE));
    this.#next();
  }

  /**
   * The table has changed: what is looked at is read again, and stays until then. The first page tells whether all was
   * replaced: then what is known of the others is of no use.
   * @param {number} total
   */
  refresh(total) {
    this.#total = total;
    this.#end = Infinity;
    this.#fresh.clear();
    this.#wanted.unshift(0);
    this.retry();
  }

  retry() {
    this.close();
    this.error = null;
    this.#next();
  }

  close() {
    this.#reading?.abort();
    this.#reading = null;
  }

  #next() {
    if (this.#reading || this.error) return;
    const page = this.#wanted.find((each) => !this.#fresh.has(each) && each * PAGE < Math.min(this.#end, this.#total));
    if (page !== undefined) this.#load(Math.min(page, this.#cursors.length - 1));
  }

  /** @param {number} page */
  async #load(page) {
    const reading = new AbortController();
    this.#reading = reading;
    try {
      const { items, nextCursor } = await this.#list({ limit: PAGE, cursor: this.#cursors[page] }, reading.signal);
      if (reading.signal.aborted) return;
      this.#keep(page, items, nextCursor);
    } catch (error) {
      if (reading.signal.aborted) return;
      if (/** @type {any} */ (error).code === "table_replaced") this.#forgetFrom(0);
      else this.error = /** @type {Error} */ (error);
    }
    this.#reading = null;
    this.changed();
    this.#next();
  }

  /** @param {number} page @param {Row[]} rows @param {string} [nextCursor] */
  #keep(page, rows, nextCursor) {
    if (nextCursor !== this.#cursors[page + 1]) this.#forgetFrom(page + 1);
    if (nextCursor) this.#cursors[page + 1] = nextCursor;
    this.#end = nextCursor ? Infinity : page * PAGE + rows.length;
    this.#reached = Math.max(this.#reached, (page + 1) * PAGE);
    this.#pages.set(page, rows);
    this.#fresh.add(page);
    if (this.#pages.size <= PAGES_KEPT) return;
    const far = [...this.#pages.keys()].reduce((most, each) => (Math.abs(each - this.#wanted[0]) > Math.abs(most - this.#wanted[0]) ? each : most));
    this.#pages.delete(far);
    this.#fresh.delete(far);
  }

  /** Where this page and those after it begin is no longer known. @param {number} page */
  #forgetFrom(page) {
    this.#cursors.length = Math.max(1, page);
    for (const each of this.#fresh) if (each >= page) this.#fresh.delete(each);
  }
}
