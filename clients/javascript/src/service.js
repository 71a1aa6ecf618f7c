/** For backend services on Node: credentials made from a secret that they share with the server. */

import { createHmac, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { env } from "node:process";

import { StepmillClient } from "./client.js";
import { StepmillError } from "./problems.js";

const LONGEST_LIFETIME_SECONDS = 300;
const LEAST_SECRET_BYTES = 32;

/**
 * The headers that prove who calls. No argument is needed: `STEPMILL_SERVICE_SECRET` signs a new token, which lives five
 * minutes at most, for the tenant `STEPMILL_TENANT` (`local` if unset). Where there is no secret, `STEPMILL_TOKEN`, the local
 * user's own token, is sent as it is.
 * @param {{secret?: string, tenantId?: string, subject?: string, roles?: string[], lifetimeSeconds?: number}} [options]
 * @returns {{Authorization: string}}
 */
export function serviceHeaders({ secret, tenantId, subject, roles = ["editor"], lifetimeSeconds = 300 } = {}) {
  const key = secret || env.STEPMILL_SERVICE_SECRET;
  if (!key) return { Authorization: `Bearer ${localToken()}` };
  if (Buffer.byteLength(key) < LEAST_SECRET_BYTES) {
    throw new StepmillError(
      "weak_service_secret",
      `STEPMILL_SERVICE_SECRET must have ${LEAST_SECRET_BYTES} bytes or more. Make one: openssl rand -hex 32`,
    );
  }
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "stepmill-client",
    sub: subject || `service:${hostname()}`,
    aud: "stepmill",
    tenantId: tenantId || env.STEPMILL_TENANT || "local",
    roles,
    iat: now,
    exp: now + Math.min(lifetimeSeconds, LONGEST_LIFETIME_SECONDS),
    jti: randomUUID(),
  };
  return { Authorization: `Bearer ${signed(claims, key)}` };
}

/**
 * Submit a job from a backend service; the server is at `STEPMILL_URL`.
 * @param {import("./types.js").JobRequest} request
 * @param {{url?: string, idempotencyKey?: string, signal?: AbortSignal}} [options]
 * @returns {Promise<import("./types.js").Job>}
 */
export function submitWorkerJob(request, { url = workerUrl(), ...options } = {}) {
  return new StepmillClient({ url, headers: () => serviceHeaders() }).startJob(request, options);
}

/** Where the server is. */
export function workerUrl() {
  return env.STEPMILL_URL || "http://127.0.0.1:8080";
}

/**
 * A JSON Web Token, HS256 (RFC 7519).
 * @param {object} claims
 * @param {string} key
 */
function signed(claims, key) {
  const parts = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const text = parts.join(".");
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}

function localToken() {
  if (!env.STEPMILL_TOKEN) {
    throw new StepmillError(
      "no_credentials",
      "There are no credentials. Set STEPMILL_TOKEN to the server's token, or STEPMILL_SERVICE_SECRET to the secret " +
        "that it shares with services.",
    );
  }
  return env.STEPMILL_TOKEN;
}
