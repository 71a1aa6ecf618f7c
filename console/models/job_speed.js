import { secondsBetween } from "../lib/format.js";

/**
 * How fast the running step went over the last seconds, and how long it takes at that; null until it can be told.
 * @param {import("stepmill/types").StreamEvent[]} events
 * @param {string} step
 * @returns {{perSecond: number, secondsLeft: number | null} | null}
 */
export function speedOf(events, step) {
  let last, first;
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const { event, data } = events[index];
    if (event === "step" && data.name === step) break;
    if (event !== "progress" || data.step !== step || data.done === null) continue;
    // What a crash took back is no speed.
    if (first && (data.done > first.done || data.unit !== first.unit)) break;
    first = data;
    last ??= data;
    if (secondsBetween(first.at, last.at) >= 10) break;
  }
  const seconds = last ? secondsBetween(first.at, last.at) : 0;
  if (seconds < 0.3) return null;
  const perSecond = (last.done - first.done) / seconds;
  return { perSecond, secondsLeft: last.total && perSecond > 0 ? Math.max(0, last.total - last.done) / perSecond : null };
}
