import { bytes, label, number } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useApp } from "../app.js";
import { Facts } from "../parts/page.js";
import { Time } from "../parts/words.js";

/** Where an id of a job's leads. @type {Record<string, (links: import("../../lib/links.js").Links, value: any, data: any) => string | undefined>} */
const LEADS = {
  areaId: (links, value) => links.area(value),
  fileId: (links, value, { areaId }) => areaId && links.file(areaId, value),
  planVersion: (links, _, { areaId }) => areaId && links.plan(areaId),
  physId: (links, value) => links.table(value),
  logicalName: (links, _, { physId }) => physId && links.table(physId),
  loadId: (links, _, { physId }) => physId && links.table(physId, { tab: "loads" }),
};

/** @param {string} name @param {any} value */
function textOf(name, value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return html`<span class="figure">${/bytes/i.test(name) ? bytes(value) : number(value)}</span>`;
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return html`<${Time} at=${value} />`;
  return String(value);
}

/** A job's data as facts, with links where they lead; what has parts of its own is in the JSON. @param {{data: Record<string, any>, job: import("stepmill/types").Job}} props */
export function Values({ data, job }) {
  const { links } = useApp();
  const shown = Object.entries(data).filter(([name, value]) => value !== null && (typeof value !== "object" || Array.isArray(value)) && name !== "rejectsUrl");
  return html`<${Facts} items=${shown.map(([name, value]) => {
    const href = LEADS[name]?.(links, value, { ...job.params, ...job.result });
    return [label(name), href ? html`<a href=${href}>${textOf(name, value)}</a>` : textOf(name, value)];
  })} />`;
}

/** Data as JSON, to be unfolded and copied. @param {{title?: string, value: unknown, open?: boolean}} props */
export function Json({ title = "JSON", value, open = false }) {
  const { notices } = useApp();
  const text = JSON.stringify(value, null, 2);
  const copy = () => navigator.clipboard.writeText(text).then(() => notices.good("Copied."), (error) => notices.failure(error));
  return html`<details class="fold" open=${open}><summary>${title}</summary>
    <div class="json"><button onClick=${copy}>Copy</button><pre tabindex="0" role="region" aria-label=${title}>${text}</pre></div>
  </details>`;
}

/** @param {{label: string, heads: string[], rows: any[][], className?: string}} props heads that begin with # are those of numbers */
export const Table = ({ label: name, heads, rows, className = "sheet scroll rows" }) => html`
  <div class=${className} tabindex="0" role="region" aria-label=${name}>
    <table>
      <thead><tr>${heads.map((head) => html`<th scope="col" class=${head[0] === "#" ? "number" : ""}>${head.replace("#", "")}</th>`)}</tr></thead>
      <tbody>${rows.map((cells) => html`<tr>${cells.map((cell, at) => html`<td class=${heads[at][0] === "#" ? "number" : ""}>${cell}</td>`)}</tr>`)}</tbody>
    </table>
  </div>
`;

/** A handler that wants the control's value only. @param {(value: string) => void} use */
export const onValue = (use) => (/** @type {any} */ event) => use(event.currentTarget.value);
