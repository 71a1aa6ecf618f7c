/** @typedef {import("stepmill/types").JobStatus} JobStatus */
/** @typedef {import("stepmill/types").JobFilters} JobFilters */
/**
 * What the list of jobs is narrowed to, as it stands in the address: `range` is one of RANGES, or "custom" with `from`
 * and `to` (RFC 3339, either may be missing), or "" for all times.
 * @typedef {{status: JobStatus[], type: string[], range: string, from: string, to: string, q: string}} Choice
 */

/** @type {JobStatus[]} */
export const STATUSES = ["PENDING", "RUNNING", "DONE", "ERROR", "CANCELLED"];

/** Spans of time up to now, in milliseconds. */
export const RANGES = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 };

/** @type {Choice} */
export const NOTHING = { status: [], type: [], range: "", from: "", to: "", q: "" };

/** @param {Record<string, string>} query @returns {Choice} */
export function choiceOf({ status, type, range = "", from, to, q = "" }) {
  const [begin, end] = [timeOf(from), timeOf(to)];
  const statuses = STATUSES.filter((each) => listOf(status).includes(each));
  const isCustom = range === "custom" || (range === "" && Boolean(begin || end));
  const span = Object.hasOwn(RANGES, range) ? range : isCustom ? "custom" : "";
  return { status: statuses, type: listOf(type), range: span, from: isCustom ? begin : "", to: isCustom ? end : "", q };
}

/** The choice as it stands in the address; names with null are left out. @param {Choice} choice @returns {Record<string, string | null>} */
export const queryOf = ({ status, type, range, from, to, q }) => ({
  ...{ status: status.join(",") || null, type: type.join(",") || null, range: range || null },
  ...{ from: from || null, to: to || null, q: q || null },
});

/** The choice as text: two that are equal show the same. @param {Choice} choice */
export const keyOf = (choice) => String(new URLSearchParams(Object.entries(queryOf(choice)).flatMap(([name, value]) => (value ? [[name, value]] : []))));

/** What the server is asked for. @param {Choice} choice @param {string} envId @param {number} [now] @returns {JobFilters} */
export function filtersOf({ status, type, range, from, to, q }, envId, now = Date.now()) {
  /** @type {JobFilters} */
  const filters = { envId };
  if (status.length > 0) filters.status = status;
  if (type.length > 0) filters.type = type;
  const begin = range in RANGES ? new Date(now - RANGES[/** @type {keyof typeof RANGES} */ (range)]).toISOString() : from;
  if (begin) filters.createdAfter = begin;
  if (to) filters.createdBefore = to;
  if (q.trim()) filters.q = q.trim();
  return filters;
}

/** @param {string} [text] */
const listOf = (text) => (text ?? "").split(",").map((each) => each.trim()).filter(Boolean);

/** What is no time counts as none. @param {string} [text] */
export const timeOf = (text) => (text && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : "");
