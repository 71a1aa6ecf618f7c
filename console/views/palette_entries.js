import { ago } from "../lib/format.js";
import { fitting, jobIdIn } from "../models/palette.js";
import { chooseFiles } from "./choose_files.js";
import { chooseEnvironment } from "./header.js";
import { PLACES } from "./navigation.js";
import { chooseTheme, THEMES } from "./theme_switch.js";

/** @typedef {import("../models/palette.js").Entry} Entry */

/**
 * What answers, group after group. What the server found is not asked again how well it fits: it looked into more than is shown.
 * @param {import("./app.js").App} app
 * @param {string} typed
 * @param {Awaited<ReturnType<typeof import("../models/palette.js").find>> | null} found
 * @param {() => void} newJob
 * @returns {Entry[]}
 */
export function entriesOf({ links, session, uploads, envId, router }, typed, found, newJob) {
  const { jobs = [], areas = [], tables = [] } = found ?? {};
  const go = (/** @type {string} */ id, /** @type {string} */ text, icon = id, href = /** @type {any} */ (links)[id]()) => ({ id, group: "Go to", text, icon, href });
  const set = (/** @type {string} */ id, /** @type {string} */ text, /** @type {string} */ icon, /** @type {() => unknown} */ act) => ({ id, group: "Settings", text, icon, act });
  const places = [...PLACES.map(([name, text]) => go(name, text)), go("api", "HTTP API", "external")];
  const actions = [
    { id: "new-job", group: "Actions", text: "New job", icon: "plus", words: "submit start run", act: newJob },
    { id: "upload", group: "Actions", text: "Upload files", icon: "upload", words: "choose load", act: () => chooseFiles(uploads) },
  ];
  const settings = [
    ...session.environments.filter((each) => each.envId !== envId).map((each) => set(`env-${each.envId}`, `Environment: ${each.name}`, "areas", () => chooseEnvironment(router, each.envId))),
    ...Object.entries(THEMES).map(([theme, text]) => set(`theme-${theme}`, `Theme: ${text.toLowerCase()}`, "theme", () => chooseTheme(theme))),
    set("sign-out", "Sign out", "external", () => session.signOut()),
  ];
  const pasted = jobIdIn(typed);
  const group = typed ? "Jobs" : "Recent jobs";
  const itsJobs = jobs
    .filter(({ jobId }) => jobId !== pasted)
    .map((job) => ({ id: job.jobId, group, text: `${job.type} ${job.jobId}`, icon: "jobs", hint: `${job.status.toLowerCase()}, ${ago(job.createdAt)}`, href: links.job(job.jobId) }));
  const commands = session.may("operator") ? [...actions, ...settings] : settings;
  if (!typed) return [...places, ...itsJobs, ...commands];
  return [
    ...(pasted ? [{ id: pasted, group, text: pasted, icon: "jobs", href: links.job(pasted) }] : []),
    ...fitting([...places, ...commands], typed),
    ...areas.map(({ areaId, name }) => ({ id: areaId, group: "Files", text: name, icon: "areas", href: links.area(areaId) })),
    ...tables.map(({ physId, logicalName }) => ({ id: physId, group: "Tables", text: logicalName, icon: "tables", href: links.table(physId) })),
    ...itsJobs.map((job) => ({ ...job, group: pasted ? "Other jobs" : group })),
  ];
}
