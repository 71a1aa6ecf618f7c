import { Observable } from "../lib/observable.js";

/** @typedef {Record<string, unknown>} Row */
/** @typedef {(query: {limit: number, cursor?: string}, signal: AbortSignal) => Promise<import("stepmill/types").Page<Row>>} Read */

const PAGE = 200;
const AHEAD = 5_000;
const PAGES_KEPT = 30;

/**
 * A table's rows, as far as somebody looks. Only the page before tells where a page begins, so one goes ahead by so many
 * rows at a time; pages far from what is looked at are let go, and read again when they are needed.
 */
export class TableRows extends Observable {
  /** @type {Error | null} */
  error = null;
  #read;
  #total;
  /** Where each page begins, as far as it is known. @type {(string | undefined)[]} */
  #cursors = [undefined];
  /** @type {Map<number, Row[]>} */
  #pages = new Map();
  /** Shown until they are read again. @type {Map<number, Row[]>} */
  #stale = new Map();
  /** @type {number | null} */
  #end = null;
  #reached = 0;
  /** @type {number[]} */
  #wanted = [];
  /** @type {AbortController | null} */
  #reading = null;

  /** @param {Read} read @param {number} total */
  constructor(read, total) {
    super();
    this.#read = read;
    this.#total = total;
  }

  /** How many rows one can go to by now. */
  get count() {
    return this.#end ?? Math.min(this.#total, Math.max(this.#reached, this.#cursors.length * PAGE) + AHEAD);
  }

  /** Null while it is not there yet. @param {number} index */
  row(index) {
    const page = Math.floor(index / PAGE);
    return (this.#pages.get(page) ?? this.#stale.get(page))?.[index % PAGE] ?? null;
  }

  /** Some rows are looked at, and one perhaps in full. @param {number} first @param {number} last @param {number} [open] */
  look(first, last, open = first) {
    this.#reached = Math.max(this.#reached, last);
    const pages = [open, first, last - 1].map((index) => Math.floor(Math.max(0, index) / PAGE));
    this.#wanted = [...new Set(pages)];
    this.#next();
  }

  /** The table has changed: what is looked at is read again, and stays until then. @param {number} total */
  refresh(total) {
    this.#total = total;
    this.#end = null;
    this.#outdate(0);
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

  /** @param {number} from the first page that is no longer as it was read */
  #outdate(from) {
    for (const [page, rows] of [...this.#pages]) {
      if (page < from) continue;
      this.#stale.set(page, rows);
      this.#pages.delete(page);
    }
  }

  #next() {
    if (this.#reading || this.error) return;
    const page = this.#wanted.find((each) => !this.#pages.has(each) && (this.#end === null || each * PAGE < this.#end));
    if (page === undefined) return this.#stale.clear();
    this.#load(Math.min(page, this.#cursors.length - 1));
  }

  /** @param {number} page */
  async #load(page) {
    const reading = new AbortController();
    this.#reading = reading;
    try {
      const { items, nextCursor } = await this.#read({ limit: PAGE, cursor: this.#cursors[page] }, reading.signal);
      if (reading.signal.aborted) return;
      this.#keep(page, items, nextCursor);
    } catch (error) {
      if (reading.signal.aborted) return;
      if (/** @type {any} */ (error).code === "table_replaced") {
        this.#cursors = [undefined];
        this.#outdate(0);
      } else {
        this.error = /** @type {Error} */ (error);
      }
    }
    this.#reading = null;
    this.changed();
    this.#next();
  }

  /** @param {number} page @param {Row[]} rows @param {string} [nextCursor] */
  #keep(page, rows, nextCursor) {
    this.#pages.set(page, rows);
    if (nextCursor !== this.#cursors[page + 1]) {
      this.#cursors.length = page + 1;
      this.#outdate(page + 1);
      if (nextCursor) this.#cursors.push(nextCursor);
    }
    this.#end = nextCursor ? null : page * PAGE + rows.length;
    const place = this.#wanted[0] ?? 0;
    const byDistance = [...this.#pages.keys()].sort((a, b) => Math.abs(b - place) - Math.abs(a - place));
    for (const far of byDistance.slice(0, Math.max(0, this.#pages.size - PAGES_KEPT))) this.#pages.delete(far);
  }
}
