import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useAction, useApp, useResource } from "../app.js";
import { ColumnTable, HowRead, TextLines } from "../files/preview_parts.js";
import { Table } from "../files/table.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Loaded, Skeleton } from "../parts/states.js";
import { Bytes, Time } from "../parts/words.js";
import { RejectRows } from "../table/reject_rows.js";

const LINES = 50;

/** A file before it is loaded, or after: how it is read, and what is in it. */
export function Screen() {
  const { client, envId, route } = useApp();
  const { areaId, fileId } = route.params;
  const known = useResource(async () => ({ file: await client.getFile(envId, fileId), area: await client.getArea(envId, areaId) }), [envId, fileId]);
  const preview = useResource((signal) => client.previewFile(envId, fileId, { limit: LINES, signal }), [envId, fileId]);
  const skeleton = html`<${Skeleton} rows=${10} kind="row" />`;
  return html`<${Loaded} resource=${known} what="This file" skeleton=${skeleton}>${(both) => html`
    <${FilePage} ...${both}><${Loaded} resource=${preview} what="The file" skeleton=${skeleton}>${(found) => html`<${Content} ...${found} />`}<//><//>`}<//>`;
}

/** @param {{file: any, area: any, children: any}} props */
function FilePage({ file, area, children }) {
  const { envId, links, session, uploads } = useApp();
  const { areaId, fileId, duplicateOf } = file;
  const load = useAction(() => uploads.load(envId, area, file));
  const subtitle = html`<${Bytes} value=${file.bytes} /><span>Added <${Time} at=${file.createdAt} /></span>
    ${duplicateOf && html`<span>The same bytes as <a href=${links.file(areaId, duplicateOf)}>an earlier file</a></span>`}`;
  const actions = html`
    ${area.planVersion && html`<a class="button" href=${links.plan(areaId, { file: fileId })}>Try the plan on it</a>`}
    ${session.may("operator") && html`<button type="button" class="primary" disabled=${load.isRunning} onClick=${() => load.run()}>Load</button>`}`;
  return html`
    <${Page} title=${file.name} kicker=${html`<a href=${links.areas()}>Files</a> / <a href=${links.area(areaId)}>${area.name}</a>`} subtitle=${subtitle} actions=${actions}>
      ${load.error && html`<${Failure} error=${load.error} what="The load" />`} ${children}
    <//>
  `;
}

/** @param {any} preview */
function Content(preview) {
  const { columns, rows, rejects, lines, rowsProfiled } = preview;
  const cells = Object.keys(rows[0] ?? {}).map((name) => [name, (/** @type {any} */ row) => html`<span class="cell">${row[name]}</span>`]);
  return html`
    <${HowRead} ...${preview} />
    ${lines.length > 0 && html`<${Section} title="As it stands there" id="text"><${TextLines} lines=${lines} /><//>`}
    <${Section} title="Columns" id="columns" aside=${`What ${counted(rowsProfiled, "row")} hold`}><${ColumnTable} columns=${columns} rows=${rowsProfiled} /><//>
    ${rejects.length > 0 && html`<${Section} title="Rows that can't be split" id="rejects"><div class="sheet"><${RejectRows} rejects=${rejects} /></div><//>`}
    ${rows.length > 0 && html`<${Section} title="First rows" id="rows"><${Table} label="First rows" columns=${cells} items=${rows} /><//>`}
  `;
}
