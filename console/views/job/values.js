import { useApp } from "app";
import { bytes, label, number } from "format";
import { html } from "html";
import { Facts } from "parts";

/** @param {string} name @param {any} value */
function textOf(name, value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return html`<span class="figure">${/bytes/i.test(name) ? bytes(value) : number(value)}</span>`;
  return String(value);
}

/** A job's data as facts, with links where they lead; what has parts of its own is in the JSON. @param {{data: Record<string, any>}} props */
export function Values({ data }) {
  const { links } = useApp();
  const { areaId, fileId, physId } = data;
  /** @type {Record<string, string>} */
  const leads = { areaId: links.area(areaId), fileId: areaId && links.file(areaId, fileId), physId: links.table(physId) };
  const shown = Object.entries(data).filter(([name, value]) => typeof value !== "object" && name !== "rejectsUrl");
  return html`<${Facts} items=${shown.map(([name, value]) => [label(name), leads[name] ? html`<a href=${leads[name]}>${value}</a>` : textOf(name, value)])} />`;
}

/** A handler that wants the control's value only. @param {(value: string) => void} use */
export const onValue = (use) => (/** @type {any} */ event) => use(event.currentTarget.value);
