import { counted, number, percent } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/html.js";
import { Links } from "../lib/links.js";
import { useApp, useModel } from "./app.js";
import { Meter } from "./parts/controls.js";
import { Icon } from "./parts/icon.js";

/** @typedef {import("../models/uploads.js").Upload} Upload */

/** Files on their way, at the corner, whatever screen is shown. Leaving while one is being sent asks first. */
export function UploadTray() {
  const { uploads } = useApp();
  const { items, active } = useModel(uploads);
  const [isFolded, setFolded] = useState(false);
  const isSending = items.some(({ state }) => state === "sending" || state === "waiting");
  useEffect(() => {
    if (!isSending) return undefined;
    const ask = (/** @type {Event} */ event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isSending]);
  const ended = items.filter((each) => each.state === "done" || each.state === "failed");
  const title = active ? `${counted(active, "file")} on the way` : `${counted(items.length, "file")} loaded`;
  const failed = ended.filter(({ state }) => state === "failed").length;
  return html`
    <p class="visually-hidden" role="status">${ended.length > 0 && `${ended[ended.length - 1].name}: ${outcome(ended[ended.length - 1])}`}</p>
    ${items.length > 0 &&
    html`<section class="tray" aria-labelledby="tray-title">
      <header>
        <h2 id="tray-title">${failed && !active ? `${failed} of ${counted(items.length, "file")} failed` : title}</h2>
        ${ended.length > 0 && html`<button type="button" class="quiet" onClick=${() => uploads.clear()}>Clear</button>`}
        <button type="button" class="quiet" aria-expanded=${String(!isFolded)} aria-label=${isFolded ? "Show files" : "Fold files"} onClick=${() => setFolded(!isFolded)}>
          <${Icon} name=${isFolded ? "more" : "down"} /></button>
      </header>
      ${!isFolded && html`<ul tabindex="0" aria-label="Files on the way">${items.map((item) => html`<${Item} key=${item.id} item=${item} />`)}</ul>`}
    </section>`}
  `;
}

/** @param {{item: Upload}} props */
function Item({ item }) {
  const { uploads } = useApp();
  const links = new Links(item.envId);
  const { id, name, state, job } = item;
  const step = job?.steps.find((each) => each.status === "RUNNING");
  const result = job?.result;
  const isSending = state === "sending" || state === "waiting";
  return html`
    <li class=${state}>
      <div class="line"><${Icon} name=${state === "done" ? "check" : state === "failed" ? "warning" : "upload"} />
        <strong class="clip grow" title=${name}>${name}</strong><a class="clip small" href=${links.area(item.areaId)}>${item.areaName}</a>
        <button type="button" class="quiet" aria-label=${`${isSending ? "Stop sending" : "No longer show"} ${name}`} onClick=${() => uploads.remove(id)}><${Icon} name="close" /></button></div>
      ${state === "sending" && html`<${Meter} label=${`${name}, sent`} done=${item.sent} total=${item.size || 1} />`}
      ${state === "loading" && html`<${Meter} label=${`${name}, loaded`} done=${step?.progress?.done} total=${step?.progress?.total} />`}
      <p class="small soft">${outcome(item)}</p>
      ${(job || state === "failed") &&
      html`<p class="line small">
        ${state === "failed" && html`<button type="button" onClick=${() => uploads.again(id)}><${Icon} name="retry" />Try again</button>`}
        ${result?.physId && html`<a href=${links.table(result.physId, {})}>Table</a>`}
        ${result?.rowsRejected > 0 && html`<a href=${links.table(result.physId, { tab: "rejects", load: result.loadId })}>Rejects</a>`}
        ${item.fileId && (state === "failed" || result?.rowsRejected > 0) && html`<a href=${links.plan(item.areaId, { file: item.fileId })}>Mend the plan</a>`}
        ${job && html`<a href=${links.job(job.jobId)}>Job</a>`}
      </p>`}
    </li>
  `;
}

/** Where a file is on its way, in words. @param {Upload} item */
function outcome({ state, sent, size, job, error }) {
  if (state === "waiting") return "Waits for its turn";
  if (state === "sending") return `Sending ${percent(size ? Math.floor((100 * sent) / size) / 100 : 1)}`;
  if (state === "failed") return error?.message ?? job?.error?.message ?? (job?.status === "CANCELLED" ? "The load was cancelled." : "It failed.");
  if (state === "done") {
    const result = job?.result ?? {};
    return `${counted(result.rowsLoaded ?? 0, "row")} loaded${result.rowsRejected ? `, ${number(result.rowsRejected)} rejected` : ""}`;
  }
  const step = job?.steps.find((each) => each.status === "RUNNING");
  if (!step) return job?.waiting?.message ?? "Loading";
  const { done, total, unit } = step.progress ?? {};
  return `${step.name}${done ? ` ${number(done)}${total ? ` of ${number(total)}` : ""} ${unit ?? ""}` : ""}`;
}
