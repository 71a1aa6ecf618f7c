import { useApp, useResource } from "app";
import { ago, counted } from "format";
import { html, useEffect, useRef, useState } from "html";
import { Dialog, Icon } from "parts";
import { answers, find, jobIdIn } from "../models/palette.js";
import { chooseFiles } from "./choose_files.js";
import { chooseEnvironment, chooseTheme, PLACES, THEMES } from "./header.js";

const PATIENCE_MS = 120;

/** Something to go to, by its address, or to do. @typedef {[group: string, text: string, icon: string, to: string | (() => unknown), hint?: string]} Entry */

/**
 * What answers, group after group.
 * @param {import("./app.js").App} app
 * @param {string} typed
 * @param {Awaited<ReturnType<typeof find>> | null} found
 * @param {() => unknown} newJob
 * @returns {Entry[]}
 */
function entriesOf({ links, session, uploads, envId, router }, typed, found, newJob) {
  const pasted = jobIdIn(typed);
  if (pasted) return [["Jobs", pasted, "jobs", links.job(pasted)]];
  const { jobs = [], areas = [], tables = [] } = found ?? {};
  /** @type {Entry[]} */
  const places = [...PLACES.map(([name, text]) => /** @type {Entry} */ (["Go to", text, name, /** @type {any} */ (links)[name]()])), ["Go to", "HTTP API", "external", links.api()]];
  /** @type {Entry[]} */
  const actions = [
    ["Actions", "New job", "plus", newJob],
    ["Actions", "Upload files", "upload", () => chooseFiles(uploads)],
  ];
  const others = session.environments.filter((each) => each.envId !== envId);
  /** @type {Entry[]} */
  const settings = [
    ...others.map((each) => /** @type {Entry} */ (["Settings", `Environment: ${each.name}`, "areas", () => chooseEnvironment(router, each.envId)])),
    ...Object.entries(THEMES).map(([theme, text]) => /** @type {Entry} */ (["Settings", `Theme: ${text.toLowerCase()}`, "theme", () => chooseTheme(theme)])),
    ["Settings", "Sign out", "external", () => session.signOut()],
  ];
  /** @type {Entry[]} */
  const itsJobs = jobs.map((job) => [typed ? "Jobs" : "Recent jobs", `${job.type} ${job.jobId}`, "jobs", links.job(job.jobId), `${job.status.toLowerCase()}, ${ago(job.createdAt)}`]);
  const commands = session.may("operator") ? [...actions, ...settings] : settings;
  // Jobs come later than the rest: they must not move what is about to be pressed.
  if (!typed) return [...places, ...commands, ...itsJobs];
  return [
    ...[...places, ...commands].filter(([, text]) => answers(text, typed)),
    ...areas.map(({ areaId, name }) => /** @type {Entry} */ (["Files", name, "areas", links.area(areaId)])),
    ...tables.map(({ physId, logicalName }) => /** @type {Entry} */ (["Tables", logicalName, "tables", links.table(physId)])),
    ...itsJobs,
  ];
}

/** Everything one can go to or do, found by typing. @param {{onClose: () => void}} props */
export function Palette({ onClose }) {
  const app = useApp();
  const [, draw] = useState({});
  const [NewJob, setNewJob] = useState(/** @type {any} */ (null));
  // Keys may come faster than frames: each is answered by what was typed until then, drawn or not.
  const now = useRef({ typed: "", active: 0 });
  const { typed, active } = now.current;
  const found = useResource((signal) => find(app.client, app.envId, now.current.typed, signal), []);
  const newJob = () => import("./job/new_job.js").then((module) => setNewJob(() => module.NewJob));
  const list = () => entriesOf(app, now.current.typed, found.data, newJob);
  const entries = list();
  const chosen = Math.min(active, entries.length - 1);
  useEffect(() => document.getElementById(`entry-${chosen}`)?.scrollIntoView({ block: "nearest" }), [chosen]);
  if (NewJob) return html`<${NewJob} onClose=${onClose} />`;

  const change = (/** @type {Partial<{typed: string, active: number}>} */ values) => draw(Object.assign(now.current, values) && {});
  const choose = (/** @type {Entry} */ [, , , to]) => {
    if (to === newJob) return newJob();
    onClose();
    if (typeof to === "function") to();
    else if (to === app.links.api()) location.assign(to);
    else app.router.go(to);
  };
  const type = (/** @type {any} */ event) => {
    change({ typed: event.currentTarget.value, active: 0 });
    found.loadSoon(PATIENCE_MS);
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const all = list();
    const index = Math.min(now.current.active, all.length - 1);
    if (index < 0 || event.isComposing || (event.key !== "Enter" && !step)) return;
    event.preventDefault();
    if (step) change({ active: (index + step + all.length) % all.length });
    else choose(all[index]);
  };
  const option = (/** @type {Entry} */ entry, /** @type {number} */ index) => html`
    <div key=${index} id=${`entry-${index}`} role="option" aria-selected=${index === chosen} onPointerMove=${() => index !== chosen && change({ active: index })} onClick=${() => choose(entry)}>
      <${Icon} name=${entry[2]} /><span class="clip grow">${entry[1]}</span><span class="soft nowrap">${entry[4]}</span></div>
  `;
  const field = html`<${Icon} name="search" />
    <input type="text" role="combobox" aria-expanded="true" aria-controls="entries" aria-autocomplete="list" aria-label="Search and commands" autocomplete="off" spellcheck=${false}
      aria-activedescendant=${chosen >= 0 ? `entry-${chosen}` : undefined} placeholder="Search jobs, files, tables and commands" value=${typed} onInput=${type} onKeyDown=${press} />`;
  const said = entries.length > 0 ? counted(entries.length, "result") : "Nothing is called that.";
  return html`
    <${Dialog} title="Search and commands" className="palette" head=${field} onClose=${onClose}>
      <div id="entries" role="listbox" aria-label="Results">
        ${[...new Set(entries.map(([group]) => group))].map(
          (group) => html`<div key=${group} role="group" aria-label=${group}><p aria-hidden="true">${group}</p>${entries.map((entry, index) => entry[0] === group && option(entry, index))}</div>`,
        )}
      </div>
      <p class=${entries.length > 0 && !found.error ? "visually-hidden" : "soft"} role="status">${found.error ? found.error.message : found.data?.typed === typed && said}</p>
    <//>
  `;
}
