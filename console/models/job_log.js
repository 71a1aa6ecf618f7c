/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

export const LEVELS = ["debug", "info", "warning", "error"];

/**
 * The lines of a job's log that are at least of a level and have all of the words, in any case, in text or fields.
 * @param {StreamEvent[]} events
 * @param {{level?: string, q?: string}} [filter]
 * @returns {StreamEvent[]}
 */
export function logLines(events, { level = "debug", q = "" } = {}) {
  const least = LEVELS.indexOf(level);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return events.filter(({ event, data }) => {
    // A level that is none of ours is never hidden.
    if (event !== "log" || (LEVELS.includes(data.level) && LEVELS.indexOf(data.level) < least)) return false;
    if (words.length === 0) return true;
    const text = `${data.step} ${data.message} ${fieldsText(data.fields)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** "key=value other=…" @param {Record<string, unknown> | null | undefined} fields */
export const fieldsText = (fields) =>
  Object.entries(fields ?? {}).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
