import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceOf, filtersOf, keyOf, queryOf } from "../../../console/models/job_filters.js";
import { JobList } from "../../../console/models/job_list.js";
import { newestFirst } from "../../../console/models/job_row.js";
import { rowsInSight, rowsMoved, rowsNext } from "../../../console/lib/window.js";
import { tabOf } from "./streams.mjs";

/** A server with jobs, of which each answer can be held back, and its stream of changes. */
class Server {
  jobs = [];
  asked = [];
  state = "live";
  #status = () => {};
  #gap = () => {};
  /** Resolves when answers may go out; they were made before. */
  gate = Promise.resolve();

  constructor(count) {
    for (let number = 1; number <= count; number += 1) this.add(number);
  }

  add(number, status = "PENDING") {
    const createdAt = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
    const job = { jobId: `job_${String(number).padStart(6, "0")}`, type: "FILE_ETL", status, createdAt, params: {}, steps: [], result: null, error: null, waiting: null, cancelRequestedAt: null, startedAt: null, finishedAt: null };
    this.jobs.push(job);
    this.jobs.sort(newestFirst);
    return job;
  }

  /** A job moves, and the stream says so. */
  move(number, status) {
    const job = this.jobs.find(({ jobId }) => jobId.endsWith(String(number).padStart(6, "0"))) ?? this.add(number);
    Object.assign(job, { status });
    this.say(job);
  }

  say({ jobId, status, type }) {
    this.#status([{ jobId, type, status, error: null, waiting: null, cancelRequestedAt: null, at: "2026-01-02T00:00:00Z" }]);
  }

  gap() {
    this.#gap();
  }

  onStatus(listener) {
    this.#status = listener;
    return () => {};
  }

  onGap(listener) {
    this.#gap = listener;
    return () => {};
  }

  subscribe(listener) {
    this.back = listener;
    return () => {};
  }

  async listJobs({ status, jobId, limit, cursor }, { signal }) {
    this.asked.push({ jobId, limit, cursor });
    const matching = this.jobs.filter((job) => (!status || status.includes(job.status)) && (!jobId || jobId.includes(job.jobId)) && (!cursor || job.jobId < cursor));
    const items = structuredClone(matching.slice(0, limit));
    await this.gate;
    signal.throwIfAborted();
    return { items, nextCursor: matching.length > limit ? items.at(-1).jobId : undefined };
  }
}

async function world(t, count, filters = {}) {
  const tab = tabOf(t);
  const server = new Server(count);
  const list = new JobList(server, server);
  list.open();
  list.show(filters);
  await tab.settle();
  t.after(() => list.close());
  return { tab, server, list, numbers: () => list.rows.map(({ jobId }) => Number(jobId.slice(4))) };
}

const from = (newest, count) => Array.from({ length: count }, (_, index) => newest - index);

test("pages are read as far as somebody looks, and the height is known before", async (t) => {
  const { tab, server, list, numbers } = await world(t, 1_000);
  assert.deepEqual(numbers(), from(1_000, 50));
  list.setTotal(1_000);
  assert.equal(list.count, 1_000);
  list.look(600, 640);
  await tab.settle();
  assert.deepEqual(numbers(), from(1_000, 850));
  list.look(990, 1_000);
  await tab.settle();
  assert.deepEqual([list.count, server.asked.length], [1_000, 6]);
  list.setTotal(990); // a count that is older than what was read to its end
  assert.equal(list.count, 1_000);
});

test("a change is shown at once, and what else it brings soon, asked for together", async (t) => {
  const { tab, server, list } = await world(t, 20);
  let times = 0;
  list.subscribe(() => (times += 1));
  server.move(20, "RUNNING");
  server.move(3, "ERROR");
  assert.deepEqual([list.rows[0].status, list.rows[17].status], ["RUNNING", "ERROR"]);
  server.jobs[0].steps = [{ name: "Extract", status: "RUNNING", progress: { done: 1, total: 4 } }];
  const row = list.rows[5];
  await tab.pass(600);
  assert.deepEqual(server.asked.at(-1).jobId, ["job_000020", "job_000003"]);
  assert.deepEqual([list.rows[0].step, list.rows[0].share], ["Extract", 0.25]);
  assert.equal(list.rows[5], row);
  assert.equal(times, 3);
});

test("new jobs come in at their place, and those that no longer match go", async (t) => {
  const { tab, server, list, numbers } = await world(t, 8, { status: ["PENDING"] });
  list.setTotal(8);
  server.move(5, "RUNNING");
  server.move(9, "PENDING");
  server.move(10, "RUNNING");
  await tab.pass(600);
  assert.deepEqual(numbers(), [9, 8, 7, 6, 4, 3, 2, 1]);
  assert.equal(list.count, 8);
  assert.equal(list.indexOf("job_000005"), -1);
  assert.equal(list.indexOf("job_000004"), 4);
});

test("one that lies beyond what was read is left for its page", async (t) => {
  const { tab, server, list } = await world(t, 300);
  server.move(10, "RUNNING");
  await tab.pass(600);
  assert.deepEqual([list.rows.length, list.indexOf("job_000010")], [50, -1]);
});

test("an answer that is older than a change does not undo it", async (t) => {
  const { tab, server, list } = await world(t, 20);
  server.move(20, "RUNNING");
  let open;
  server.gate = new Promise((resolve) => (open = resolve));
  await tab.pass(600);
  server.move(20, "DONE");
  open();
  await tab.settle();
  assert.equal(list.rows[0].status, "DONE");
  await tab.pass(600);
  assert.equal(list.rows[0].status, "DONE");
});

test("a page that was read before a change is put right", async (t) => {
  const { tab, server, list } = await world(t, 300);
  let open;
  server.gate = new Promise((resolve) => (open = resolve));
  list.look(0, 60);
  await tab.settle();
  server.move(100, "ERROR");
  await tab.pass(600);
  open();
  server.gate = Promise.resolve();
  await tab.settle();
  await tab.pass(600);
  assert.equal(list.rows[list.indexOf("job_000100")].status, "ERROR");
});

test("after a gap the newest are read anew, and rows that show the same are the same", async (t) => {
  const { tab, server, list, numbers } = await world(t, 400);
  list.look(0, 40);
  await tab.settle();
  const row = list.rows[7];
  server.jobs = server.jobs.filter(({ jobId }) => jobId !== "job_000399");
  server.add(401);
  server.gap();
  await tab.settle();
  assert.deepEqual(numbers().slice(0, 3), [401, 400, 398]);
  assert.equal(list.rows[7], row);
  assert.equal(list.turn, 1);
});

test("what was there stays until other filters are read; what can't be read is said and tried again", async (t) => {
  const { tab, server, list } = await world(t, 5);
  const refused = new Error("The database does not answer.");
  server.gate = Promise.reject(refused);
  server.gate.catch(() => {});
  list.show({ status: ["ERROR"] });
  assert.deepEqual([list.rows.length, list.isCurrent], [5, false]);
  await tab.settle();
  assert.equal(list.error, refused);
  server.gate = Promise.resolve();
  list.retry();
  await tab.settle();
  assert.deepEqual([list.rows.length, list.isCurrent, list.error, list.turn], [0, true, null, 2]);
});

test("a request that failed is made again with the same jobs", async (t) => {
  const { tab, server, list } = await world(t, 5, { status: ["PENDING"] });
  server.move(5, "DONE");
  server.gate = Promise.reject(new Error("away"));
  server.gate.catch(() => {});
  await tab.pass(600);
  assert.equal(list.rows.length, 5);
  server.gate = Promise.resolve();
  await tab.pass(3_100);
  assert.equal(list.rows.length, 4);
});

test("many changes at once are asked for in parts, too many are read anew", async (t) => {
  const { tab, server, list } = await world(t, 3_000);
  for (let number = 3_000; number > 2_700; number -= 1) server.move(number, "RUNNING");
  await tab.pass(600);
  await tab.pass(600);
  assert.deepEqual(server.asked.slice(1).map(({ jobId }) => jobId?.length), [200, 100]);
  for (let number = 3_000; number > 500; number -= 1) server.move(number, "DONE");
  await tab.pass(600);
  assert.deepEqual([server.asked.length, server.asked.at(-1).jobId, list.rows[0].status], [4, undefined, "DONE"]);
});

test("how far the running jobs in sight are is looked up, unless nothing is connected", async (t) => {
  const { tab, server } = await world(t, 5);
  server.move(4, "RUNNING");
  await tab.pass(600);
  await tab.pass(3_000);
  await tab.pass(600);
  assert.deepEqual(server.asked.at(-1).jobId, ["job_000004"]);
  const times = server.asked.length;
  server.state = "paused";
  await tab.pass(9_000);
  assert.equal(server.asked.length, times);
});

test("filters stand in the address, and what is wrong there counts as not given", () => {
  const choice = choiceOf({ status: "ERROR,nothing,RUNNING", type: "FILE_ETL", range: "day", q: " a b ", from: "2026-01-01T00:00:00Z" });
  assert.deepEqual(queryOf(choice), { status: "RUNNING,ERROR", type: "FILE_ETL", range: "day", from: null, to: null, q: " a b " });
  assert.deepEqual(choiceOf(Object.fromEntries(new URLSearchParams(keyOf(choice)))), choice);
  const now = Date.parse("2026-05-02T00:00:00Z");
  assert.deepEqual(filtersOf(choice, "main", now), { envId: "main", status: ["RUNNING", "ERROR"], type: ["FILE_ETL"], createdAfter: "2026-05-01T00:00:00.000Z", q: "a b" });
  const custom = choiceOf({ from: "2026-01-01T00:00:00Z", to: "yesterday" });
  assert.deepEqual([custom.range, filtersOf(custom, "main", now)], ["custom", { envId: "main", createdAfter: "2026-01-01T00:00:00.000Z" }]);
  assert.equal(keyOf(choiceOf({})), "");
});

test("rows in sight, and how far they have moved", () => {
  assert.deepEqual(rowsInSight({ scrollTop: 1_000, height: 500, rowHeight: 10, count: 1_000, spare: 5 }), { first: 95, last: 156 });
  assert.deepEqual(rowsInSight({ scrollTop: 1_004, height: 500, rowHeight: 10, count: 1_000, spare: 5 }), { first: 95, last: 156 });
  assert.deepEqual(rowsInSight({ scrollTop: 1_000, height: 500, rowHeight: 10, count: 20, spare: 8 }), { first: 12, last: 20 });
  const at = { b: 7, c: 8 };
  assert.equal(rowsMoved([["a", 4], ["b", 5], ["c", 6]], (key) => at[key] ?? -1), 2);
  assert.equal(rowsMoved([["a", 4]], () => -1), 0);
});

test("rows come a few in each frame, but none that one sees is left out", () => {
  const wanted = { first: 104, last: 134 };
  const seen = { first: 109, last: 129 };
  assert.deepEqual(rowsNext({ first: 100, last: 130 }, wanted, seen), { first: 102, last: 132 });
  assert.deepEqual(rowsNext({ first: 102, last: 132 }, wanted, seen), wanted);
  assert.deepEqual(rowsNext({ first: 107, last: 137 }, wanted, seen), { first: 105, last: 135 });
  assert.deepEqual(rowsNext({ first: 90, last: 120 }, wanted, seen), wanted);
  assert.deepEqual(rowsNext({ first: 120, last: 150 }, wanted, seen), wanted);
  assert.deepEqual(rowsNext({ first: 0, last: 0 }, { first: 0, last: 0 }, { first: 0, last: 0 }), { first: 0, last: 0 });
});
