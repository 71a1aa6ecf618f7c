/** What the editor knows of the kinds of mapping: the types that each gives, and the settings that it begins with. */

export const TYPES = ["text", "integer", "numeric", "double", "boolean", "date", "time", "timestamp", "timestamptz", "uuid", "json"];

const NUMBERS = ["integer", "numeric", "double"];
const MOMENTS = ["date", "timestamp", "timestamptz"];

/** Settings that name columns begin with the one that the column came from. @type {Record<string, {types?: string[], start?: any, begin?: (column: any) => any}>} */
export const MAPPINGS = {
  DIRECT: {},
  NUMBER_FORMAT: { types: NUMBERS, start: { decimal: ",", group: ".", prefixes: [], suffixes: [] } },
  DATE_FORMAT: { types: MOMENTS, start: { formats: ["%d.%m.%Y"] } },
  EPOCH: { types: MOMENTS, start: { unit: "seconds" } },
  BOOLEAN_MAP: { types: ["boolean"], start: { trueValues: ["yes"], falseValues: ["no"], caseSensitive: false } },
  ENUM_MAP: { start: { values: { from: "to" }, otherwise: "keep" } },
  TRIM: { start: { side: "both" } },
  CASE: { start: { to: "lower" } },
  REPLACE: { start: { search: "-", replacement: "", regex: false } },
  SPLIT: { start: { separator: "-", index: 0, missing: "reject" } },
  REGEX_EXTRACT: { start: { pattern: "(.+)", group: 1, missing: "reject" } },
  JSON_PATH: { start: { path: "$.name", missing: "null" } },
  UNIT_CONVERT: { types: ["double"], start: { unitIn: "ft", unitOut: "m" } },
  CONSTANT: { begin: () => ({ value: null }) },
  COALESCE: { begin: (column) => ({ operands: [{ column }] }) },
  CONCAT: { begin: (column) => ({ operands: [{ column }], separator: "" }) },
  IF: { begin: (column) => ({ condition: { test: "isNull", column }, then: { value: "" }, else: { column } }) },
  LOOKUP: { begin: (column) => ({ columns: [column], rows: [{ key: ["from"], value: "to" }], otherwise: "reject" }) },
  JSON_OBJECT: { types: ["json"], begin: (column) => ({ columns: [column] }) },
  HASH: { types: ["text"], begin: (column) => ({ columns: [column], length: 64 }) },
  ARITHMETIC: { types: NUMBERS, begin: (column) => ({ calculation: { operation: "multiply", left: { column }, right: { value: 1 } } }) },
};

/** Whether a column's mapping gives its type. @param {Record<string, any>} column */
export const typeFits = ({ mapping, type }) => MAPPINGS[mapping?.kind]?.types?.includes(type) ?? true;

/** What changes with another kind of mapping: the type follows, and so does where the source is named. @param {Record<string, any>} column @param {string} kind */
export function withKind({ type, source, mapping }, kind) {
  const { start, begin, types = [type] } = MAPPINGS[kind];
  const { operands, columns, condition, calculation } = mapping ?? {};
  const from = source ?? operands?.[0]?.column ?? columns?.[0] ?? condition?.column ?? calculation?.left?.column;
  const origin = begin ? { source: null, prepare: null } : { source: from };
  return { type: types.includes(type) ? type : types[0], mapping: { kind, ...(begin?.(from) ?? start) }, ...origin };
}
