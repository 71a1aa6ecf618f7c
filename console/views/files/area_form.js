import { useAction } from "app";
import { html, useState } from "html";
import { Fields, Form } from "parts";

/** What a file does to the rows that are there. */
const MODES = [
  ["replaceFile", "Replace by file", "A file takes the place of the earlier one of its name; the table is all files together."],
  ["replace", "Replace all", "The table holds the newest file's rows only."],
  ["append", "Append", "A file's rows are added, once, however often it is loaded."],
  ["upsert", "Upsert", "A row takes the place of the one with the same key; others are added."],
  ["replacePartition", "Replace by partition", "A file takes the place of the days that it has, or of what key columns name."],
];

/** What becomes of columns and values that the plan does not know. */
const CHANGES = [
  ["evolve", "Evolve", "New columns are added, and columns grow with their values."],
  ["freeze", "Freeze", "The load ends with an error."],
  ["discardRow", "Discard rows", "Rows with them are rejected."],
  ["discardValue", "Discard values", "They are left out."],
];

/** @param {any[][]} choices @param {string} chosen */
const hintOf = (choices, chosen) => choices.find(([each]) => each === chosen)?.[2] ?? "";

/** @param {string} mode */
export const modeName = (mode) => MODES.find(([each]) => each === mode)?.[1] ?? mode;

/**
 * What an area is; or, where `areas` are given, which of them or a new one.
 * @param {{area?: any, areas?: any[], mayMake?: boolean, submit: any, onSubmit: (area: any) => Promise<unknown>}} props
 */
export function AreaForm({ area = {}, areas = [], mayMake = true, submit, onSubmit }) {
  const known = areas.find(({ name }) => name.toLowerCase() === area.name.toLowerCase()) ?? (mayMake ? null : areas[0]);
  const [draft, setDraft] = useState(/** @type {any} */ ({ area: known?.areaId ?? "", loadMode: "replaceFile", schemaChange: "evolve", place: area.source?.url, pattern: area.source?.glob, ...area }));
  const { name = "", loadMode, keyColumns, schemaChange, place, pattern } = draft;
  const mayScan = area.areaId || !area.name;
  const isKeyed = ["upsert", "replacePartition"].includes(loadMode);
  const action = useAction(() => onSubmit(areas.find(({ areaId }) => areaId === draft.area) ?? { name: name.trim(), loadMode, keyColumns: isKeyed ? keyColumns : [], schemaChange, source: place ? { url: place, glob: pattern } : null }));
  const ofNew = { name: "", loadMode, ...(isKeyed && { keyColumns: [] }), schemaChange, ...(mayScan && { place: "", ...(place && { pattern: "*" }) }) };
  const like = { ...(areas.length > 0 && { area: "" }), ...(!draft.area && ofNew) };
  const choices = { area: [...(mayMake ? [["", "A new area"]] : []), ...areas.map((each) => [each.areaId, each.name])], loadMode: MODES, schemaChange: CHANGES };
  const hints = {
    name: "Also the table's name",
    loadMode: hintOf(MODES, loadMode),
    keyColumns: "What tells rows or partitions apart: a column in each line",
    place: "A folder or bucket whose files a scan loads, such as s3://exports/orders",
    pattern: "Of their paths; **/*.csv looks into folders, too",
    schemaChange: `Columns and values that the plan does not know. ${hintOf(CHANGES, schemaChange)}`,
  };
  return html`<${Form} action=${action} submit=${submit} what="The area"><${Fields} data=${draft} like=${like} choices=${choices} hints=${hints} set=${(changes) => setDraft((/** @type {any} */ drafted) => ({ ...drafted, ...changes }))} /><//>`;
}
