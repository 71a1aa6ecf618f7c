import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Job} Job */

/**
 * A file on its way: sent, unless it is there already, then loaded by a job.
 * @typedef {object} Upload
 * @property {number} id
 * @property {string} name
 * @property {string} envId
 * @property {string} areaId
 * @property {number} size
 * @property {number} sent
 * @property {"waiting" | "sending" | "loading" | "done" | "failed"} state
 * @property {File} [file]
 * @property {string} [fileId]
 * @property {() => Promise<Job>} [start] begins the job if it is another one than the usual
 * @property {Job | null} job
 * @property {Error | null} error
 */

const AT_ONCE = 2;

/** Files that are being sent, a few at once, each then followed by the job that loads it. */
export class Uploads extends Observable {
  /** @type {Upload[]} */
  items = [];
  /** Files that were chosen or dropped where no area was in sight: the reader is asked for one. @type {File[]} */
  offered = [];
  #client;
  #connection;
  #last = 0;
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

  /** Those that came to an end, well or not. */
  get ended() {
    return this.items.filter(({ state }) => state === "done" || state === "failed");
  }

  /** Ask for an area for these files; none at all takes the question back. @param {File[]} files */
  offer(files) {
    this.offered = files;
    this.changed();
  }

  /** Send files to an area and load each. @param {string} envId @param {string} areaId @param {File[]} files */
  add(envId, areaId, files) {
    for (const file of files) this.#put({ envId, areaId, name: file.name, size: file.size, file });
  }

  /**
   * Load a file that is there already, or what `start` begins to load; once at a time.
   * @param {string} envId
   * @param {{areaId: string, fileId: string, name: string, bytes: number}} file
   * @param {() => Promise<Job>} [start]
   */
  load(envId, { areaId, fileId, name, bytes }, start) {
    const isOnTheWay = this.items.some((each) => each.fileId === fileId && each.name === name && !this.ended.includes(each));
    if (!isOnTheWay) this.#put({ envId, areaId, fileId, name, size: bytes, start });
  }

  /** @param {Pick<Upload, "envId" | "areaId" | "name" | "size" | "file" | "fileId" | "start">} what */
  #put(what) {
    this.#last += 1;
    this.items = [...this.items, { id: this.#last, sent: 0, state: "waiting", job: null, error: null, ...what }];
    this.changed();
    this.#next();
  }

  /** Try one again that failed: what was sent is not sent again. @param {number} id */
  again(id) {
    this.#change(id, { state: "waiting", error: null, job: null });
    this.#next();
  }

  /** Stop sending these, or no longer show them. @param {number[]} ids */
  remove(ids) {
    this.items = this.items.filter(({ id }) => !ids.includes(id));
    for (const id of ids) this.#stops.get(id)?.();
    this.changed();
    this.#next();
  }

  #next() {
    const sending = this.items.filter(({ state }) => state === "sending").length;
    for (const upload of this.items.filter(({ state }) => state === "waiting").slice(0, AT_ONCE - sending)) this.#send(upload);
  }

  /** @param {Upload} upload */
  async #send({ id, envId, areaId, name, file, fileId, start }) {
    const stop = new AbortController();
    const { signal } = stop;
    this.#stops.set(id, () => stop.abort());
    this.#change(id, { state: "sending" });
    try {
      if (!fileId) {
        const onProgress = (/** @type {number} */ sent) => this.#change(id, { sent });
        ({ fileId } = await this.#client.uploadFile(envId, areaId, /** @type {File} */ (file), { name, onProgress, signal }));
        this.#change(id, { fileId, file: undefined });
      }
      const job = await (start?.() ?? this.#client.startJob({ type: "FILE_ETL", params: { fileId, areaId }, envId }, { signal }));
      if (!signal.aborted) this.#follow(id, job);
    } catch (error) {
      if (!signal.aborted) this.#change(id, { state: "failed", error: /** @type {Error} */ (error) });
    }
    this.#next();
  }

  /** @param {number} id @param {Job} begun */
  #follow(id, begun) {
    /** @type {Job | null} */
    let job = begun;
    this.#change(id, { state: "loading", job });
    const stop = this.#connection.follow(begun.jobId, (events) => {
      job = events.reduce(jobAfter, job);
      // It is done before it is known what it brought.
      const isOver = Boolean(job?.finishedAt);
      this.#change(id, { job, state: !isOver ? "loading" : job?.status === "DONE" ? "done" : "failed" });
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
