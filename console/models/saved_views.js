import { Observable } from "../lib/observable.js";
import { remember, remembered } from "../lib/storage.js";

const NAME = "jobs.views";

/** Filters that this browser keeps under a name. @typedef {{name: string, key: string}} SavedView `key` of `keyOf` */

export class SavedViews extends Observable {
  /** @type {SavedView[]} */
  items = (Array.isArray(remembered(NAME)) ? remembered(NAME) : []).filter((/** @type {any} */ each) => typeof each?.name === "string" && typeof each.key === "string");

  /** Keep filters; one of the same name is replaced. @param {string} name @param {string} key */
  save(name, key) {
    this.#set([...this.items.filter((each) => each.name !== name), { name, key }].sort((one, other) => one.name.localeCompare(other.name)));
  }

  /** @param {string} name */
  remove(name) {
    this.#set(this.items.filter((each) => each.name !== name));
  }

  /** @param {SavedView[]} items */
  #set(items) {
    this.items = items;
    remember(NAME, items);
    this.changed();
  }
}
