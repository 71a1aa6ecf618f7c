import { useApp, useAreas, useAskBeforeLeaving, useModel } from "app";
import { bytes, counted, number, percent } from "format";
import { html, useEffect, useState } from "html";
import { Dialog, Icon, Loaded, Meter } from "parts";
import { Links } from "../lib/links.js";
import { AreaForm } from "./files/area_form.js";

/** @typedef {import("../models/uploads.js").Upload} Upload */

/** Files may be dropped anywhere: on a screen of an area they go there, elsewhere the reader is asked. */
export function DropZone() {
  const { uploads, session, envId, route, notices } = useApp();
  const [isOver, setOver] = useState(false);
  const { areaId } = route.params;
  const { offered } = useModel(uploads);
  useEffect(() => {
    const ending = new AbortController();
    const hear = (/** @type {any} */ event) => {
      const { type, dataTransfer, relatedTarget } = event;
      if (!dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      // Leaving the window is leaving for nowhere.
      setOver(type === "dragover" || (type === "dragleave" && relatedTarget !== null));
      if (type !== "drop") return;
      const dropped = [...dataTransfer.items].filter((item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory);
      const files = dropped.map((item) => item.getAsFile());
      if (areaId) uploads.add(envId, areaId, files);
      else uploads.offer([...uploads.offered, ...files]);
      if (files.length < dataTransfer.items.length) notices.failure("Folders are not taken. Drop the files in them.");
    };
    if (session.may("operator")) for (const name of ["dragover", "dragleave", "drop"]) addEventListener(name, hear, { signal: ending.signal });
    return () => ending.abort();
  }, [envId, areaId]);
  return html`
    ${isOver && html`<div class="veil"><p><${Icon} name="upload" />${areaId ? "Drop to load into this area" : "Drop, then choose where they go"}</p></div>`}
    ${offered.length > 0 && html`<${WhereTo} files=${offered} />`}
  `;
}

/** @param {{files: File[]}} props */
function WhereTo({ files }) {
  const { uploads, client, envId, session, router, links } = useApp();
  const known = useAreas();
  const mayMake = session.may("editor");
  const send = async (/** @type {any} */ chosen) => {
    const { areaId } = chosen.areaId ? chosen : await client.createArea(envId, chosen);
    uploads.offer([]);
    uploads.add(envId, areaId, files);
    router.go(links.area(areaId));
  };
  return html`
    <${Dialog} title=${files.length === 1 ? "Where does this file go?" : "Where do these files go?"} onClose=${() => uploads.offer([])}>
      <p class="small">${files.slice(0, 5).map(({ name }) => name).join(", ")}${files.length > 5 && `, and ${files.length - 5} more`} <span class="soft">${bytes(files.reduce((sum, { size }) => sum + size, 0))}</span></p>
      <${Loaded} resource=${known} what="The list of areas">${(areas) =>
        mayMake || areas.length
          ? html`<${AreaForm} area=${{ name: files[0].name.replace(/(?<=.)\.[^.]*$/, "") }} areas=${areas} mayMake=${mayMake} submit=${`Send ${counted(files.length, "file")}`} onSubmit=${send} />`
          : html`<p>There is no area yet. Who has the role editor can make one.</p>`}<//>
    <//>
  `;
}

/** Files on their way, at the corner, whatever screen is shown. Leaving while one is being sent asks first. */
export function UploadTray() {
  const { uploads } = useApp();
  const { items, ended } = useModel(uploads);
  useAskBeforeLeaving(items.some(({ state }) => state === "sending" || state === "waiting"));
  const failed = ended.filter(({ state }) => state === "failed").length;
  const active = items.length - ended.length;
  const last = ended.at(-1);
  const title = active ? `${counted(active, "file")} on the way` : failed ? `${failed} of ${counted(items.length, "file")} failed` : `${counted(items.length, "file")} loaded`;
  return html`
    <p class="visually-hidden" role="status">${last && `${last.name}: ${outcome(last)}`}</p>
    ${items.length > 0 &&
    html`<section class="tray" aria-labelledby="tray">
      <details open><summary><h2 id="tray">${title}</h2></summary>
        <ul tabindex="0" aria-label="Files">${items.map((item) => html`<${Item} key=${item.id} ...${item} />`)}</ul>
      </details>
      ${last && html`<button class="quiet" onClick=${() => uploads.remove(ended.map(({ id }) => id))}>Clear</button>`}
    </section>`}
  `;
}

/** @param {Upload} item */
function Item(item) {
  const { uploads } = useApp();
  const { id, name, state, job, areaId, fileId, envId } = item;
  const links = new Links(envId);
  const { physId, loadId, rowsRejected } = job?.result ?? {};
  const isFailed = state === "failed";
  const { done, total } = state === "sending" ? { done: item.sent, total: item.size } : (stepOf(item)?.progress ?? {});
  return html`
    <li class=${state}>
      <div class="line"><${Icon} name=${state === "done" ? "check" : isFailed ? "warning" : "upload"} /><strong class="clip grow" title=${name}>${name}</strong>
        <button class="quiet" aria-label=${`${job || isFailed ? "No longer show" : "Stop sending"} ${name}`} onClick=${() => uploads.remove([id])}><${Icon} name="close" /></button></div>
      ${(state === "sending" || state === "loading") && html`<${Meter} label=${`${name}: ${state}`} done=${done} total=${total} />`}
      <p class="small soft">${outcome(item)}</p>
      <p class="line small">
        ${isFailed && html`<button onClick=${() => uploads.again(id)}>Try again</button>`}
        ${physId ? html`<a href=${links.table(physId)}>Table</a>` : html`<a href=${links.area(areaId)}>Area</a>`}
        ${rowsRejected > 0 && html`<a href=${links.table(physId, { tab: "rejects", load: loadId })}>Rejects</a>`}
        ${fileId && (isFailed || rowsRejected > 0) && html`<a href=${links.plan(areaId, { file: fileId })}>Mend the plan</a>`}
        ${job && html`<a href=${links.job(job.jobId)}>Job</a>`}
      </p>
    </li>
  `;
}

/** @param {Upload} item */
const stepOf = ({ job }) => job?.steps.find(({ status }) => status === "RUNNING");

/** Where a file is on its way, in words. @param {Upload} item */
function outcome(item) {
  const { state, sent, size, job, error } = item;
  if (state === "waiting") return "Waits for its turn";
  if (state === "sending") return `Sending ${percent(Math.floor((100 * sent) / (size || 1)) / 100)}`;
  if (state === "failed") return error?.message ?? job?.error?.message ?? "The load was cancelled.";
  const { rowsLoaded = 0, rowsRejected = 0 } = job?.result ?? {};
  if (state === "done") return `${counted(rowsLoaded, "row")} loaded${rowsRejected ? `, ${number(rowsRejected)} rejected` : ""}`;
  return job?.waiting?.message ?? `Loading: ${stepOf(item)?.name ?? "soon"}`;
}
