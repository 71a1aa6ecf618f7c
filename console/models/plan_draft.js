import { Observable } from "../lib/observable.js";
import { typeFits } from "./plan_mappings.js";

/** @typedef {Record<string, any>} Data */
/** A column of the plan; one that is off is left out of it. @typedef {{isOn: boolean, column: Data}} DraftColumn */

const TRY_AFTER_MS = 400;
const SAMPLE_ROWS = 500;

/** A plan that is being changed, tried on a file after each change, and stored as a new version. */
export class PlanDraft extends Observable {
  /** What the draft began with. @type {Data} */
  stored = {};
  /** The version that this is. @type {{version: number, status: string} | null} */
  version = null;
  /** @type {DraftColumn[]} */
  columns = [];
  /** The plan without its columns. @type {Data} */
  rest = {};
  /** The whole plan as text, while it is edited so. @type {string | null} */
  text = null;
  /** The file that it is tried on; what its last load rejected is tried as well. @type {any} */
  file = null;
  /** What the stored plan makes of the file. @type {any} */
  before = null;
  /** What the draft makes of it. @type {any} */
  after = null;
  /** Why the draft is refused. @type {any} */
  error = null;
  isTrying = false;
  /** Whether the text is no plan at all. */
  isBroken = false;
  #client;
  #envId;
  #areaId;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #trying = new AbortController();

  /** @param {import("stepmill").StepmillClient} client @param {string} envId @param {string} areaId */
  constructor(client, envId, areaId) {
    super();
    this.#client = client;
    this.#envId = envId;
    this.#areaId = areaId;
  }

  close() {
    clearTimeout(this.#timer);
    this.#trying.abort();
  }

  /** Begin with a version. @param {any} plan */
  begin({ version, author: _author, status, score: _score, createdAt: _createdAt, ...plan }) {
    this.version = { version, status };
    this.stored = plan;
    this.undo();
  }

  /** Back to what is stored. */
  undo() {
    this.#take(this.stored);
    this.asText(this.text !== null);
    this.#try();
  }

  /** Try it on this file. @param {any} file */
  useFile(file) {
    if (file?.fileId === this.file?.fileId) return;
    Object.assign(this, { file, before: null, after: null });
    this.#try();
  }

  get plan() {
    return { ...this.rest, columns: this.columns.filter(({ isOn }) => isOn).map(({ column }) => column) };
  }

  get isChanged() {
    const { columns, ...rest } = this.stored;
    return JSON.stringify(this.plan) !== JSON.stringify({ ...rest, columns });
  }

  /** Every row that is rejected of those tried. @returns {any[]} */
  get rejects() {
    /** @type {{rejects?: any[], ofLoad?: any}} */
    const { rejects = [], ofLoad } = this.after ?? {};
    const lines = new Set(rejects.map(({ line }) => line));
    return [...rejects, ...(ofLoad?.rejects ?? []).filter((/** @type {any} */ { line }) => line === null || !lines.has(line))];
  }

  /** What is wrong in a column. @param {number} index */
  faultOf(index) {
    const place = `/columns/${this.columns.slice(0, index).filter(({ isOn }) => isOn).length}/`;
    const fault = this.error?.errors?.find((/** @type {{pointer: string}} */ { pointer }) => `${pointer}/`.includes(place));
    return this.columns[index].isOn && fault?.message;
  }

  /** @param {number} index @param {Data} values null takes a field out */
  changeColumn(index, values) {
    const column = pruned({ ...this.columns[index].column, ...values });
    if (column.type !== "numeric") delete column.precision, delete column.scale;
    if (!typeFits(column)) column.mapping = { kind: "DIRECT" };
    this.columns = this.columns.with(index, { isOn: true, column });
    this.#changed();
  }

  /** A column that is off is not named elsewhere in the plan either. @param {number} index @param {boolean} isOn */
  turn(index, isOn) {
    const { column } = this.columns[index];
    const { keyColumns, dimensions, timeColumn } = this.rest;
    const others = (/** @type {string[] | undefined} */ names) => names?.filter((name) => name !== column.name);
    if (!isOn) this.rest = pruned({ ...this.rest, keyColumns: others(keyColumns), dimensions: others(dimensions), timeColumn: timeColumn === column.name ? null : timeColumn });
    this.columns = this.columns.with(index, { isOn, column });
    this.#changed();
  }

  /** Edit the whole plan as text, or no longer. @param {boolean} isText */
  asText(isText) {
    this.text = isText ? JSON.stringify(this.plan, null, 2) : null;
    this.isBroken = false;
    this.changed();
  }

  /** @param {string} text */
  write(text) {
    this.text = text;
    try {
      const plan = JSON.parse(text);
      if (![plan?.columns, plan?.source?.columns ?? []].every(Array.isArray)) throw new Error("A plan is an object with a list of columns.");
      this.#take(plan);
      this.#changed();
    } catch (error) {
      this.close();
      this.isBroken = true;
      this.error = error;
      this.changed();
    }
  }

  /** Whether what one sees is something else than what is stored, and can be stored. */
  get maySave() {
    return this.isChanged && !this.isBroken;
  }

  /** Store it as the next version. */
  async save() {
    const stored = await this.#client.putPlan(this.#envId, this.#areaId, this.plan);
    this.begin(stored);
    return stored;
  }

  /** Source columns that the plan does not use are there, off. @param {any} plan */
  #take({ columns = [], ...rest }) {
    const isUnused = (/** @type {string} */ name) => columns.every((/** @type {Data} */ { source }) => source !== name);
    const unused = (rest.source?.columns ?? []).filter(isUnused).map((/** @type {string} */ name) => ({ name, type: "text", source: name }));
    this.rest = rest;
    this.columns = [...columns.map((/** @type {Data} */ column) => ({ isOn: true, column })), ...unused.map((/** @type {Data} */ column) => ({ isOn: false, column }))];
  }

  #changed() {
    clearTimeout(this.#timer);
    this.isBroken = false;
    this.isTrying = Boolean(this.file);
    this.#timer = setTimeout(() => this.#try(), TRY_AFTER_MS);
    this.changed();
  }

  async #try() {
    this.close();
    const { file, plan, isChanged } = this;
    this.isTrying = Boolean(file);
    this.changed();
    if (!file) return;
    const { signal } = (this.#trying = new AbortController());
    const loadId = file.lastLoad?.rowsRejected > 0 ? file.lastLoad.loadId : undefined;
    /** @type {any} */
    const request = { fileId: file.fileId, plan, limit: SAMPLE_ROWS, loadId };
    try {
      const after = await this.#client.previewPlan(this.#envId, request, { signal });
      if (signal.aborted) return;
      Object.assign(this, { after, error: null, ...(!isChanged && { before: after }) });
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.isTrying = false;
    this.changed();
  }
}

/** @param {Data} data @returns {Data} */
const pruned = (data) => Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null && value !== "" && value !== undefined));
