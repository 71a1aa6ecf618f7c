import { Observable } from "../lib/observable.js";

/** @typedef {import("stepmill").StepmillClient} StepmillClient */
/** @typedef {import("stepmill/types").Environment} Environment */

const RANKS = ["viewer", "operator", "editor", "administrator"];

/** Who looks, and which environments there are. */
export class Session extends Observable {
  /** @type {"starting" | "ready" | "signed-out" | "failed"} */
  state = "starting";
  /** @type {Error | null} */
  error = null;
  /** @type {{subject: string, tenantId: string, roles: string[], version: string} | null} */
  who = null;
  /** @type {Environment[]} */
  environments = [];
  #client;

  /** @param {StepmillClient} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  async load() {
    try {
      const [who, environments] = await Promise.all([this.#client.getSession(), this.#client.listEnvironments({ limit: 500 })]);
      Object.assign(this, { who, environments: environments.items, state: "ready", error: null });
    } catch (error) {
      const status = /** @type {any} */ (error).status;
      Object.assign(this, { error, state: status === 401 ? "signed-out" : "failed" });
    }
    this.changed();
  }

  /** Whether the reader has this role or one above it. @param {"viewer" | "operator" | "editor" | "administrator"} role */
  may(role) {
    return (this.who?.roles ?? []).some((each) => RANKS.indexOf(each) >= RANKS.indexOf(role));
  }

  /** Nobody is signed in any more. */
  lost() {
    this.who = null;
    this.state = "signed-out";
    this.changed();
  }

  /** Forget the session in this browser. */
  async signOut() {
    try {
      const { ok } = await fetch("/logout", { method: "POST" });
      if (!ok) throw new Error("The session could not be ended.");
      this.lost();
    } catch (error) {
      Object.assign(this, { error, state: "failed" });
      this.changed();
    }
  }
}
