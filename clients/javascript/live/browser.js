/** The snippet, the streams and an upload in a real browser: `STEPMILL_TEST_BROWSER` names its program. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium } from "playwright-core";

import { workerService } from "../src/node.js";
import { servePage } from "./page_server.js";

const SNIPPET = `
import { workerService } from '@/services/apiService'
const job = await workerService.startJob({ type: 'FILE_ETL', params: { fileId, areaId, envId, tenantId }, envId })
const result = await workerService.getJob(job.jobId)
`;
// What a page's own backend does in Node, a page does through a server of the same origin, which adds the credentials.
const FETCH = `
const res = await fetch(\`\${WORKER_URL}/api/jobs\`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...serviceHeaders() },
  body: JSON.stringify({ type: 'FILE_ETL', params, envId }), signal: AbortSignal.timeout(10_000) })
window.fetched = [res.status, (await res.json()).type];
`;
const ROWS = 200_000;
const JOURNEY = `
import { workerService } from '@/services/apiService';
const file = new File(['id,name\\n' + '7,seven\\n'.repeat(${ROWS})], 'sevens.csv');
const sent = [];
const { fileId } = await workerService.uploadFile(envId, areaId, file, { onProgress: (done, total) => sent.push([done, total]) });
const { jobId } = await workerService.startJob({ type: 'FILE_ETL', params: { fileId, areaId }, envId });
const events = [];
for await (const event of workerService.streamJob(jobId)) events.push(event.event);
const refused = await workerService.getJob('job_nothing').catch((error) => [error.name, error.code]);
window.journey = { jobId, events, refused, sent: sent.at(-1), size: file.size };
`;

test("the snippet, a stream and an upload with progress in a browser", async () => {
  const envId = "default";
  const area = await workerService.createArea(envId, { name: `Browser ${crypto.randomUUID()}` });
  const file = await workerService.uploadFile(envId, area.areaId, "id,name\n1,one\n", { name: "one.csv" });
  const known = { fileId: file.fileId, areaId: area.areaId, envId, tenantId: "local" };
  const names = `Object.assign(globalThis, ${JSON.stringify({ ...known, params: known, WORKER_URL: "" })}, { serviceHeaders: () => ({}) });`;
  const modules = [names, `${SNIPPET}\nwindow.answers = { job, result };`, FETCH, JOURNEY];
  const page = await servePage(process.env.STEPMILL_URL, modules);
  const browser = await chromium.launch({ executablePath: process.env.STEPMILL_TEST_BROWSER, args: ["--no-sandbox"] });
  try {
    const tab = await browser.newPage();
    const faults = [];
    tab.on("pageerror", (error) => faults.push(String(error)));
    await tab.goto(page.url);
    const answers = await (await tab.waitForFunction("window.answers")).jsonValue();
    assert.equal(answers.result.jobId, answers.job.jobId);
    assert.equal(answers.result.createdBy, answers.job.createdBy);
    assert.deepEqual(await (await tab.waitForFunction("window.fetched")).jsonValue(), [201, "FILE_ETL"]);
    const journey = await (await tab.waitForFunction("window.journey")).jsonValue();
    assert.equal(journey.events[0], "snapshot");
    assert.equal(journey.events.at(-1), "end");
    assert.deepEqual(journey.refused, ["NotFoundError", "job_not_found"]);
    assert.deepEqual(journey.sent, [journey.size, journey.size]);
    assert.equal((await workerService.getJob(journey.jobId)).result.rowsLoaded, ROWS);
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    page.close();
  }
});
