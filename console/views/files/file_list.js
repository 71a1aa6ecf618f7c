import { html, useEffect, useState } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useAction, useApp, useResource } from "../app.js";
import { Accounting } from "../parts/accounting.js";
import { Dialog } from "../parts/controls.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure, Loaded, Skeleton } from "../parts/states.js";
import { Ago, Bytes, Time } from "../parts/words.js";
import { Form, Radios } from "./forms.js";
import { Table } from "./table.js";

/** The files of an area, the newest first. @param {{area: any, onChange: () => void}} props */
export function FileList({ area, onChange }) {
  const { client, envId, links, session, uploads } = useApp();
  const { areaId } = area;
  const [going, setGoing] = useState(/** @type {any} */ (null));
  const files = useResource(async () => (await readAll((query) => client.listFiles(envId, areaId, query))).reverse(), [envId, areaId]);
  useEffect(() => {
    if (files.data) files.loadSoon(50);
  }, [area]);
  const again = useAction((file) => uploads.load(envId, area, file));
  /** @type {import("./table.js").TableColumn[]} */
  const columns = [
    ["File", (file) => html`<a href=${links.file(areaId, file.fileId)}>${file.name}</a>`],
    ["Size", (file) => html`<${Bytes} value=${file.bytes} />`, "number wide-only"],
    ["Added", (file) => html`<${Time} at=${file.createdAt} />`, "wide-only"],
    ["Last load", ({ lastLoad }) => lastLoad
      ? html`<${Accounting} slim counts=${lastLoad} /><span class="small soft"><${Ago} at=${lastLoad.finishedAt} />${lastLoad.rowsRejected > 0 && html` · <a href=${links.table(area.physId, { tab: "rejects", load: lastLoad.loadId })}>${lastLoad.rowsRejected} rejected</a>`}</span>`
      : html`<span class="soft">Not loaded</span>`],
    ["", (file) => session.may("operator") && html`<div class="line end">
      <button type="button" onClick=${() => again.run(file)} aria-label=${`${file.lastLoad ? "Load again" : "Load"}: ${file.name}`}><${Icon} name="retry" /><span class="wide-only">${file.lastLoad ? "Load again" : "Load"}</span></button>
      <button type="button" class="quiet" aria-label=${`Delete ${file.name}`} onClick=${() => setGoing(file)}><${Icon} name="close" /></button></div>`],
  ];
  return html`
    ${again.error && html`<${Failure} error=${again.error} what="The load" />`}
    <${Loaded} resource=${files} what="The list of files" skeleton=${html`<${Skeleton} rows=${4} kind="row" />`}>
      ${(items) => items.length
        ? html`<${Table} label="Files" columns=${columns} items=${items} />`
        : html`<${Empty} title="No files yet" icon="upload"><p>Drop CSV or JSON files anywhere on this page, or add them by the button above. Each is loaded into the area's table.</p><//>`}
    <//>
    ${going && html`<${Deletion} file=${going} onClose=${() => (setGoing(null), onChange())} />`}
  `;
}

/** @param {{file: any, onClose: () => void}} props */
function Deletion({ file, onClose }) {
  const { client, envId, notices } = useApp();
  const [rows, setRows] = useState(/** @type {"keep" | "remove"} */ ("keep"));
  const action = useAction(async () => {
    await client.deleteFile(envId, file.fileId, { rows });
    notices.good(`${file.name} is deleted.`);
    onClose();
  });
  return html`
    <${Dialog} title=${`Delete ${file.name}?`} onClose=${onClose}>
      <${Form} action=${action} submit="Delete the file" what="Deleting" className="danger">
        <${Radios} legend="Its rows in the table" choices=${[["keep", "stay"], ["remove", "go with it"]]} value=${rows} set=${setRows} />
      <//>
    <//>
  `;
}
