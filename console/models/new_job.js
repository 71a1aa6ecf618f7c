/** @typedef {{name: string, kind: "text" | "number" | "boolean" | "choice" | "area" | "file" | "json", isRequired: boolean, hint: string, choices: string[], initial: any}} JobField */

/** What every job can be given beside its params. */
export const OPTIONS = ["priority", "runAt", "maxAttempts", "timeoutSeconds"];

/**
 * What to ask for a job type's params, without those that the server fills in.
 * @param {any} schema
 * @param {Record<string, any>} [params] of a job that is to run again
 * @returns {JobField[]}
 */
export function fieldsOf(schema, params = {}) {
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const possible = (property.anyOf ?? [property]).filter((/** @type {any} */ each) => each.type !== "null");
    const only = possible.length === 1 ? possible[0] : property;
    const of = only.$ref ? schema.$defs?.[only.$ref.split("/").at(-1)] : only;
    const kind = kindOf(name, of ?? {});
    const value = (name in params ? params[name] : property.default) ?? "";
    const initial = kind === "json" && value !== "" ? JSON.stringify(value, null, 2) : value;
    return { name, kind, isRequired: (schema.required ?? []).includes(name), hint: property.description, choices: of?.enum ?? [], initial };
  });
  // An area first: files are those of an area.
  const rank = (/** @type {JobField} */ { kind, isRequired }) => (isRequired ? (kind === "area" ? 0 : 1) : 2);
  return fields.filter(({ name }) => name !== "envId" && name !== "tenantId").sort((a, b) => rank(a) - rank(b));
}

/** @param {string} name @param {any} of @returns {JobField["kind"]} */
function kindOf(name, of) {
  if (of.enum) return "choice";
  if (of.type === "string") return name === "areaId" ? "area" : name === "fileId" ? "file" : "text";
  return of.type === "integer" || of.type === "number" ? "number" : of.type === "boolean" ? "boolean" : "json";
}

/**
 * The params and options that a form asks for, or what is wrong with them, by pointer.
 * @param {JobField[]} fields
 * @param {Record<string, any>} values by pointer, as a form sends them: a box that is not ticked is not there
 * @returns {{asked: {params: Record<string, any>, [option: string]: any}, faults: Record<string, string>}}
 */
export function askedBy(fields, values) {
  /** @type {Record<string, string>} */
  const faults = {};
  const asked = { params: /** @type {Record<string, any>} */ ({}) };
  for (const { name, kind, isRequired } of fields) {
    const pointer = `/params/${name}`;
    const value = kind === "boolean" ? pointer in values : values[pointer];
    try {
      if (value !== "") asked.params[name] = kind === "json" ? JSON.parse(value) : kind === "number" ? Number(value) : value;
      else if (isRequired) faults[pointer] = "This is needed.";
    } catch {
      faults[pointer] = "This is not JSON.";
    }
  }
  const given = OPTIONS.map((name) => [name, values[`/${name}`]]).filter(([, value]) => value);
  const options = given.map(([name, value]) => [name, name === "runAt" ? new Date(value).toISOString() : Number(value)]);
  return { asked: { ...asked, ...Object.fromEntries(options) }, faults };
}
