import { useApp, useResource } from "app";
import { number } from "format";
import { html } from "html";
import { Icon, Status } from "parts";
import { keyOf, NOTHING, queryOf, RANGES, STATUSES, timeOf } from "../../models/job_filters.js";
import { onValue } from "../job/values.js";
import { Views } from "./views.js";

/** @typedef {import("../../models/job_filters.js").Choice} Choice */

/**
 * What the list is narrowed to. Whatever is chosen goes into the address.
 * @param {{choice: Choice, counts: Record<string, number>}} props `counts` by status and in all
 */
export function FilterBar({ choice, counts }) {
  const { client, router } = useApp();
  const types = useResource((signal) => client.listJobTypes({ signal }), []);
  const { status, type, range, q } = choice;
  const set = (/** @type {Partial<Choice>} */ changes) => router.set(queryOf({ ...choice, ...changes }));
  const names = new Set([type.join(), ...(types.data?.items ?? []).map((each) => each.type)].filter(Boolean));
  const chip = (/** @type {any} */ text, /** @type {boolean} */ isOn, /** @type {Choice["status"]} */ next, /** @type {number | undefined} */ count) =>
    html`<button class="chip" aria-pressed=${String(isOn)} onClick=${() => set({ status: next })}>${text} <span class="figure">${count === undefined ? "" : number(count)}</span></button>`;
  return html`
    <div class="job-filters" role="search" aria-label="Jobs">
      <div class="chips" role="group" aria-label="Status">
        ${chip("All", status.length === 0, [], counts.total)}
        ${STATUSES.map((each) => {
          const isOn = status.includes(each);
          return chip(html`<${Status} status=${each} />`, isOn, isOn ? status.filter((other) => other !== each) : [...status, each], counts[each]);
        })}
      </div>
      <div class="line">
        <label class="search"><${Icon} name="search" /><input type="search" aria-label="Text in id, params or error" placeholder="Id, params or error" value=${q} onInput=${onValue((text) => set({ q: text }))} /></label>
        <select aria-label="Type" value=${type.join()} onChange=${onValue((name) => set({ type: name ? name.split(",") : [] }))}>
          <option value="">All types</option>${[...names].map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
        <select aria-label="Created" value=${range} onChange=${onValue((name) => set({ range: name, from: "", to: "" }))}>
          <option value="">All times</option>${Object.keys(RANGES).map((name) => html`<option key=${name} value=${name}>Last ${name}</option>`)}<option value="custom">From … to …</option>
        </select>
        ${range === "custom" && html`<${Moment} label="From" value=${choice.from} onChange=${(/** @type {string} */ from) => set({ from })} /><${Moment} label="To" value=${choice.to} onChange=${(/** @type {string} */ to) => set({ to })} />`}
        <${Views} current=${keyOf(choice)} onChoose=${(/** @type {Choice} */ chosen) => router.set(queryOf(chosen), { push: true })} />
        ${keyOf(choice) !== "" && html`<button class="quiet" onClick=${() => set(NOTHING)}>Clear filters</button>`}
      </div>
    </div>
  `;
}

/** A time in the reader's zone; the address has it in UTC. @param {{label: string, value: string, onChange: (value: string) => void}} props */
function Moment({ label, value, onChange }) {
  const at = new Date(value);
  const local = value && new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  return html`<label class="moment"><span class="soft small">${label}</span><input type="datetime-local" max="9999-12-31T23:59" value=${local} onChange=${onValue((text) => onChange(timeOf(text)))} /></label>`;
}
