import { number, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Meter } from "../parts/controls.js";
import { Commonest, Histogram } from "../parts/distribution.js";
import { Facts, Section } from "../parts/page.js";
import { Count } from "../parts/words.js";
import { Table } from "./table.js";

/** @typedef {{message: string, column?: string | null}} Finding */

const SHOWN = 4;
/** @type {Record<string, string>} */
const MARKS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space" };
const KINDS = { preamble: "not read", header: "header", comment: "comment", blank: "blank", record: "" };

/** How a file is read and why. @param {any} preview */
export function HowRead({ format, encoding, compression, delimiter, quote, comment, headerRows, preambleRows, recordsPath, evidence, warnings }) {
  const facts = Object.entries({
    Format: format,
    Packed: compression !== "none" && compression,
    Encoding: encoding,
    Delimiter: delimiter && (MARKS[delimiter] ?? delimiter),
    Quote: quote,
    Comment: comment,
    Header: format === "csv" && (headerRows ? "first row" : "none"),
    "Lines before": preambleRows || null,
    "Records at": recordsPath,
  });
  return html`
    <${Section} title="How it is read" id="how">
      <div class="sheet pad flow"><${Facts} items=${facts} /><div class="small soft">${listOf(evidence)}</div></div>
      <${Findings} findings=${warnings} />
    <//>
  `;
}

/** What is good to know; of many the rest is folded. @param {{findings: Finding[], tone?: string}} props */
export const Findings = ({ findings, tone = "WAITING" }) =>
  findings.length > 0 &&
  html`<div class=${`hint ${tone}`}>${listOf(findings.slice(0, SHOWN))}
    ${findings.length > SHOWN && html`<details><summary>${findings.length - SHOWN} more</summary>${listOf(findings.slice(SHOWN))}</details>`}</div>`;

/** @param {Finding[]} findings */
const listOf = (findings) => html`<ul>${findings.map(({ message, column }) => html`<li>${column && html`<strong>${column}:</strong> `}${message}</li>`)}</ul>`;

/** The text with its line numbers; what is no record is marked. @param {{lines: {line: number, text: string, kind: keyof typeof KINDS}[]}} props */
export const TextLines = ({ lines }) => html`
  <div class="sheet scroll text-lines" role="group" aria-label="Text" tabindex="0"><table><tbody>
    ${lines.map(({ line, text, kind }) => html`<tr class=${kind}><th scope="row">${line}</th><td><code>${text}</code></td><td class="soft small">${KINDS[kind]}</td></tr>`)}
  </tbody></table></div>
`;

/** What each column is and holds. @param {{columns: any[], rows: number}} props */
export function ColumnTable({ columns, rows }) {
  /** @type {import("./table.js").TableColumn[]} */
  const shown = [
    ["Column", ({ logicalName, type }) => html`${logicalName}<br /><code class="soft">${type}</code>`],
    ["Empty", ({ nulls, name }) => html`${percent(nulls / (rows || 1))}<${Meter} label=${`${name}, empty`} done=${nulls} total=${rows || 1} tone="CANCELLED" />`, "number nulls"],
    ["Distinct", ({ distinct }) => html`<${Count} value=${distinct} />`, "number wide-only"],
    ["Misfits", ({ misfits }) => misfits > 0 && html`<strong class="bad">${number(misfits)}</strong>`, "number wide-only"],
    ["Examples", ({ examples }) => html`<span class="cell">${examples.slice(0, 3).join(" · ")}</span>`, "wide-only"],
    ["Values", ({ name, histogram, commonest = [] }) => histogram ? html`<${Histogram} buckets=${histogram} label=${name} />` : html`<${Commonest} values=${commonest.slice(0, SHOWN)} total=${rows} />`, "values"],
  ];
  return html`<${Table} label="Columns" columns=${shown} items=${columns} />`;
}
