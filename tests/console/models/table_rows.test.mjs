import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { TableRows } from "../../../console/models/table_rows.js";

const MILLION = 1_000_000;

/** A table of so many rows, each of which knows its place, and the offsets that it was asked for. */
function table(count) {
  const there = { count, offsets: [], fault: null, isSlow: false };
  const list = async ({ limit, offset }, signal) => {
    there.offsets.push(offset);
    await pause(there.isSlow ? 1_000 : 1, undefined, { signal });
    if (there.fault) throw there.fault;
    const last = Math.min(offset + limit, there.count);
    const items = Array.from({ length: Math.max(0, last - offset) }, (_, index) => ({ place: offset + index }));
    return last < there.count ? { items, nextCursor: "more" } : { items };
  };
  const rows = new TableRows(list, count);
  return { there, rows };
}

/** Resolves when this row is there. */
const arrival = (rows, index) =>
  new Promise((resolve) => {
    const leave = rows.subscribe(() => rows.row(index) && resolve(leave()));
  });

test("the end of a million rows is one read away", async () => {
  const { rows, there } = table(MILLION);
  rows.refresh();
  await arrival(rows, 0);
  assert.equal(rows.count, MILLION);
  rows.look("grid", MILLION - 30, MILLION - 1);
  assert.equal(rows.row(MILLION - 1), null);
  await arrival(rows, MILLION - 1);
  assert.deepEqual(rows.row(MILLION - 1), { place: MILLION - 1 });
  assert.deepEqual(there.offsets, [0, MILLION - 200]);
  rows.close();
});

test("pages that a scroll only passes by are left out", async () => {
  const { rows, there } = table(MILLION);
  rows.refresh();
  await arrival(rows, 0);
  there.isSlow = true;
  for (let first = 1_000; first < MILLION; first += 1_000) rows.look("grid", first, first + 29);
  await pause(100);
  there.isSlow = false;
  rows.look("grid", 500_000, 500_029);
  await arrival(rows, 500_000);
  assert.ok(there.offsets.length <= 4, String(there.offsets));
  rows.close();
});

test("what is looked at stays while far pages go", async () => {
  const { rows } = table(MILLION);
  rows.refresh();
  rows.look("record", 700_000);
  await arrival(rows, 700_000);
  for (const first of [1_000, 300_000]) {
    rows.look("grid", first);
    await arrival(rows, first);
  }
  assert.equal(rows.row(1_000), null);
  assert.deepEqual([0, 300_000, 700_000].map((index) => rows.row(index)?.place), [0, 300_000, 700_000]);
  rows.close();
});

test("a wrong total is put right, and after a load all is read again", async () => {
  const { rows, there } = table(1_000);
  rows.refresh();
  await arrival(rows, 0);
  there.count = 950;
  rows.look("grid", 990);
  await arrival(rows, 900);
  assert.equal(rows.count, 950);
  there.count = 1_500;
  rows.refresh(1_500);
  rows.look("grid", 1_499);
  assert.equal(rows.row(0)?.place, 0, "what was there is seen until it is read again");
  await arrival(rows, 1_499);
  assert.equal(rows.count, 1_500);
  rows.close();
});

test("after a failure nothing is asked for until one tries again", async () => {
  const { rows, there } = table(1_000);
  there.fault = new Error("The database does not answer.");
  rows.refresh();
  await new Promise((resolve) => rows.subscribe(() => rows.error && resolve()));
  await pause(120);
  rows.look("grid", 500);
  assert.deepEqual(there.offsets, [0]);
  there.fault = null;
  rows.refresh();
  assert.equal(rows.error, null);
  await arrival(rows, 500);
  assert.equal(rows.count, 1_000);
  rows.close();
});
