import { Observable } from "../lib/observable.js";
import { typeFits } from "./plan_mappings.js";

/** A column of the plan; one that is off is left out of it. @typedef {{isOn: boolean, column: Record<string, any>}} DraftColumn */

const TRY_AFTER_MS = 400;
const SAMPLE_ROWS = 500;
const OF_THE_VERSION = ["version", "author", "status", "score", "createdAt"];

/** A plan that is being changed, tried on a file after each change, and stored as a new version. */
export class PlanDraft extends Observable {
  /** The version that the draft began with. @type {Record<string, any>} */
  stored = {};
  /** @type {DraftColumn[]} */
  columns = [];
  /** The plan without its columns. @type {Record<string, any>} */
  rest = {};
  /** The whole plan as text, while it is edited so. @type {string | null} */
  text = null;
  /** What the stored plan makes of the file. @type {any} */
  before = null;
  /** What the draft makes of it. @type {any} */
  after = null;
  /** Why the draft is refused. @type {any} */
  error = null;
  isTrying = false;
  /** @type {string | null} */
  fileId = null;
  #client;
  #envId;
  #areaId;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | null} */
  #trying = null;

  /** @param {import("stepmill").StepmillClient} client @param {string} envId @param {string} areaId */
  constructor(client, envId, areaId) {
    super();
    this.#client = client;
    this.#envId = envId;
    this.#areaId = areaId;
  }

  close() {
    clearTimeout(this.#timer);
    this.#trying?.abort();
  }

  /** Begin with a version. Source columns that it does not use are there, off. @param {Record<string, any>} plan */
  begin(plan) {
    this.stored = bare(plan);
    this.#take(this.stored);
    if (this.text !== null) this.text = JSON.stringify(this.plan, null, 2);
    this.#tryStored();
  }

  /** Try it on this file. @param {string | null} fileId */
  useFile(fileId) {
    if (fileId === this.fileId) return;
    this.fileId = fileId;
    this.before = this.after = null;
    this.#tryStored();
  }

  get plan() {
    const columns = this.columns.filter(({ isOn }) => isOn).map(({ column }) => column);
    return { ...this.rest, columns };
  }

  get isChanged() {
    return JSON.stringify(this.plan) !== JSON.stringify({ ...without(this.stored, "columns"), columns: this.stored.columns });
  }

  /** Change what is not a column. @param {Record<string, any>} values null takes a field out */
  change(values) {
    this.rest = pruned({ ...this.rest, ...values });
    this.#changed();
  }

  /** @param {number} index @param {Record<string, any>} values null takes a field out */
  changeColumn(index, values) {
    const before = this.columns[index].column;
    const column = pruned({ ...before, ...values });
    if (column.type !== "numeric") delete column.precision, delete column.scale;
    if (!typeFits(column)) column.mapping = { kind: "DIRECT" };
    this.#set(index, { column });
    if (values.name) this.#rename(before.name, values.name);
    this.#changed();
  }

  /** @param {number} index @param {boolean} isOn */
  turn(index, isOn) {
    this.#set(index, { isOn });
    if (!isOn) this.#rename(this.columns[index].column.name, null);
    this.#changed();
  }

  /** Edit the whole plan as text, or no longer. @param {boolean} isText */
  asText(isText) {
    if (isText === (this.text !== null)) return;
    this.text = isText ? JSON.stringify(this.plan, null, 2) : null;
    this.#changed();
  }

  /** @param {string} text */
  write(text) {
    this.text = text;
    try {
      const plan = bare(JSON.parse(text));
      if (!Array.isArray(plan.columns)) throw new Error("A plan has a list of columns.");
      this.#take(plan);
      this.#changed();
    } catch (error) {
      clearTimeout(this.#timer);
      this.error = error;
      this.changed();
    }
  }

  /** What is wrong at a place of the draft, or within it. @param {string} pointer */
  faultAt(pointer) {
    const found = this.faults.find((each) => each.pointer === pointer || each.pointer.startsWith(`${pointer}/`));
    return found?.message;
  }

  /** @returns {{pointer: string, message: string}[]} */
  get faults() {
    return (this.error?.errors ?? []).map((/** @type {any} */ each) => ({ ...each, pointer: each.pointer.replace(/^\/plan(?=\/)/, "") }));
  }

  /** Where a column stands in the plan. @param {number} index */
  pointerOf(index) {
    return `/columns/${this.columns.slice(0, index).filter(({ isOn }) => isOn).length}`;
  }

  /** Store it as the next version. */
  async save() {
    try {
      const stored = await this.#client.putPlan(this.#envId, this.#areaId, this.plan);
      this.begin(stored);
      return stored;
    } catch (error) {
      this.error = error;
      this.changed();
      throw error;
    }
  }

  /** @param {Record<string, any>} plan */
  #take(plan) {
    const off = this.columns.filter(({ isOn, column }) => !isOn && !plan.columns.some((/** @type {any} */ each) => each.name === column.name));
    const used = new Set([...plan.columns, ...off.map(({ column }) => column)].map(({ source }) => source));
    const unused = (plan.source?.columns ?? []).filter((/** @type {string} */ name) => !used.has(name));
    this.rest = without(plan, "columns");
    this.columns = [
      ...plan.columns.map((/** @type {any} */ column) => ({ isOn: true, column })),
      ...off,
      ...unused.map((/** @type {string} */ name) => ({ isOn: false, column: newColumn(name) })),
    ];
  }

  /** @param {number} index @param {Partial<DraftColumn>} values */
  #set(index, values) {
    this.columns = this.columns.map((each, place) => (place === index ? { ...each, ...values } : each));
  }

  /** Names of columns stand in other places too. @param {string} before @param {string | null} after */
  #rename(before, after) {
    const mend = (/** @type {string[]} */ names) => names.map((name) => (name === before ? after : name)).filter((name) => name !== null);
    const { keyColumns, dimensions, timeColumn } = this.rest;
    if (keyColumns) this.rest = { ...this.rest, keyColumns: mend(keyColumns) };
    if (dimensions) this.rest = { ...this.rest, dimensions: mend(dimensions) };
    if (timeColumn === before) this.rest = pruned({ ...this.rest, timeColumn: after });
  }

  #changed() {
    clearTimeout(this.#timer);
    this.isTrying = Boolean(this.fileId);
    if (this.fileId) this.#timer = setTimeout(() => this.#try(), TRY_AFTER_MS);
    this.changed();
  }

  async #tryStored() {
    await this.#try();
    if (this.isChanged) return;
    this.before = this.after;
    this.changed();
  }

  async #try() {
    clearTimeout(this.#timer);
    this.#trying?.abort();
    const { fileId, plan } = this;
    if (!fileId || !plan.columns.length) return this.changed();
    const trying = (this.#trying = new AbortController());
    this.isTrying = true;
    this.changed();
    try {
      this.after = await this.#client.previewPlan(this.#envId, { fileId, plan, limit: SAMPLE_ROWS }, { signal: trying.signal });
      this.error = null;
    } catch (error) {
      if (!trying.signal.aborted) this.error = error;
    }
    if (trying !== this.#trying) return;
    this.isTrying = false;
    this.changed();
  }
}

/** @param {Record<string, any>} plan */
const bare = (plan) => without(plan, ...OF_THE_VERSION);

/** @param {Record<string, any>} data @param {...string} names @returns {Record<string, any>} */
const without = (data, ...names) => Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name)));

/** @param {Record<string, any>} data @returns {Record<string, any>} */
const pruned = (data) => Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null && value !== ""));

/** @param {string} source */
const newColumn = (source) => ({ name: source.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_") || "column", logicalName: source, type: "text", source });
