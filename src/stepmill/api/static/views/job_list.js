import { element } from "../lib/element.js";
import { dayAndClock, duration } from "../lib/words.js";

/** The list of the newest jobs. */
export class JobList {
  #place;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /**
   * @param {import("../models/job_feed.js").JobFeed} feed
   * @param {string | null} current the job that is shown
   */
  show(feed, current) {
    if (feed.problem) {
      this.#place.replaceChildren(element("p", { class: "notice ERROR" }, feed.problem.message));
      return;
    }
    if (feed.jobs.length === 0) {
      this.#place.replaceChildren(element("p", { class: "soft" }, "No job has run yet."));
      return;
    }
    const focused = this.#place.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    this.#place.replaceChildren(element("ol", {}, ...feed.jobs.map((job) => row(job, job.jobId === current))));
    if (focused) /** @type {HTMLElement | null} */ (this.#place.querySelector(`a[href="${CSS.escape(focused)}"]`))?.focus();
  }
}

function row(job, isCurrent) {
  const took = job.finishedAt ? duration(job.startedAt, job.finishedAt) : "";
  const about = [job.result?.logicalName, dayAndClock(job.createdAt), job.envId, took];
  return element(
    "li",
    {},
    element(
      "a",
      { href: `#/jobs/${encodeURIComponent(job.jobId)}`, "aria-current": isCurrent ? "true" : null },
      element("span", { class: "kind" }, job.type),
      element("span", { class: `status ${job.status}` }, job.status),
      element("span", { class: "when" }, about.filter(Boolean).join(" · ")),
    ),
  );
}
