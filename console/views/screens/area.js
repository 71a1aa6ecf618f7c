import { useAction, useApp, useFreshAfterLoads, useResource } from "app";
import { counted, label, number } from "format";
import { html, useState } from "html";
import { Accounting, Ago, Bytes, Confirm, Empty, Icon, Loaded, Page, Section, Table, Tabs, Time } from "parts";
import { readAll } from "../../models/resource.js";
import { chooseFiles } from "../choose_files.js";
import { AreaForm, modeName } from "../files/area_form.js";
import { Findings } from "../files/findings.js";

/** @typedef {{area: any, onChange: () => void}} TabProps */
/** @typedef {import("../parts/page.js").TableColumn} TableColumn */

/** @type {Record<string, string>} */
const WORDS = { rules: "The rules", ai: "AI", user: "A person", draft: "Draft", approved: "In force", superseded: "Superseded" };

/** An area: its files, how they are read, how it is set. */
export function Screen() {
  const { client, envId, route, links, session, uploads, notices } = useApp();
  const { areaId } = route.params;
  const tab = /** @type {keyof typeof TABS} */ (route.query.tab in TABS ? route.query.tab : "files");
  const resource = useResource(() => client.getArea(envId, areaId), []);
  useFreshAfterLoads([resource]);
  const tabs = Object.keys(TABS).map((id) => ({ id, text: label(id), href: links.area(areaId, { tab: id === "files" ? null : id }) }));
  const scan = useAction(async () => {
    try {
      const { jobs, skipped, remaining } = await client.scanArea(envId, areaId);
      const others = [...skipped.map(({ path, reason }) => `${path} is left out: ${reason}`).slice(0, 3), ...(remaining ? [`${remaining} more wait for the next scan.`] : [])];
      notices.good([jobs.length ? `${counted(jobs.length, "file")} to load.` : "Nothing new.", ...others].join(" "), { href: links.jobs(), linkText: "Jobs" });
    } catch (error) {
      notices.failure(error);
    }
  });
  const actionsOf = (/** @type {any} */ { planVersion, physId, source }) => html`
    ${planVersion > 0 && html`<a class="button" href=${links.table(physId, { tab: "loads" })}>Load history</a><a class="button" href=${links.table(physId)}>Open the table</a>`}
    ${source && session.may("operator") && html`<button aria-disabled=${scan.isRunning} onClick=${scan.run}>Scan the place</button>`}
    ${session.may("operator") && html`<button class="primary" onClick=${() => chooseFiles({ offer: (files) => uploads.add(envId, areaId, files) })}><${Icon} name="upload" />Add files</button>`}
  `;
  return html`<${Loaded} resource=${resource} what="This area" title="Area">${(area) => html`
    <${Page} title=${area.name} kicker=${html`<a href=${links.areas()}>Files</a>`} subtitle=${modeName(area.loadMode)} actions=${actionsOf(area)}>
      <${Tabs} label="Of this area" current=${tab} tabs=${tabs} /><${TABS[tab]} key=${tab} area=${area} onChange=${() => resource.load()} />
    <//>`}<//>`;
}

/** The files of an area, the newest first. @param {TabProps} props */
function FileList({ area: { areaId, physId } }) {
  const { client, envId, links, session, uploads, notices } = useApp();
  /** The file that is to go, and whether its rows do. */
  const [going, setGoing] = useState(/** @type {any} */ (null));
  const files = useResource(() => readAll((query) => client.listFiles(envId, areaId, { ...query, order: "newest" })), []);
  useFreshAfterLoads([files]);
  const remove = async () => {
    await client.deleteFile(envId, going.fileId, { rows: going.rows });
    notices.good(`${going.name} is deleted.`);
    setGoing(null);
    files.load();
  };
  /** @type {TableColumn[]} */
  const columns = [
    ["File", (file) => html`<a href=${links.file(areaId, file.fileId)}>${file.name}</a>`],
    ["Size", (file) => html`<${Bytes} value=${file.bytes} />`, "number wide-only"],
    ["Added", (file) => html`<${Time} at=${file.createdAt} />`, "wide-only"],
    ["Last load", ({ lastLoad }) => lastLoad
      ? html`<${Accounting} slim counts=${lastLoad} /><span class="small soft"><${Ago} at=${lastLoad.finishedAt} />${lastLoad.rowsRejected > 0 && html` · <a href=${links.table(physId, { tab: "rejects", load: lastLoad.loadId })}>${lastLoad.rowsRejected} rejected</a>`}</span>`
      : html`<span class="soft">Not loaded</span>`],
  ];
  if (session.may("operator")) columns.push(["", (file) => html`<div class="line end">
    <button onClick=${() => uploads.load(envId, file)} aria-label=${`Load${file.lastLoad ? " again" : ""}: ${file.name}`}>Load<span class="wide-only">${file.lastLoad && " again"}</span></button>
    <button class="quiet" aria-label=${`Delete ${file.name}`} onClick=${() => setGoing({ ...file, rows: "keep" })}><${Icon} name="close" /></button></div>`]);
  return html`
    <${Loaded} resource=${files} what="The list of files">${(items) => items.length
      ? html`<${Table} label="Files" columns=${columns} items=${items} />${items.length >= 2_000 && html`<p class="hint">The newest ${number(items.length)}.</p>`}`
      : html`<${Empty} title="No files yet" icon="upload"><p>Drop files anywhere on this page, or add them by the button above. Each is loaded into the area's table.</p><//>`}<//>
    ${going && html`<${Confirm} title=${`Delete ${going.name}?`} submit="Delete the file" act=${remove} onClose=${() => setGoing(null)}>
      <label class="check"><input type="checkbox" onChange=${(event) => setGoing({ ...going, rows: event.target.checked ? "remove" : "keep" })} />Remove its rows from the table too</label><//>`}
  `;
}

/** What the plan in force is, and its versions. @param {TabProps} props */
function Plan({ area: { areaId } }) {
  const { client, envId, links } = useApp();
  const resource = useResource(async () => {
    const versions = await readAll((query) => client.listPlans(envId, areaId, query));
    return { versions, plan: versions.some(({ status }) => status === "approved") ? await client.getPlan(envId, areaId) : null };
  }, []);
  useFreshAfterLoads([resource]);
  /** @type {TableColumn[]} */
  const columns = [
    ["Version", ({ version }) => html`<a href=${links.plan(areaId, { version })}>${version}</a>`],
    ["Made by", ({ author }) => WORDS[author]],
    ["Made", ({ createdAt }) => html`<${Time} at=${createdAt} />`],
    ["Now", ({ status }) => WORDS[status]],
  ];
  return html`
    <${Loaded} resource=${resource} what="The plan">${({ plan, versions }) => versions.length
      ? html`<${Section} title=${plan ? `Version ${plan.version}: ${counted(plan.columns.length, "column")}` : "Versions"} id="plan" aside=${plan && html`<a class="button primary" href=${links.plan(areaId)}>Open the plan</a>`}>
          <${Findings} findings=${plan?.notes ?? []} tone="" /><${Table} label="Versions of the plan" columns=${columns} items=${versions} /><//>`
      : html`<${Empty} title="No plan yet"><p>The first load makes one: how files are read, and what becomes of each column.</p><//>`}<//>
  `;
}

/** @param {TabProps} props */
function Settings({ area, onChange }) {
  const { client, envId, session, notices, router, links } = useApp();
  const [isDeleting, setDeleting] = useState(false);
  const save = async (/** @type {any} */ changes) => {
    await client.updateArea(envId, area.areaId, changes);
    notices.good("Saved.");
    onChange();
  };
  const remove = async () => {
    await client.deleteArea(envId, area.areaId);
    notices.good(`${area.name} is deleted.`);
    router.go(links.areas());
  };
  if (!session.may("editor")) return html`<p class="hint">Who has the role editor can change or delete this area.</p>`;
  return html`
    <div class="sheet pad narrow flow"><${AreaForm} area=${area} submit="Save" onSubmit=${save} />
      <button class="danger" onClick=${() => setDeleting(true)}>Delete this area</button></div>
    ${isDeleting && html`<${Confirm} title=${`Delete ${area.name}?`} submit="Delete all of it" act=${remove} onClose=${() => setDeleting(false)}>
      <p>Its files, plans and table go, and can't be brought back.</p><//>`}
  `;
}

const TABS = { files: FileList, plan: Plan, settings: Settings };
