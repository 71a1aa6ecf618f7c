import { useAction } from "app";
import { html, useState } from "html";
import { Fields, Form } from "parts";

/** What a file does to the rows that are there. */
const MODES = [
  ["replaceFile", "Replace by file", "A file takes the place of the earlier one of its name; the table is all files together."],
  ["replace", "Replace all", "The table holds the newest file's rows only."],
  ["append", "Append", "A file's rows are added, once, however often it is loaded."],
  ["upsert", "Upsert", "A row takes the place of the one with the same key; others are added."],
];

/** @param {string} mode */
export const modeName = (mode) => MODES.find(([each]) => each === mode)?.[1] ?? mode;

/**
 * What an area is; or, where `areas` are given, which of them or a new one.
 * @param {{area?: any, areas?: any[], mayMake?: boolean, submit: any, onSubmit: (area: any) => Promise<unknown>}} props
 */
export function AreaForm({ area = {}, areas = [], mayMake = true, submit, onSubmit }) {
  const known = areas.find(({ name }) => name.toLowerCase() === area.name.toLowerCase()) ?? (mayMake ? null : areas[0]);
  const [draft, setDraft] = useState(/** @type {any} */ ({ area: known?.areaId ?? "", loadMode: "replaceFile", ...area }));
  const { name = "", loadMode, keyColumns } = draft;
  const isUpsert = loadMode === "upsert";
  const action = useAction(() => onSubmit(areas.find(({ areaId }) => areaId === draft.area) ?? { name: name.trim(), loadMode, keyColumns: isUpsert ? keyColumns : [] }));
  const ofNew = { name: "", loadMode, ...(isUpsert && { keyColumns: [] }) };
  const like = { ...(areas.length > 0 && { area: "" }), ...(!draft.area && ofNew) };
  const choices = { area: [...(mayMake ? [["", "A new area"]] : []), ...areas.map((each) => [each.areaId, each.name])], loadMode: MODES };
  const hints = {
    name: "Also the table's name",
    loadMode: MODES.find(([mode]) => mode === loadMode)?.[2] ?? "",
    keyColumns: "What tells rows apart: a column in each line, such as order_id",
  };
  return html`<${Form} action=${action} submit=${submit} what="The area"><${Fields} data=${draft} like=${like} choices=${choices} hints=${hints} set=${(changes) => setDraft({ ...draft, ...changes })} /><//>`;
}
