import { counted } from "../lib/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { fitting, jobIdIn, PaletteSearch } from "../models/palette.js";
import { useApp, useOwnModel } from "./app.js";
import { commands, foundEntries } from "./palette_entries.js";
import { Icon } from "./parts/icon.js";

/** @typedef {import("../models/palette.js").Entry} Entry */

/** Everything one can go to or do, found by typing. @param {{onClose: () => void}} props */
export function Palette({ onClose }) {
  const app = useApp();
  const [NewJob, setNewJob] = useState(/** @type {any} */ (null));
  const newJob = () => import("./job/new_job.js").then((module) => setNewJob(() => module.NewJob));
  const search = useOwnModel(() => new PaletteSearch(app.client, app.envId), []);
  const [typed, setTyped] = useState("");
  const [active, setActive] = useState(0);
  useEffect(() => search.look(typed), [typed]);
  const entries = useMemo(() => {
    const fixed = fitting(commands(app, newJob), typed);
    const found = foundEntries(app, search, typed);
    if (typed) return jobIdIn(typed) ? [...found, ...fixed] : [...fixed, ...found];
    const at = fixed.findIndex((entry) => entry.group !== "Go to");
    return [...fixed.slice(0, at), ...found, ...fixed.slice(at)];
  }, [app, typed, search.jobs, search.tables]);
  if (NewJob) return html`<${NewJob} onClose=${onClose} />`;

  const chosen = entries[Math.min(active, entries.length - 1)];
  const choose = (/** @type {Entry} */ entry) => {
    if (entry.id === "new-job") return newJob();
    onClose();
    if (entry.href) follow(app, entry.href);
    return entry.act?.();
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const ways = /** @type {Record<string, number>} */ ({ ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: entries.length - 1 });
    if (event.key === "Enter" && chosen && !event.isComposing) choose(chosen);
    else if (event.key in ways && entries.length > 0 && !event.shiftKey) setActive((ways[event.key] + entries.length) % entries.length);
    else return;
    event.preventDefault();
  };
  const type = (/** @type {any} */ event) => {
    setTyped(event.currentTarget.value);
    setActive(0);
  };
  return html`
    <${Frame} onClose=${onClose}>
      <div class="palette-field"><${Icon} name="search" />
        <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label="Search and commands" autocomplete="off" spellcheck=${false}
          aria-activedescendant=${chosen ? `entry-${chosen.id}` : undefined} placeholder="Search jobs, files, tables and commands" value=${typed} onInput=${type} onKeyDown=${press} /><kbd>Esc</kbd></div>
      <${Results} entries=${entries} chosen=${chosen} onPoint=${(/** @type {Entry} */ entry) => setActive(entries.indexOf(entry))} onChoose=${choose} />
      ${entries.length === 0 && !search.isSearching && html`<p class="nothing">Nothing is called that. A job is found by its id, type, params or error.</p>`}
      ${search.error && html`<p class="nothing bad">${search.error.message}</p>`}
      <p class="visually-hidden" role="status">${search.isSearching ? "" : counted(entries.length, "result")}</p>
    <//>
  `;
}

/** A page that is not the console's own is loaded. @param {import("./app.js").App} app @param {string} href */
const follow = ({ links, router }, href) => (href === links.api() ? location.assign(href) : router.go(href));

/** @param {{onClose: () => void, children: any}} props */
function Frame({ onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.isConnected && before.focus();
  }, []);
  return html`
    <dialog ref=${dialog} class="palette" aria-label="Search and commands" onClose=${onClose}
      onClick=${(/** @type {MouseEvent} */ event) => event.target === dialog.current && dialog.current?.close()}><div>${children}</div></dialog>
  `;
}

/** @param {{entries: Entry[], chosen: Entry | undefined, onPoint: (entry: Entry) => void, onChoose: (entry: Entry) => void}} props */
function Results({ entries, chosen, onPoint, onChoose }) {
  const groups = [...new Set(entries.map((entry) => entry.group))];
  useEffect(() => {
    if (chosen) document.getElementById(`entry-${chosen.id}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen?.id]);
  return html`
    <div id="palette-list" class="palette-list" role="listbox" aria-label="Results">
      ${groups.map(
        (group, index) => html`
          <div key=${group} role="group" aria-labelledby=${`group-${index}`}>
            <p id=${`group-${index}`} class="palette-group" role="presentation">${group}</p>
            ${entries
              .filter((entry) => entry.group === group)
              .map(
                (entry) => html`
                  <div key=${entry.id} id=${`entry-${entry.id}`} role="option" aria-selected=${entry === chosen} onPointerMove=${() => entry !== chosen && onPoint(entry)} onClick=${() => onChoose(entry)}>
                    <${Icon} name=${entry.icon} /><span class="clip">${entry.text}</span>${entry.hint && html`<span class="soft small nowrap">${entry.hint}</span>`}
                  </div>
                `,
              )}
          </div>
        `,
      )}
    </div>
  `;
}
