import { useAction, useApp, useAskBeforeLeaving, useFreshAfterLoads, useOwnModel, useResource } from "app";
import { counted } from "format";
import { html, useEffect, useMemo } from "html";
import { Empty, Failure, Field, Loaded, Page } from "parts";
import { PlanDraft } from "../../models/plan_draft.js";
import { readAll } from "../../models/resource.js";
import { Columns } from "../plan/columns.js";
import { PlanTrial, Verdict } from "../plan/trial.js";

/** The plan of an area: changed, tried on a file while one changes it, stored as a new version. */
export function Screen() {
  const { client, envId, route } = useApp();
  const { areaId } = route.params;
  const version = Number(route.query.version) || undefined;
  const resource = useResource(async () => {
    const [area, files] = await Promise.all([client.getArea(envId, areaId), readAll((query) => client.listFiles(envId, areaId, { ...query, order: "newest" }))]);
    const plan = area.planVersion ? await client.getPlan(envId, areaId, { version }) : null;
    return { area, files, plan };
  }, [version]);
  useFreshAfterLoads([resource]);
  return html`<${Loaded} resource=${resource} what="The plan" title="Plan">${(known) => known.plan
    ? html`<${Editor} ...${known} />`
    : html`<${Page} title=${`Plan of ${known.area.name}`}><${Empty} title="No plan yet"><p>The first load makes one. Load a file, then change it here.</p><//><//>`}<//>`;
}

/** @param {{area: any, files: any[], plan: any}} props */
function Editor({ area, files, plan }) {
  const { client, envId, route, router, links, session, uploads } = useApp();
  const draft = useOwnModel(() => new PlanDraft(client, envId, area.areaId), [], (made) => made.begin(plan));
  const file = files.find(({ fileId }) => fileId === route.query.file) ?? files[0];
  const isText = route.query.as === "json";
  useEffect(() => draft.useFile(file), [file]);
  useEffect(() => draft.asText(isText), [isText]);
  useAskBeforeLeaving(draft.isChanged, router);
  /** After a refusal because of a newer version, saving again goes on top of that. @type {ReturnType<typeof useAction> & {error: any}} */
  const save = useAction(() => draft.save(save.error?.details?.version));
  return html`
    <${Page} title=${`Plan of ${area.name}`} kicker=${html`<a href=${links.areas()}>Files</a> / <a href=${links.area(area.areaId, { tab: "plan" })}>${area.name}</a>`} subtitle=${`Version ${draft.version || plan.version}${draft.base ? ", in force" : ""}`}>
      <div class="line save-bar">
        ${session.may("editor")
          ? html`<button class="primary" disabled=${!draft.maySave || save.isRunning} onClick=${save.run}>${draft.isChanged || draft.base ? "Save as a new version" : `Put version ${draft.version} in force`}</button>
            ${draft.isChanged && html`<button onClick=${() => draft.undo()}>Undo the changes</button>`}`
          : html`<span class="soft">Who has the role editor can save changes.</span>`}
        <label class="check"><input type="checkbox" checked=${isText} disabled=${draft.broken} onChange=${() => router.set({ as: isText ? null : "json" })} />As JSON</label>
        <p class="line small" role="status"><${Verdict} draft=${draft} /></p>
      </div>
      ${save.error && html`<${Failure} error=${save.error} what="The plan" />`}
      ${draft.isSaved && !draft.isChanged && html`<div class="hint DONE" role="status">
        <p><strong>Version ${draft.version} is in force.</strong> What was loaded before stays as it is until it is loaded again.</p>
        ${file && html`<div class="line"><button onClick=${() => uploads.load(envId, file)}>Load ${file.name} again</button>
          ${file.lastLoad?.rowsRejected > 0 && html`<button onClick=${() => uploads.load(envId, { ...file, name: `${file.name}, its rejects` }, () => client.replayRejects(envId, file.lastLoad.loadId))}>Load just its ${counted(file.lastLoad.rowsRejected, "reject")}</button>`}</div>`}
      </div>`}
      <div class="plan">
        ${draft.text === null
          ? html`<${Columns} key=${draft.undone} draft=${draft} />`
          : html`<${Field} label="The plan" error=${draft.error?.message}><textarea rows="30" class="mono" spellcheck="false" value=${draft.text} onInput=${(event) => draft.write(event.target.value)} /><//>`}
        ${useMemo(() => html`<${PlanTrial} draft=${draft} files=${files} file=${file} />`, [draft.after, draft.error, files, file])}
      </div>
    <//>
  `;
}
