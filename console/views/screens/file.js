import { useApp, useResource } from "app";
import { counted, number, percent } from "format";
import { html } from "html";
import { Bytes, Commonest, Facts, Histogram, Loaded, Page, Section, Table, Time } from "parts";
import { Findings, listOf } from "../files/findings.js";
import { RejectRows } from "../table/reject_rows.js";

/** @typedef {import("../parts/page.js").TableColumn} TableColumn */

/** What stands beside a line of the text if it is not its kind. @type {Record<string, string>} */
const KINDS = { preamble: "not read", record: "" };

/** A file before it is loaded, or after: how it is read, and what is in it. */
export function Screen() {
  const { client, envId, route, links, session, uploads } = useApp();
  const { areaId, fileId } = route.params;
  const known = useResource(async () => ({ file: await client.getFile(envId, fileId), area: await client.getArea(envId, areaId) }), []);
  const preview = useResource((signal) => client.previewFile(envId, fileId, { limit: 50, signal }), []);
  const page = (/** @type {any} */ { file, area }) => {
    const subtitle = html`<${Bytes} value=${file.bytes} /><span>Added <${Time} at=${file.createdAt} /></span>
      ${file.duplicateOf && html`<a href=${links.file(areaId, file.duplicateOf)}>The same bytes as an earlier file</a>`}`;
    const actions = html`
      ${area.planVersion && html`<a class="button" href=${links.plan(areaId, { file: fileId })}>Try the plan on it</a>`}
      ${session.may("operator") && html`<button class="primary" onClick=${() => uploads.load(envId, file)}>Load</button>`}`;
    return html`
      <${Page} title=${file.name} kicker=${html`<a href=${links.areas()}>Files</a> / <a href=${links.area(areaId)}>${area.name}</a>`} subtitle=${subtitle} actions=${actions}>
        <${Loaded} resource=${preview} what="The file">${contentOf}<//>
      <//>
    `;
  };
  return html`<${Loaded} resource=${known} what="This file" title="File">${page}<//>`;
}

/** How it is read, its text, and its columns. @param {any} preview */
function contentOf({ format, encoding, compression, delimiter, quote, sheet, headerRows, recordsPath, evidence, warnings, columns, rows, rejects, lines, rowsProfiled }) {
  const facts = [
    ["Format", format],
    ["Packed", compression !== "none" && compression],
    ["Encoding", encoding],
    ["Delimiter", delimiter === "\t" ? "tab" : delimiter],
    ["Quote", quote],
    ["Sheet", sheet],
    ["Header rows", headerRows],
    ["Records at", recordsPath],
  ];
  const asRow = (/** @type {{line: number, text: string, kind: string}} */ { line, text, kind }) => html`
    <tr class=${kind}><th scope="row">${line}</th><td><code>${text}</code></td><td class="soft small">${KINDS[kind] ?? kind}</td></tr>`;
  /** @type {TableColumn[]} */
  const ofColumns = [
    ["Column", ({ logicalName, type }) => html`${logicalName}<br /><code class="soft">${type}</code>`],
    ["Empty", ({ nulls }) => percent(nulls / (rowsProfiled || 1)), "number"],
    ["Distinct", ({ distinct }) => number(distinct), "number wide-only"],
    ["Misfits", ({ misfits }) => misfits > 0 && html`<strong class="bad">${number(misfits)}</strong>`, "number wide-only"],
    ["Examples", ({ examples }) => html`<span class="cell">${examples.slice(0, 3).join(" · ")}</span>`, "wide-only"],
    ["Values", ({ name, histogram, commonest = [] }) => histogram ? html`<${Histogram} buckets=${histogram} label=${name} />` : html`<${Commonest} values=${commonest.slice(0, 4)} total=${rowsProfiled} />`, "values"],
  ];
  const ofRows = Object.keys(rows[0] ?? {}).map((name) => /** @type {TableColumn} */ ([name, (row) => html`<span class="cell">${row[name]}</span>`]));
  return html`
    <${Section} title="How it is read" id="how"><div class="sheet pad flow"><${Facts} items=${facts} /><div class="small soft">${listOf(evidence)}</div></div><${Findings} findings=${warnings} /><//>
    ${lines[0] && html`<${Section} title="As it stands there" id="text"><div class="sheet scroll text-lines" role="group" aria-label="Text" tabindex="0"><table><tbody>${lines.map(asRow)}</tbody></table></div><//>`}
    <${Section} title="Columns" id="columns" aside=${`Of ${counted(rowsProfiled, "row")}`}><${Table} label="Columns" columns=${ofColumns} items=${columns} /><//>
    ${rejects.length > 0 && html`<${Section} title="Rows that can't be split" id="rejects"><div class="sheet"><${RejectRows} rejects=${rejects} /></div><//>`}
    ${format !== "csv" && html`<${Section} title="First rows" id="rows"><${Table} label="First rows" columns=${ofRows} items=${rows} /><//>`}
  `;
}
