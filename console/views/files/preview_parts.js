import { number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Meter } from "../parts/controls.js";
import { Commonest, Histogram } from "../parts/distribution.js";
import { Facts, Section } from "../parts/page.js";
import { Count } from "../parts/words.js";
import { Table } from "./table.js";

/** @type {Record<string, string>} */
const MARKS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space" };

/** How a file is read and why. @param {{preview: any}} props */
export function HowRead({ preview }) {
  const { format, encoding, compression, delimiter, quote, comment, headerRows, preambleRows, recordsPath, evidence, warnings } = preview;
  const facts = [
    ["Format", format],
    ["Packed", compression !== "none" && compression],
    ["Encoding", encoding],
    ["Delimiter", delimiter && (MARKS[delimiter] ?? html`<code>${delimiter}</code>`)],
    ["Quote", quote && html`<code>${quote}</code>`],
    ["Comment", comment && html`<code>${comment}</code>`],
    ["Header", format === "csv" && (headerRows ? "first row" : "none")],
    ["Lines before", preambleRows || null],
    ["Records at", recordsPath && html`<code>${recordsPath}</code>`],
  ];
  return html`
    <${Section} title="How it is read" id="how">
      <div class="sheet pad flow"><${Facts} items=${facts} />
        ${evidence.length > 0 && html`<ul class="small soft">${evidence.map((/** @type {any} */ each) => html`<li>${each.message}</li>`)}</ul>`}</div>
      <${Findings} findings=${warnings} />
    <//>
  `;
}

/** @typedef {{message: string, column?: string | null}} Finding */

const SHOWN = 4;

/** What is good to know; of many the rest is folded. @param {{findings: Finding[], tone?: string}} props */
export const Findings = ({ findings, tone = "WAITING" }) =>
  findings.length > 0 &&
  html`<div class=${`hint ${tone}`}>${listOf(findings.slice(0, SHOWN))}
    ${findings.length > SHOWN && html`<details><summary>${findings.length - SHOWN} more</summary>${listOf(findings.slice(SHOWN))}</details>`}</div>`;

/** @param {Finding[]} findings */
const listOf = (findings) => html`<ul>${findings.map(({ message, column }) => html`<li>${column && html`<strong>${column}:</strong> `}${message}</li>`)}</ul>`;

const KINDS = { preamble: "not read", header: "header", comment: "comment", blank: "blank", record: "" };

/** The text with its line numbers; what is no record is marked. @param {{lines: {line: number, text: string, kind: keyof typeof KINDS}[]}} props */
export const TextLines = ({ lines }) => html`
  <div class="sheet scroll text-lines" role="region" aria-label="Text" tabindex="0">
    <table><tbody>${lines.map(({ line, text, kind }) => html`<tr class=${kind}><th scope="row">${line}</th><td><code>${text}</code></td><td class="soft small">${KINDS[kind]}</td></tr>`)}</tbody></table>
  </div>
`;

/** What each column is and holds. @param {{columns: any[], rows: number}} props */
export function ColumnTable({ columns, rows }) {
  /** @type {import("./table.js").TableColumn[]} */
  const shown = [
    ["Column", (column) => html`${column.logicalName}<br /><code class="soft">${column.type}</code>`],
    ["Empty", ({ nulls, name }) => html`${percent(rows ? nulls / rows : 0)}<${Meter} label=${`${name}, empty`} done=${nulls} total=${rows || 1} tone="CANCELLED" />`, "number nulls"],
    ["Distinct", (column) => html`<${Count} value=${column.distinct} />`, "number wide-only"],
    ["Misfits", ({ misfits }) => misfits > 0 && html`<strong class="bad">${number(misfits)}</strong>`, "number wide-only"],
    ["Examples", ({ examples }) => html`<span class="cell">${examples.slice(0, 3).join(" · ")}</span>`, "wide-only"],
    ["Values", ({ name, histogram, commonest }) => histogram?.length
      ? html`<${Histogram} buckets=${histogram} label=${name} />`
      : commonest?.length > 0 && html`<${Commonest} values=${commonest.slice(0, 4)} total=${rows} />`, "values"],
  ];
  return html`<${Table} label="Columns" columns=${shown} items=${columns} />`;
}
