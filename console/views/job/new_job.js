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
              <select value=${type.type} onChange=${onValue(setChosen)}>${items.map((each) => html`<option>${each.type}</option>`)}</select>
            <//>
            <${Form} key=${type.type} type=${type} from=${from?.type === type.type ? from : {}} onClose=${onClose} />
          `;
        }}
      <//>
    <//>
  `;
}

/** The controls keep their values themselves; each is called by its pointer. @param {{type: import("stepmill/types").JobType, from: any, onClose: () => void}} props */
function Form({ type, from, onClose }) {
  const { client, router, links, envId } = useApp();
  const [fields] = useState(() => fieldsOf(type.paramsSchema, from.params));
  const [areaId, setAreaId] = useState(from.params?.areaId);
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const areas = useResource((signal) => readAll((query) => client.listAreas(envId, query, { signal })), []).data ?? [];
  const files = useResource(async (signal) => (areaId ? readAll((query) => client.listFiles(envId, areaId, query, { signal })) : []), [areaId]).data ?? [];
  const start = useAction(async (/** @type {any} */ asked) => {
    const job = await client.startJob({ type: type.type, envId, ...asked });
    onClose();
    router.go(links.job(job.jobId));
  });
  const { message, code, status, errors = [] } = /** @type {any} */ (start.error ?? {});
  const faultOf = (/** @type {string} */ pointer) => faults[pointer] ?? errors.find((/** @type {any} */ each) => each.pointer === pointer)?.message;
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    const form = askedBy(fields, Object.fromEntries(new FormData(event.currentTarget)));
    setFaults(form.faults);
    if (Object.keys(form.faults).length === 0) start.run(form.asked);
  };
  const named = (/** @type {string} */ name) => ({ name, "aria-invalid": faultOf(name) ? "true" : undefined });
  /** @type {Record<string, string[][]>} */
  const known = { area: areas.map((each) => [each.areaId, each.name]), file: files.map((each) => [each.fileId, each.name]) };
  return html`
    <form class="form" onSubmit=${submit} novalidate>
      ${message && html`<${Failure} what="The job" error=${{ message, code, status, errors: errors.filter((/** @type {any} */ { pointer }) => !/^\/(params\/)?\w+$/.test(pointer)) }} />`}
      ${fields.map(({ name, kind, isRequired, hint, choices, initial }) => {
        const given = named(`/params/${name}`);
        if (kind === "boolean") return html`<label class="check"><input type="checkbox" defaultChecked=${initial} ...${given} /><span>${label(name)} <span class="soft">${hint}</span></span></label>`;
        const options = known[kind] ?? choices.map((each) => [each, each]);
        const text = kind === "json" ? html`<textarea class="mono" rows="4" defaultValue=${initial} ...${given}></textarea>` : html`<input type=${kind} step="any" defaultValue=${initial} ...${given} />`;
        const list = html`<select ...${given} onChange=${kind === "area" && onValue(setAreaId)}>
          <option value="">Choose</option>
          ${(options.some(([id]) => id === initial) || !initial ? options : [[initial, initial], ...options]).map(([id, word]) => html`<option key=${id} value=${id} selected=${id === initial}>${word}</option>`)}
        </select>`;
        return html`<${Field} label=${label(known[kind] ? kind : name) + (isRequired ? "" : " (optional)")} hint=${hint} error=${faultOf(given.name)}>${known[kind] || kind === "choice" ? list : text}<//>`;
      })}
      <details class="fold" open=${OPTIONS.some((name) => faultOf(`/${name}`))}>
        <summary>Options</summary>
        <div class="options">
          ${OPTIONS.map((name) => html`<${Field} label=${label(name)} error=${faultOf(`/${name}`)}><input type=${name === "runAt" ? "datetime-local" : "number"} defaultValue=${name === "runAt" ? "" : from[name]} ...${named(`/${name}`)} /><//>`)}
        </div>
      </details>
      <footer class="form-foot"><button type="submit" class="primary" disabled=${start.isRunning}>Start</button></footer>
    </form>
  `;
}
