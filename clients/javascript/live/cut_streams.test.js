/** Streams through a proxy that cuts every second connection: each event once and in order, for many jobs. */

import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { test } from "node:test";

import { serviceHeaders, StepmillClient, workerService } from "../src/node.js";

const JOBS = Number(process.env.STEPMILL_TEST_JOBS ?? 20);
const BYTES_BEFORE_A_CUT = 1500; // of an answer: in the middle of its first event, or a few later

/** A proxy that gives up every second connection after a while. */
async function cuttingProxy(target) {
  let connections = 0;
  let cuts = 0;
  const server = createServer((client) => {
    const cut = (connections += 1) % 2 === 0;
    let left = BYTES_BEFORE_A_CUT;
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

test(`${JOBS} jobs followed through a proxy that cuts every second connection`, async () => {
  const area = await workerService.createArea("default", { name: `Cuts ${crypto.randomUUID()}`, loadMode: "append" });
  const file = await workerService.uploadFile("default", area.areaId, "id\n1\n2\n", { name: "two.csv" });
  const request = { type: "FILE_ETL", params: { fileId: file.fileId, areaId: area.areaId }, envId: "default" };
  const { items: jobs } = await workerService.startJobs(Array.from({ length: JOBS }, () => request));
  const proxy = await cuttingProxy(new URL(process.env.STEPMILL_URL));
  const cutOff = new StepmillClient({ url: proxy.url, headers: () => serviceHeaders() });
  await Promise.all(jobs.map((job) => follow(cutOff, job.jobId)));
  assert.ok(proxy.cuts() >= JOBS / 4, `${proxy.cuts()} cuts`);
  console.log(`# ${JOBS} jobs, ${proxy.cuts()} connections cut`);
  proxy.close();
});

async function follow(client, jobId) {
  const seen = [];
  for await (const event of client.streamJob(jobId, { after: 0 })) seen.push(event);
  const all = [];
  for (let after = "0"; after; ) {
    const page = await workerService.listEvents(jobId, { after, limit: 500 });
    all.push(...page.items);
    after = page.nextCursor;
  }
  assert.deepEqual(seen.map((event) => event.id), all.map((event) => event.id));
  assert.deepEqual(seen, all);
  assert.equal(seen.at(-1).event, "end");
}
