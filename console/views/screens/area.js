import { html, useEffect } from "../../lib/html.js";
import { useApp, useModel, useResource } from "../app.js";
import { chooseFiles } from "../choose_files.js";
import { modeName } from "../files/area_form.js";
import { AreaSettings } from "../files/area_settings.js";
import { FileList } from "../files/file_list.js";
import { useFreshAfterLoads } from "../files/live.js";
import { LoadList } from "../files/load_list.js";
import { PlanSummary } from "../files/plan_summary.js";
import { Tabs } from "../parts/controls.js";
import { Icon } from "../parts/icon.js";
import { Page } from "../parts/page.js";
import { Failure, Skeleton } from "../parts/states.js";

const TABS = { files: "Files", loads: "Loads", plan: "Plan", settings: "Settings" };
const PARTS = { files: FileList, loads: LoadList, plan: PlanSummary, settings: AreaSettings };

/** An area: its files, what they brought, how they are read, how it is set. */
export function Screen() {
  const { client, envId, route, links, session, uploads } = useApp();
  const { areaId } = route.params;
  const tab = /** @type {keyof typeof TABS} */ (route.query.tab in TABS ? route.query.tab : "files");
  const resource = useResource(() => client.getArea(envId, areaId), [envId, areaId]);
  useFreshAfterLoads([resource]);
  const arrived = useModel(uploads).items.filter((each) => each.areaId === areaId && each.fileId).length;
  useEffect(() => {
    if (arrived) resource.loadSoon(100);
  }, [arrived]);
  const area = /** @type {any} */ (resource.data);
  if (!area) return resource.error ? html`<${Failure} error=${resource.error} what="This area" onRetry=${() => resource.load()} />` : html`<${Skeleton} rows=${6} kind="row" />`;
  const actions = html`
    ${area.planVersion > 0 && html`<a class="button" href=${links.table(area.physId)}>Open the table</a>`}
    ${session.may("operator") && html`<button type="button" class="primary" onClick=${() => chooseFiles({ offer: (files) => uploads.add(envId, area, files) })}><${Icon} name="upload" />Add files</button>`}
  `;
  return html`
    <${Page} title=${area.name} kicker=${html`<a href=${links.areas()}>Files</a>`} subtitle=${modeName(area.loadMode)} actions=${actions}>
      <${Tabs} label="Of this area" current=${tab} tabs=${Object.entries(TABS).map(([id, text]) => ({ id, text, href: links.area(areaId, { tab: id === "files" ? null : id }) }))} />
      <${PARTS[tab]} key=${tab} area=${area} onChange=${() => resource.load()} />
    <//>
  `;
}
