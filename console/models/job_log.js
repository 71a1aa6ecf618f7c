/** @typedef {import("stepmill/types").StreamEvent} StreamEvent */

export const LEVELS = ["debug", "info", "warning", "error"];

/**
 * What an event says, in a line: what it is, of which step, in words, and with which fields.
 * @param {StreamEvent} event
 */
export function lineOf({ event, data }) {
  const { level, step, name, status, reason, done, total, unit, message, error, fields } = data;
  const amount = done !== undefined && `${done ?? 0}${total ? ` of ${total}` : ""} ${unit ?? ""}`;
  return {
    kind: level ?? event,
    step: step ?? name,
    text: [status, reason, amount, message ?? error?.code].filter(Boolean).join(" · "),
    fields: Object.entries(fields ?? {}).map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" "),
  };
}

/**
 * The log's lines that are at least of a level, or every event if it is none; that have all of the words, in any case.
 * @param {StreamEvent[]} events
 * @param {{level?: string, q?: string}} filter
 * @returns {StreamEvent[]}
 */
export function linesOf(events, { level = "debug", q = "" }) {
  const least = LEVELS.indexOf(level);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return events.filter((event) => {
    const rank = LEVELS.indexOf(event.data.level);
    // A level that is none of ours is never hidden.
    if (least >= 0 && (event.event !== "log" || (rank >= 0 && rank < least))) return false;
    const text = words.length > 0 ? Object.values(lineOf(event)).join(" ").toLowerCase() : "";
    return words.every((word) => text.includes(word));
  });
}
