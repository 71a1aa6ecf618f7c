/** What Node gives to read from as the content of an upload. */

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { test } from "node:test";

import { UnavailableError } from "../src/index.js";
import { scripted } from "./scripted.js";

async function* pieces() {
  yield "é\n";
  yield new TextEncoder().encode("ü\n");
}

test("a file's stream, a stream of text and a generator are uploaded", async () => {
  const { client, asked } = await scripted({ status: 201, json: { fileId: "f" } });
  const contents = [createReadStream(new URL("./scripted.js", import.meta.url)), Readable.from(["a\n", "1\n"]), pieces()];
  for (const content of contents) assert.deepEqual(await client.uploadFile("default", "a", content), { fileId: "f" });
  assert.match(asked[0].body, /export async function scripted/);
  assert.deepEqual(asked.slice(1).map((each) => each.body), ["a\n1\n", "é\nü\n"]);
});

test("they are sent once", async () => {
  const { client, asked } = await scripted({ status: 503 });
  await assert.rejects(client.uploadFile("default", "a", Readable.from(["a\n"])), UnavailableError);
  assert.equal(asked.length, 1);
});

test("a file that can't be read is not told as a server that does not answer", async () => {
  const { client } = await scripted({ status: 201, json: {} });
  await assert.rejects(client.uploadFile("default", "a", createReadStream("no such file")), { code: "ENOENT" });
});
