import { counted, number } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useAction, useApp } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Failure } from "../parts/states.js";

/** Stores the plan; then says what one may do with it. @param {{draft: import("../../models/plan_draft.js").PlanDraft, area: any, files: any[], fileId: string | null}} props */
export function SaveBar({ draft, area, files, fileId }) {
  const { client, envId, session } = useApp();
  const [saved, setSaved] = useState(/** @type {any} */ (null));
  const save = useAction(async () => {
    const { version } = await draft.save();
    const loads = await client.listLoads(envId, area.physId, { limit: 100 }).catch(() => ({ items: [] }));
    const isOpen = (/** @type {any} */ load) => load.rowsRejected > 0 && !load.supersededBy && !load.revertedAt && !load.removedAt;
    setSaved({ version, load: loads.items.find((load) => load.fileId === fileId && isOpen(load)) });
  });
  if (!session.may("editor")) return html`<p class="hint">You can try changes here; who has the role editor can save them.</p>`;
  return html`
    <div class="line save-bar">
      <button type="button" class="primary" disabled=${!draft.isChanged || save.isRunning || draft.columns.length === 0} onClick=${() => save.run()}>Save as a new version</button>
      ${draft.isChanged && html`<button type="button" onClick=${() => draft.begin(draft.stored)}>Undo the changes</button>`}
    </div>
    ${save.error && html`<${Failure} error=${save.error} what="The plan" />`}
    ${saved && !draft.isChanged && html`<${NextSteps} ...${saved} area=${area} files=${files} fileId=${fileId} />`}
  `;
}

/** @param {{version: number, load: any, area: any, files: any[], fileId: string | null}} props */
function NextSteps({ version, load, area, files, fileId }) {
  const { client, envId, uploads } = useApp();
  const file = files.find((each) => each.fileId === fileId);
  const newest = area.loadMode === "replaceFile" ? files.filter(({ name }, index) => files.findIndex((each) => each.name === name) === index) : [];
  const again = useAction(async (chosen) => {
    for (const each of chosen) await uploads.load(envId, area, each);
  });
  const replay = useAction(() => uploads.load(envId, area, { ...file, name: `${file.name}, its rejects` }, () => client.replayRejects(envId, load.loadId)));
  const error = again.error ?? replay.error;
  return html`
    <div class="hint DONE flow" role="status">
      <p><strong>Version ${version} is in force.</strong> What was loaded before stays as it is until it is loaded again.</p>
      ${file && html`<div class="line">
        <button type="button" class="primary" disabled=${again.isRunning} onClick=${() => again.run([file])}><${Icon} name="retry" />Load ${file.name} again</button>
        ${load && html`<button type="button" disabled=${replay.isRunning} onClick=${() => replay.run()}>Load just the ${load.rowsRejected === 1 ? "reject" : `${number(load.rowsRejected)} rejects`}</button>`}
        ${newest.length > 1 && html`<button type="button" disabled=${again.isRunning} onClick=${() => again.run(newest)}>Load all ${counted(newest.length, "file")}</button>`}</div>`}
      ${error && html`<${Failure} error=${error} what="The load" />`}
    </div>
  `;
}
