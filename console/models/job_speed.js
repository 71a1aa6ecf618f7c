const WINDOW_MS = 10_000;

/**
 * How fast the running step went over the last seconds, and how long it takes at that; null until it can be told.
 * @param {import("stepmill/types").StreamEvent[]} events
 * @param {string} step
 * @returns {{perSecond: number, secondsLeft: number | null} | null}
 */
export function speedOf(events, step) {
  /** @type {any[]} From the latest back. */
  const told = [];
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const { event, data } = events[index];
    if (event === "step" && data.name === step) break;
    if (event !== "progress" || data.step !== step || data.done === null) continue;
    const later = told.at(-1);
    // What a crash took back is no speed.
    if (later && (data.done > later.done || data.unit !== later.unit)) break;
    told.push(data);
    if (Date.parse(told[0].at) - Date.parse(data.at) >= WINDOW_MS) break;
  }
  const [last, first] = [told[0], told.at(-1)];
  const seconds = last ? (Date.parse(last.at) - Date.parse(first.at)) / 1000 : 0;
  if (seconds < 0.3) return null;
  const perSecond = (last.done - first.done) / seconds;
  return { perSecond, secondsLeft: last.total && perSecond > 0 ? Math.max(0, last.total - last.done) / perSecond : null };
}
