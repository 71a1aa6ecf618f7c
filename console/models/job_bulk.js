/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").JobFilters} JobFilters */
/** @typedef {import("stepmill/types").JobStatus} JobStatus */
/** @typedef {"cancel" | "retry"} Act */

/** What each can be done to. @type {Record<Act, JobStatus[]>} */
export const TAKES = { cancel: ["PENDING", "RUNNING"], retry: ["ERROR", "CANCELLED"] };

/** Ids stand in the address of a request, which has to stay short. */
const IDS_AT_ONCE = 200;

/** Filters that name these jobs. @param {string} envId @param {Iterable<string>} jobIds @returns {JobFilters[]} */
export function filtersOfIds(envId, jobIds) {
  const ids = [...jobIds];
  return Array.from({ length: Math.ceil(ids.length / IDS_AT_ONCE) }, (_, part) => ({ envId, jobId: ids.slice(part * IDS_AT_ONCE, (part + 1) * IDS_AT_ONCE) }));
}

/**
 * The same filters, closed to jobs that are newer than those that match now; null if none does. The bound is the newest
 * job's own time, since the clock of this browser may be wrong.
 * @param {StepmillClient} client
 * @param {JobFilters} filters
 * @param {AbortSignal} signal
 * @returns {Promise<JobFilters | null>}
 */
export async function closed(client, filters, signal) {
  const [newest] = (await client.listJobs({ ...filters, limit: 1 }, { signal })).items;
  return newest ? { ...filters, createdBefore: new Date(Date.parse(newest.createdAt) + 1).toISOString() } : null;
}

/**
 * How many jobs all these filters match, by status.
 * @param {StepmillClient} client
 * @param {JobFilters[]} targets
 * @param {AbortSignal} signal
 * @returns {Promise<Partial<Record<JobStatus, number>>>}
 */
export async function countAll(client, targets, signal) {
  /** @type {Partial<Record<JobStatus, number>>} */
  const sums = {};
  for (const target of targets) {
    const { byStatus } = await client.countJobs(target, { signal });
    for (const [status, count] of Object.entries(byStatus)) sums[/** @type {JobStatus} */ (status)] = (sums[/** @type {JobStatus} */ (status)] ?? 0) + count;
  }
  return sums;
}

/** Do it to all of them; how many were taken. @param {StepmillClient} client @param {Act} act @param {JobFilters[]} targets */
export async function doToAll(client, act, targets) {
  let matched = 0;
  for (const target of targets) matched += (await (act === "cancel" ? client.cancelJobs(target) : client.retryJobs(target))).matched;
  return matched;
}
