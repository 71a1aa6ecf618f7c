import { useEffect } from "../../lib/html.js";
import { useApp } from "../app.js";

const FIRST_MS = 200;

/**
 * Keep what was read true: read again soon after a status change, yet not more often than `soonMs`, and every `everyMs`
 * while somebody looks. What failed is read again when the connection is back.
 * @param {import("../../models/resource.js").Resource<any>} resource
 * @param {{soonMs: number, everyMs?: number}} options
 */
export function useFresh(resource, { soonMs, everyMs }) {
  const { connection } = useApp();
  useEffect(() => {
    let due = Date.now();
    const stops = [
      connection.onStatus(() => {
        const now = Date.now();
        if (now < due) return;
        due = Math.max(now + FIRST_MS, due + soonMs);
        resource.loadSoon(due - now);
      }),
      connection.subscribe(() => connection.state === "live" && resource.error && resource.load()),
    ];
    const timer = everyMs && setInterval(() => !document.hidden && connection.state === "live" && resource.loadSoon(0), everyMs);
    return () => {
      for (const stop of stops) stop();
      if (timer) clearInterval(timer);
    };
  }, [resource]);
}
