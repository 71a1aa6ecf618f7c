import { html, useEffect } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useAction, useApp, useResource } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Facts, Section } from "../parts/page.js";
import { Empty, Failure, Loaded } from "../parts/states.js";
import { Time } from "../parts/words.js";
import { Findings } from "./preview_parts.js";
import { Table } from "./table.js";

const AUTHORS = { rules: "The rules", ai: "AI", user: "A person" };
const STATES = { draft: "Draft", approved: "In force", superseded: "Superseded" };

/** The plan in force in short, and its versions. @param {{area: any}} props */
export function PlanSummary({ area }) {
  const { client, envId, links, session, notices } = useApp();
  const { areaId } = area;
  const resource = useResource(async () => {
    const versions = await readAll((query) => client.listPlans(envId, areaId, query));
    const inForce = versions.some(({ status }) => status === "approved");
    return { versions, plan: inForce ? await client.getPlan(envId, areaId) : null };
  }, [envId, areaId]);
  useEffect(() => {
    if (resource.data) resource.loadSoon(50);
  }, [area]);
  const approve = useAction(async (version) => {
    await client.approvePlan(envId, areaId, version);
    notices.good(`Version ${version} is in force.`);
    resource.load();
  });
  /** @type {import("./table.js").TableColumn[]} */
  const versionColumns = [
    ["Version", (each) => html`<a href=${links.plan(areaId, { version: each.version })}>${each.version}</a>`],
    ["Made by", (each) => AUTHORS[/** @type {"ai"} */ (each.author)]],
    ["Made", (each) => html`<${Time} at=${each.createdAt} />`],
    ["Now", (each) => STATES[/** @type {"draft"} */ (each.status)]],
    ["", (each) => each.status === "draft" && session.may("editor") && html`<button type="button" onClick=${() => approve.run(each.version)}>Approve</button>`],
  ];
  return html`
    ${approve.error && html`<${Failure} error=${approve.error} what="The version" />`}
    <${Loaded} resource=${resource} what="The plan">${({ plan, versions }) => html`
      ${plan && html`<${InForce} plan=${plan} areaId=${areaId} />`}
      ${versions.length
        ? html`<${Section} title="Versions" id="versions"><${Table} label="Versions of the plan" columns=${versionColumns} items=${versions} /><//>`
        : html`<${Empty} title="No plan yet"><p>The first load makes one: how the files are read, and what becomes of each column.</p><//>`}`}
    <//>
  `;
}

/** @type {import("./table.js").TableColumn[]} */
const COLUMNS = [
  ["Column", (column) => column.logicalName ?? column.name],
  ["Type", (column) => html`<code>${column.type}</code>`],
  ["From", (column) => column.source ?? html`<span class="soft">several</span>`],
  ["Mapping", (column) => (column.mapping?.kind ?? "DIRECT") !== "DIRECT" && html`<code>${column.mapping.kind}</code>`, "wide-only"],
  ["Unit", (column) => column.unit, "wide-only"],
];

/** @param {{plan: any, areaId: string}} props */
function InForce({ plan, areaId }) {
  const { links, session } = useApp();
  const edit = session.may("editor") && html`<a class="button primary" href=${links.plan(areaId)}><${Icon} name="edit" />Edit the plan</a>`;
  const facts = [
    ["Made by", AUTHORS[/** @type {"ai"} */ (plan.author)]],
    ["Columns", plan.columns.length],
    ["Read as", [plan.source.format, plan.source.encoding].filter(Boolean).join(", ")],
    ["Key", plan.keyColumns?.join(", ")],
    ["Time column", plan.timeColumn],
  ];
  return html`
    <${Section} title=${`Version ${plan.version}`} id="plan" aside=${edit}>
      <div class="sheet pad"><${Facts} items=${facts} /></div>
      <${Findings} findings=${plan.notes ?? []} tone="" />
      <${Table} label="Columns" columns=${COLUMNS} items=${plan.columns} />
    <//>
  `;
}
