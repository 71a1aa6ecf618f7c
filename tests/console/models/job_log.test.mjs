import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf } from "../../../console/models/job_log.js";
import { speedOf } from "../../../console/models/job_speed.js";
import { log, numbered, progress, step } from "./job_events.mjs";

const EVENTS = numbered(
  log(1, "Looking", "debug"),
  progress(1, "Extract", 5),
  log(2, "Page read", "info", { page: 7, url: "https://api/items" }),
  log(3, "Twice the same id", "warning"),
  log(4, "Page refused", "error", { status: 500 }),
  log(5, "Of a level of its own", "notice"),
);
const found = (filter = {}) => linesOf(EVENTS, filter).map(({ id }) => id);

test("log lines by level and by words, of which all must be there", () => {
  assert.deepEqual(found(), ["1", "3", "4", "5", "6"]);
  assert.deepEqual(found({ level: "warning" }), ["4", "5", "6"]);
  assert.deepEqual(found({ q: "PAGE" }), ["3", "5"]);
  assert.deepEqual(found({ q: "page items" }), ["3"], "fields are searched, too");
  assert.deepEqual(found({ q: "status=500", level: "error" }), ["5"]);
  assert.deepEqual(found({ level: "all" }), ["1", "2", "3", "4", "5", "6"], "every event");
  assert.deepEqual(found({ q: "progress extract rows", level: "all" }), ["2"]);
});

test("speed and time left are those of the last seconds", () => {
  const slowThenFast = [step("Load", "RUNNING", 1, 0), ...Array.from({ length: 40 }, (_, index) => progress(index, "Load", index < 20 ? index : 20 + (index - 20) * 100, 4000))];
  assert.deepEqual(speedOf(slowThenFast, "Load"), { perSecond: 100, secondsLeft: (4000 - 1920) / 100 });
  assert.equal(speedOf(slowThenFast, "Extract"), null);
});

test("what an attempt did before a crash took it back is no speed", () => {
  const events = [progress(0, "Load", 900, 1000), progress(5, "Load", 100, 1000), progress(6, "Load", 150, 1000)];
  assert.deepEqual(speedOf(events, "Load"), { perSecond: 50, secondsLeft: 17 });
  assert.equal(speedOf([...events, step("Load", "RUNNING", 2, 7), progress(8, "Load", 0, 1000)], "Load"), null, "nor is one moment");
});

test("without a total there is a speed, and no end", () => {
  assert.deepEqual(speedOf([progress(0, "Load", 0), progress(2, "Load", 50)], "Load"), { perSecond: 25, secondsLeft: null });
});
