/** What the editor knows of the kinds of mapping: their fields with what holds if left out, and what they begin with. */

export const TYPES = ["text", "integer", "numeric", "double", "boolean", "date", "time", "timestamp", "timestamptz", "uuid", "json"];

const NUMBERS = ["integer", "numeric", "double"];
const MOMENTS = ["date", "timestamp", "timestamptz"];

/** @type {Record<string, {like?: any, start?: any, types?: string[]}>} */
export const MAPPINGS = {
  DIRECT: {},
  NUMBER_FORMAT: {
    like: { decimal: ".", group: "", prefixes: [], suffixes: [], powerOfTen: 0, parentheses: false, trailingMinus: false },
    start: { decimal: ",", group: "." },
    types: NUMBERS,
  },
  DATE_FORMAT: { like: { formats: [], timeZone: "" }, start: { formats: ["%d.%m.%Y"] }, types: MOMENTS },
  EPOCH: { like: { unit: "seconds" }, types: MOMENTS },
  BOOLEAN_MAP: { like: { trueValues: [], falseValues: [], caseSensitive: false }, start: { trueValues: ["yes"], falseValues: ["no"] }, types: ["boolean"] },
  ENUM_MAP: { like: { values: {}, otherwise: "reject" }, start: { values: {} } },
  TRIM: { like: { side: "both", characters: "" } },
  CASE: { like: { to: "lower" }, start: { to: "lower" } },
  REPLACE: { like: { search: "", replacement: "", regex: false }, start: { search: "-" } },
  SPLIT: { like: { separator: "", index: 0, missing: "reject" }, start: { separator: "-", index: 0 } },
  REGEX_EXTRACT: { like: { pattern: "", group: 1, missing: "reject" }, start: { pattern: "(.+)" } },
  JSON_PATH: { like: { path: "$.", missing: "null" }, start: { path: "$.name" } },
  UNIT_CONVERT: { like: { unitIn: "", unitOut: "" }, start: { unitIn: "ft", unitOut: "m" }, types: ["double"] },
  CONSTANT: { like: { value: "" }, start: { value: null } },
  COALESCE: { like: { operands: [{}] } },
  CONCAT: { like: { operands: [{}], separator: "" } },
  IF: { like: { condition: {}, then: {}, else: {} }, start: { condition: { test: "isNull", column: "" }, then: { value: "" } } },
  LOOKUP: { like: { columns: [], rows: [{}], otherwise: "reject" } },
  HASH: { like: { columns: [], length: 64 }, types: ["text"] },
  ARITHMETIC: { like: { calculation: {} }, start: { calculation: { operation: "multiply", left: { column: "" }, right: { value: 1 } } }, types: NUMBERS },
};

const OF_MANY = ["CONSTANT", "COALESCE", "CONCAT", "IF", "LOOKUP", "HASH", "ARITHMETIC"];

/** Fields that are one of a few texts. */
export const CHOICES = {
  decimal: [".", ","],
  unit: ["seconds", "milliseconds", "microseconds", "nanoseconds", "spreadsheetDays"],
  otherwise: ["reject", "keep", "null"],
  missing: ["reject", "null"],
  side: ["both", "start", "end"],
  to: ["lower", "upper", "title"],
};

/** Whether a kind names the source columns it takes itself. @param {string} kind */
export const isOfMany = (kind) => OF_MANY.includes(kind);

/** Whether a column's mapping gives its type. @param {Record<string, any>} column */
export const typeFits = ({ mapping, type }) => MAPPINGS[mapping?.kind]?.types?.includes(type) ?? true;

/** What changes with another kind of mapping: the type follows, and so does where the source is named. @param {Record<string, any>} column @param {string} kind */
export function withKind({ type, source, mapping }, kind) {
  const { start, types = [type] } = MAPPINGS[kind];
  const from = source ?? mapping?.operands?.[0]?.column ?? mapping?.columns?.[0];
  const given = { COALESCE: { operands: [{ column: from }] }, CONCAT: { operands: [{ column: from }] }, LOOKUP: { columns: [from], rows: [] }, HASH: { columns: [from] } }[kind] ?? start;
  return { type: types.includes(type) ? type : types[0], mapping: { kind, ...given }, source: isOfMany(kind) ? null : from, prepare: isOfMany(kind) ? null : undefined };
}
