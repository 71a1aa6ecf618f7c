import { Observable } from "./observable.js";

/**
 * Where the reader is: which screen, of what, and how it is set. All of it is in the address.
 * @typedef {{screen: string, params: Record<string, string>, query: Record<string, string>}} Route
 */

/** The console's addresses. The first that fits is taken. @type {[screen: string, pattern: string][]} */
const SCREENS = [
  ["overview", ""],
  ["jobs", "/jobs"],
  ["job", "/jobs/:jobId"],
  ["areas", "/areas"],
  ["area", "/areas/:areaId"],
  ["plan", "/areas/:areaId/plan"],
  ["file", "/areas/:areaId/files/:fileId"],
  ["tables", "/tables"],
  ["table", "/tables/:physId"],
  ["workers", "/workers"],
];

/** @param {string} path @param {string} search @returns {Route} */
export function routeOf(path, search) {
  const query = Object.fromEntries(new URLSearchParams(search));
  const given = path.replace(/\/+$/, "").split("/").map(decoded);
  for (const [screen, pattern] of SCREENS) {
    const names = pattern.split("/");
    const fits = names.length === given.length && names.every((name, at) => (name.startsWith(":") ? given[at] : name === given[at]));
    if (fits) return { screen, params: Object.fromEntries(names.flatMap((name, at) => (name.startsWith(":") ? [[name.slice(1), given[at]]] : []))), query };
  }
  return { screen: "nowhere", params: {}, query };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads and writes the address. Links within the console are followed without loading the page again. */
export class Router extends Observable {
  /** @type {Route} */
  route = routeOf(location.pathname, location.search);
  /** Asked before another screen is shown. */
  mayLeave = () => true;
  /** The address of `route`. */
  #at = location.pathname + location.search;

  /** Begin to follow links and the browser's own back and forward. */
  start() {
    addEventListener("popstate", () => {
      if (this.#mayGo(location.pathname)) this.#read();
      else history.pushState(null, "", this.#at);
    });
    document.addEventListener("click", (event) => this.#follow(event));
  }

  /**
   * Go to an address of the console.
   * @param {string} href
   * @param {{replace?: boolean}} [options]
   */
  go(href, { replace = false } = {}) {
    if (href === this.#at || !this.#mayGo(href.split("?")[0])) return;
    history[replace ? "replaceState" : "pushState"](null, "", href);
    this.#read();
  }

  /**
   * Change how this screen is set: names with null or "" are left out of the address.
   * @param {Record<string, string | number | null | undefined>} changes
   * @param {{push?: boolean}} [options] `push` makes it a place to come back to
   */
  set(changes, { push = false } = {}) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") query.delete(name);
      else query.set(name, String(value));
    }
    const text = query.toString();
    this.go(location.pathname + (text ? `?${text}` : ""), { replace: !push });
  }

  /** @param {string} path */
  #mayGo(path) {
    if (path === this.#at.split("?")[0]) return true;
    if (!this.mayLeave()) return false;
    this.mayLeave = () => true;
    return true;
  }

  #read() {
    this.#at = location.pathname + location.search;
    this.route = routeOf(location.pathname, location.search);
    this.changed();
  }

  /** @param {MouseEvent} event */
  #follow(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || link.hash) return;
    if (routeOf(link.pathname, link.search).screen === "nowhere") return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}
