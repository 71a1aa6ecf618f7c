/** Uploads with progress, over a stand-in for the browser's XMLHttpRequest that answers as it is told. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { StepmillClient } from "../src/index.js";

const FILE = new Blob(["id\n1\n"]);
/** @type {{status: number, text: string, sent: number}} */
let server;

class Request {
  upload = {};
  open() {}
  setRequestHeader() {}
  getResponseHeader() {
    return null;
  }
  abort() {
    this.onabort();
    this.onloadend();
  }
  send() {
    server.sent += 1;
    queueMicrotask(() => {
      Object.assign(this, { status: server.status, responseText: server.text });
      this.onload();
      this.onloadend();
    });
  }
}

beforeEach(() => {
  server = { status: 201, text: '{"fileId": "f"}', sent: 0 };
  globalThis.XMLHttpRequest = Request;
});
afterEach(() => delete globalThis.XMLHttpRequest);

const upload = (client, options) => client.uploadFile("default", "a", FILE, { onProgress() {}, ...options });

test("an upload gives the file", async () => {
  assert.deepEqual(await upload(new StepmillClient()), { fileId: "f" });
});

test("what answers with something else than JSON is an error, and not silence", async () => {
  Object.assign(server, { status: 200, text: "<html>sign in</html>" });
  await assert.rejects(upload(new StepmillClient()), { name: "StepmillError", code: "not_stepmill" });
});

test("an id that would lead to another call is not sent by an upload with progress either", async () => {
  await assert.rejects(new StepmillClient().uploadFile("default", "..", FILE, { onProgress() {} }), { code: "invalid_request" });
  assert.equal(server.sent, 0);
});

test("one that is aborted while the credentials are fetched is never sent", async () => {
  const stop = new AbortController();
  const headers = async () => (stop.abort(), {});
  await assert.rejects(upload(new StepmillClient({ headers }), { signal: stop.signal }), { name: "AbortError" });
  assert.equal(server.sent, 0);
});
