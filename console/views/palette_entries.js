import { ago } from "../lib/format.js";
import { jobIdIn } from "../models/palette.js";
import { chooseFiles } from "./choose_files.js";
import { chooseEnvironment } from "./header.js";
import { PLACES } from "./navigation.js";
import { chooseTheme, THEMES } from "./theme_switch.js";

/** @typedef {import("../models/palette.js").Entry} Entry */

/** Screens, and what can be done anywhere. @param {import("./app.js").App} app @param {() => void} newJob @returns {Entry[]} */
export function commands(app, newJob) {
  const { links, session, uploads, envId, router } = app;
  const places = PLACES.map(([name, text]) => ({ id: name, group: "Go to", text, icon: name, href: /** @type {any} */ (links)[name]() }));
  const api = { id: "api", group: "Go to", text: "HTTP API", icon: "external", words: "documentation openapi", href: links.api() };
  const actions = [
    { id: "new-job", group: "Actions", text: "New job", icon: "plus", words: "submit start run", act: newJob },
    { id: "upload", group: "Actions", text: "Upload files", icon: "upload", words: "choose add load", act: () => chooseFiles(uploads) },
  ];
  const themes = Object.entries(THEMES).map(([theme, text]) => ({ id: `theme-${theme}`, group: "Settings", text: `Theme: ${text.toLowerCase()}`, icon: "theme", act: () => chooseTheme(theme) }));
  const environments = session.environments
    .filter((each) => each.envId !== envId)
    .map((each) => ({ id: `env-${each.envId}`, group: "Settings", text: `Environment: ${each.name}`, icon: "areas", words: each.envId, act: () => chooseEnvironment(router, each.envId) }));
  const signOut = { id: "sign-out", group: "Settings", text: "Sign out", icon: "external", words: "log out leave", act: () => session.signOut() };
  return [...places, api, ...(session.may("operator") ? actions : []), ...environments, ...themes, signOut];
}

/**
 * What the server found. It is not asked here how well it fits: the server looked into more than is shown.
 * @param {import("./app.js").App} app
 * @param {import("../models/palette.js").PaletteSearch} found
 * @param {string} typed
 * @returns {Entry[]}
 */
export function foundEntries({ links }, { jobs, areas, tables }, typed) {
  const pasted = jobIdIn(typed);
  return [
    ...(pasted ? [{ id: pasted, group: "Jobs", text: pasted, icon: "jobs", hint: "open this job", href: links.job(pasted) }] : []),
    ...jobs.filter(({ jobId }) => jobId !== pasted).map((job) => ({ id: job.jobId, group: typed ? "Jobs" : "Recent jobs", text: `${job.type} ${job.jobId}`, icon: "jobs", hint: `${job.status.toLowerCase()}, ${ago(job.createdAt)}`, href: links.job(job.jobId) })),
    ...(typed ? areas.map(({ areaId, name }) => ({ id: areaId, group: "Files", text: name, icon: "areas", href: links.area(areaId) })) : []),
    ...(typed ? tables.map(({ physId, logicalName }) => ({ id: physId, group: "Tables", text: logicalName, icon: "tables", href: links.table(physId) })) : []),
  ];
}
