import { useEffect } from "../../lib/html.js";
import { useApp } from "../app.js";

/** Leaving the page asks first while something would be lost. @param {boolean} isOn */
export function useAskBeforeLeaving(isOn) {
  useEffect(() => {
    const ending = new AbortController();
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
