import { html, useState } from "../../lib/html.js";
import { useAction } from "../app.js";
import { Form, Select, Text } from "./forms.js";

/** @typedef {import("stepmill/types").Area & Record<string, any>} Area */

/** What a file does to the rows that are there. @type {[mode: string, name: string, sentence: string][]} */
const MODES = [
  ["replaceFile", "Replace by file", "A file takes the place of the earlier one of the same name; the table is all files together."],
  ["replace", "Replace all", "The table holds the rows of the newest file only."],
  ["append", "Append", "A file's rows are added, once, however often it is loaded."],
  ["upsert", "Upsert", "A row takes the place of the one with the same key; others are added."],
];

/** @param {string} mode */
export const modeName = (mode) => MODES.find(([each]) => each === mode)?.[1] ?? mode;

/**
 * What an area is; or, where `areas` are given, which of them or a new one.
 * @param {{area?: Partial<Area>, areas?: Area[], mayMake?: boolean, submit: any, onSubmit: (area: any) => Promise<unknown>}} props
 */
export function AreaForm({ area = {}, areas = [], mayMake = true, submit, onSubmit }) {
  const [name, setName] = useState(area.name ?? "");
  const [loadMode, setMode] = useState(area.loadMode ?? "replaceFile");
  const [keys, setKeys] = useState((area.keyColumns ?? []).join(", "));
  const [areaId, setAreaId] = useState((areas.find((each) => each.name.toLowerCase() === name.toLowerCase()) ?? (mayMake ? null : areas[0]))?.areaId ?? "");
  const action = useAction(async () => {
    const keyColumns = loadMode === "upsert" ? keys.split(",").map((key) => key.trim()).filter(Boolean) : [];
    await onSubmit(areas.find((each) => each.areaId === areaId) ?? { name: name.trim(), loadMode, keyColumns });
  });
  /** @type {[string, string][]} */
  const choices = areas.map((each) => [each.areaId, each.name]);
  return html`
    <${Form} action=${action} submit=${submit} what="The area">
      ${areas.length > 0 && html`<${Select} label="Area" value=${areaId} set=${setAreaId} options=${mayMake ? [["", "A new area"], ...choices] : choices} />`}
      ${!areaId &&
      html`<${Text} label="Name" hint="Also the table's name" value=${name} set=${setName} required maxlength="200" />
        <fieldset class="modes"><legend class="field-label">When a file is loaded</legend>
          ${MODES.map(
            ([mode, title, sentence]) => html`<label key=${mode}><input type="radio" name="mode" checked=${loadMode === mode} onChange=${() => setMode(/** @type {any} */ (mode))} />
              <span><strong>${title}</strong> <span class="soft">${sentence}</span></span></label>`,
          )}</fieldset>
        ${loadMode === "upsert" && html`<${Text} label="Key columns" hint="What tells rows apart, between commas, such as order_id" value=${keys} set=${setKeys} required />`}`}
    <//>
  `;
}
