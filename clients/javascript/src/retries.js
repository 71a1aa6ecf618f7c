import { retryAfter } from "./problems.js";

const WORTH_A_RETRY = new Set([429, 502, 503, 504]);
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/**
 * Milliseconds to wait before a call is sent again, or null if its answer stands.
 * @param {Response} response
 * @param {number} attempt
 */
export function waitAfterAnswer(response, attempt) {
  if (!WORTH_A_RETRY.has(response.status)) return null;
  const asked = retryAfter(response.headers);
  return asked === null ? waitBefore(attempt) : Math.min(asked * 1000, LONGEST_WAIT_MS);
}

/**
 * Exponential with full jitter, so that many clients don't come back at once.
 * @param {number} attempt
 */
export function waitBefore(attempt) {
  return Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
}

/**
 * Wait, unless `signal` is aborted: then its reason is thrown.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** An idempotency key, which makes a write safe to send again. `randomUUID` is only there in secure contexts. */
export function newKey() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
