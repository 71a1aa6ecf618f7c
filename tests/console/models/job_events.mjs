/** Events of jobs as the server tells them, at seconds since a common beginning. */

const BEGIN = Date.parse("2026-05-01T10:00:00Z");

/** @param {number} seconds */
export const at = (seconds) => new Date(BEGIN + seconds * 1000).toISOString();

/** @param {number} seconds */
export const ms = (seconds) => BEGIN + seconds * 1000;

/** Gives events their numbers, which count from 1. */
export const numbered = (...events) => events.map((each, index) => ({ id: String(index + 1), ...each }));

export const status = (seconds, status, more = {}) => ({
  event: "status",
  data: { status, attempt: 0, reason: null, waiting: null, error: null, cancelRequestedAt: null, at: at(seconds), ...more },
});

export const step = (name, status, attempt, from, to = null, more = {}) => ({
  event: "step",
  data: { name, status, attempt, startedAt: at(from), finishedAt: to === null ? null : at(to), output: null, error: null, reason: null, at: at(to ?? from), ...more },
});

export const progress = (seconds, step, done, total = null, unit = "rows") => ({ event: "progress", data: { step, done, total, unit, message: null, at: at(seconds) } });

export const log = (seconds, message, level = "info", fields = {}) => ({ event: "log", data: { step: "Extract", level, message, fields, at: at(seconds) } });

/** A job that was just submitted. */
export const submitted = (...steps) => ({
  jobId: "job_1",
  status: "PENDING",
  createdAt: at(0),
  startedAt: null,
  finishedAt: null,
  waiting: null,
  attempt: 0,
  result: null,
  steps: steps.map((name) => ({ name, status: "PENDING", attempt: null, startedAt: null, finishedAt: null, progress: null, output: null, error: null })),
});
