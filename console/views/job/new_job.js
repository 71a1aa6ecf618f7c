import { label } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { askedBy, fieldsOf, OPTIONS } from "../../models/new_job.js";
import { readAll } from "../../models/resource.js";
import { useAction, useApp, useResource } from "../app.js";
import { Dialog, Field } from "../parts/controls.js";
import { Failure, Loaded } from "../parts/states.js";
import { onValue } from "./values.js";

/**
 * Start a job: of any type, or again as `from` was.
 * @param {{onClose: () => void, from?: {type: string, params: Record<string, any>}}} props
 */
export function NewJob({ onClose, from }) {
  const { client } = useApp();
  const types = useResource((signal) => client.listJobTypes({ signal }), []);
  const [chosen, setChosen] = useState(from?.type);
  return html`
    <${Dialog} title=${from ? "Run again" : "New job"} onClose=${onClose}>
      <${Loaded} resource=${types} what="The job types">
        ${(/** @type {{items: import("stepmill/types").JobType[]}} */ { items }) => {
          const type = items.find((each) => each.type === chosen) ?? items[0];
          return html`
            <${Field} label="Type" hint=${type.description}>
              <select value=${type.type} onChange=${onValue(setChosen)}>${items.map((each) => html`<option key=${each.type}>${each.type}</option>`)}</select>
            <//>
            <${Form} key=${type.type} type=${type} from=${from?.type === type.type ? from : {}} onClose=${onClose} />
          `;
        }}
      <//>
    <//>
  `;
}

/** @param {{type: import("stepmill/types").JobType, from: any, onClose: () => void}} props */
function Form({ type, from, onClose }) {
  const { client, router, links, envId } = useApp();
  const [fields] = useState(() => fieldsOf(type.paramsSchema, from.params));
  const [values, setValues] = useState(() => /** @type {Record<string, any>} */ ({
    ...Object.fromEntries(OPTIONS.map((name) => [`/${name}`, (name !== "runAt" && from[name]) || ""])),
    ...Object.fromEntries(fields.map(({ name, initial }) => [`/params/${name}`, initial])),
  }));
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const areaId = values["/params/areaId"];
  const areas = useResource((signal) => readAll((query) => client.listAreas(envId, query, { signal })), []);
  const files = useResource(async (signal) => (areaId ? readAll((query) => client.listFiles(envId, areaId, query, { signal })) : []), [areaId]);
  const start = useAction(async (/** @type {any} */ asked) => {
    const job = await client.startJob({ type: type.type, envId, ...asked });
    onClose();
    router.go(links.job(job.jobId));
  });
  const refused = /** @type {any} */ (start.error);
  /** @type {{pointer: string, message: string}[]} */
  const errors = refused?.errors ?? [];
  const faultOf = (/** @type {string} */ pointer) => faults[pointer] ?? errors.find((each) => each.pointer === pointer)?.message;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = askedBy(fields, values);
    setFaults(form.faults);
    if (Object.keys(form.faults).length === 0) start.run(form.asked);
  };
  const set = (/** @type {string} */ pointer, /** @type {any} */ value) => setValues((now) => ({ ...now, [pointer]: value, ...(pointer === "/params/areaId" ? { "/params/fileId": "" } : {}) }));
  const bound = (/** @type {string} */ pointer) => ({ value: values[pointer], onInput: onValue((value) => set(pointer, value)), "aria-invalid": faultOf(pointer) ? "true" : undefined });
  /** @type {Record<string, string[][]>} */
  const known = { area: (areas.data ?? []).map((each) => [each.areaId, each.name]), file: (files.data ?? []).map((each) => [each.fileId, each.name]) };
  return html`
    <form class="form" onSubmit=${submit} novalidate>
      ${refused && html`<${Failure} what="The job" error=${{ message: refused.message, code: refused.code, status: refused.status, errors: errors.filter(({ pointer }) => !(pointer in values)) }} />`}
      ${fields.map(({ name, kind, isRequired, hint, choices }) => {
        const pointer = `/params/${name}`;
        const value = values[pointer];
        if (kind === "boolean") return html`<label key=${name} class="check"><input type="checkbox" checked=${Boolean(value)} onChange=${() => set(pointer, !value)} /><span>${label(name)} <span class="soft">${hint}</span></span></label>`;
        const options = known[kind] ?? choices.map((each) => [each, each]);
        const isKnown = value === "" || options.some(([id]) => id === value);
        const list = html`<select ...${bound(pointer)}><option value="">Choose</option>${!isKnown && html`<option>${value}</option>`}${options.map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}</select>`;
        const text = kind === "json" ? html`<textarea class="mono" rows="4" ...${bound(pointer)}></textarea>` : html`<input type=${kind} step="any" ...${bound(pointer)} />`;
        return html`<${Field} key=${name} label=${`${known[kind] ? label(kind) : label(name)}${isRequired ? "" : " (optional)"}`} hint=${hint} error=${faultOf(pointer)}>${known[kind] || kind === "choice" ? list : text}<//>`;
      })}
      <details class="fold" open=${OPTIONS.some((name) => faultOf(`/${name}`))}>
        <summary>Options</summary>
        <div class="options">${OPTIONS.map((name) => html`<${Field} key=${name} label=${label(name)} error=${faultOf(`/${name}`)}><input type=${name === "runAt" ? "datetime-local" : "number"} ...${bound(`/${name}`)} /><//>`)}</div>
      </details>
      <footer class="form-foot"><button type="submit" class="primary" disabled=${start.isRunning}>Start</button></footer>
    </form>
  `;
}
