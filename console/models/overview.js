import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";
import { readAll } from "./resource.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Job} Job */

const MOST_FOLLOWED = 10;
const MOST_LISTED = 5;
const DAY = 86_400;

/** How far back charts go, in what stretches, in seconds. @type {Record<string, {seconds: number, stepSeconds: number}>} */
export const RANGES = {
  hour: { seconds: 3_600, stepSeconds: 60 },
  day: { seconds: DAY, stepSeconds: 900 },
  week: { seconds: 7 * DAY, stepSeconds: 7_200 },
};

/** What runs, waits and failed just now; and whether nothing ever ran here. @param {StepmillClient} client @param {string} envId @param {AbortSignal} signal */
export async function readNow(client, envId, signal) {
  const list = (/** @type {import("stepmill/types").JobFilters & {limit: number}} */ query) => client.listJobs({ ...query, envId }, { signal }).then(({ items }) => items);
  const [running, waiting, failed, { byStatus }] = await Promise.all([
    list({ status: "RUNNING", limit: MOST_FOLLOWED }),
    list({ status: "PENDING", limit: MOST_LISTED }),
    list({ status: "ERROR", limit: MOST_LISTED }),
    client.countJobs({ status: ["RUNNING", "PENDING"], envId }, { signal }),
  ]);
  const isFirst = running.length + waiting.length + failed.length === 0 && (await list({ limit: 1 })).length === 0;
  return { running, waiting, failed, runningCount: byStatus.RUNNING ?? 0, waitingCount: byStatus.PENDING ?? 0, isFirst };
}

/**
 * The sums of the reader's day, and a range in stretches. They lie on the clock, so that they stay as time goes on.
 * @param {StepmillClient} client
 * @param {string} envId
 * @param {string} range
 * @param {AbortSignal} signal
 */
export async function readFigures(client, envId, range, signal) {
  const { seconds, stepSeconds } = RANGES[range];
  const now = new Date();
  const end = (Math.floor(now.getTime() / 1000 / stepSeconds) + 1) * stepSeconds;
  const midnight = (/** @type {number} */ days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  const [day, { items: points }] = await Promise.all([
    client.getStats({ from: midnight(0), to: midnight(1), stepSeconds: DAY, envId }, { signal }),
    client.getStats({ from: new Date((end - seconds) * 1000), to: new Date(end * 1000), stepSeconds, envId }, { signal }),
  ]);
  const sum = (/** @type {(point: any) => number} */ of) => day.items.map(of).reduce((/** @type {number} */ one, /** @type {number} */ other) => one + other, 0);
  const [done, failed, rowsLoaded] = [sum((point) => point.finished.DONE), sum((point) => point.finished.ERROR), sum((point) => point.rowsLoaded)];
  return { range, since: midnight(0).toISOString(), done, failed, rowsLoaded, points: /** @type {any[]} */ (points) };
}

/** Areas' names by their ids, and the tables not loaded for the longest. @param {StepmillClient} client @param {string} envId @param {AbortSignal} signal */
export async function readStock(client, envId, signal) {
  const [areas, tables] = await Promise.all([
    readAll((query) => client.listAreas(envId, query, { signal })),
    readAll((query) => client.listTables(envId, query, { signal })),
  ]);
  const stale = tables.filter((table) => table.lastLoadAt).sort((one, other) => Date.parse(one.lastLoadAt ?? "") - Date.parse(other.lastLoadAt ?? ""));
  return { names: new Map(areas.map(({ areaId, name }) => [areaId, name])), tables: tables.length, stale: stale.slice(0, MOST_LISTED) };
}

/** The jobs that run, each followed: its steps, and how far they are, change as they do. */
export class RunningJobs extends Observable {
  /** @type {Job[]} */
  jobs = [];
  #connection;
  /** @type {Map<string, () => void>} */
  #stops = new Map();

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    super();
    this.#connection = connection;
  }

  /** What is known of one by its events is newer than the list. @param {Job[]} listed */
  show(listed) {
    const known = new Map(this.jobs.map((job) => [job.jobId, job]));
    this.jobs = listed.map((job) => known.get(job.jobId) ?? job);
    const ids = listed.map(({ jobId }) => jobId);
    for (const jobId of this.#stops.keys()) if (!ids.includes(jobId)) this.#stop(jobId);
    for (const jobId of ids) if (!this.#stops.has(jobId)) this.#stops.set(jobId, this.#connection.follow(jobId, (events) => this.#take(jobId, events)));
    this.changed();
  }

  close() {
    for (const jobId of this.#stops.keys()) this.#stop(jobId);
  }

  /** @param {string} jobId */
  #stop(jobId) {
    this.#stops.get(jobId)?.();
    this.#stops.delete(jobId);
  }

  /** @param {string} jobId @param {import("stepmill/types").StreamEvent[]} events */
  #take(jobId, events) {
    this.jobs = this.jobs.map((job) => (job.jobId === jobId ? (events.reduce(jobAfter, /** @type {Job | null} */ (job)) ?? job) : job));
    this.changed();
  }
}
