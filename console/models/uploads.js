import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Job} Job */

/**
 * A file on its way: sent, then loaded by a job.
 * @typedef {object} Upload
 * @property {number} id
 * @property {string} name
 * @property {string} envId
 * @property {string} areaId
 * @property {string} areaName
 * @property {number} size
 * @property {number} sent
 * @property {"waiting" | "sending" | "loading" | "done" | "failed"} state
 * @property {string | null} fileId
 * @property {string | null} jobId
 * @property {Job | null} job
 * @property {Error | null} error
 */

const AT_ONCE = 2;
const ENDED = ["DONE", "ERROR", "CANCELLED"];

/** Files that are being sent, a few at once, each then followed by the job that loads it. */
export class Uploads extends Observable {
  /** @type {Upload[]} */
  items = [];
  #client;
  #connection;
  #last = 0;
  /** @type {Map<number, File>} */
  #files = new Map();
  /** @type {Map<number, () => void>} */
  #stops = new Map();

  /**
   * @param {StepmillClient} client
   * @param {import("./connection.js").Connection} connection
   */
  constructor(client, connection) {
    super();
    this.#client = client;
    this.#connection = connection;
  }

  /** How many are not at rest. */
  get active() {
    return this.items.filter((each) => each.state !== "done" && each.state !== "failed").length;
  }

  /**
   * Send files to an area and load each.
   * @param {string} envId
   * @param {{areaId: string, name: string}} area
   * @param {File[]} files
   */
  add(envId, area, files) {
    for (const file of files) {
      const id = (this.#last += 1);
      this.#files.set(id, file);
      /** @type {Upload} */
      const upload = {
        ...{ id, envId, name: file.name, areaId: area.areaId, areaName: area.name, size: file.size, sent: 0 },
        ...{ state: "waiting", fileId: null, jobId: null, job: null, error: null },
      };
      this.items = [...this.items, upload];
    }
    this.changed();
    this.#next();
  }

  /** Try one again that failed on its way. @param {number} id */
  again(id) {
    this.#change(id, { state: "waiting", sent: 0, error: null });
    this.#next();
  }

  /** Stop one that is being sent, or no longer show it. @param {number} id */
  remove(id) {
    this.#stops.get(id)?.();
    this.#stops.delete(id);
    this.#files.delete(id);
    this.items = this.items.filter((each) => each.id !== id);
    this.changed();
    this.#next();
  }

  /** No longer show those at rest. */
  clear() {
    for (const each of this.items.filter((each) => each.state === "done" || each.state === "failed")) this.remove(each.id);
  }

  #next() {
    const sending = this.items.filter((each) => each.state === "sending").length;
    for (const upload of this.items.filter((each) => each.state === "waiting").slice(0, AT_ONCE - sending)) this.#send(upload);
  }

  /** @param {Upload} upload */
  async #send({ id, envId, areaId, name }) {
    const stop = new AbortController();
    this.#stops.set(id, () => stop.abort());
    this.#change(id, { state: "sending" });
    try {
      const content = /** @type {File} */ (this.#files.get(id));
      const onProgress = (/** @type {number} */ sent) => this.#change(id, { sent });
      const { fileId } = await this.#client.uploadFile(envId, areaId, content, { name, onProgress, signal: stop.signal });
      const job = await this.#client.startJob({ type: "FILE_ETL", params: { fileId, areaId }, envId }, { signal: stop.signal });
      this.#files.delete(id);
      this.#change(id, { state: "loading", fileId, jobId: job.jobId, job });
      this.#follow(id, job.jobId);
    } catch (error) {
      if (!stop.signal.aborted) this.#change(id, { state: "failed", error: /** @type {Error} */ (error) });
    }
    this.#next();
  }

  /** @param {number} id @param {string} jobId */
  #follow(id, jobId) {
    const stop = this.#connection.follow(jobId, (events) => {
      const job = events.reduce(jobAfter, this.items.find((each) => each.id === id)?.job ?? null);
      if (!job) return;
      const isOver = ENDED.includes(job.status);
      this.#change(id, { job, state: !isOver ? "loading" : job.status === "DONE" ? "done" : "failed" });
      if (isOver && events.some((event) => event.event === "end")) stop();
    });
    this.#stops.set(id, stop);
  }

  /** @param {number} id @param {Partial<Upload>} values */
  #change(id, values) {
    this.items = this.items.map((each) => (each.id === id ? { ...each, ...values } : each));
    this.changed();
  }
}
