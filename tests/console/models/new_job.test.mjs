import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf } from "../../../console/models/new_job.js";

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
const FIELDS = fieldsOf(SCHEMA);

test("a form asks for what the schema names, the area before its files", () => {
  assert.deepEqual(Object.keys(FIELDS.like), ["areaId", "fileId", "onBusy", "allowSmall", "replayOf", "limit", "mode", "tables", "either"]);
  assert.equal(FIELDS.hints.fileId, "The file.");
});

test("each is filled in as its type asks for", () => {
  const { areaId, onBusy, allowSmall, replayOf, limit, mode, tables, either } = FIELDS.like;
  assert.deepEqual([areaId, onBusy, allowSmall, replayOf, limit, mode, tables, either], ["", "wait", false, "", 0, "", [], {}]);
});

test("what has a default is one of its choices; else nothing is one, too", () => {
  assert.deepEqual(FIELDS.choices, { onBusy: ["wait", "fail"], mode: ["", "fast", "slow"] });
});
