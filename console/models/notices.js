import { Observable } from "../lib/observable.js";

const SHOWN_MS = 8_000;

/** A short word that something was done or failed. @typedef {{id: number, tone: "DONE" | "ERROR", text: string, href?: string, linkText?: string}} Notice */

/** Short words to the reader, each gone by itself after a while, unless it tells of a failure. */
export class Notices extends Observable {
  /** @type {Notice[]} */
  items = [];
  #last = 0;

  /** @param {string} text @param {{href?: string, linkText?: string}} [link] */
  good(text, link) {
    const id = this.#add({ tone: "DONE", text, ...link });
    setTimeout(() => this.remove(id), SHOWN_MS);
  }

  /** @param {unknown} error */
  failure(error) {
    this.#add({ tone: "ERROR", text: error instanceof Error ? error.message : String(error) });
  }

  /** @param {number} id */
  remove(id) {
    this.items = this.items.filter((notice) => notice.id !== id);
    this.changed();
  }

  /** @param {Omit<Notice, "id">} notice */
  #add(notice) {
    const id = (this.#last += 1);
    this.items = [...this.items.slice(-3), { ...notice, id }];
    this.changed();
    return id;
  }
}
