import { counted } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useAction, useApp, useResource } from "../app.js";
import { ColumnTable, HowRead, TextLines } from "../files/preview_parts.js";
import { Table } from "../files/table.js";
import { Icon } from "../parts/icon.js";
import { Page, Section } from "../parts/page.js";
import { Failure, Loaded, Skeleton } from "../parts/states.js";
import { Bytes, Time } from "../parts/words.js";
import { RejectRows } from "../table/reject_rows.js";

const LINES = 50;

/** A file before it is loaded, or after: how it is read, and what is in it. */
export function Screen() {
  const { client, envId, route, links, session, uploads } = useApp();
  const { areaId, fileId } = route.params;
  const known = useResource(async () => {
    const [file, area] = await Promise.all([client.getFile(envId, fileId), client.getArea(envId, areaId)]);
    return { file, area };
  }, [envId, fileId]);
  const preview = useResource((signal) => client.previewFile(envId, fileId, { limit: LINES, signal }), [envId, fileId]);
  const load = useAction((area, file) => uploads.load(envId, area, file));
  return html`<${Loaded} resource=${known} what="This file" skeleton=${html`<${Skeleton} rows=${6} kind="row" />`}>${({ file, area }) => html`
    <${Page} title=${file.name} kicker=${html`<a href=${links.areas()}>Files</a> / <a href=${links.area(areaId)}>${area.name}</a>`}
      subtitle=${html`<${Bytes} value=${file.bytes} /><span>Added <${Time} at=${file.createdAt} /></span>${file.duplicateOf && html`<span>The same bytes as <a href=${links.file(areaId, file.duplicateOf)}>an earlier file</a></span>`}`}
      actions=${html`${area.planVersion > 0 && html`<a class="button" href=${links.plan(areaId, { file: fileId })}>Try the plan on it</a>`}
        ${session.may("operator") && html`<button type="button" class="primary" disabled=${load.isRunning} onClick=${() => load.run(area, file)}><${Icon} name="upload" />Load</button>`}`}>
      ${load.error && html`<${Failure} error=${load.error} what="The load" />`}
      <${Loaded} resource=${preview} what="The file" skeleton=${html`<${Skeleton} rows=${10} kind="row" />`}>${(found) => html`<${Content} preview=${found} />`}<//>
    <//>`}<//>`;
}

/** @param {{preview: any}} props */
function Content({ preview }) {
  const { columns, rows, rejects, lines, rowsProfiled } = preview;
  /** @type {import("../files/table.js").TableColumn[]} */
  const cells = Object.keys(rows[0] ?? {}).map((name) => [name, (row) => html`<span class="cell">${row[name]}</span>`]);
  return html`
    <${HowRead} preview=${preview} />
    ${lines?.length > 0 && html`<${Section} title="As it stands there" id="text"><${TextLines} lines=${lines} /><//>`}
    <${Section} title="Columns" id="columns" aside=${`What ${counted(rowsProfiled, "row")} hold`}><${ColumnTable} columns=${columns} rows=${rowsProfiled} /><//>
    ${rejects.length > 0 && html`<${Section} title="Rows that can't be split" id="rejects"><div class="sheet"><${RejectRows} rejects=${rejects} /></div><//>`}
    ${rows.length > 0 && html`<${Section} title="First rows" id="rows"><${Table} label="First rows" columns=${cells} items=${rows} /><//>`}
  `;
}
