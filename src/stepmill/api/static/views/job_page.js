import { element } from "../lib/element.js";
import { bytes, clock, dayAndClock, duration, label, number } from "../lib/words.js";
import { call } from "../models/api.js";

const FIGURES = ["rowsRead", "rowsLoaded", "rowsRejected", "rowsFiltered", "rowsDeduplicated", "bytesRead", "planVersion"];

/** One job: its steps, result, error and log. */
export class JobPage {
  #place;
  #refused = "";
  #shown = null;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  showNothing() {
    this.#place.replaceChildren(
      element("p", { class: "soft" }, "Jobs are shown here, step by step, as they run. Load a file with ", element("code", {}, "stepmill load FILE"), "."),
    );
  }

  /** @param {import("../models/job_stream.js").JobStream} stream */
  show(stream) {
    const { job } = stream;
    if (stream !== this.#shown) this.#refused = "";
    this.#shown = stream;
    if (!job) {
      this.#place.replaceChildren(element("p", { class: "soft" }, "Looking…"));
      return;
    }
    const oldLog = this.#place.querySelector(".log");
    const atEnd = !oldLog || oldLog.scrollTop + oldLog.clientHeight >= oldLog.scrollHeight - 8;
    const scroll = oldLog?.scrollTop ?? 0;
    const focused = this.#place.contains(document.activeElement) ? document.activeElement?.id : "";
    this.#place.replaceChildren(...this.#parts(stream, job));
    const log = this.#place.querySelector(".log");
    if (log) log.scrollTop = atEnd ? log.scrollHeight : scroll;
    if (focused) document.getElementById(focused)?.focus();
  }

  #parts(stream, job) {
    return [
      this.#head(stream, job),
      element("p", { class: "soft mono" }, `${job.jobId} · ${dayAndClock(job.createdAt)} · by ${job.createdBy}`),
      this.#refused && element("p", { class: "notice ERROR", role: "alert" }, this.#refused),
      job.waiting && element("p", { class: `notice ${job.status}` }, `Waiting: ${job.waiting.message ?? job.waiting.code}`),
      job.error && element("p", { class: `notice ${job.status}` }, element("strong", {}, job.error.code), ` ${job.error.message}`),
      element("h3", {}, "Steps"),
      element("ol", { class: "steps" }, ...job.steps.map((each) => step(each, job.error))),
      job.result && element("h3", {}, "Result"),
      job.result && figures(job.result),
      element("h3", { id: "log-title" }, "Log"),
      element("div", { class: "log", role: "log", tabindex: "0", "aria-labelledby": "log-title" }, ...logLines(stream.log, stream.isOver)),
      element("h3", {}, "Params"),
      particulars(Object.entries(job.params)),
    ].filter(Boolean);
  }

  #head(stream, job) {
    const canCancel = ["PENDING", "RUNNING"].includes(job.status) && !job.cancelRequestedAt;
    const canRetry = ["ERROR", "CANCELLED"].includes(job.status);
    const act = (verb) => () => this.#act(stream, verb);
    return element(
      "div",
      { class: "job-head" },
      element("h2", {}, job.type),
      element("span", { class: `status ${job.status}`, role: "status" }, job.cancelRequestedAt && job.status === "RUNNING" ? "STOPPING" : job.status),
      element("span", { class: "soft" }, duration(job.startedAt, job.finishedAt)),
      element("span", { class: "grow" }),
      canCancel && element("button", { type: "button", id: "cancel", onclick: act("cancel") }, "Cancel"),
      canRetry && element("button", { type: "button", id: "retry", onclick: act("retry") }, "Retry"),
    );
  }

  async #act(stream, verb) {
    this.#refused = "";
    try {
      await call(`/api/jobs/${encodeURIComponent(stream.jobId)}/${verb}`, { method: "POST" });
      stream.open();
    } catch (error) {
      this.#refused = error.message;
      this.show(stream);
    }
  }
}

function step(each, jobError) {
  const progress = each.progress;
  const bar = element("progress", { "aria-label": `${each.name}: progress`, max: progress?.total ?? 1 });
  if (each.status === "DONE") bar.setAttribute("value", bar.getAttribute("max") ?? "1");
  else if (each.status !== "RUNNING") bar.setAttribute("value", "0");
  else if (progress?.total) bar.setAttribute("value", String(Math.min(progress.done, progress.total)));
  const note = each.error ? errorNote(each.error, jobError) : progressNote(progress, each.status === "DONE");
  return element(
    "li",
    { class: each.status },
    element("span", { class: "name" }, each.name),
    bar,
    element("span", { class: `status ${each.status}` }, each.status),
    element("span", { class: "note" }, [duration(each.startedAt, each.finishedAt), note].filter(Boolean).join(" · ")),
  );
}

/** A step's error; its sentence is left out where the job's own says it. */
function errorNote(error, jobError) {
  return error.message === jobError?.message ? error.code : `${error.code}: ${error.message}`;
}

/** How far a step is; of one that is done, how much it did. */
function progressNote(progress, isDone) {
  if (!progress || (isDone && !progress.done)) return "";
  const show = progress.unit === "bytes" ? bytes : number;
  const of = progress.total && !isDone ? ` of ${show(progress.total)}` : "";
  const unit = progress.unit === "bytes" ? "" : ` ${progress.unit ?? ""}`;
  const message = progress.message && !isDone ? ` · ${progress.message}` : "";
  return `${show(progress.done ?? 0)}${of}${unit}${message}`;
}

/** The numbers of a result as tiles, in the order in which one reads them; then what else it says. */
function figures(result) {
  const entries = Object.entries(result);
  const tiles = entries.filter(([, value]) => typeof value === "number").sort(([a], [b]) => place(a) - place(b));
  return element(
    "div",
    {},
    element("dl", { class: "facts" }, ...tiles.map(([key, value]) => element("div", {}, element("dt", {}, label(key)), element("dd", {}, fact(key, value))))),
    particulars(entries.filter(([, value]) => typeof value !== "number")),
  );
}

const place = (key) => (FIGURES.indexOf(key) + FIGURES.length + 1) % (FIGURES.length + 1);

function particulars(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined);
  return element("dl", { class: "particulars" }, ...shown.flatMap(([key, value]) => [element("dt", {}, label(key)), element("dd", {}, fact(key, value))]));
}

function fact(key, value) {
  if (key === "rejectsUrl") return element("a", { href: value }, "Show");
  if (typeof value === "number") return key.startsWith("bytes") ? bytes(value) : number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function logLines(lines, isOver) {
  if (lines.length === 0) return [element("p", { class: "soft" }, isOver ? "Nothing was logged." : "Nothing yet.")];
  return lines.map((line) => element("p", { class: line.level }, line.at && element("time", { datetime: line.at }, clock(line.at)), line.message ?? ""));
}
