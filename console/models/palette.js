const MOST = 5;

/** The id of a job in what was typed or pasted. @param {string} typed */
export const jobIdIn = (typed) => /\bjob_[0-9a-z]{26}\b/.exec(typed)?.[0];

/** Whether a text answers what was typed: it has the letters of each word, in their order. @param {string} text @param {string} typed */
export function answers(text, typed) {
  const within = text.toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => {
    let next = 0;
    return [...word].every((letter) => (next = within.indexOf(letter, next) + 1) > 0);
  });
}

/** What the server finds: jobs, areas, tables. @param {import("stepmill").StepmillClient} client @param {string} envId @param {string} typed @param {AbortSignal} signal */
export async function find(client, envId, typed, signal) {
  const query = { limit: MOST, q: typed.trim() || undefined };
  const [jobs, areas, tables] = await Promise.all([client.listJobs({ ...query, envId }, { signal }), client.listAreas(envId, query, { signal }), client.listTables(envId, query, { signal })]);
  return { typed, jobs: jobs.items, areas: areas.items, tables: tables.items };
}
