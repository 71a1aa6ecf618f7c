import { useApp, useFreshAfterLoads, useResource } from "app";
import { counted } from "format";
import { html, useState } from "html";
import { Ago, Bytes, Count, Dialog, Empty, Icon, Loaded, Page, Table } from "parts";
import { readAll } from "../../models/resource.js";
import { chooseFiles } from "../choose_files.js";
import { AreaForm, modeName } from "../files/area_form.js";

/** File areas: named buckets of related files, each of which goes to one table. */
export function Screen() {
  const { client, envId, uploads, session, router, links } = useApp();
  const [isMaking, setMaking] = useState(false);
  const areas = useResource(async () => {
    const [all, tables] = await Promise.all([readAll((query) => client.listAreas(envId, query)), readAll((query) => client.listTables(envId, query))]);
    return all.map((area) => ({ ...area, table: tables.find(({ physId }) => physId === area.physId) }));
  }, []);
  useFreshAfterLoads([areas]);
  const make = async (/** @type {any} */ area) => router.go(links.area((await client.createArea(envId, area)).areaId));
  const actions = html`
    ${session.may("editor") && html`<button onClick=${() => setMaking(true)}><${Icon} name="plus" />New area</button>`}
    ${session.may("operator") && html`<button class="primary" onClick=${() => chooseFiles(uploads)}><${Icon} name="upload" />Choose files</button>`}
  `;
  /** @type {import("../parts/page.js").TableColumn[]} */
  const columns = [
    ["Area", (area) => html`<a href=${links.area(area.areaId)}>${area.name}</a>`],
    ["Files", (area) => html`<${Count} value=${area.files} />`, "number"],
    ["Size", (area) => html`<${Bytes} value=${area.bytes} />`, "number wide-only"],
    ["Load mode", (area) => modeName(area.loadMode), "wide-only"],
    ["Table", ({ table }) => (table ? html`<a href=${links.table(table.physId)}>${counted(table.rows, "row")}</a>` : html`<span class="soft">None yet</span>`), "number"],
    ["Last load", ({ table }) => html`<${Ago} at=${table?.lastLoadAt} />`, "number"],
  ];
  const nothing = html`
    <${Empty} title="Drop a CSV or JSON file anywhere" icon="upload">
      <p>It becomes a typed table. How it is read, and what its columns are, is found out from the whole file; you can change it later.</p>
      <p>From a shell: <code>${links.loadByCommand()}</code></p>
    <//>
  `;
  return html`
    <${Page} title="Files" subtitle="An area is a named bucket of related files that go to one table." actions=${actions}>
      <${Loaded} resource=${areas} what="The list of areas">${(rows) => (rows.length ? html`<${Table} label="Areas" columns=${columns} items=${rows} />` : nothing)}<//>
      ${isMaking && html`<${Dialog} title="New area" onClose=${() => setMaking(false)}><${AreaForm} submit="Make the area" onSubmit=${make} /><//>`}
    <//>
  `;
}
