/** What the editor knows of the kinds of mapping: their fields, what they begin with, which types they give. */

export const TYPES = ["text", "integer", "numeric", "double", "boolean", "date", "time", "timestamp", "timestamptz", "uuid", "json"];

const NUMBERS = ["integer", "numeric", "double"];
const MOMENTS = ["date", "timestamp", "timestamptz"];
const MISSING = ["reject", "null"];

/** How a field is filled in: as text, number, yes or no, a text in each line, operands, one of some texts, or as JSON. @typedef {[name: string, form: string | string[]]} MappingField */

/** @type {Record<string, {fields?: MappingField[], start?: any, types?: string[], isOfMany?: boolean}>} */
export const MAPPINGS = {
  DIRECT: { fields: [] },
  NUMBER_FORMAT: {
    fields: [["decimal", [".", ","]], ["group", ["", ".", ",", " ", "'"]], ["prefixes", "lines"], ["suffixes", "lines"], ["powerOfTen", "number"], ["parentheses", "check"], ["trailingMinus", "check"]],
    start: { decimal: ",", group: "." },
    types: NUMBERS,
  },
  DATE_FORMAT: { fields: [["formats", "lines"], ["timeZone", "text"]], start: { formats: ["%d.%m.%Y"] }, types: MOMENTS },
  EPOCH: { fields: [["unit", ["seconds", "milliseconds", "microseconds", "nanoseconds", "spreadsheetDays"]]], types: MOMENTS },
  BOOLEAN_MAP: { fields: [["trueValues", "lines"], ["falseValues", "lines"], ["caseSensitive", "check"]], start: { trueValues: ["yes"], falseValues: ["no"] }, types: ["boolean"] },
  ENUM_MAP: { fields: [["values", "json"], ["otherwise", ["reject", "keep", "null"]]], start: { values: {} } },
  TRIM: { fields: [["side", ["both", "start", "end"]], ["characters", "text"]] },
  CASE: { fields: [["to", ["lower", "upper", "title"]]], start: { to: "lower" } },
  REPLACE: { fields: [["search", "text"], ["replacement", "text"], ["regex", "check"]], start: { search: "" } },
  SPLIT: { fields: [["separator", "text"], ["index", "number"], ["missing", MISSING]], start: { separator: "-", index: 0 } },
  REGEX_EXTRACT: { fields: [["pattern", "text"], ["group", "number"], ["missing", MISSING]], start: { pattern: "(.+)" } },
  JSON_PATH: { fields: [["path", "text"], ["missing", ["null", "reject"]]], start: { path: "$.name" } },
  UNIT_CONVERT: { fields: [["unitIn", "text"], ["unitOut", "text"]], start: { unitIn: "ft", unitOut: "m" }, types: ["double"] },
  CONSTANT: { fields: [["value", "text"]], start: { value: "" }, isOfMany: true },
  COALESCE: { fields: [["operands", "operands"]], start: { operands: [] }, isOfMany: true },
  CONCAT: { fields: [["operands", "operands"], ["separator", "text"]], start: { operands: [] }, isOfMany: true },
  IF: { start: { condition: { test: "isNull", column: "" }, then: { value: "" } }, isOfMany: true },
  LOOKUP: { start: { columns: [], rows: [] }, isOfMany: true },
  HASH: { start: { columns: [] }, types: ["text"], isOfMany: true },
  ARITHMETIC: { start: { calculation: { operation: "multiply", left: { column: "" }, right: { value: 1 } } }, types: NUMBERS, isOfMany: true },
};

/** Whether a column's mapping gives its type. @param {Record<string, any>} column */
export function typeFits({ mapping, type }) {
  const types = MAPPINGS[mapping?.kind]?.types;
  return !types || types.includes(type);
}

/**
 * What changes with another kind of mapping: what takes several source columns has none of its own, and a type follows.
 * @param {Record<string, any>} column
 * @param {string} kind
 */
export function withKind(column, kind) {
  const { start, types, isOfMany } = MAPPINGS[kind];
  const source = column.source ?? column.mapping?.operands?.[0]?.column;
  const given = start?.operands && source ? { operands: [{ column: source }] } : start;
  const type = !types || types.includes(column.type) ? column.type : types[0];
  return { type, mapping: { kind, ...given }, source: isOfMany ? null : (source ?? null), ...(isOfMany && { prepare: null }) };
}
