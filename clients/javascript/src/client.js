import { Transport } from "./transport.js";
import { uploadWithProgress } from "./upload.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").JobRequest} JobRequest */
/** @typedef {import("./types.js").JobFilters} JobFilters */
/** @typedef {import("./types.js").Area} Area */
/** @typedef {import("./types.js").StoredFile} StoredFile */
/** @typedef {import("./types.js").Table} Table */
/** @typedef {import("./types.js").Load} Load */
/** @typedef {import("./types.js").Reject} Reject */
/** @typedef {import("./types.js").PlanVersion} PlanVersion */
/** @typedef {import("./types.js").StreamEvent} StreamEvent */
/** @typedef {import("./types.js").Attempt} Attempt */
/** @typedef {import("./follower.js").OnConnection} OnConnection */
/** @template T @typedef {import("./types.js").Page<T>} Page */
/** @typedef {{limit?: number, cursor?: string}} PageOptions */
/** @typedef {{signal?: AbortSignal}} Options */
/** @typedef {Options & {idempotencyKey?: string}} WriteOptions */

/** What is done to thousands of jobs takes its time: some milliseconds for each. */
const BULK_MS = 300_000;

/**
 * All calls of Stepmill's HTTP contract. Each rejects with a `StepmillError` and takes an `AbortSignal`.
 *
 * `new StepmillClient()` in a page that Stepmill serves, or behind a proxy of the same origin, needs no options.
 */
export class StepmillClient {
  /** @param {import("./transport.js").TransportOptions} [options] */
  constructor(options) {
    this.transport = new Transport(options);
  }

  // Jobs

  /**
   * Submit a job. With an `idempotencyKey` a repeat gives the first job again.
   * @param {JobRequest} request
   * @param {WriteOptions} [options]
   * @returns {Promise<Job>}
   */
  startJob(request, options) {
    return this.#write("POST", "/api/jobs", options, { body: request });
  }

  /**
   * Submit up to 1,000 jobs: all or none.
   * @param {JobRequest[]} jobs
   * @param {WriteOptions} [options]
   * @returns {Promise<Page<Job>>}
   */
  startJobs(jobs, options) {
    return this.#write("POST", "/api/jobs/batch", options, { body: { jobs } });
  }

  /** @param {string} jobId @param {Options} [options] @returns {Promise<Job>} */
  getJob(jobId, options) {
    return this.#read(path`/api/jobs/${jobId}`, options);
  }

  /** Newest first. @param {JobFilters & PageOptions} [query] @param {Options} [options] @returns {Promise<Page<Job>>} */
  listJobs(query, options) {
    return this.#read("/api/jobs", options, filtersOf(query));
  }

  /** How many jobs match. @param {JobFilters} [filters] @param {Options} [options] @returns {Promise<import("./types.js").JobCounts>} */
  countJobs(filters, options) {
    return this.#read("/api/jobs/counts", options, filtersOf(filters));
  }

  /** @param {string} jobId @param {WriteOptions} [options] @returns {Promise<Job>} */
  cancelJob(jobId, options) {
    return this.#write("POST", path`/api/jobs/${jobId}/cancel`, options);
  }

  /**
   * Run a job again that ended in ERROR or CANCELLED: from the step that failed, or from `fromStep`.
   * @param {string} jobId
   * @param {WriteOptions & {fromStep?: string}} [options]
   * @returns {Promise<Job>}
   */
  retryJob(jobId, { fromStep, ...options } = {}) {
    return this.#write("POST", path`/api/jobs/${jobId}/retry`, options, { body: { fromStep } });
  }

  /** @param {JobFilters} filters @param {WriteOptions} [options] @returns {Promise<{matched: number}>} */
  cancelJobs(filters, options) {
    return this.#write("POST", "/api/jobs/cancel", options, { body: filters, timeoutMs: BULK_MS });
  }

  /** @param {JobFilters} filters @param {WriteOptions} [options] @returns {Promise<{matched: number}>} */
  retryJobs(filters, options) {
    return this.#write("POST", "/api/jobs/retry", options, { body: filters, timeoutMs: BULK_MS });
  }

  /**
   * A job's events as they happen: `snapshot` (the whole job) first, or what came after number `after`. The stream goes on
   * by itself where a lost connection left it, each event once and in order, and ends after `end`.
   * @param {string} jobId
   * @param {Options & {after?: string | number, onConnection?: OnConnection}} [options]
   * @returns {AsyncGenerator<StreamEvent, void, void>}
   */
  streamJob(jobId, { after, signal, onConnection } = {}) {
    const call = { method: "GET", path: path`/api/jobs/${jobId}/stream`, signal };
    return this.transport.follow(call, { after, onConnection });
  }

  /**
   * Status changes of all jobs that the caller may see, from now on or after number `after`. Leave it to end it.
   *
   * `follow` gives up to 20 jobs whose own events are to come too; it is asked anew before each connection, so give
   * `JOB_ID:NUMBER` for a job of which you have the events up to that number, and `JOB_ID` for a snapshot first. They come
   * as events called `job` with `{jobId, id, event, data}` as data, also after the job's `end`; where the stream stands is
   * told by the other events' `id` alone. `onConnection` is told "open" once nothing more can be missed.
   * @param {Options & {envId?: string, after?: string | number, follow?: () => string[], onConnection?: OnConnection}} [options]
   * @returns {AsyncGenerator<StreamEvent, void, void>}
   */
  streamAll({ envId, after, follow, signal, onConnection } = {}) {
    const query = () => ({ envId, follow: someOf(follow?.()) });
    const call = { method: "GET", path: "/api/stream", signal };
    return this.transport.follow(call, { after, query, onConnection, opensWithId: true });
  }

  /**
   * The same events as of `streamJob`, as a list.
   * @param {string} jobId
   * @param {{after?: string | number, limit?: number}} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<StreamEvent>>}
   */
  listEvents(jobId, query, options) {
    return this.#read(path`/api/jobs/${jobId}/events`, options, query);
  }

  /**
   * Each start of work on a job, oldest first.
   * @param {string} jobId
   * @param {PageOptions} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<Attempt>>}
   */
  listAttempts(jobId, query, options) {
    return this.#read(path`/api/jobs/${jobId}/attempts`, options, query);
  }

  /** @param {Options} [options] @returns {Promise<Page<import("./types.js").JobType>>} */
  listJobTypes(options) {
    return this.#read("/api/job-types", options);
  }

  /** @param {Options} [options] @returns {Promise<Page<import("./types.js").Worker>>} */
  listWorkers(options) {
    return this.#read("/api/workers", options);
  }

  /** Who calls, and which version answers. @param {Options} [options] @returns {Promise<import("./types.js").Session>} */
  getSession(options) {
    return this.#read("/api/session", options);
  }

  /**
   * @param {{from?: Date | string, to?: Date | string, stepSeconds?: number, envId?: string, type?: string}} [query]
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  getStats(query, options) {
    return this.#read("/api/stats", options, query);
  }

  // Environments, areas and files

  /** @param {PageOptions} [query] @param {Options} [options] @returns {Promise<Page<import("./types.js").Environment>>} */
  listEnvironments(query, options) {
    return this.#read("/api/envs", options, query);
  }

  /**
   * @param {string} envId
   * @param {{name: string, loadMode?: import("./types.js").LoadMode, keyColumns?: string[], schemaChange?: string, source?: import("./types.js").Place | null}} area
   * @param {WriteOptions} [options]
   * @returns {Promise<Area>}
   */
  createArea(envId, area, options) {
    return this.#write("POST", path`/api/envs/${envId}/areas`, options, { body: area });
  }

  /** @param {string} envId @param {PageOptions & {q?: string}} [query] @param {Options} [options] @returns {Promise<Page<Area>>} */
  listAreas(envId, query, options) {
    return this.#read(path`/api/envs/${envId}/areas`, options, query);
  }

  /** @param {string} envId @param {string} areaId @param {Options} [options] @returns {Promise<Area>} */
  getArea(envId, areaId, options) {
    return this.#read(path`/api/envs/${envId}/areas/${areaId}`, options);
  }

  /**
   * @param {string} envId
   * @param {string} areaId
   * @param {{name?: string, loadMode?: import("./types.js").LoadMode, keyColumns?: string[], schemaChange?: string, source?: import("./types.js").Place | null}} changes
   * @param {WriteOptions} [options]
   * @returns {Promise<Area>}
   */
  updateArea(envId, areaId, changes, options) {
    return this.#write("PATCH", path`/api/envs/${envId}/areas/${areaId}`, options, { body: changes });
  }

  /**
   * Have the files loaded that are new in the area's place, or have changed.
   * @param {string} envId @param {string} areaId @param {WriteOptions} [options] @returns {Promise<import("./types.js").Scan>}
   */
  scanArea(envId, areaId, options) {
    return this.#write("POST", path`/api/envs/${envId}/areas/${areaId}/scan`, options);
  }

  /** @param {string} envId @param {string} areaId @param {WriteOptions} [options] @returns {Promise<void>} */
  deleteArea(envId, areaId, options) {
    return this.#write("DELETE", path`/api/envs/${envId}/areas/${areaId}`, options);
  }

  /**
   * Upload a file: a `File` or `Blob`, text, bytes, or a stream, on Node also one of its own or any async iterable. What can
   * be read only once is sent once. In a browser `onProgress` is told the bytes sent so far.
   * @param {string} envId
   * @param {string} areaId
   * @param {Blob | string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | ReadableStream | AsyncIterable<Uint8Array | string>} content
   * @param {WriteOptions & {name?: string, onProgress?: (sent: number, total: number) => void}} [options] `name` is the
   *   file's own, if it has one.
   * @returns {Promise<StoredFile>}
   */
  uploadFile(envId, areaId, content, { name, onProgress, ...options } = {}) {
    const known = name ?? (typeof File === "function" && content instanceof File ? content.name : "upload");
    const more = { query: { name: known }, content };
    const send = onProgress && content instanceof Blob && typeof XMLHttpRequest === "function";
    const call = { method: "POST", path: path`/api/envs/${envId}/areas/${areaId}/files`, ...options, ...more };
    return send ? uploadWithProgress(this.transport, call, content, onProgress) : this.transport.send(call);
  }

  /**
   * @param {string} envId
   * @param {string} areaId
   * @param {PageOptions & {order?: "oldest" | "newest"}} [query] The oldest first, unless it says otherwise.
   * @param {Options} [options]
   * @returns {Promise<Page<StoredFile>>}
   */
  listFiles(envId, areaId, query, options) {
    return this.#read(path`/api/envs/${envId}/areas/${areaId}/files`, options, query);
  }

  /** @param {string} envId @param {string} fileId @param {Options} [options] @returns {Promise<StoredFile>} */
  getFile(envId, fileId, options) {
    return this.#read(path`/api/envs/${envId}/files/${fileId}`, options);
  }

  /**
   * Its rows stay in the table unless `rows` is `remove`.
   * @param {string} envId
   * @param {string} fileId
   * @param {WriteOptions & {rows?: "keep" | "remove"}} [options]
   * @returns {Promise<void>}
   */
  deleteFile(envId, fileId, { rows, ...options } = {}) {
    return this.#write("DELETE", path`/api/envs/${envId}/files/${fileId}`, options, { query: { rows } });
  }

  /**
   * How a file is read, and its first rows.
   * @param {string} envId
   * @param {string} fileId
   * @param {Options & {limit?: number}} [options]
   * @returns {Promise<import("./types.js").FilePreview>}
   */
  previewFile(envId, fileId, { limit, ...options } = {}) {
    return this.#read(path`/api/envs/${envId}/files/${fileId}/preview`, options, { limit });
  }

  // Plans

  /**
   * The plan in force, or the one of a version.
   * @param {string} envId
   * @param {string} areaId
   * @param {Options & {version?: number}} [options]
   * @returns {Promise<import("./types.js").Plan>}
   */
  getPlan(envId, areaId, { version, ...options } = {}) {
    return this.#read(path`/api/envs/${envId}/areas/${areaId}/plan`, options, { version });
  }

  /**
   * Store a new version; with `baseVersion` only if no newer one is there.
   * @param {string} envId
   * @param {string} areaId
   * @param {object} plan
   * @param {WriteOptions & {baseVersion?: number}} [options]
   * @returns {Promise<import("./types.js").Plan>}
   */
  putPlan(envId, areaId, plan, { baseVersion, ...options } = {}) {
    return this.#write("PUT", path`/api/envs/${envId}/areas/${areaId}/plan`, options, { query: { baseVersion }, body: plan });
  }

  /**
   * @param {string} envId
   * @param {string} areaId
   * @param {PageOptions} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<PlanVersion>>}
   */
  listPlans(envId, areaId, query, options) {
    return this.#read(path`/api/envs/${envId}/areas/${areaId}/plans`, options, query);
  }

  /**
   * @param {string} envId
   * @param {string} areaId
   * @param {number} version
   * @param {WriteOptions} [options]
   * @returns {Promise<import("./types.js").Plan>}
   */
  approvePlan(envId, areaId, version, options) {
    return this.#write("POST", path`/api/envs/${envId}/areas/${areaId}/plans/${version}/approve`, options);
  }

  /**
   * What a plan makes of a file's first rows. Nothing is stored.
   * @param {string} envId
   * @param {{fileId: string, plan: object, limit?: number}} request
   * @param {WriteOptions} [options]
   * @returns {Promise<import("./types.js").PlanPreview>}
   */
  previewPlan(envId, request, options) {
    return this.#write("POST", path`/api/envs/${envId}/plan-preview`, options, { body: request });
  }

  // Tables

  /** @param {string} envId @param {PageOptions & {q?: string}} [query] @param {Options} [options] @returns {Promise<Page<Table>>} */
  listTables(envId, query, options) {
    return this.#read(path`/api/envs/${envId}/tables`, options, query);
  }

  /** @param {string} envId @param {string} physId @param {Options} [options] @returns {Promise<Table>} */
  getTable(envId, physId, options) {
    return this.#read(path`/api/envs/${envId}/tables/${physId}`, options);
  }

  /**
   * Rows as objects, by the names that readers see. A number with more digits than a double holds comes as text (in
   * browsers and from Node 21 on), so that none is lost.
   * @param {string} envId
   * @param {string} physId
   * @param {PageOptions & {offset?: number}} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<Record<string, unknown>>>}
   */
  listRows(envId, physId, query, options) {
    return this.transport.send({ method: "GET", path: path`/api/envs/${envId}/tables/${physId}/rows`, query, signal: options?.signal, exact: true });
  }

  /**
   * @param {string} envId
   * @param {string} physId
   * @param {PageOptions} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<Load>>}
   */
  listLoads(envId, physId, query, options) {
    return this.#read(path`/api/envs/${envId}/tables/${physId}/loads`, options, query);
  }

  /** What the columns hold. @param {string} envId @param {string} physId @param {Options} [options] @returns {Promise<import("./types.js").Profile>} */
  profileTable(envId, physId, options) {
    return this.#read(path`/api/envs/${envId}/tables/${physId}/profile`, options);
  }

  /**
   * @param {string} envId
   * @param {string} loadId
   * @param {PageOptions} [query]
   * @param {Options} [options]
   * @returns {Promise<Page<Reject>>}
   */
  listRejects(envId, loadId, query, options) {
    return this.#read(path`/api/envs/${envId}/loads/${loadId}/rejects`, options, query);
  }

  /** @param {string} envId @param {string} loadId @param {WriteOptions} [options] @returns {Promise<Job>} */
  replayRejects(envId, loadId, options) {
    return this.#write("POST", path`/api/envs/${envId}/loads/${loadId}/replay-rejects`, options);
  }

  /** @param {string} envId @param {string} loadId @param {WriteOptions} [options] @returns {Promise<any>} */
  revertLoad(envId, loadId, options) {
    return this.#write("POST", path`/api/envs/${envId}/loads/${loadId}/revert`, options);
  }

  /** @param {string} address @param {Options} [options] @param {object} [query] @returns {Promise<any>} */
  #read(address, options, query) {
    return this.transport.send({ method: "GET", path: address, query: { ...query }, signal: options?.signal });
  }

  /**
   * @param {string} method
   * @param {string} address
   * @param {WriteOptions} [options]
   * @param {{body?: unknown, query?: object, timeoutMs?: number}} [more]
   * @returns {Promise<any>}
   */
  #write(method, address, { idempotencyKey, signal } = {}, { query, ...more } = {}) {
    return this.transport.send({ method, path: address, query: { ...query }, idempotencyKey, signal, ...more });
  }
}

/**
 * Filters for a query. No status and no type means any; an empty list of jobs is refused by the server, which is better
 * than all jobs there are.
 * @param {JobFilters} [filters]
 */
function filtersOf({ status, type, ...others } = {}) {
  return { ...others, status: someOf(status), type: someOf(type) };
}

/** @param {unknown} value */
function someOf(value) {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}

/**
 * An address with its parts escaped.
 * @param {TemplateStringsArray} texts
 * @param {...(string | number)} parts
 */
function path(texts, ...parts) {
  return texts.reduce((address, text, index) => address + encodeURIComponent(parts[index - 1]) + text);
}
