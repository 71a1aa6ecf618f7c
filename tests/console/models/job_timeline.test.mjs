import assert from "node:assert/strict";
import { test } from "node:test";

import { axisOf, lanesOf, placeOf } from "../../../console/models/job_timeline.js";
import { at, ms, numbered, status, step, submitted } from "./job_events.mjs";

/** What bars there are, in seconds since the job's beginning. */
const told = (lanes) =>
  lanes.map(({ name, bars }) => [name, ...bars.map(({ kind, status, attempt, from, to, reason }) => `${kind} ${kind === "run" ? `${attempt} ${status}` : reason} ${(from - ms(0)) / 1000}–${to === null ? "" : (to - ms(0)) / 1000}`)]);

test("attempts are bars, and what was waited for stands before the step that it held up", () => {
  const events = numbered(
    status(0, "PENDING", { reason: "submitted" }),
    status(1, "RUNNING", { attempt: 1 }),
    step("Fetch", "RUNNING", 1, 1),
    step("Fetch", "PENDING", 1, 1, 3, { reason: "backoff", error: { code: "connection_failed" } }),
    status(3, "PENDING", { reason: "backoff", attempt: 1 }),
    status(7, "RUNNING", { attempt: 2 }),
    step("Fetch", "RUNNING", 2, 7),
    step("Fetch", "DONE", 2, 7, 9),
    status(9, "RUNNING", { reason: "waiting_for_lock", attempt: 2, waiting: { code: "lock" } }),
    status(12, "RUNNING", { reason: "lock_released", attempt: 2 }),
    step("Load", "RUNNING", 3, 13),
  );
  assert.deepEqual(told(lanesOf(submitted("Fetch", "Load"), events)), [
    ["Fetch", "wait submitted 0–1", "run 1 PENDING 1–3", "wait backoff 3–7", "run 2 DONE 7–9"],
    ["Load", "wait waiting_for_lock 9–13", "run 3 RUNNING 13–"],
  ]);
});

test("a wait that lasts, one that changes its reason, and one that a cancel ends", () => {
  const waiting = [status(0, "PENDING", { reason: "submitted" }), status(5, "PENDING", { reason: "waiting_for_lock", waiting: { code: "lock" } })];
  const job = submitted("Extract", "Load");
  assert.deepEqual(told(lanesOf(job, numbered(...waiting))), [["Extract", "wait submitted 0–5", "wait waiting_for_lock 5–"], ["Load"]]);
  assert.deepEqual(told(lanesOf(job, numbered(...waiting, status(8, "CANCELLED")))), [["Extract", "wait submitted 0–5", "wait waiting_for_lock 5–8"], ["Load"]]);
});

test("a retry keeps the bars of before, and always-steps run in each end", () => {
  const events = numbered(
    status(0, "PENDING", { reason: "submitted" }),
    step("Fetch", "RUNNING", 1, 0),
    step("Fetch", "ERROR", 1, 0, 2),
    step("Release", "RUNNING", 1, 2),
    step("Release", "DONE", 1, 2, 3),
    status(3, "ERROR"),
    step("Fetch", "PENDING", 1, 0, null, { reason: "retry", startedAt: null }),
    step("Release", "PENDING", 1, 0, null, { reason: "retry", startedAt: null }),
    status(60, "PENDING", { reason: "retry" }),
    step("Fetch", "RUNNING", 2, 61),
  );
  assert.deepEqual(told(lanesOf(submitted("Fetch", "Release"), events)), [["Fetch", "wait submitted 0–0", "run 1 ERROR 0–2", "wait retry 60–61", "run 2 RUNNING 61–"], ["Release", "run 1 DONE 2–3"]]);
});

test("what runs has the axis to itself where it was waited for long", () => {
  const run = (from, to) => ({ kind: "run", status: "DONE", attempt: 1, from: ms(from), to: to === null ? null : ms(to) });
  const lanes = [{ name: "Fetch", bars: [run(0, 2), run(3600, 3602)] }];
  const axis = axisOf(lanes, ms(0), ms(3602));
  assert.equal(axis.cuts.length, 1);
  assert.ok(placeOf(axis, ms(2)) > 40, "the first attempt has its share");
  assert.ok(placeOf(axis, ms(3600)) - placeOf(axis, ms(2)) < 20, "the hour between has little");
  assert.equal(placeOf(axis, ms(0)), 0);
  assert.ok(Math.abs(placeOf(axis, ms(3602)) - 100) < 1e-9);
  const cutsOf = (bars, to) => axisOf([{ name: "Fetch", bars }], ms(0), ms(to)).cuts.length;
  assert.equal(cutsOf([run(1, 3), run(4, 6)], 6), 0, "short pauses are as long as they are");
  assert.equal(cutsOf([], 9000), 0, "nor is a wait cut where nothing ran");
  assert.equal(cutsOf([run(0, null)], 9), 0, "what runs still, runs until now");
  assert.equal(placeOf(axisOf([], ms(0), ms(0)), ms(0)), 0);
});
