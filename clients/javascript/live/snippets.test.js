/** Snippets as people have them in their programs, run unchanged against a real server. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { serviceHeaders, submitWorkerJob, workerService } from "../src/node.js";

const START = `
import { workerService } from '@/services/apiService'
const job = await workerService.startJob({ type: 'FILE_ETL', params: { fileId, areaId, envId, tenantId }, envId })
const result = await workerService.getJob(job.jobId)
`;
const FETCH = `
const res = await fetch(\`\${WORKER_URL}/api/jobs\`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...serviceHeaders() },
  body: JSON.stringify({ type: 'FILE_ETL', params, envId }), signal: AbortSignal.timeout(10_000) })
`;

const envId = "default";
const tenantId = "local";
const area = await workerService.createArea(envId, { name: `Snippets ${crypto.randomUUID()}` });
const file = await workerService.uploadFile(envId, area.areaId, "id,name\n1,one\n2,two\n", { name: "two.csv" });
const ids = { fileId: file.fileId, areaId: area.areaId, envId, tenantId };

/** Run a snippet as a module, with these names known to it. */
async function run(snippet, known, exported) {
  globalThis.known = known;
  const text = `const { ${Object.keys(known)} } = globalThis.known;\n${snippet}\nexport { ${exported} };`;
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}

async function finished(jobId) {
  let end;
  for await (const event of workerService.streamJob(jobId)) end = event;
  assert.equal(end.event, "end");
  return end.data;
}

test("a job started and looked at by workerService", async () => {
  const { job, result } = await run(START, ids, "job, result");
  assert.equal(result.jobId, job.jobId);
  assert.equal((await finished(job.jobId)).status, "DONE");
});

test("a job started by fetch with serviceHeaders", async () => {
  const known = { WORKER_URL: process.env.STEPMILL_URL, params: ids, envId, serviceHeaders };
  const { res } = await run(FETCH, known, "res");
  assert.equal(res.status, 201);
  const { result } = await finished((await res.json()).jobId);
  assert.equal(result.rowsLoaded, 2);
});

test("a job submitted by a backend service, twice with the same key", async () => {
  const request = { type: "FILE_ETL", params: ids, envId };
  const first = await submitWorkerJob(request, { idempotencyKey: `key ${file.fileId}` });
  const second = await submitWorkerJob(request, { idempotencyKey: `key ${file.fileId}` });
  assert.equal(second.jobId, first.jobId);
});

test("files, tables, plans, rejects and errors as the contract has them", async () => {
  const bad = await workerService.uploadFile(envId, area.areaId, new Blob(["id,name\n3,three\nx,four\n"]), { name: "bad.csv" });
  const job = await workerService.startJob({ type: "FILE_ETL", params: { ...ids, fileId: bad.fileId }, envId });
  const { result } = await finished(job.jobId);
  assert.deepEqual([result.rowsLoaded, result.rowsRejected], [1, 1]);
  const { items } = await workerService.listRejects(envId, result.loadId);
  assert.deepEqual([items[0].line, items[0].column, items[0].raw], [3, "id", "x"]);
  const rows = await workerService.listRows(envId, result.physId, { limit: 10 });
  assert.deepEqual(rows.items.map((row) => row.id).sort(), [1, 2, 3]);
  assert.equal((await workerService.getPlan(envId, area.areaId)).author, "rules");
  assert.equal((await workerService.getTable(envId, result.physId)).rows, 3);
  assert.equal((await workerService.listLoads(envId, result.physId)).items[0].loadId, result.loadId);
  assert.equal((await workerService.previewFile(envId, bad.fileId)).delimiter, ",");
  assert.ok((await workerService.listJobs({ type: "FILE_ETL", status: ["DONE"] })).items.length > 0);
  await assert.rejects(workerService.cancelJob(job.jobId), { code: "not_cancellable", status: 409 });
  await assert.rejects(workerService.getJob("job_nothing"), { name: "NotFoundError", code: "job_not_found" });
});
