import { counted, number, percent } from "../lib/format.js";
import { html, useState } from "../lib/html.js";
import { Links } from "../lib/links.js";
import { useApp, useModel } from "./app.js";
import { useAskBeforeLeaving } from "./files/live.js";
import { Meter } from "./parts/controls.js";
import { Icon } from "./parts/icon.js";

/** @typedef {import("../models/uploads.js").Upload} Upload */

/** Files on their way, at the corner, whatever screen is shown. Leaving while one is being sent asks first. */
export function UploadTray() {
  const { uploads } = useApp();
  const { items, active } = useModel(uploads);
  const [isFolded, setFolded] = useState(false);
  useAskBeforeLeaving(items.some(({ state }) => state === "sending" || state === "waiting"));
  const ended = items.filter(({ state }) => state === "done" || state === "failed");
  const failed = ended.filter(({ state }) => state === "failed").length;
  const last = ended.at(-1);
  const title = active ? `${counted(active, "file")} on the way` : failed ? `${failed} of ${counted(items.length, "file")} failed` : `${counted(items.length, "file")} loaded`;
  return html`
    <p class="visually-hidden" role="status">${last && `${last.name}: ${outcome(last)}`}</p>
    ${items.length > 0 &&
    html`<section class="tray" aria-labelledby="tray">
      <header><h2 id="tray">${title}</h2>
        ${last && html`<button type="button" class="quiet" onClick=${() => uploads.clear()}>Clear</button>`}
        <button type="button" class="quiet" aria-expanded=${String(!isFolded)} aria-label="Each file" onClick=${() => setFolded(!isFolded)}><${Icon} name=${isFolded ? "more" : "down"} /></button></header>
      ${!isFolded && html`<ul tabindex="0" aria-label="Files">${items.map((item) => html`<${Item} key=${item.id} ...${item} />`)}</ul>`}
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
  const [done, total] = state === "sending" ? [item.sent, item.size] : [stepOf(item)?.progress?.done, stepOf(item)?.progress?.total];
  return html`
    <li class=${state}>
      <div class="line"><${Icon} name=${state === "done" ? "check" : isFailed ? "warning" : "upload"} />
        <strong class="clip grow" title=${name}>${name}</strong><a class="clip small" href=${links.area(areaId)}>${item.areaName}</a>
        <button type="button" class="quiet" aria-label=${`${job || isFailed ? "No longer show" : "Stop sending"} ${name}`} onClick=${() => uploads.remove(id)}><${Icon} name="close" /></button></div>
      ${(state === "sending" || state === "loading") && html`<${Meter} label=${`${name}: ${state}`} done=${done} total=${total} />`}
      <p class="small soft">${outcome(item)}</p>
      <p class="line small">
        ${isFailed && html`<button type="button" onClick=${() => uploads.again(id)}>Try again</button>`}
        ${physId && html`<a href=${links.table(physId)}>Table</a>`}
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
  const { name, progress } = stepOf(item) ?? {};
  if (!name) return job?.waiting?.message ?? "Loading";
  const { done, total, unit } = progress ?? {};
  return `Loading: ${name}${done ? ` ${number(done)}${total ? ` of ${number(total)}` : ""} ${unit ?? ""}` : ""}`;
}
