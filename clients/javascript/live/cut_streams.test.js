/** Streams through a proxy that cuts connections: each event once and in order, for many jobs, by a stream each or by one. */

import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { test } from "node:test";

import { serviceHeaders, StepmillClient, workerService } from "../src/node.js";

const JOBS = Number(process.env.STEPMILL_TEST_JOBS ?? 20);
const FOLLOWED = Math.min(JOBS, 20); // more can't be followed at once
const BYTES_BEFORE_A_CUT = 1500; // of an answer: in the middle of its first event, or a few later

/** A proxy that gives up every second connection, or each, after so many bytes. */
async function cuttingProxy(target, { every = 2, bytes = BYTES_BEFORE_A_CUT } = {}) {
  let connections = 0;
  let cuts = 0;
  const server = createServer((client) => {
    const cut = (connections += 1) % every === 0;
    let left = bytes;
    const upstream = connect(Number(target.port), target.hostname);
    const close = () => {
      client.destroy();
      upstream.destroy();
    };
    client.pipe(upstream);
    upstream.on("data", (piece) => {
      if (!cut || left > piece.length) return client.write(piece), (left -= piece.length);
      cuts += 1;
      client.write(piece.subarray(0, left), close);
    });
    for (const end of [client, upstream]) end.on("close", close).on("error", close);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close(), cuts: () => cuts };
}

async function startJobs(count) {
  const area = await workerService.createArea("default", { name: `Cuts ${crypto.randomUUID()}`, loadMode: "append" });
  const file = await workerService.uploadFile("default", area.areaId, "id\n1\n2\n", { name: "two.csv" });
  const request = { type: "FILE_ETL", params: { fileId: file.fileId, areaId: area.areaId }, envId: "default" };
  return (await workerService.startJobs(Array.from({ length: count }, () => request))).items;
}

test(`${JOBS} jobs followed through a proxy that cuts every second connection`, async (t) => {
  const jobs = await startJobs(JOBS);
  const proxy = await cuttingProxy(new URL(process.env.STEPMILL_URL));
  t.after(proxy.close);
  const cutOff = new StepmillClient({ url: proxy.url, headers: () => serviceHeaders() });
  await Promise.all(jobs.map((job) => follow(cutOff, job.jobId)));
  assert.ok(proxy.cuts() >= JOBS / 4, `${proxy.cuts()} cuts`);
  console.log(`# ${JOBS} jobs, ${proxy.cuts()} connections cut`);
});

test(`${FOLLOWED} jobs followed by one stream over all jobs, each of whose connections is cut`, async (t) => {
  const proxy = await cuttingProxy(new URL(process.env.STEPMILL_URL), { every: 1, bytes: 3000 });
  t.after(proxy.close);
  const client = new StepmillClient({ url: proxy.url, headers: () => serviceHeaders() });
  /** @type {Map<string, any[]>} */
  let seen = new Map();
  const changes = [];
  let follow = () => [];
  let tellOpen = () => {};
  const opened = new Promise((resolve) => (tellOpen = resolve));
  const read = async () => {
    const stream = client.streamAll({ follow: () => follow(), onConnection: tellOpen });
    for await (const { event, data } of stream) {
      if (event === "status") changes.push(data);
      if (event === "job") seen.get(data.jobId).push({ id: data.id, event: data.event, data: data.data });
      if (seen.size > 0 && [...seen.values()].every((events) => events.at(-1)?.event === "end")) return;
    }
  };
  const reading = read();
  await Promise.race([opened, reading]);
  const jobs = await startJobs(FOLLOWED);
  seen = new Map(jobs.map(({ jobId }) => [jobId, []]));
  follow = () => [...seen].map(([jobId, events]) => `${jobId}:${events.at(-1)?.id ?? 0}`);
  await reading;
  assert.ok(proxy.cuts() >= 5, `${proxy.cuts()} cuts`);
  for (const [jobId, events] of seen) {
    const all = await listAll(jobId);
    assert.deepEqual(events, all);
    const told = changes.filter((change) => change.jobId === jobId);
    const statuses = all.filter(({ event }) => event === "status").map(({ data }) => data);
    assert.deepEqual(told, statuses.slice(0, told.length)); // the last may come after the job's own end
  }
  console.log(`# ${FOLLOWED} jobs, ${proxy.cuts()} connections cut`);
});

async function listAll(jobId) {
  const all = [];
  for (let after = "0"; after; ) {
    const page = await workerService.listEvents(jobId, { after, limit: 500 });
    all.push(...page.items);
    after = page.nextCursor;
  }
  return all;
}

async function follow(client, jobId) {
  const seen = [];
  for await (const event of client.streamJob(jobId, { after: 0 })) seen.push(event);
  const all = await listAll(jobId);
  assert.deepEqual(seen.map((event) => event.id), all.map((event) => event.id));
  assert.deepEqual(seen, all);
  assert.equal(seen.at(-1).event, "end");
}
