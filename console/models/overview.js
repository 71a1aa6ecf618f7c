import { readAll } from "./resource.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */

const MOST_FOLLOWED = 10;
const MOST_LISTED = 5;
const DAY = 86_400;

/** How far back charts go, in what stretches, and which of them are told; in seconds. @type {Record<string, {seconds: number, stepSeconds: number, between: number}>} */
export const RANGES = {
  hour: { seconds: 3_600, stepSeconds: 60, between: 900 },
  day: { seconds: DAY, stepSeconds: 900, between: 14_400 },
  week: { seconds: 7 * DAY, stepSeconds: 7_200, between: DAY },
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
  const midnight = new Date().setHours(0, 0, 0, 0);
  const end = (Math.floor(Date.now() / 1000 / stepSeconds) + 1) * stepSeconds;
  /** @type {(from: number, to: number, stepSeconds: number) => Promise<any[]>} */
  const read = async (from, to, stepSeconds) => (await client.getStats({ from: new Date(from), to: new Date(to), stepSeconds, envId }, { signal })).items;
  const [day, points] = await Promise.all([read(midnight, end * 1000, DAY), read((end - seconds) * 1000, end * 1000, stepSeconds)]);
  const sum = (/** @type {(point: any) => number} */ of) => day.reduce((total, point) => total + of(point), 0);
  const [done, failed, rowsLoaded] = [sum((point) => point.finished.DONE), sum((point) => point.finished.ERROR), sum((point) => point.rowsLoaded)];
  return { range, done, failed, rowsLoaded, points };
}

/** Areas' names by their ids, and the tables not loaded for the longest. @param {StepmillClient} client @param {string} envId @param {AbortSignal} signal */
export async function readStock(client, envId, signal) {
  const [areas, tables] = await Promise.all([
    readAll((query) => client.listAreas(envId, query, { signal })),
    readAll((query) => client.listTables(envId, query, { signal })),
  ]);
  const loaded = tables.filter((table) => table.lastLoadAt).sort((one, other) => Date.parse(one.lastLoadAt ?? "") - Date.parse(other.lastLoadAt ?? ""));
  return { names: new Map(areas.map(({ areaId, name }) => [areaId, name])), stale: loaded.slice(0, MOST_LISTED) };
}
