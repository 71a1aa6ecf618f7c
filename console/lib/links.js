/**
 * Addresses of the console, each for one environment. The environment is named unless it is the one that every
 * installation begins with.
 */
export class Links {
  /** @param {string} envId */
  constructor(envId) {
    this.envId = envId;
  }

  overview = () => this.#at([]);
  /** @param {Record<string, string | null>} [filters] */
  jobs = (filters) => this.#at(["jobs"], filters);
  /** @param {string} jobId @param {Record<string, string | null>} [query] `tab`: log, data */
  job = (jobId, query) => this.#at(["jobs", jobId], query);
  areas = () => this.#at(["areas"]);
  /** @param {string} areaId @param {Record<string, string | null>} [query] */
  area = (areaId, query) => this.#at(["areas", areaId], query);
  /** @param {string} areaId @param {Record<string, string | null>} [query] */
  plan = (areaId, query) => this.#at(["areas", areaId, "plan"], query);
  /** @param {string} areaId @param {string} fileId */
  file = (areaId, fileId) => this.#at(["areas", areaId, "files", fileId]);
  tables = () => this.#at(["tables"]);
  /** @param {string} physId @param {Record<string, string | null>} [query] `tab`: rows, columns, loads, rejects; `load` */
  table = (physId, query) => this.#at(["tables", physId], query);
  workers = () => this.#at(["workers"]);
  /** The rejects of a load as a CSV file. @param {string} loadId */
  rejectsCsv = (loadId) => `/api/envs/${encodeURIComponent(this.envId)}/loads/${encodeURIComponent(loadId)}/rejects?format=csv`;
  api = () => "/docs";
  /** What one types to load a file. */
  loadByCommand = () => `stepmill load FILE.csv${this.envId === "default" ? "" : ` --env ${this.envId}`}`;

  /** @param {string[]} path @param {Record<string, string | null>} [query] */
  #at(path, query = {}) {
    const env = this.envId === "default" ? "" : this.envId;
    const given = Object.entries({ env, ...query }).filter(([, value]) => value);
    const text = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
    return `/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
  }
}
