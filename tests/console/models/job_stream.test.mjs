import assert from "node:assert/strict";
import { test } from "node:test";

import { jobAfter } from "../../../console/models/job_after.js";
import { JobStream } from "../../../console/models/job_stream.js";
import { at, log, numbered, progress, status, step, submitted } from "./job_events.mjs";

const ALL = numbered(status(0, "PENDING", { reason: "submitted" }), ...Array.from({ length: 700 }, (_, index) => log(index, `line ${index + 2}`)));
const LATER = numbered(...Array.from({ length: 720 }, (_, index) => log(index, `line ${index + 1}`))).slice(701);

/** A server with `ALL`, whose pages wait until they are let go, and a stream that the test speaks on. */
function world(job = { ...submitted("Extract"), status: "RUNNING" }) {
  const asked = [];
  const stored = [...ALL];
  const told = { listener: null, ended: false };
  // What is told is stored before.
  told.tell = (events) => {
    stored.push(...events.filter(({ id, event }) => event !== "snapshot" && Number(id) > stored.length));
    told.listener(events);
  };
  const client = {
    getJob: async () => job,
    listEvents: (_, { after, limit }) => new Promise((resolve) => asked.push({ after, go: () => resolve({ items: stored.slice(after, after + limit) }) })),
  };
  const connection = { follow: (_, listener) => ((told.listener = listener), () => (told.ended = true)) };
  return { stream: new JobStream(client, connection, "job_1"), asked, told, job, client };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const isWhole = (stream, count) => assert.deepEqual(stream.events.map(({ id }) => Number(id)), Array.from({ length: count }, (_, index) => index + 1));

test("each event once and in order: those before the snapshot, those that come meanwhile, those after", async () => {
  const { stream, asked, told, job } = world();
  await stream.open();
  told.tell([{ id: "701", event: "snapshot", data: job }, LATER[0]]);
  told.tell([LATER[1]]);
  assert.equal(stream.isComplete, false);
  asked[0].go();
  await settled();
  told.tell([LATER[2], { id: "701", event: "snapshot", data: job }]);
  assert.deepEqual(asked.map(({ after }) => after), [0, 500]);
  asked[1].go();
  await settled();
  told.tell(LATER.slice(1, 5));
  assert.equal(stream.isComplete, true);
  isWhole(stream, 706);
  stream.close();
  assert.equal(told.ended, true);
});

test("a later snapshot, after a gap, brings what was missed", async () => {
  const { stream, asked, told, job } = world();
  await stream.open();
  told.tell([{ id: "3", event: "snapshot", data: job }]);
  asked[0].go();
  await settled();
  told.tell([{ id: "701", event: "snapshot", data: job }]);
  asked.at(-1).go();
  await settled();
  isWhole(stream, 701);
  stream.close();
});

test("a page that can't be read is said, and read again on demand; what came meanwhile waits", async () => {
  const { job, told, stream, client, asked } = world();
  const { listEvents } = client;
  const refused = new Error("The database does not answer.");
  client.listEvents = () => Promise.reject(refused);
  await stream.open();
  told.tell([{ id: "3", event: "snapshot", data: job }, ALL[3]]);
  await settled();
  assert.equal(stream.error, refused);
  assert.deepEqual(stream.events, []);
  client.listEvents = listEvents;
  stream.open();
  told.tell([ALL[4]]);
  asked[0].go();
  await settled();
  assert.equal(stream.error, null);
  isWhole(stream, 500);
  stream.close();
});

test("a job that is not there is told, and never followed", async () => {
  const refused = Object.assign(new Error("There is no job."), { code: "job_not_found" });
  const stream = new JobStream({ getJob: () => Promise.reject(refused) }, { follow: () => assert.fail("followed") }, "job_1");
  await stream.open();
  assert.equal(stream.error, refused);
});

test("a job after its events: begun, ended, and taken back by a retry", () => {
  const after = (job, ...events) => events.reduce(jobAfter, job);
  const running = after(submitted("Extract"), status(1, "RUNNING", { attempt: 1 }), step("Extract", "RUNNING", 1, 1), progress(2, "Extract", 5, 10));
  assert.equal(running.startedAt, at(1));
  assert.deepEqual(running.steps[0].progress, { done: 5, total: 10, unit: "rows", message: null });
  const ended = after(running, step("Extract", "ERROR", 1, 1, 3, { error: { code: "bad" } }), status(3, "ERROR", { error: { code: "bad" } }), { event: "end", data: { status: "ERROR", result: null, error: { code: "bad" }, at: at(3) } });
  assert.deepEqual([ended.status, ended.finishedAt, ended.steps[0].error.code], ["ERROR", at(3), "bad"]);
  const again = after(ended, step("Extract", "PENDING", 1, 1, null, { reason: "retry" }), status(9, "PENDING", { reason: "retry" }));
  assert.deepEqual([again.status, again.finishedAt, again.error, again.steps[0].progress, again.startedAt], ["PENDING", null, null, null, at(1)]);
});
