// What the first page's models make of the streams, with streams that the test writes and no browser.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { JobFeed } from "./static/models/job_feed.js";
import { JobStream } from "./static/models/job_stream.js";

/** A browser's EventSource, as far as the page uses it. */
class Source {
  static CLOSED = 2;
  static all = [];

  constructor(url) {
    this.url = url;
    this.readyState = 0;
    this.kinds = {};
    Source.all.push(this);
  }

  addEventListener(kind, listener) {
    this.kinds[kind] = listener;
  }

  close() {
    this.readyState = Source.CLOSED;
  }

  tell(kind, id, data) {
    this.kinds[kind]({ lastEventId: String(id), data: JSON.stringify(data) });
  }

  /** The answer was 204: there is nothing more. */
  nothingMore() {
    this.readyState = Source.CLOSED;
    this.onerror();
  }
}

const STEP = { name: "Load", status: "DONE", progress: { done: 7, total: 7, unit: "rows", message: null } };
const JOB = { jobId: "j-1", status: "RUNNING", steps: [STEP], error: null, finishedAt: null };

beforeEach(() => {
  Source.all = [];
  globalThis.EventSource = Source;
  globalThis.fetch = async () => ({ ok: true, text: async () => JSON.stringify({ items: [] }) });
});

function ended() {
  const stream = new JobStream("j-1", () => {});
  stream.open();
  Source.all[0].tell("snapshot", 5, JOB);
  Source.all[0].tell("end", 7, { status: "ERROR", result: null, error: { code: "broken" }, at: "2030-01-01T00:00:00.000000Z" });
  assert.equal(Source.all[0].readyState, Source.CLOSED);
  return stream;
}

test("a stream that has ended goes on when the feed tells that its job is taken up again", () => {
  const stream = ended();
  assert.equal(stream.job.finishedAt, "2030-01-01T00:00:00.000000Z");
  stream.hear({ jobId: "j-1", status: "PENDING" });
  assert.equal(Source.all.length, 2);
  assert.match(Source.all[1].url, /\/api\/jobs\/j-1\/stream\?lastEventId=7$/);
  Source.all[1].tell("step", 8, { name: "Load", status: "PENDING", reason: "retry", output: null, error: null });
  Source.all[1].tell("status", 9, { jobId: "j-1", status: "PENDING", reason: "retry", error: null });
  assert.equal(stream.isOver, false);
  assert.deepEqual([stream.job.status, stream.job.error, stream.job.finishedAt], ["PENDING", null, null]);
  assert.deepEqual([stream.job.steps[0].status, stream.job.steps[0].progress], ["PENDING", null]);
});

test("it is opened once, however much the feed tells, and not for other jobs or ends", () => {
  const stream = ended();
  stream.hear({ jobId: "j-2", status: "RUNNING" });
  stream.hear({ jobId: "j-1", status: "ERROR" });
  assert.equal(Source.all.length, 1);
  stream.hear({ jobId: "j-1", status: "PENDING" });
  stream.hear({ jobId: "j-1", status: "RUNNING" });
  assert.equal(Source.all.length, 2);
});

test("a feed that was away makes it look, and it can be opened again when there was nothing", () => {
  const stream = ended();
  stream.hear();
  Source.all[1].nothingMore();
  assert.equal(stream.isOver, true);
  stream.hear({ jobId: "j-1", status: "PENDING" });
  assert.equal(Source.all.length, 3);
});

test("a stream that runs is left alone", () => {
  const stream = new JobStream("j-1", () => {});
  stream.open();
  Source.all[0].tell("snapshot", 5, JOB);
  stream.hear();
  stream.hear({ jobId: "j-1", status: "RUNNING" });
  assert.equal(Source.all.length, 1);
});

test("the feed tells of each status, also of a job that is too old for the list", async () => {
  const listed = Array.from({ length: 50 }, (_, n) => ({ jobId: `new-${n}`, status: "DONE", createdAt: "2030" }));
  globalThis.fetch = async (path) => ({
    ok: true,
    text: async () => JSON.stringify(path.startsWith("/api/jobs?") ? { items: listed } : { jobId: "old", status: "PENDING", createdAt: "2020" }),
  });
  const told = [];
  const ofTheOld = new Promise((resolve) => {
    const feed = new JobFeed((_, status) => {
      told.push(status);
      if (status?.jobId === "old") resolve(feed);
    });
    feed.open();
  });
  await Source.all[0].onopen();
  Source.all[0].tell("status", 1, { jobId: "new-1", status: "RUNNING" });
  Source.all[0].tell("status", 2, { jobId: "old", status: "PENDING" });
  const feed = await ofTheOld;
  assert.deepEqual(told.map((status) => status?.jobId), [undefined, "new-1", "old"]);
  assert.equal(feed.jobs.some((job) => job.jobId === "old"), false);
  feed.close();
});
