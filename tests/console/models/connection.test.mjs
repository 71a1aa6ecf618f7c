import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../../../console/models/connection.js";
import { StreamClient, tabOf } from "./streams.mjs";

const status = (id, jobId = "job_1") => ({ id: String(id), event: "status", data: { jobId, status: "RUNNING" } });
const ofJob = (id, event, data = {}, jobId = "job_1") => ({ id: "", event: "job", data: { jobId, id: String(id), event, data } });
const MINUTES = 60_000;

/** A connection that is open after number 7, and what was heard on it. */
async function world(t) {
  const tab = tabOf(t);
  const client = new StreamClient();
  const connection = new Connection(client);
  const heard = { statuses: [], gaps: 0 };
  connection.onStatus((changes) => heard.statuses.push(changes.map(({ jobId }) => jobId)));
  connection.onGap(() => (heard.gaps += 1));
  connection.open("default");
  await tab.pass(0);
  client.stream.open("7");
  return { tab, client, connection, heard };
}

/** A listener that notes the events that it is told. */
function listener() {
  const told = [];
  return Object.assign((events) => told.push(...events.map(({ event, id }) => `${event} ${id}`)), { told });
}

test("what comes between two frames is handed out together", async (t) => {
  const { tab, client, connection, heard } = await world(t);
  client.stream.say(status(8, "job_1"), status(9, "job_2"));
  await tab.settle();
  assert.deepEqual(heard.statuses, []);
  await tab.frame();
  client.stream.say(status(10, "job_3"));
  await tab.frame();
  assert.deepEqual(heard.statuses, [["job_1", "job_2"], ["job_3"]]);
  assert.equal(connection.state, "live");
  connection.close();
  assert.equal(client.stream.isOpen, false);
});

test("a gap is told when the stream opens nowhere in particular, and not when it goes on", async (t) => {
  const { tab, client, connection, heard } = await world(t);
  assert.equal(heard.gaps, 1);
  client.stream.lose();
  assert.equal(connection.state, "lost");
  client.stream.open("7");
  assert.deepEqual([connection.state, heard.gaps], ["live", 1]);
  connection.follow("job_1", listener());
  await tab.pass(100);
  assert.deepEqual([client.streams.length, client.stream.after], [2, "7"]);
  client.stream.open("7");
  client.stream.say(status(12));
  await tab.frame();
  client.stream.fail({ code: "server_unreachable" });
  await tab.pass(5_000);
  assert.equal(client.stream.after, "12");
  client.stream.open("12");
  assert.equal(heard.gaps, 1);
  client.stream.fail({ code: "invalid_event_id" });
  await tab.pass(5_000);
  assert.equal(client.stream.after, undefined);
  client.stream.open("3");
  assert.equal(heard.gaps, 2);
  connection.close();
});

test("after a long silence everything is read anew instead of caught up with", async (t) => {
  const { tab, client, connection, heard } = await world(t);
  client.stream.lose();
  await tab.pass(6 * MINUTES);
  client.stream.open("7");
  await tab.pass(0);
  assert.deepEqual([client.streams.length, client.stream.after, heard.gaps], [2, undefined, 1]);
  client.stream.open("900");
  assert.equal(heard.gaps, 2);
  connection.close();
});

test("a hidden tab gives its connection back and catches up", async (t) => {
  const { tab, client, connection, heard } = await world(t);
  tab.show(false);
  await tab.pass(5_000);
  tab.show(true);
  await tab.pass(20_000);
  assert.deepEqual([connection.state, client.streams.length], ["live", 1]);
  tab.show(false);
  connection.follow("job_1", listener());
  await tab.pass(11_000);
  assert.deepEqual([connection.state, client.stream.isOpen], ["paused", false]);
  tab.show(true);
  await tab.pass(0);
  assert.deepEqual([client.stream.after, client.stream.follows], ["7", ["job_1"]]);
  client.stream.open("7");
  assert.deepEqual([connection.state, heard.gaps], ["live", 1]);
  tab.show(false);
  await tab.pass(10_000);
  await tab.pass(6 * MINUTES);
  tab.show(true);
  await tab.pass(0);
  assert.equal(client.stream.after, undefined);
  connection.close();
});

test("a tab that is hidden while it waits to try again still comes back", async (t) => {
  const { tab, client, connection } = await world(t);
  client.stream.fail({ code: "unauthenticated", status: 401 });
  await tab.settle();
  tab.show(false);
  await tab.pass(1_000);
  tab.show(true);
  await tab.pass(5_000);
  assert.equal(client.streams.length, 2);
  client.stream.open("7");
  assert.equal(connection.state, "live");
  connection.close();
});

test("several that follow a job are each told everything once, over one new connection", async (t) => {
  const { tab, client, connection } = await world(t);
  const [first, second, late] = [listener(), listener(), listener()];
  connection.follow("job_1", first);
  const unfollow = connection.follow("job_2", listener());
  await tab.pass(100);
  assert.deepEqual(client.stream.follows, ["job_1", "job_2"]);
  client.stream.open("7");
  client.stream.say(ofJob(4, "snapshot", { status: "RUNNING", steps: [] }), ofJob(5, "log"));
  await tab.frame();
  connection.follow("job_1", second);
  assert.deepEqual(second.told, ["snapshot 5"]);
  assert.equal(client.streams.length, 2);
  connection.follow("job_1", late, "2");
  unfollow();
  await tab.pass(100);
  assert.deepEqual(client.stream.follows, ["job_1:2"]);
  client.stream.say(ofJob(3, "log"), ofJob(4, "log"), ofJob(5, "log"), ofJob(6, "log"));
  await tab.frame();
  assert.deepEqual(first.told, ["snapshot 4", "log 5", "log 6"]);
  assert.deepEqual(second.told, ["snapshot 5", "log 6"]);
  assert.deepEqual(late.told, ["log 3", "log 4", "log 5", "log 6"]);
  connection.close();
});

test("the end of a job that rests has its snapshot's number, and comes in another frame", async (t) => {
  const { tab, client, connection } = await world(t);
  const told = listener();
  connection.follow("job_1", told);
  await tab.pass(100);
  client.stream.say(ofJob(9, "snapshot", { status: "DONE", steps: [] }));
  await tab.frame();
  client.stream.say(ofJob(9, "end", { status: "DONE" }));
  await tab.frame();
  assert.deepEqual(told.told, ["snapshot 9", "end 9"]);
  connection.close();
});

test("only as many are followed as the server allows, those that were asked for last; the others get their turn", async (t) => {
  const { tab, client, connection } = await world(t);
  const ids = Array.from({ length: 22 }, (_, index) => `job_${index}`);
  const stops = ids.map((jobId) => connection.follow(jobId, listener()));
  await tab.pass(100);
  assert.deepEqual(client.stream.follows, ids.slice(2));
  connection.follow(ids[0], listener());
  await tab.pass(100);
  assert.deepEqual(client.stream.follows, [...ids.slice(3), ids[0]]);
  stops[21]();
  await tab.pass(100);
  assert.deepEqual(client.stream.follows, [...ids.slice(2, 21), ids[0]]);
  connection.close();
});

test("a followed job that is gone is forgotten, the others are not", async (t) => {
  const { tab, client, connection } = await world(t);
  client.jobs.add("job_1");
  connection.follow("job_1", listener());
  connection.follow("job_gone", listener());
  await tab.pass(100);
  client.stream.fail({ code: "job_not_found", status: 404 });
  await tab.pass(5_000);
  assert.deepEqual(client.stream.follows, ["job_1"]);
  connection.close();
});
