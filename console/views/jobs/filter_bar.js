import { number } from "../../lib/format.js";
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { keyOf, queryOf, STATUSES } from "../../models/job_filters.js";
import { useApp, useResource } from "../app.js";
import { Icon } from "../parts/icon.js";
import { Status } from "../parts/words.js";
import { Views } from "./views.js";

/** @typedef {import("../../models/job_filters.js").Choice} Choice */

const TYPING_MS = 250;
const RANGE_WORDS = { "": "All times", hour: "Last hour", day: "Last day", week: "Last week", custom: "From … to …" };
/** @type {Choice} */
const ALL = { status: [], type: [], range: "", from: "", to: "", q: "" };

/**
 * What the list is narrowed to. Whatever is chosen goes into the address.
 * @param {{choice: Choice, counts: import("../../models/job_counts.js").JobCounts}} props
 */
export function FilterBar({ choice, counts }) {
  const { router } = useApp();
  const set = (/** @type {Partial<Choice>} */ changes) => router.set(queryOf({ ...choice, ...changes }));
  const toggle = (/** @type {typeof STATUSES[number]} */ status) =>
    set({ status: choice.status.includes(status) ? choice.status.filter((each) => each !== status) : [...choice.status, status] });
  return html`
    <div class="job-filters" role="search" aria-label="Jobs">
      <div class="chips" role="group" aria-label="Status">
        <button type="button" class="chip" aria-pressed=${String(choice.status.length === 0)} onClick=${() => set({ status: [] })}>All <${Figure} value=${counts.total([])} /></button>
        ${STATUSES.map(
          (status) => html`
            <button key=${status} type="button" class="chip" aria-pressed=${String(choice.status.includes(status))} onClick=${() => toggle(status)}>
              <${Status} status=${status} /> <${Figure} value=${counts.total([status])} /></button>
          `,
        )}
      </div>
      <div class="line">
        <${Search} value=${choice.q} onChange=${(/** @type {string} */ q) => set({ q })} />
        <${TypeChoice} chosen=${choice.type} onChange=${(/** @type {string[]} */ type) => set({ type })} />
        <label><span class="visually-hidden">Created</span>
          <select value=${choice.range} onChange=${(/** @type {any} */ event) => set({ range: event.currentTarget.value, from: "", to: "" })}>
            ${Object.entries(RANGE_WORDS).map(([range, words]) => html`<option key=${range} value=${range}>${words}</option>`)}
          </select>
        </label>
        ${choice.range === "custom" && html`<${Moment} label="From" value=${choice.from} onChange=${(/** @type {string} */ from) => set({ from })} />
          <${Moment} label="To" value=${choice.to} onChange=${(/** @type {string} */ to) => set({ to })} />`}
        <${Views} current=${keyOf(choice)} onChoose=${(/** @type {Choice} */ chosen) => router.set(queryOf(chosen), { push: true })} />
        ${keyOf(choice) !== "" && html`<button type="button" class="quiet" onClick=${() => set(ALL)}>Clear filters</button>`}
      </div>
    </div>
  `;
}

/** @param {{value: number | null}} props */
const Figure = ({ value }) => html`<span class="figure">${value === null ? "" : number(value)}</span>`;

/** Text that is searched for a moment after it was typed. @param {{value: string, onChange: (value: string) => void}} props */
function Search({ value, onChange }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText((told.current = value));
  }, [value]);
  useEffect(() => {
    const timer = setTimeout(() => text !== told.current && onChange((told.current = text)), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<label class="search"><span class="visually-hidden">Text in id, params or error</span><${Icon} name="search" />
    <input type="search" placeholder="Id, params or error" value=${text} onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)} /></label>`;
}

/** @param {{chosen: string[], onChange: (types: string[]) => void}} props */
function TypeChoice({ chosen, onChange }) {
  const { client } = useApp();
  const types = useResource((signal) => client.listJobTypes({ signal }), []);
  const known = (types.data?.items ?? []).map((each) => each.type);
  const current = chosen.join(",");
  const others = chosen.length > 0 && !known.includes(current) ? [current] : [];
  return html`<label><span class="visually-hidden">Type</span>
    <select value=${current} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value ? event.currentTarget.value.split(",") : [])}>
      <option value="">All types</option>
      ${[...others, ...known].map((type) => html`<option key=${type} value=${type}>${type}</option>`)}
    </select></label>`;
}

/** A time in the reader's zone; the address has it in UTC. @param {{label: string, value: string, onChange: (value: string) => void}} props */
function Moment({ label, value, onChange }) {
  const local = value ? new Date(Date.parse(value) - new Date(value).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";
  const choose = (/** @type {any} */ event) => onChange(event.currentTarget.value ? new Date(event.currentTarget.value).toISOString() : "");
  return html`<label class="moment"><span class="soft small">${label}</span> <input type="datetime-local" value=${local} onChange=${choose} /></label>`;
}
