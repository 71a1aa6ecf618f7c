/** @typedef {import("stepmill/types").Job} Job */
/** @typedef {import("./connection.js").StatusChange} StatusChange */
/**
 * What the list shows of a job, and no more: thousands are kept. `about` is empty where only `given`, its params, tell
 * what it is about; `note` is why it waits or what went wrong.
 * @typedef {object} JobRow
 * @property {string} jobId
 * @property {string} createdAt
 * @property {string} type
 * @property {import("stepmill/types").JobStatus} status
 * @property {string | null} cancelRequestedAt
 * @property {boolean} waiting
 * @property {string} about
 * @property {string} areaId
 * @property {string} given
 * @property {string} step the one that runs
 * @property {number | null} share of it, 0 to 1
 * @property {string} note
 * @property {number | null} rowsLoaded
 * @property {number} rowsRejected
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 */

const ALWAYS_THERE = new Set(["envId", "tenantId"]);

/** @param {Job} job @returns {JobRow} */
export function rowOf(job) {
  const { jobId, createdAt, type, status, cancelRequestedAt, params, result, steps, startedAt, finishedAt } = job;
  const running = status === "RUNNING" ? steps.find((step) => step.status === "RUNNING") : undefined;
  const { done, total } = running?.progress ?? {};
  const file = steps.find((step) => step.output?.fileName)?.output.fileName;
  return {
    ...{ jobId, createdAt, type, status, cancelRequestedAt, startedAt, finishedAt, waiting: Boolean(job.waiting), note: noteOf(job) },
    about: aboutOf(file, result?.logicalName),
    areaId: String(params.areaId ?? ""),
    given: result ? "" : givenOf(params),
    step: running?.name ?? "",
    share: done && total ? Math.min(1, done / total) : null,
    rowsLoaded: result?.rowsLoaded ?? null,
    rowsRejected: result?.rowsRejected ?? 0,
  };
}

/** The row after a change of status; what else the change brings has to be asked for. @param {JobRow} row @param {StatusChange} change @returns {JobRow} */
export function rowAfter(row, change) {
  const { status, cancelRequestedAt, at } = change;
  const isRunning = status === "RUNNING";
  return {
    ...row,
    ...{ status, cancelRequestedAt, waiting: Boolean(change.waiting), note: noteOf(change) },
    ...{ step: isRunning ? row.step : "", share: isRunning ? row.share : null },
    startedAt: row.startedAt ?? (isRunning ? at : null),
    finishedAt: isRunning || status === "PENDING" ? null : at,
  };
}

/** Whether two rows show the same. @param {JobRow} one @param {JobRow} other */
export const isSame = (one, other) => /** @type {(keyof JobRow)[]} */ (Object.keys(one)).every((key) => one[key] === other[key]);

/** The newest first, as the server orders them. @param {{createdAt: string, jobId: string}} one @param {{createdAt: string, jobId: string}} other */
export function newestFirst(one, other) {
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? 1 : -1;
  return one.jobId === other.jobId ? 0 : one.jobId < other.jobId ? 1 : -1;
}

/** @param {{status: string, error?: any, waiting?: any}} job */
function noteOf({ status, error, waiting }) {
  if (status === "ERROR") return error?.message ?? "";
  return status === "PENDING" || status === "RUNNING" ? (waiting?.message ?? "") : "";
}

/** The file and its table, which often has the file's name. @param {string} [file] @param {string} [table] */
const aboutOf = (file = "", table = "") => (file && table && !file.startsWith(`${table}.`) ? `${file} → ${table}` : file || table);

/** @param {Record<string, unknown>} params */
const givenOf = (params) =>
  Object.entries(params)
    .filter(([name, value]) => !ALWAYS_THERE.has(name) && (typeof value === "string" || typeof value === "number"))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
