import assert from "node:assert/strict";
import { test } from "node:test";

import { RateLimitedError, StepmillClient } from "../src/index.js";
import { scripted } from "./scripted.js";

const events = (response, ...numbers) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const number of numbers) response.write(`id: ${number}\nevent: status\ndata: {"n": ${number}}\n\n`);
};

test("a stream goes on where a lost connection left it, and ends at end", async () => {
  const { client, asked } = await scripted(
    (response) => {
      events(response, 1, 2);
      response.write("id: 3\nevent: status\nda");
      setImmediate(() => response.destroy());
    },
    { status: 503 },
    (response) => {
      events(response, 3);
      response.end();
    },
    (response) => {
      events(response, 4);
      response.end('id: 5\nevent: end\ndata: {"status": "DONE"}\n\n');
    },
  );
  const seen = [];
  for await (const event of client.streamJob("j")) seen.push(event.id);
  assert.deepEqual(seen, ["1", "2", "3", "4", "5"]);
  assert.deepEqual(asked.map((each) => each.headers["last-event-id"]), [undefined, "2", "2", "3"]);
});

test("a stream with nothing more to come ends, and one of nothing is an error", async () => {
  const over = await scripted((response) => response.writeHead(204).end());
  const seen = [];
  for await (const event of over.client.streamJob("j", { after: 7 })) seen.push(event);
  assert.deepEqual(seen, []);
  assert.equal(over.asked[0].headers["last-event-id"], "7");

  const missing = await scripted({ status: 404, json: { code: "job_not_found", detail: "There is no job." } });
  await assert.rejects(async () => {
    for await (const _event of missing.client.streamJob("j"));
  }, { code: "job_not_found" });
  assert.equal(missing.asked.length, 1);
});

test("what is no stream of events is told, and not waited for", async () => {
  for (const type of ["text/html; charset=utf-8", "application/json"]) {
    const { client, asked, url } = await scripted((response) => {
      response.writeHead(200, { "content-type": type });
      response.write("<html>sign in</html>"); // It goes on for ever, as far as the client knows.
    });
    for (const stream of [client.streamJob("j"), client.streamAll()]) {
      await assert.rejects(stream.next(), (error) => error.code === "not_stepmill" && error.message.includes(url));
    }
    assert.equal(asked.length, 2);
  }
});

test("a stream that is refused for a while waits as long, and then goes on", async () => {
  const refused = { status: 429, headers: { "retry-after": "1" }, json: { code: "slow_down", detail: "Too many." } };
  const { client, asked } = await scripted(refused, (response) => {
    events(response, 1);
    response.end('id: 2\nevent: end\ndata: {"status": "DONE"}\n\n');
  });
  const begun = Date.now();
  const seen = [];
  for await (const event of client.streamJob("j")) seen.push(event.id);
  assert.deepEqual(seen, ["1", "2"]);
  assert.ok(Date.now() - begun >= 990);
  assert.equal(asked.length, 2);

  const always = await scripted(refused);
  const once = new StepmillClient({ url: always.url, reconnects: 0 });
  await assert.rejects(once.streamJob("j").next(), (error) => error instanceof RateLimitedError && error.code === "slow_down");
});

const block = (text) => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`retry: 1000\n\n${text}`, () => response.destroy());
};
const jobEvent = (jobId, id, event) => `event: job\ndata: ${JSON.stringify({ jobId, id, event, data: {} })}\n\n`;
const forbidden = { status: 403, json: { code: "role_required", detail: "No." } };

/** What a stream gave until its server refused to go on. */
async function untilRefused(stream) {
  const seen = [];
  await assert.rejects(async () => {
    for await (const event of stream) seen.push(event);
  }, { code: "role_required" });
  return seen;
}

test("a stream of all jobs that is cut before any event goes on from the id that came alone", async () => {
  const { client, asked } = await scripted(block("id: 7\n\n"), block("id: 9\nda"), block(""), forbidden);
  assert.deepEqual(await untilRefused(client.streamAll()), []);
  assert.deepEqual(asked.map((each) => each.headers["last-event-id"]), [undefined, "7", "7", "7"]);
});

test("events of followed jobs never move the place of the stream, and what to follow is asked for each time", async () => {
  const { client, asked } = await scripted(
    block(`id: 7\n\n${jobEvent("a", "3", "step")}${jobEvent("a", "4", "end")}`),
    block(`${jobEvent("a", "5", "status")}`),
    block('id: 7\n\nid: 8\nevent: status\ndata: {"jobId": "b"}\n\n'),
    forbidden,
  );
  const follows = [["a:2", "b"], ["a:4"], []];
  const seen = await untilRefused(client.streamAll({ envId: "default", follow: () => follows.shift() ?? [] }));
  assert.deepEqual(seen.map(({ event, data }) => [event, data.jobId, data.id]), [
    ["job", "a", "3"],
    ["job", "a", "4"],
    ["job", "a", "5"],
    ["status", "b", undefined],
  ]);
  assert.deepEqual(seen.map(({ id }) => id), ["7", "7", "", "8"]);
  assert.deepEqual(asked.map((each) => each.headers["last-event-id"]), [undefined, "7", "7", "8"]);
  const [first, second, third] = asked.map(({ url }) => url);
  assert.equal(first, "/api/stream?envId=default&follow=a%3A2%2Cb");
  assert.equal(second, "/api/stream?envId=default&follow=a%3A4");
  assert.equal(third, "/api/stream?envId=default");
});

test("a connection to all jobs is open when its first id has come, and lost once however often it fails", async () => {
  const { client } = await scripted(block(""), { status: 503 }, block("id: 7\n\n"), block('id: 7\n\nid: 8\ndata: {}\n\n'), forbidden);
  const told = [];
  await untilRefused(client.streamAll({ onConnection: (...news) => told.push(news) }));
  assert.deepEqual(told, [["lost", null], ["open", "7"], ["lost", "7"], ["open", "7"], ["lost", "8"]]);
});

test("a connection to one job is open with its first bytes; an end and a reader who leaves are no loss", async () => {
  const { client } = await scripted(block(""), (response) => {
    events(response, 4);
    response.end('id: 5\nevent: end\ndata: {"status": "DONE"}\n\n');
  });
  const told = [];
  for await (const _event of client.streamJob("j", { onConnection: (state) => told.push(state) }));
  assert.deepEqual(told, ["open", "lost", "open"]);

  const left = [];
  const open = await scripted((response) => events(response, 1));
  for await (const _event of open.client.streamJob("j", { onConnection: (state) => left.push(state) })) break;
  assert.deepEqual(left, ["open"]);
});
