/** @typedef {import("stepmill/types").Job} Job */

/**
 * A job after one of its events.
 * @param {Job | null} job
 * @param {import("stepmill/types").StreamEvent} event
 * @returns {Job | null}
 */
export function jobAfter(job, { event, data }) {
  if (event === "snapshot") return data;
  if (!job || event === "log") return job;
  if (event === "status") return afterStatus(job, data);
  if (event === "end") return { ...job, status: data.status, result: data.result, error: data.error, finishedAt: data.at };
  const name = data.name ?? data.step;
  const { name: _name, step: _step, done, total, unit, message, reason, at: _at, ...rest } = data;
  /** @type {Record<string, any>} */
  const news = event === "progress" ? { progress: { done, total, unit, message } } : rest;
  if (data.status === "RUNNING" || reason === "retry") news.progress = null;
  return { ...job, steps: job.steps.map((step) => (step.name === name ? { ...step, ...news } : step)) };
}

/**
 * A retry takes the end back.
 * @param {Job} job
 * @param {any} data
 * @returns {Job}
 */
function afterStatus(job, { reason, at, ...news }) {
  const startedAt = job.startedAt ?? (news.status === "RUNNING" ? at : null);
  return { ...job, ...news, startedAt, ...(reason === "retry" ? { result: null, finishedAt: null, runAt: at } : {}) };
}
