import { useEffect } from "../lib/html.js";
import { useApp } from "./app.js";

/**
 * Read again soon after a status change, not more often than each `soonMs`, and each `everyMs` while somebody looks; and
 * what failed when the connection is back.
 * @param {import("../models/resource.js").Resource<any>} resource
 * @param {number} soonMs
 * @param {number} [everyMs]
 */
export function useFresh(resource, soonMs, everyMs) {
  const { connection } = useApp();
  useEffect(() => {
    const heard = connection.onStatus(() => resource.loadSoon(soonMs));
    const back = connection.subscribe(() => connection.state === "live" && resource.error && resource.load());
    const timer = everyMs && setInterval(() => !document.hidden && connection.state === "live" && resource.loadSoon(0), everyMs);
    return () => {
      heard();
      back();
      if (timer) clearInterval(timer);
    };
  }, [resource]);
}
