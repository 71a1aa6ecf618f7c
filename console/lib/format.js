/** Numbers, sizes and times as a person reads them, by the browser's locale and in its zone. */

const NUMBER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const WITH_YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const AGO_UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** @param {number} value */
export const number = (value) => NUMBER.format(value);

/** "1.2M" @param {number} value */
export const compact = (value) => (Math.abs(value) < 10_000 ? NUMBER.format(value) : COMPACT.format(value));

/** @param {number} share 0 to 1 */
export const percent = (share) => PERCENT.format(share);

/** @param {string | number | Date} time RFC 3339 */
export const clock = (time) => CLOCK.format(new Date(time));

/** The day where it is not this year's, else day and clock. @param {string | number | Date} time RFC 3339 */
export function moment(time) {
  const date = new Date(time);
  return (date.getFullYear() === new Date().getFullYear() ? DAY_AND_CLOCK : WITH_YEAR).format(date);
}

/** The exact time in UTC. @param {string | number | Date} time RFC 3339 */
export const utc = (time) => (typeof time === "string" && time.endsWith("Z") ? time : new Date(time).toISOString()).replace("T", " ").replace("Z", " UTC");

/** "12.3 MB" @param {number} count */
export function bytes(count) {
  const unit = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(1, Math.abs(count))) / 3));
  const value = count / 1000 ** unit;
  return `${NUMBER.format(unit === 0 ? value : Number(value.toPrecision(3)))} ${BYTE_UNITS[unit]}`;
}

/** "80 ms", "3.2 s", "2 min 10 s", "3 h 5 min", "2 d 4 h" @param {number} seconds */
export function duration(seconds) {
  if (seconds && seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${number(Number(seconds.toFixed(1)))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return pair(whole, 60, "min", 1, "s");
  return whole < 86_400 ? pair(whole, 3600, "h", 60, "min") : pair(whole, 86_400, "d", 3600, "h");
}

/**
 * @param {number} whole
 * @param {number} large
 * @param {string} largeName
 * @param {number} small
 * @param {string} smallName
 */
function pair(whole, large, largeName, small, smallName) {
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)} ${largeName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/**
 * Seconds from one time to another, or to now.
 * @param {string | null | undefined} from RFC 3339
 * @param {string | null} [to]
 */
export const secondsBetween = (from, to) => (from ? Math.max(0, (to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000 : 0);

/** "5 min ago" @param {string} time RFC 3339 @param {number} [now] */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  const [unit, size] = AGO_UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return AGO.format(Math.round(seconds / size), unit);
}

/** A sentence of the server's with its times in the reader's zone. @param {string} [text] */
export const inZone = (text = "") => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => moment(time));

/** "Rows read" for rowsRead; an id stays an ID. @param {string} key camelCase */
export function label(key) {
  const words = key.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return (words.charAt(0).toUpperCase() + words.slice(1)).replace(/\bid\b/g, "ID");
}

/** "1 job", "2 jobs" @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
