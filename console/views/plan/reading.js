import { html } from "../../lib/html.js";
import { Select, Text } from "../files/forms.js";

/** @type {[string, string][]} */
const MARKS = [[",", "comma"], [";", "semicolon"], ["\t", "tab"], ["|", "bar"], [" ", "space"], ["", "none"]];
const MOMENTS = ["date", "timestamp", "timestamptz"];

/** How the source is read, and what concerns the whole table. @param {{draft: import("../../models/plan_draft.js").PlanDraft}} props */
export function Reading({ draft }) {
  const { source = {}, timeColumn, maxRejects } = draft.rest;
  const limit = typeof maxRejects === "number" ? (maxRejects < 1 ? { share: maxRejects } : { rows: maxRejects }) : (maxRejects ?? {});
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => draft.change({ source: { ...source, [name]: value === "" ? undefined : value } });
  const count = (/** @type {string} */ name) => (/** @type {string} */ value) => set(name)(Number(value));
  const marks = MARKS.some(([mark]) => mark === (source.delimiter ?? "")) ? MARKS : [[source.delimiter, source.delimiter], ...MARKS];
  const limits = (/** @type {any} */ values) => draft.change({ maxRejects: { ...limit, ...values } });
  const of = (/** @type {string} */ name) => ({ label: name, value: source[name], set: set(name), error: draft.faultAt(`/source/${name}`) });
  const times = draft.columns.filter(({ isOn, column }) => isOn && MOMENTS.includes(column.type)).map(({ column }) => [column.name, column.name]);
  return html`
    <details class="sheet pad section" open=${Boolean(draft.faultAt("/source") || draft.faultAt("/maxRejects"))}><summary><strong>Reading, time column, limit of rejects</strong></summary>
      <div class="plan-fields">
        <${Select} ...${of("format")} label="Format" options=${["csv", "jsonl", "json"].map((each) => [each, each])} />
        <${Text} ...${of("encoding")} label="Encoding" placeholder="utf-8" />
        ${source.format === "csv" ? html`
          <${Select} ...${of("delimiter")} label="Delimiter" options=${marks} />
          <${Text} ...${of("quote")} label="Quote" maxlength="1" />
          <${Text} ...${of("comment")} label="Comment lines begin with" maxlength="1" />
          <${Text} ...${of("preambleRows")} label="Lines before the header" type="number" min="0" value=${source.preambleRows ?? 0} set=${count("preambleRows")} />
          <${Select} ...${of("headerRows")} label="Header" value=${String(source.headerRows ?? 0)} set=${count("headerRows")} options=${[["1", "first row"], ["0", "none"]]} />`
        : source.format === "json" && html`<${Text} ...${of("recordsPath")} label="Records at" />`}
        <${Select} label="Time column" value=${timeColumn} set=${(name) => draft.change({ timeColumn: name })} options=${[["", "none"], ...times]} error=${draft.faultAt("/timeColumn")} />
        <${Text} label="Rows that may be rejected" hint="Or the share, whichever is more" type="number" min="0" value=${limit.rows} set=${(value) => limits({ rows: value === "" ? undefined : Number(value) })} error=${draft.faultAt("/maxRejects")} />
        <${Text} label="Share of the rows, in %" type="number" min="0" max="99" step="any" value=${limit.share === undefined ? "" : Number((limit.share * 100).toFixed(6))} set=${(value) => limits({ share: value === "" ? undefined : Number(value) / 100 })} />
      </div>
    </details>
  `;
}
