import { counted } from "../lib/format.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { find } from "../models/palette.js";
import { useApp, useResource } from "./app.js";
import { entriesOf } from "./palette_entries.js";
import { Icon } from "./parts/icon.js";

const PATIENCE_MS = 120;

/** Everything one can go to or do, found by typing. @param {{onClose: () => void}} props */
export function Palette({ onClose }) {
  const app = useApp();
  const [, draw] = useState({});
  const [NewJob, setNewJob] = useState(/** @type {any} */ (null));
  // Keys may come faster than frames: each is answered by what was typed until then, drawn or not.
  const now = useRef({ typed: "", active: 0 });
  const { typed } = now.current;
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const found = useResource((signal) => find(app.client, app.envId, now.current.typed, signal), []);
  const newJob = () => import("./job/new_job.js").then((module) => setNewJob(() => module.NewJob));
  const list = () => entriesOf(app, now.current.typed, found.data, newJob);
  const entries = list();
  const chosen = entries[Math.min(now.current.active, entries.length - 1)];
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  useEffect(() => document.getElementById(`entry-${chosen?.id}`)?.scrollIntoView({ block: "nearest" }), [chosen?.id]);
  if (NewJob) return html`<${NewJob} onClose=${onClose} />`;

  const change = (/** @type {Partial<{typed: string, active: number}>} */ values) => draw(Object.assign(now.current, values) && {});
  const choose = (/** @type {import("../models/palette.js").Entry} */ { href, act }) => {
    if (act === newJob) return newJob();
    onClose();
    if (href === app.links.api()) location.assign(href);
    else if (href) app.router.go(href);
    return act?.();
  };
  const type = (/** @type {any} */ event) => {
    change({ typed: event.currentTarget.value, active: 0 });
    found.loadSoon(PATIENCE_MS);
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const all = list();
    const active = Math.min(now.current.active, all.length - 1);
    if (active < 0 || event.isComposing || (event.key !== "Enter" && !step)) return;
    event.preventDefault();
    if (step) change({ active: (active + step + all.length) % all.length });
    else choose(all[active]);
  };
  const isOver = found.data?.typed === typed;
  return html`
    <dialog ref=${dialog} class="palette" aria-label="Search and commands" onClose=${onClose} onClick=${(/** @type {MouseEvent} */ event) => event.target === dialog.current && onClose()}><div>
      <div class="palette-field"><${Icon} name="search" />
        <input type="text" role="combobox" aria-expanded="true" aria-controls="entries" aria-autocomplete="list" aria-label="Search and commands" autocomplete="off" spellcheck=${false}
          aria-activedescendant=${chosen && `entry-${chosen.id}`} placeholder="Search jobs, files, tables and commands" value=${typed} onInput=${type} onKeyDown=${press} />
        <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></div>
      <div id="entries" role="listbox" aria-label="Results">
        ${[...new Set(entries.map(({ group }) => group))].map(
          (group) => html`
            <div key=${group} role="group" aria-label=${group}><p aria-hidden="true">${group}</p>
              ${entries.map(
                (entry, index) =>
                  entry.group === group &&
                  html`<div key=${entry.id} id=${`entry-${entry.id}`} role="option" aria-selected=${entry === chosen} onPointerMove=${() => entry !== chosen && change({ active: index })} onClick=${() => choose(entry)}>
                    <${Icon} name=${entry.icon} /><span class="clip grow">${entry.text}</span><span class="soft nowrap">${entry.hint}</span></div>`,
              )}</div>
          `,
        )}
      </div>
      <p class=${entries.length > 0 && !found.error ? "visually-hidden" : "nothing"} role="status">
        ${found.error ? found.error.message : isOver && (entries.length > 0 ? counted(entries.length, "result") : "Nothing is called that. Jobs are found by id, type, params and error.")}</p>
    </div></dialog>
  `;
}
