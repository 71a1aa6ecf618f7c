import { counted } from "../../lib/format.js";
import { html, useEffect } from "../../lib/html.js";
import { readAll } from "../../models/resource.js";
import { useAction, useApp, useResource } from "../app.js";
import { Section } from "../parts/page.js";
import { Empty, Failure, Loaded } from "../parts/states.js";
import { Time } from "../parts/words.js";
import { Findings } from "./preview_parts.js";
import { Table } from "./table.js";

/** @type {Record<string, string>} */
const WORDS = { rules: "the rules", ai: "AI", user: "a person", draft: "Draft", approved: "In force", superseded: "Superseded" };

/** @type {import("./table.js").TableColumn[]} */
const COLUMNS = [
  ["Column", (column) => column.logicalName ?? column.name],
  ["Type", (column) => html`<code>${column.type}</code>`],
  ["From", (column) => column.source ?? "several"],
  ["Mapping", ({ mapping }) => html`<code>${mapping?.kind ?? "DIRECT"}</code>`, "wide-only"],
  ["Unit", (column) => column.unit, "wide-only"],
];

/** The plan in force in short, and its versions. @param {{area: any}} props */
export function PlanSummary({ area }) {
  const { client, envId, links, session, notices } = useApp();
  const { areaId } = area;
  const resource = useResource(async () => {
    const versions = await readAll((query) => client.listPlans(envId, areaId, query));
    return { versions, plan: versions.some(({ status }) => status === "approved") ? await client.getPlan(envId, areaId) : null };
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
    ["Version", ({ version }) => html`<a href=${links.plan(areaId, { version })}>${version}</a>`],
    ["Made by", ({ author }) => WORDS[author]],
    ["Made", ({ createdAt }) => html`<${Time} at=${createdAt} />`],
    ["Now", ({ status }) => WORDS[status]],
    ["", ({ status, version }) => status === "draft" && session.may("editor") && html`<button type="button" onClick=${() => approve.run(version)}>Approve</button>`],
  ];
  const edit = html`<a class="button primary" href=${links.plan(areaId)}>${session.may("editor") ? "Edit the plan" : "Open the plan"}</a>`;
  return html`
    ${approve.error && html`<${Failure} error=${approve.error} what="The version" />`}
    <${Loaded} resource=${resource} what="The plan">${({ plan, versions }) => html`
      ${plan && html`<${Section} title=${`Version ${plan.version}, by ${WORDS[plan.author]}: ${counted(plan.columns.length, "column")}`} id="plan" aside=${edit}>
        <${Findings} findings=${plan.notes ?? []} tone="" /><${Table} label="Columns" columns=${COLUMNS} items=${plan.columns} /><//>`}
      ${versions.length
        ? html`<${Section} title="Versions" id="versions"><${Table} label="Versions of the plan" columns=${versionColumns} items=${versions} /><//>`
        : html`<${Empty} title="No plan yet"><p>The first load makes one: how files are read, and what becomes of each column.</p><//>`}`}
    <//>
  `;
}
