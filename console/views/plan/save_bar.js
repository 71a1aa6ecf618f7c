import { counted } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useAction, useApp } from "../app.js";
import { Failure } from "../parts/states.js";
import { Verdict } from "./plan_trial.js";

/** Stores the plan; then says what one may do with it. @param {{draft: import("../../models/plan_draft.js").PlanDraft, area: any, files: any[], file: any, children: any}} props */
export function SaveBar({ draft, area, files, file, children }) {
  const { client, envId, session } = useApp();
  const [saved, setSaved] = useState(/** @type {any} */ (null));
  const save = useAction(async () => {
    const { version } = await draft.save();
    const loads = await client.listLoads(envId, area.physId, { limit: 100 }).catch(() => ({ items: [] }));
    const isOpen = (/** @type {any} */ load) => load.fileId === file?.fileId && load.rowsRejected > 0 && !load.supersededBy && !load.revertedAt && !load.removedAt;
    setSaved({ version, load: loads.items.find(isOpen) });
  });
  return html`
    <div class="line save-bar">
      ${session.may("editor")
        ? html`<button type="button" class="primary" disabled=${!draft.isChanged || save.isRunning} onClick=${() => save.run()}>Save as a new version</button>
          ${draft.isChanged && html`<button type="button" onClick=${() => draft.undo()}>Undo the changes</button>`}`
        : html`<span class="soft">Who has the role editor can save changes.</span>`}
      ${children}<p class="line small" role="status"><${Verdict} draft=${draft} /></p>
    </div>
    ${save.error && html`<${Failure} error=${save.error} what="The plan" />`}
    ${saved && !draft.isChanged && html`<${NextSteps} ...${saved} area=${area} files=${files} file=${file} />`}
  `;
}

/** @param {{version: number, load: any, area: any, files: any[], file: any}} props */
function NextSteps({ version, load, area, files, file }) {
  const { client, envId, uploads } = useApp();
  const newest = area.loadMode === "replaceFile" ? files.filter(({ name }, index) => files.findIndex((each) => each.name === name) === index) : [];
  const { run, isRunning, error } = useAction(async (/** @type {any[]} */ chosen, /** @type {any} */ start = undefined) => {
    for (const each of chosen) await uploads.load(envId, area, each, start);
  });
  const button = (/** @type {string} */ text, /** @type {any[]} */ chosen, /** @type {any} */ start = undefined) => html`<button type="button" disabled=${isRunning} onClick=${() => run(chosen, start)}>${text}</button>`;
  return html`
    <div class="hint DONE" role="status">
      <p><strong>Version ${version} is in force.</strong> What was loaded before stays as it is until it is loaded again.</p>
      ${file && html`<div class="line">${button(`Load ${file.name} again`, [file])}
        ${load && button(`Load just its ${counted(load.rowsRejected, "reject")}`, [{ ...file, name: `${file.name}, its rejects` }], () => client.replayRejects(envId, load.loadId))}
        ${newest.length > 1 && button(`Load all ${counted(newest.length, "file")}`, newest)}</div>`}
      ${error && html`<${Failure} error=${error} what="The load" />`}
    </div>
  `;
}
