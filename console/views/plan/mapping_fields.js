import { label } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { MAPPINGS } from "../../models/plan_mappings.js";
import { Check, Lines, Select, Text } from "../files/forms.js";

/** @param {{mapping: any, sources: string[], set: (mapping: any) => void, faultAt: (name: string) => string | undefined}} props */
export function MappingFields({ mapping, sources, set, faultAt }) {
  const { kind, ...rest } = mapping;
  const { fields } = MAPPINGS[kind] ?? {};
  if (!fields) return html`<${Json} key=${kind} label=${`${kind}, as JSON`} value=${rest} set=${(values) => set({ kind, ...values })} />`;
  const put = (/** @type {string} */ name) => (/** @type {any} */ value) => set({ ...mapping, [name]: value === "" ? (name === "value" ? null : undefined) : value });
  return fields.map(([name, form]) => {
    const props = { key: name, label: label(name), value: mapping[name], set: put(name), error: faultAt(name) };
    if (form === "check") return html`<${Check} ...${props} value=${mapping[name] ?? false} />`;
    if (form === "number") return html`<${Text} ...${props} type="number" set=${(value) => props.set(value && Number(value))} />`;
    if (form === "json") return html`<${Json} ...${props} />`;
    if (form === "lines") return html`<${Lines} ...${props} hint="One in each line" rows="2" value=${(mapping[name] ?? []).join("\n")} set=${(text) => props.set(text ? text.split("\n") : [])} />`;
    if (form === "operands") return html`<${Lines} ...${props} hint="In each line a source column, or a fixed text after =" rows="3" value=${operandsText(mapping[name])} set=${(text) => props.set(operandsOf(text, sources))} />`;
    if (Array.isArray(form)) return html`<${Select} ...${props} value=${mapping[name] ?? form[0]} options=${form.map((each) => [each, each === " " ? "space" : each || "none"])} />`;
    return html`<${Text} ...${props} />`;
  });
}

/** @param {any[]} operands */
const operandsText = (operands = []) => operands.map((each) => each.column ?? `=${each.value ?? ""}`).join("\n");

/** @param {string} text @param {string[]} sources */
const operandsOf = (text, sources) => text.split("\n").map((line) => (line.startsWith("=") && !sources.includes(line) ? { value: line.slice(1) } : { column: line }));

/** @param {{label: string, value: any, set: (value: any) => void, error?: string}} props */
function Json({ label: name, value, set, error }) {
  const [text, setText] = useState(JSON.stringify(value ?? {}, null, 1));
  const [fault, setFault] = useState("");
  const take = (/** @type {string} */ typed) => {
    setText(typed);
    try {
      set(JSON.parse(typed));
      setFault("");
    } catch (problem) {
      setFault(/** @type {Error} */ (problem).message);
    }
  };
  return html`<${Lines} label=${name} rows="4" class="mono" spellcheck="false" value=${text} set=${take} error=${fault || error} />`;
}
