import { bytes, counted } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/html.js";
import { readAll } from "../models/resource.js";
import { useApp, useModel, useResource } from "./app.js";
import { AreaForm } from "./files/area_form.js";
import { Dialog } from "./parts/controls.js";
import { Icon } from "./parts/icon.js";
import { Loaded } from "./parts/states.js";

/** Files may be dropped anywhere: on a screen of an area they go there, elsewhere the reader is asked. */
export function DropZone() {
  const { uploads, session, client, envId, route } = useApp();
  const [isOver, setOver] = useState(false);
  const { areaId } = route.params;
  const area = useResource(async () => (areaId ? client.getArea(envId, areaId) : null), [envId, areaId]).data;
  useEffect(() => {
    if (!session.may("operator")) return undefined;
    return onDrag(setOver, (files) => (area ? uploads.add(envId, area, files) : uploads.offer(files)));
  }, [envId, area]);
  const { offered } = useModel(uploads);
  return html`
    ${isOver && html`<div class="veil"><p><${Icon} name="upload" />${area ? `Drop to load into ${area.name}` : "Drop, then choose where they go"}</p></div>`}
    ${offered.length > 0 && html`<${WhereTo} files=${offered} />`}
  `;
}

/**
 * Files over the window. Leaving it is leaving for nowhere.
 * @param {(isOver: boolean) => void} onOver
 * @param {(files: File[]) => void} onFiles
 * @returns {() => void} ends it
 */
function onDrag(onOver, onFiles) {
  const ending = new AbortController();
  const hear = (/** @type {any} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    onOver(event.type === "dragover" || (event.type === "dragleave" && event.relatedTarget !== null));
    if (event.type !== "drop") return;
    const dropped = [...event.dataTransfer.items].filter((item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory);
    if (dropped.length > 0) onFiles(dropped.map((item) => item.getAsFile()));
  };
  for (const name of ["dragover", "dragleave", "drop"]) addEventListener(name, hear, { signal: ending.signal });
  return () => ending.abort();
}

/** @param {{files: File[]}} props */
function WhereTo({ files }) {
  const { uploads, client, envId, session, router, links } = useApp();
  const known = useResource(() => readAll((query) => client.listAreas(envId, query)), [envId]);
  const mayMake = session.may("editor");
  const send = async (/** @type {any} */ chosen) => {
    const area = chosen.areaId ? chosen : await client.createArea(envId, chosen);
    uploads.offer([]);
    uploads.add(envId, area, files);
    router.go(links.area(area.areaId));
  };
  return html`
    <${Dialog} title=${files.length === 1 ? "Where does this file go?" : "Where do these files go?"} onClose=${() => uploads.offer([])}>
      <ul class="small">${files.slice(0, 5).map((file) => html`<li class="line"><${Icon} name="file" /><span class="clip">${file.name}</span><span class="soft">${bytes(file.size)}</span></li>`)}
        ${files.length > 5 && html`<li class="soft">and ${files.length - 5} more</li>`}</ul>
      <${Loaded} resource=${known} what="The list of areas">${(areas) =>
        mayMake || areas.length
          ? html`<${AreaForm} area=${{ name: files[0].name.replace(/(?<=.)\.[^.]*$/, "") }} areas=${areas} mayMake=${mayMake} submit=${`Send ${counted(files.length, "file")}`} onSubmit=${send} />`
          : html`<p>There is no area yet. Who has the role editor can make one.</p>`}<//>
    <//>
  `;
}
