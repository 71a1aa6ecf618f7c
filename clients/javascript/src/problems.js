/** One wrong place in a request: a JSON pointer and a sentence. @typedef {{pointer: string, message: string}} FieldError */

/** What the server, or the way to it, answers instead of a result. `code` is stable, `message` is for people. */
export class StepmillError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{status?: number, errors?: FieldError[], details?: unknown, requestId?: string, retryAfterSeconds?: number, cause?: unknown}} [more]
   */
  constructor(code, message, more = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = new.target.name;
    this.code = code;
    this.status = more.status ?? null;
    this.errors = more.errors ?? [];
    this.details = more.details;
    this.requestId = more.requestId;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

/** The request is not as it should be; `errors` names the places (400, 413, 415, 422). */
export class InputError extends StepmillError {}
/** The server does not know who calls (401). */
export class AuthenticationError extends StepmillError {}
/** The caller may not do this (403). */
export class ForbiddenError extends StepmillError {}
/** There is no such thing, or it is another tenant's (404). */
export class NotFoundError extends StepmillError {}
/** The thing is in another state than the call needs (409). */
export class ConflictError extends StepmillError {}
/** Too many requests; `retryAfterSeconds` says when to try again (429). */
export class RateLimitedError extends StepmillError {}
/** The server does not answer just now. Trying again later may help (502, 503, 504, or no answer at all). */
export class UnavailableError extends StepmillError {}

/** @type {Record<number, typeof StepmillError>} */
const KINDS = {
  400: InputError,
  401: AuthenticationError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  413: InputError,
  415: InputError,
  422: InputError,
  429: RateLimitedError,
  502: UnavailableError,
  503: UnavailableError,
  504: UnavailableError,
};

/**
 * The error that an answer of 400 or more stands for (RFC 9457 problem details).
 * @param {number} status
 * @param {Headers} headers
 * @param {string} text
 */
export function errorOf(status, headers, text) {
  const problem = problemIn(text);
  const Kind = KINDS[status] ?? StepmillError;
  return new Kind(
    String(problem.code ?? `http_${status}`),
    String(problem.detail ?? problem.title ?? `The server answered with status ${status}.`),
    {
      status,
      errors: Array.isArray(problem.errors) ? problem.errors : [],
      details: problem.details,
      requestId: problem.requestId,
      retryAfterSeconds: status === 429 ? (retryAfter(headers) ?? 1) : undefined,
    },
  );
}

/**
 * What answers is something else, such as a proxy's own page.
 * @param {string} place
 * @param {unknown} [cause]
 */
export const notStepmill = (place, cause) => new StepmillError("not_stepmill", `What answers at ${place} is not a Stepmill server.`, { cause });

/**
 * The seconds that an answer asks to wait, if it does so in seconds.
 * @param {Headers} headers
 * @returns {number | null}
 */
export function retryAfter(headers) {
  const value = headers.get("retry-after");
  const seconds = value === null || value.trim() === "" ? NaN : Number(value);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

/**
 * A proxy's own page, or nothing, is no problem.
 * @param {string} text
 * @returns {Record<string, any>}
 */
function problemIn(text) {
  try {
    const problem = JSON.parse(text);
    return problem !== null && typeof problem === "object" && !Array.isArray(problem) ? problem : {};
  } catch {
    return {};
  }
}
