import { useAction, useApp, useAreas, useResource } from "app";
import { html, useState } from "html";
import { Dialog, Field, Fields, Form, Loaded } from "parts";
import { fieldsOf } from "../../models/new_job.js";
import { readAll } from "../../models/resource.js";

/** @typedef {Record<string, any>} Data */

/**
 * Start a job: of any type, or again as `from` was.
 * @param {{onClose: () => void, from?: Data}} props
 */
export function NewJob({ onClose, from = {} }) {
  const { client, envId, links, router } = useApp();
  const [chosen, setChosen] = useState(from.type);
  const [params, setParams] = useState(/** @type {Data} */ (from.params ?? {}));
  const [options, setOptions] = useState(/** @type {Data} */ ({ maxAttempts: from.maxAttempts, priority: from.priority, timeoutSeconds: from.timeoutSeconds ?? undefined }));
  const { areaId } = params;
  const types = useResource((signal) => client.listJobTypes({ signal }), []);
  const areas = useAreas().data ?? [];
  const files = useResource(async (signal) => (areaId ? readAll((query) => client.listFiles(envId, areaId, { ...query, order: "newest" }, { signal })) : []), [areaId]).data ?? [];
  const start = useAction(async (/** @type {string} */ type) => {
    const given = Object.entries(params).filter(([, value]) => value !== "");
    const job = await client.startJob({ type, params: Object.fromEntries(given), envId, ...options });
    onClose();
    router.go(links.job(job.jobId));
  });
  const content = (/** @type {{items: import("stepmill/types").JobType[]}} */ { items }) => {
    const { type, description, paramsSchema } = items.find((each) => each.type === chosen) ?? items[0];
    const { like, choices, hints } = fieldsOf(paramsSchema);
    const known = { areaId: [[""], ...areas.map((each) => [each.areaId, each.name])], fileId: [[""], ...files.map((each) => [each.fileId, each.name])] };
    return html`
      <${Form} action=${{ ...start, run: () => start.run(type) }} submit="Start" what="The job">
        <${Field} label="Type" hint=${description}>
          <select value=${type} onChange=${(event) => (setChosen(event.target.value), setParams({}))}>${items.map((each) => html`<option>${each.type}</option>`)}</select>
        <//>
        <${Fields} data=${params} like=${like} choices=${{ ...choices, ...known }} hints=${hints}
          set=${(changes) => setParams((given) => ({ ...given, ...(changes.areaId && { fileId: "" }), ...changes }))} />
        <${Fields} data=${options} like=${{ maxAttempts: 5, priority: 0 }} set=${(changes) => setOptions((given) => ({ ...given, ...changes }))} />
        <${Field} label="Run at">
          <input type="datetime-local" max="9999-12-31T23:59" onInput=${({ target }) => setOptions((given) => ({ ...given, runAt: target.value ? new Date(target.value) : undefined }))} />
        <//>
      <//>
    `;
  };
  return html`<${Dialog} title=${from.type ? "Run again" : "New job"} onClose=${onClose}><${Loaded} resource=${types} what="The job types">${content}<//><//>`;
}
