import { Observable } from "../lib/observable.js";
import { jobAfter } from "./job_after.js";
import { readAll } from "./resource.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Job} Job */

const MOST_FOLLOWED = 10;
const MOST_LISTED = 5;
const DAY_SECONDS = 86_400;

/** How far back the charts go, and in what stretches. @type {Record<string, {text: string, seconds: number, step: number}>} */
export const RANGES = {
  hour: { text: "Hour", seconds: 3_600, step: 60 },
  day: { text: "Day", seconds: DAY_SECONDS, step: 900 },
  week: { text: "Week", seconds: 7 * DAY_SECONDS, step: 7_200 },
};

/** Stretches lie on the clock, so that they stay where they are as time goes on. @param {string} range */
function stretches(range) {
  const { seconds, step } = RANGES[range] ?? RANGES.hour;
  const end = (Math.floor(Date.now() / 1000 / step) + 1) * step;
  return { from: new Date((end - seconds) * 1000), to: new Date(end * 1000), stepSeconds: step };
}

/** The reader's day, in its zone. */
export function today() {
  const now = new Date();
  const [from, to] = [0, 1].map((days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days));
  return { from, to, stepSeconds: DAY_SECONDS };
}

/**
 * What runs, waits and failed just now, newest first; and whether anything ever ran here.
 * @param {StepmillClient} client
 * @param {string} envId
 * @param {AbortSignal} signal
 */
export async function readNow(client, envId, signal) {
  const list = (/** @type {import("stepmill/types").JobStatus} */ status, /** @type {number} */ limit) =>
    client.listJobs({ status, envId, limit }, { signal }).then(({ items }) => items);
  const count = (/** @type {import("stepmill/types").JobStatus} */ status) =>
    client.countJobs({ status, envId }, { signal }).then(({ total }) => total);
  const [running, waiting, failed, runningCount, waitingCount] = await Promise.all([
    list("RUNNING", MOST_FOLLOWED),
    list("PENDING", MOST_LISTED),
    list("ERROR", MOST_LISTED),
    count("RUNNING"),
    count("PENDING"),
  ]);
  const isQuiet = running.length + waiting.length + failed.length === 0;
  const isFirst = isQuiet && (await client.listJobs({ envId, limit: 1 }, { signal })).items.length === 0;
  return { running, waiting, failed, runningCount, waitingCount, isFirst };
}

/**
 * Statistics of today in sum, and of a range in stretches.
 * @param {StepmillClient} client
 * @param {string} envId
 * @param {string} range
 * @param {AbortSignal} signal
 */
export async function readFigures(client, envId, range, signal) {
  const [day, stats] = await Promise.all([today(), stretches(range)].map((query) => client.getStats({ ...query, envId }, { signal })));
  const sum = (/** @type {(point: any) => number} */ of) => day.items.reduce((/** @type {number} */ so, /** @type {any} */ point) => so + of(point), 0);
  return {
    done: sum((point) => point.finished.DONE),
    failed: sum((point) => point.finished.ERROR),
    rowsLoaded: sum((point) => point.rowsLoaded),
    points: /** @type {any[]} */ (stats.items),
  };
}

/**
 * The names of areas, by their ids, and the tables that were not loaded for the longest.
 * @param {StepmillClient} client
 * @param {string} envId
 * @param {AbortSignal} signal
 */
export async function readStock(client, envId, signal) {
  const [areas, tables] = await Promise.all([
    readAll((query) => client.listAreas(envId, query, { signal })),
    readAll((query) => client.listTables(envId, query, { signal })),
  ]);
  const loadedAt = (/** @type {import("stepmill/types").Table} */ table) => Date.parse(table.lastLoadAt ?? "");
  const loaded = tables.filter((table) => table.lastLoadAt).sort((one, other) => loadedAt(one) - loadedAt(other));
  return { areaNames: new Map(areas.map(({ areaId, name }) => [areaId, name])), tables: tables.length, stale: loaded.slice(0, MOST_LISTED) };
}

/** The jobs that run, each followed, so that its steps and how far they are change as they do. */
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

  /** These run now. What is known of one by its events is newer than the list. @param {Job[]} listed */
  show(listed) {
    const known = new Map(this.jobs.map((job) => [job.jobId, job]));
    this.jobs = listed.map((job) => known.get(job.jobId) ?? job);
    for (const [jobId, stop] of this.#stops) {
      if (listed.some((job) => job.jobId === jobId)) continue;
      stop();
      this.#stops.delete(jobId);
    }
    for (const { jobId } of listed.slice(0, MOST_FOLLOWED)) {
      if (!this.#stops.has(jobId)) this.#stops.set(jobId, this.#connection.follow(jobId, (events) => this.#take(jobId, events)));
    }
    this.changed();
  }

  close() {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }

  /** @param {string} jobId @param {import("stepmill/types").StreamEvent[]} events */
  #take(jobId, events) {
    this.jobs = this.jobs.map((job) => (job.jobId === jobId ? (events.reduce(jobAfter, /** @type {Job | null} */ (job)) ?? job) : job));
    this.changed();
  }
}
