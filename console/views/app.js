import { createContext, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "html";
import { readAll, Resource } from "../models/resource.js";

/**
 * What every view may use.
 * @typedef {object} App
 * @property {import("stepmill").StepmillClient} client
 * @property {import("../models/connection.js").Connection} connection
 * @property {import("../models/session.js").Session} session
 * @property {import("../models/notices.js").Notices} notices
 * @property {import("../models/uploads.js").Uploads} uploads
 * @property {import("../lib/router.js").Router} router
 * @property {import("../lib/router.js").Route} route
 * @property {import("../lib/links.js").Links} links
 * @property {string} envId
 */

export const AppContext = createContext(/** @type {App} */ (/** @type {unknown} */ (null)));

/** @returns {App} */
export const useApp = () => useContext(AppContext);

/**
 * Draw again whenever the model says that it changed.
 * @template {import("../lib/observable.js").Observable} M
 * @param {M} model
 * @returns {M}
 */
export function useModel(model) {
  const [, setTurn] = useState(0);
  // An effect comes a frame later: what changed until then would be missed.
  useLayoutEffect(() => model.subscribe(() => setTurn((turn) => turn + 1)), [model]);
  return model;
}

/**
 * A model that lives as long as the view, or until one of `inputs` changes: made, begun, and ended with it.
 * @template {import("../lib/observable.js").Observable & {close(): void}} M
 * @param {() => M} make
 * @param {unknown[]} inputs
 * @param {(model: M) => unknown} [begin]
 * @returns {M}
 */
export function useOwnModel(make, inputs, begin) {
  const model = useMemo(make, inputs);
  useEffect(() => {
    begin?.(model);
    return () => model.close();
  }, [model]);
  return useModel(model);
}

/**
 * Something read from the server for this view, again after a gap in the stream, and what failed when the connection is
 * back.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} read
 * @param {unknown[]} inputs
 * @returns {Resource<T>}
 */
export function useResource(read, inputs) {
  const { connection } = useApp();
  const resource = useOwnModel(() => new Resource(read), inputs, (made) => made.load());
  useEffect(() => connection.onGap(() => resource.data !== null && resource.loadSoon(200)), [resource]);
  useEffect(() => connection.subscribe(() => connection.state === "live" && resource.error && resource.load()), [resource]);
  return resource;
}

/** All areas of the environment. */
export function useAreas() {
  const { client, envId } = useApp();
  return useResource((signal) => readAll((query) => client.listAreas(envId, query, { signal })), []);
}

/**
 * Read again soon after a status change, not more often than each `soonMs`, and each `everyMs` while somebody looks.
 * @template {Resource<any>} R
 * @param {R} resource
 * @param {number} soonMs
 * @param {number} everyMs
 * @returns {R}
 */
export function useFresh(resource, soonMs, everyMs) {
  const { connection } = useApp();
  useEffect(() => {
    const heard = connection.onStatus(() => resource.loadSoon(soonMs));
    const timer = setInterval(() => !document.hidden && connection.state === "live" && resource.loadSoon(0), everyMs);
    return () => {
      heard();
      clearInterval(timer);
    };
  }, [resource]);
  return resource;
}

/**
 * Something the reader does: `run` does it, once at a time, and `error` tells why it was refused, until the next try.
 * @template {any[]} A
 * @param {(...values: A) => Promise<unknown>} act
 * @returns {{run: (...values: A) => Promise<boolean>, isRunning: boolean, error: Error | null}}
 */
export function useAction(act) {
  const [state, setState] = useState(/** @type {{isRunning: boolean, error: Error | null}} */ ({ isRunning: false, error: null }));
  // A second click may come before the next drawing.
  const isRunning = useRef(false);
  /** @param {A} values */
  async function run(...values) {
    if (isRunning.current) return false;
    isRunning.current = true;
    setState({ isRunning: true, error: null });
    /** @type {Error | null} */
    let error = null;
    try {
      await act(...values);
    } catch (reason) {
      error = /** @type {Error} */ (reason);
    }
    isRunning.current = false;
    setState({ isRunning: false, error });
    return !error;
  }
  return { run, ...state };
}

/** A number that changes each `ms`, for what grows with time alone. @param {number} ms @param {boolean} [isOn] */
export function useTick(ms, isOn = true) {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => setTick((turn) => turn + 1), ms);
    return () => clearInterval(timer);
  }, [ms, isOn]);
  return tick;
}

/** Leaving the page asks first while something would be lost; with the router, also leaving the screen. @param {boolean} isOn @param {import("../lib/router.js").Router} [router] */
export function useAskBeforeLeaving(isOn, router) {
  useLayoutEffect(() => {
    // At once, not after the next frame: whoever sees that there are changes may already go back.
    const ending = new AbortController();
    if (router) router.mayLeave = () => !isOn || confirm("Leave without saving?");
    if (isOn) addEventListener("beforeunload", (event) => event.preventDefault(), { signal: ending.signal });
    return () => ending.abort();
  }, [isOn]);
}

const SOON_MS = 700;

/** Read these again whenever a load begins or ends, since there is a file more, or other rows. @param {{loadSoon(ms: number): void}[]} resources */
export function useFreshAfterLoads(resources) {
  const { connection } = useApp();
  useEffect(
    () =>
      connection.onStatus((changes) => {
        const isLoad = changes.some(({ type, status }) => type === "FILE_ETL" && status !== "RUNNING");
        if (isLoad) for (const resource of resources) resource.loadSoon(SOON_MS);
      }),
    resources,
  );
}
