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
  /** The version that this is. */
  version = 0;
  /** It again, if it was in force when it was read. @type {number | undefined} */
  base;
  isSaved = false;
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
  /** How many fields hold what is no JSON; the plan as text counts as one. */
  broken = 0;
  /** How often the changes were undone: the fields are made anew each time. */
  undone = 0;
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
  begin({ version, author: _author, status, score: _score, createdAt: _createdAt, columns, ...rest }) {
    this.version = version;
    this.base = status === "approved" ? version : undefined;
    this.stored = { ...rest, columns };
    this.undo();
  }

  /** Back to what is stored. */
  undo() {
    this.undone++;
    this.#take(this.stored);
    this.asText(this.text !== null);
    this.#changed(0);
  }

  /** Try it on this file. @param {any} file */
  useFile(file) {
    if (file?.fileId === this.file?.fileId) return;
    Object.assign(this, { file, before: null, after: null });
    this.#changed(0);
  }

  get plan() {
    return { ...this.rest, columns: this.columns.filter(({ isOn }) => isOn).map(({ column }) => column) };
  }

  get isChanged() {
    return this.broken > 0 || JSON.stringify(this.plan) !== JSON.stringify(this.stored);
  }

  /** Every row that is rejected of those tried. @returns {any[]} */
  get rejects() {
    /** @type {{rejects?: any[], ofLoad?: any}} */
    const { rejects = [], ofLoad } = this.after ?? {};
    const lines = new Set(rejects.map(({ line }) => line));
    return [...rejects, ...(ofLoad?.rejects ?? []).filter((/** @type {any} */ { line }) => line === null || !lines.has(line))];
  }

  /** What is wrong in a column that is on. @param {number} place its index among those */
  faultAt(place) {
    return this.error?.errors?.find((/** @type {{pointer: string}} */ { pointer }) => `${pointer}/`.includes(`/columns/${place}/`))?.message;
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
    if (this.text !== null) this.broken = 0;
    this.text = isText ? JSON.stringify(this.plan, null, 2) : null;
    this.changed();
  }

  /** @param {string} text */
  write(text) {
    this.text = text;
    try {
      const plan = JSON.parse(text) ?? {};
      const { columns, source, keyColumns = [], dimensions = [] } = plan;
      if (![columns, source?.columns ?? [], keyColumns, dimensions].every((list) => list?.every?.(Boolean))) throw new Error("A plan has a list of columns, each an object; keyColumns and dimensions are lists.");
      this.#take(plan);
      this.broken = 0;
      this.#changed();
    } catch (error) {
      this.close();
      this.broken = 1;
      this.error = error;
      this.changed();
    }
  }

  /** One more field holds what is no JSON, until what this gives is called. @type {(more?: number) => () => void} */
  onBroken = (more = 1) => {
    this.broken += more;
    this.changed();
    return () => this.onBroken(-1);
  };

  /** Whether what one sees is something else than what is in force, and can be stored. */
  get maySave() {
    return !this.broken && (this.isChanged || !this.base);
  }

  /**
   * Store it as the next version.
   * @param {number} [baseVersion] the newest that one knows: what somebody else saved meanwhile is not undone
   */
  async save(baseVersion = this.base) {
    this.begin(await this.#client.putPlan(this.#envId, this.#areaId, this.plan, { baseVersion }));
    this.isSaved = true;
  }

  /** Source columns that the plan does not use are there, off. @param {any} plan */
  #take({ columns, ...rest }) {
    const unused = (rest.source?.columns ?? [])
      .filter((/** @type {string} */ name) => columns.every((/** @type {Data} */ { source }) => source !== name))
      .map((/** @type {string} */ name) => ({ isOn: false, column: { name, type: "text", source: name } }));
    this.rest = rest;
    this.columns = [...columns.map((/** @type {Data} */ column) => ({ isOn: true, column })), ...unused];
  }

  #changed(waitMs = TRY_AFTER_MS) {
    this.close();
    this.isTrying = Boolean(this.file);
    this.#timer = setTimeout(() => this.#try(), waitMs);
    this.changed();
  }

  async #try() {
    const { file, plan, isChanged } = this;
    if (!file) return;
    const { signal } = (this.#trying = new AbortController());
    /** @type {any} */
    const request = { fileId: file.fileId, plan, limit: SAMPLE_ROWS, loadId: file.lastLoad?.rowsRejected > 0 ? file.lastLoad.loadId : undefined };
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
