const NUMBER = new Intl.NumberFormat();
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const BYTE_UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** @param {number} value */
export const number = (value) => NUMBER.format(value);

/** @param {string} time RFC 3339 */
export const clock = (time) => CLOCK.format(new Date(time));

/** @param {string} time RFC 3339 */
export const dayAndClock = (time) => DAY_AND_CLOCK.format(new Date(time));

/**
 * @param {number} count
 * @returns {string} "12.3 MB"
 */
export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/**
 * @param {string | null} from RFC 3339
 * @param {string | null} to RFC 3339; null means now
 * @returns {string} "80 ms", "3.2 s", "2 min 10 s"; empty without a beginning
 */
export function duration(from, to) {
  if (!from) return "";
  const seconds = Math.max(0, (to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000;
  if (seconds < 1 && to) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * @param {string} key camelCase
 * @returns {string} "Camel case"; an id stays an ID
 */
export function label(key) {
  const words = key.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return (words.charAt(0).toUpperCase() + words.slice(1)).replace(/ id$/, " ID");
}
