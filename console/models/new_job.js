/** @type {Record<string, any>} */
const BLANKS = { string: "", integer: 0, number: 0, boolean: false };

/**
 * What to ask for a job type's params, without those that the server fills in: for each what it is like, which choices
 * there are, and what it means.
 * @param {any} schema
 */
export function fieldsOf({ properties = {}, $defs }) {
  /** @type {{like: Record<string, any>, choices: Record<string, string[]>, hints: Record<string, string>}} */
  const fields = { like: {}, choices: {}, hints: {} };
  // An area first: files are those of an area.
  for (const name of Object.keys(properties).sort((a, b) => Number(b === "areaId") - Number(a === "areaId"))) {
    if (name === "envId" || name === "tenantId") continue;
    const property = properties[name];
    const possible = (property.anyOf ?? [property]).filter((/** @type {any} */ each) => each.type !== "null");
    const only = possible.length === 1 ? possible[0] : {};
    const of = only.$ref ? $defs[only.$ref.split("/").at(-1)] : only;
    const blank = of.type === "array" && of.items?.type === "string" ? [] : of.enum ? "" : (BLANKS[of.type] ?? {});
    fields.like[name] = property.default ?? blank;
    fields.hints[name] = property.description;
    if (of.enum) fields.choices[name] = property.default ? of.enum : ["", ...of.enum];
  }
  return fields;
}
