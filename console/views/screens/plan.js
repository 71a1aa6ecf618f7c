import { html, useEffect } from "../../lib/html.js";
import { PlanDraft } from "../../models/plan_draft.js";
import { readAll } from "../../models/resource.js";
import { useApp, useOwnModel, useResource } from "../app.js";
import { useAskBeforeLeaving } from "../files/live.js";
import { Page } from "../parts/page.js";
import { Empty, Loaded, Skeleton } from "../parts/states.js";
import { Columns } from "../plan/columns.js";
import { PlanText } from "../plan/plan_text.js";
import { PlanTrial } from "../plan/plan_trial.js";
import { Reading } from "../plan/reading.js";
import { SaveBar } from "../plan/save_bar.js";

/** The plan of an area: changed, tried on a file while one changes it, stored as a new version. */
export function Screen() {
  const { client, envId, route } = useApp();
  const { areaId } = route.params;
  const version = Number(route.query.version) || undefined;
  const resource = useResource(async () => {
    const [area, files] = await Promise.all([client.getArea(envId, areaId), readAll((query) => client.listFiles(envId, areaId, query))]);
    const plan = area.planVersion ? await client.getPlan(envId, areaId, { version }) : null;
    return { area, files: files.reverse(), plan };
  }, [envId, areaId, version]);
  return html`<${Loaded} resource=${resource} what="The plan" skeleton=${html`<${Skeleton} rows=${8} kind="row" />`}>${(known) => html`<${known.plan ? Editor : NoPlan} ...${known} />`}<//>`;
}

/** @param {{area: any, subtitle?: string, children: any}} props */
function PlanPage({ area, subtitle, children }) {
  const { links } = useApp();
  const kicker = html`<a href=${links.areas()}>Files</a> / <a href=${links.area(area.areaId, { tab: "plan" })}>${area.name}</a>`;
  return html`<${Page} title=${`Plan of ${area.name}`} kicker=${kicker} subtitle=${subtitle}>${children}<//>`;
}

/** @param {{area: any}} props */
const NoPlan = ({ area }) => html`
  <${PlanPage} area=${area}><${Empty} title="No plan yet"><p>The first load makes one: how the files are read, and what becomes of each column. Load a file, then change it here.</p><//><//>
`;

/** @param {{area: any, files: any[], plan: any}} props */
function Editor({ area, files, plan }) {
  const { client, envId, route, router } = useApp();
  const draft = useOwnModel(() => new PlanDraft(client, envId, area.areaId), [], (made) => made.begin(plan));
  const file = files.find(({ fileId }) => fileId === route.query.file) ?? files[0];
  const isText = route.query.as === "json";
  useEffect(() => draft.useFile(file), [file]);
  useEffect(() => draft.asText(isText), [isText]);
  useAskBeforeLeaving(draft.isChanged);
  const { version, status } = draft.version ?? plan;
  return html`
    <${PlanPage} area=${area} subtitle=${`Version ${version}${status === "approved" ? ", in force" : ""}`}>
      <${SaveBar} draft=${draft} area=${area} files=${files} file=${file}>
        <label class="check"><input type="checkbox" checked=${isText} onChange=${() => router.set({ as: isText ? null : "json" })} />As JSON</label>
      <//>
      <div class="plan">
        <div>${draft.text === null ? html`<${Columns} draft=${draft} /><${Reading} draft=${draft} />` : html`<${PlanText} draft=${draft} />`}</div>
        <${PlanTrial} draft=${draft} files=${files} file=${file} />
      </div>
    <//>
  `;
}
