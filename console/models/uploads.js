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
  /** Files that were chosen or dropped where no area was in sight: the reader is asked for one. @type {File[]} */
  offered = [];
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
      this.#files.set(this.#put(envId, area, file.name, file.size), file);
    }
    this.changed();
    this.#next();
  }

  /** @param {string} envId @param {{areaId: string, name: string}} area @param {string} name @param {number} size */
  #put(envId, area, name, size) {
    const id = (this.#last += 1);
    /** @type {Upload} */
    const upload = {
      ...{ id, envId, name, areaId: area.areaId, areaName: area.name, size, sent: 0 },
      ...{ state: "waiting", fileId: null, jobId: null, job: null, error: null },
    };
    this.items = [...this.items, upload];
    return id;
  }

  /** @param {string} envId @param {string} areaId @param {string} fileId @param {AbortSignal} [signal] */
  #startJob(envId, areaId, fileId, signal) {
    return this.#client.startJob({ type: "FILE_ETL", params: { fileId, areaId }, envId }, { signal });
  }

  /** Ask for an area for these files; none at all takes the question back. @param {File[]} files */
  offer(files) {
    this.offered = files;
    this.changed();
  }

  /**
   * Load a file that is there already, by a job that `start` begins if it is another one than the usual.
   * @param {string} envId
   * @param {{areaId: string, name: string}} area
   * @param {{fileId: string | null, name: string, bytes: number}} file
   * @param {() => Promise<Job>} [start]
   * @returns {Promise<Job>} rejects where the job is refused
   */
  async load(envId, area, file, start = () => this.#startJob(envId, area.areaId, /** @type {string} */ (file.fileId))) {
    const job = await start();
    const id = this.#put(envId, area, file.name, file.bytes);
    this.#change(id, { state: "loading", sent: file.bytes, fileId: file.fileId, jobId: job.jobId, job });
    this.#follow(id, job.jobId);
    return job;
  }

  /** Try one again that failed: what was sent is not sent again. @param {number} id */
  again(id) {
    this.#change(id, { state: "waiting", error: null, job: null, jobId: null });
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
  async #send({ id, envId, areaId, name, fileId }) {
    const stop = new AbortController();
    this.#stops.set(id, () => stop.abort());
    this.#change(id, { state: "sending" });
    try {
      if (!fileId) {
        const content = /** @type {File} */ (this.#files.get(id));
        const onProgress = (/** @type {number} */ sent) => this.#change(id, { sent });
        ({ fileId } = await this.#client.uploadFile(envId, areaId, content, { name, onProgress, signal: stop.signal }));
        this.#files.delete(id);
        this.#change(id, { fileId });
      }
      const job = await this.#startJob(envId, areaId, fileId, stop.signal);
      this.#change(id, { state: "loading", jobId: job.jobId, job });
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
      if (isOver) stop();
    });
    this.#stops.set(id, stop);
  }

  /** @param {number} id @param {Partial<Upload>} values */
  #change(id, values) {
    this.items = this.items.map((each) => (each.id === id ? { ...each, ...values } : each));
    this.changed();
  }
}
