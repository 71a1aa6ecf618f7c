import { Observable } from "../lib/observable.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/**
 * Something to go to or to do. `hint` stands beside it, `words` are found too.
 * @typedef {{id: string, group: string, text: string, icon: string, hint?: string, words?: string, href?: string, act?: () => void}} Entry
 */

const PATIENCE_MS = 150;
const MOST = 5;
const JOB_ID = /\bjob_[0-9a-z]{26}\b/;

/** The id of a job somewhere in what was typed or pasted. @param {string} typed */
export const jobIdIn = (typed) => JOB_ID.exec(typed)?.[0] ?? null;

/**
 * How well a text answers what was typed; 0 if it does not. Each typed word counts: best where a word begins with it, less
 * within one, least where its letters only come in order.
 * @param {string} text
 * @param {string} typed
 */
export function fitOf(text, typed) {
  const within = text.toLowerCase();
  let fit = 1;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = within.indexOf(word);
    if (at === 0 || (at > 0 && !/[\p{L}\p{N}]/u.test(within[at - 1]))) fit += 4;
    else if (at > 0) fit += 2;
    else if (word.length > 1 && comesInOrder(within, word)) fit += 1;
    else return 0;
  }
  return fit;
}

/** @param {string} text @param {string} letters */
function comesInOrder(text, letters) {
  let at = -1;
  return [...letters].every((letter) => (at = text.indexOf(letter, at + 1)) >= 0);
}

/**
 * The entries that answer what was typed, the best first within each group; the groups stay in their order.
 * @param {Entry[]} entries
 * @param {string} typed
 */
export function fitting(entries, typed) {
  const groups = [...new Set(entries.map((entry) => entry.group))];
  const fits = entries.map((entry) => ({ entry, fit: fitOf(`${entry.text} ${entry.words ?? ""}`, typed) })).filter(({ fit }) => fit > 0);
  fits.sort((one, other) => groups.indexOf(one.entry.group) - groups.indexOf(other.entry.group) || other.fit - one.fit);
  return fits.map(({ entry }) => entry);
}

/** Jobs, areas and tables that the server finds for what is typed, a moment after the last key. */
export class PaletteSearch extends Observable {
  /** @type {import("stepmill/types").Job[]} */
  jobs = [];
  /** @type {import("stepmill/types").Area[]} */
  areas = [];
  /** @type {import("stepmill/types").Table[]} */
  tables = [];
  /** @type {Error | null} */
  error = null;
  isSearching = false;
  #client;
  #envId;
  /** @type {AbortController | null} */
  #search = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {StepmillClient} client @param {string} envId */
  constructor(client, envId) {
    super();
    this.#client = client;
    this.#envId = envId;
  }

  /** @param {string} typed */
  look(typed) {
    this.close();
    this.isSearching = true;
    this.changed();
    this.#timer = setTimeout(() => this.#look(typed.trim()), typed ? PATIENCE_MS : 0);
  }

  close() {
    clearTimeout(this.#timer);
    this.#search?.abort();
  }

  /** @param {string} typed */
  async #look(typed) {
    this.#search = new AbortController();
    const { signal } = this.#search;
    const query = { limit: MOST, ...(typed ? { q: typed } : {}) };
    try {
      const [jobs, areas, tables] = await Promise.all([
        this.#client.listJobs({ ...query, envId: this.#envId }, { signal }),
        this.#client.listAreas(this.#envId, query, { signal }),
        this.#client.listTables(this.#envId, query, { signal }),
      ]);
      Object.assign(this, { jobs: jobs.items, areas: areas.items, tables: tables.items, error: null });
    } catch (error) {
      if (signal.aborted) return;
      Object.assign(this, { jobs: [], areas: [], tables: [], error });
    }
    if (signal.aborted) return;
    this.isSearching = false;
    this.changed();
  }
}
