/** Something to go to or to do; `words` are found too. @typedef {{id: string, group: string, text: string, icon: string, hint?: string, words?: string, href?: string, act?: () => unknown}} Entry */

const MOST = 5;

/** The id of a job in what was typed or pasted. @param {string} typed */
export const jobIdIn = (typed) => /\bjob_[0-9a-z]{26}\b/.exec(typed)?.[0];

/**
 * How well a text answers what was typed; 0 if it does not. Each word counts: most where a word begins with it, less within
 * one, least where its letters come in order only.
 * @param {string} text
 * @param {string} typed
 */
export function fitOf(text, typed) {
  const within = text.toLowerCase();
  let fit = 1;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = within.indexOf(word);
    let next = 0;
    if (at >= 0) fit += at === 0 || /[^\p{L}\p{N}]/u.test(within[at - 1]) ? 4 : 2;
    else if (word.length > 1 && [...word].every((letter) => (next = within.indexOf(letter, next) + 1) > 0)) fit += 1;
    else return 0;
  }
  return fit;
}

/** Those that answer, the best of each group first. @param {Entry[]} entries @param {string} typed */
export function fitting(entries, typed) {
  const groups = [...new Set(entries.map(({ group }) => group))];
  const fits = entries.map((entry) => ({ entry, fit: fitOf(`${entry.text} ${entry.words ?? ""}`, typed) })).filter(({ fit }) => fit > 0);
  return groups.flatMap((group) => fits.filter(({ entry }) => entry.group === group).sort((one, other) => other.fit - one.fit)).map(({ entry }) => entry);
}

/** What the server finds: jobs, areas, tables. @param {import("stepmill").StepmillClient} client @param {string} envId @param {string} typed @param {AbortSignal} signal */
export async function find(client, envId, typed, signal) {
  const query = { limit: MOST, q: typed.trim() || undefined };
  const [jobs, areas, tables] = await Promise.all([client.listJobs({ ...query, envId }, { signal }), client.listAreas(envId, query, { signal }), client.listTables(envId, query, { signal })]);
  return { typed, jobs: jobs.items, areas: areas.items, tables: tables.items };
}
