import assert from "node:assert/strict";
import { test } from "node:test";

import { SseParser } from "../src/sse.js";

const STREAM =
  ': heartbeat\r\nid: 1\r\nevent: snapshot\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid:2\rdata:"x"\r\r\nretry: 5\nid: 3\nevent: end\ndata: {"é": "€"}\n\nid: 4\ndata: {"lost"';
const EVENTS = [
  { id: "1", event: "snapshot", data: { a: 1 } },
  { id: "2", event: "message", data: "x" },
  { id: "3", event: "end", data: { é: "€" } },
];

test("a stream cut at any two places gives the same events", () => {
  for (let first = 0; first <= STREAM.length; first += 1) {
    for (let second = first; second <= STREAM.length; second += 7) {
      const parser = new SseParser();
      const pieces = [STREAM.slice(0, first), STREAM.slice(first, second), STREAM.slice(second)];
      assert.deepEqual(pieces.flatMap((piece) => [...parser.feed(piece)]), EVENTS, `${first}, ${second}`);
    }
  }
});

test("a block with an id alone is no event, and says where to go on; half a block says nothing", () => {
  const parser = new SseParser();
  assert.deepEqual([...parser.feed("retry: 1\n\n")], []);
  assert.equal(parser.lastId, "");
  assert.deepEqual([...parser.feed("id: 7\n\nid: 8\n")], []);
  assert.equal(parser.lastId, "7");
  assert.deepEqual([...parser.feed('event: job\ndata: {"a": 1}\n\n')], [{ id: "8", event: "job", data: { a: 1 } }]);
  assert.equal(parser.lastId, "8");
  assert.deepEqual([...parser.feed('data: 2\n\n')], [{ id: "8", event: "message", data: 2 }]);
});
