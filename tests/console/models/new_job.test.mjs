import assert from "node:assert/strict";
import { test } from "node:test";

import { askedBy, fieldsOf } from "../../../console/models/new_job.js";

const SCHEMA = {
  properties: {
    envId: { type: "string" },
    tenantId: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    fileId: { type: "string", description: "The file." },
    areaId: { type: "string" },
    onBusy: { enum: ["wait", "fail"], default: "wait", type: "string" },
    allowSmall: { type: "boolean", default: false },
    replayOf: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    limit: { anyOf: [{ type: "integer" }, { type: "null" }], default: null },
    mode: { $ref: "#/$defs/Mode" },
    tables: { type: "array", items: { type: "string" } },
    either: { anyOf: [{ type: "string" }, { type: "integer" }] },
  },
  required: ["envId", "fileId", "areaId"],
  $defs: { Mode: { enum: ["fast", "slow"], type: "string" } },
};
/** What a form sends: a box that is not ticked is not there. */
const valuesOf = (fields, changes = {}) => ({ ...Object.fromEntries(fields.filter(({ initial }) => initial !== false).map(({ name, initial }) => [`/params/${name}`, initial])), ...changes });

test("a form asks for what the schema names, the area before its files", () => {
  const fields = fieldsOf(SCHEMA);
  assert.deepEqual(fields.map(({ name, kind }) => `${name} ${kind}`), [
    ...["areaId area", "fileId file", "onBusy choice", "allowSmall boolean", "replayOf text"],
    ...["limit number", "mode choice", "tables json", "either json"],
  ]);
  assert.deepEqual(fields.find(({ name }) => name === "mode").choices, ["fast", "slow"]);
  assert.deepEqual(fields.filter(({ isRequired }) => isRequired).map(({ name }) => name), ["areaId", "fileId"]);
});

test("what is left empty is left out, and the rest has its type", () => {
  const fields = fieldsOf(SCHEMA, { fileId: "f", areaId: "a", tables: ["x"], allowSmall: true });
  const { asked, faults } = askedBy(fields, valuesOf(fields, { "/params/limit": "12", "/priority": "5", "/runAt": "2026-05-01T10:00", "/maxAttempts": "" }));
  assert.deepEqual(faults, {});
  assert.deepEqual(asked.params, { fileId: "f", areaId: "a", onBusy: "wait", allowSmall: true, limit: 12, tables: ["x"] });
  assert.equal(askedBy(fieldsOf(SCHEMA), valuesOf(fieldsOf(SCHEMA))).asked.params.allowSmall, false);
  assert.equal(asked.priority, 5);
  assert.equal(asked.runAt, new Date("2026-05-01T10:00").toISOString());
  assert.ok(!("maxAttempts" in asked));
});

test("what is missing or can't be read is told by its pointer", () => {
  const fields = fieldsOf(SCHEMA);
  const { faults } = askedBy(fields, valuesOf(fields, { "/params/areaId": "a", "/params/tables": "[" }));
  assert.deepEqual(Object.keys(faults).sort(), ["/params/fileId", "/params/tables"]);
});
