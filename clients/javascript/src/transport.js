import { Follower } from "./follower.js";
import { errorOf, notStepmill, StepmillError, UnavailableError } from "./problems.js";
import { newKey, pause, waitAfterAnswer, waitBefore } from "./retries.js";

/** @typedef {import("./sse.js").StreamEvent} StreamEvent */
/**
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path
 * @property {Record<string, unknown>} [query] Values that are undefined or null are left out; lists are joined by comma.
 * @property {unknown} [body] Sent as JSON.
 * @property {BodyInit} [content] Sent as it is.
 * @property {string} [idempotencyKey] Writes get one by themselves.
 * @property {number} [timeoutMs] For an answer, where it may take longer than most.
 * @property {boolean} [exact] A number in the answer that a double would change comes as text, where the engine can tell.
 * @property {AbortSignal} [signal]
 */
/**
 * @typedef {object} TransportOptions
 * @property {string} [url] Where the server is; by default where the page came from.
 * @property {() => Record<string, string> | Promise<Record<string, string>>} [headers] Credentials, asked for before
 *   each request, because a token lives minutes only. A browser that is signed in needs none: its cookie is sent.
 * @property {typeof globalThis.fetch} [fetch]
 * @property {number} [timeoutMs] For an answer; 30 s by default. Streams and uploads have none.
 * @property {number} [retries] How often a safe call is sent again; 3 by default.
 * @property {number} [reconnects] How often in a row a broken stream is opened again without any event; 30 by default.
 */

/** A stream beats more often than this, so one that is silent for longer is dead. */
const SILENCE_MS = 45_000;

/** Sends calls to one server and follows its streams. */
export class Transport {
  /** @param {TransportOptions} [options] */
  constructor({ url = "", headers = () => ({}), fetch, timeoutMs = 30_000, retries = 3, reconnects = 30 } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.headers = headers;
    this.fetch = fetch ?? globalThis.fetch.bind(globalThis);
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    this.reconnects = reconnects;
  }

  /**
   * The call's result. It is sent again after a failure where that is safe: reads are, and so are writes, which carry an
   * idempotency key; content that can be read only once is not.
   * @param {Call} call
   * @returns {Promise<any>}
   */
  async send(call) {
    const key = call.method === "GET" ? undefined : (call.idempotencyKey ?? newKey());
    const repeatable = !(call.content instanceof ReadableStream);
    for (let attempt = 0; ; attempt += 1) {
      const mayRepeat = repeatable && attempt < this.retries;
      let wait;
      try {
        const response = await this.#request(call, key);
        wait = mayRepeat ? waitAfterAnswer(response, attempt) : null;
        if (wait === null) return await this.#result(response, call.exact);
        await response.body?.cancel();
      } catch (error) {
        if (error instanceof StepmillError || call.signal?.aborted) throw error;
        if (!mayRepeat) throw this.#unreachable(error);
        wait = waitBefore(attempt);
      }
      await pause(wait, call.signal);
    }
  }

  /**
   * The events of a stream, over as many connections as it takes: each once, in order. It ends after `end`, or when the
   * server says that nothing more will come.
   * @param {Call} call
   * @param {import("./follower.js").Following} [following]
   * @returns {AsyncGenerator<StreamEvent, void, void>}
   */
  async *follow(call, following = {}) {
    const follower = new Follower(following);
    for (;;) {
      let failure;
      const connection = new AbortController();
      const abort = () => connection.abort(call.signal?.reason);
      call.signal?.addEventListener("abort", abort, { once: true });
      try {
        call.signal?.throwIfAborted();
        const query = { ...call.query, ...following.query?.() };
        const response = await this.#open({ ...call, query }, follower.lastId, connection.signal);
        if (response.status === 204) return;
        for await (const event of follower.read(textsOf(response, connection))) {
          yield event;
          if (event.event === "end") return;
        }
      } catch (error) {
        if (call.signal?.aborted) throw call.signal.reason;
        if (error instanceof StepmillError && !(error instanceof UnavailableError)) throw error;
        failure = error;
      } finally {
        call.signal?.removeEventListener("abort", abort);
        // Also when the reader leaves.
        connection.abort();
      }
      const failures = follower.lost();
      if (failure && failures >= this.reconnects) {
        throw failure instanceof StepmillError ? failure : this.#unreachable(failure);
      }
      await pause(waitBefore(failures), call.signal);
    }
  }

  /**
   * @param {Call} call
   * @param {string | null} lastId
   * @param {AbortSignal} signal
   */
  async #open(call, lastId, signal) {
    const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const response = await this.#fetch(call, headers, undefined, signal);
    if (response.status === 429) throw new UnavailableError("rate_limited", "Too many streams.", { status: 429 });
    if (!response.ok) throw errorOf(response.status, response.headers, await response.text());
    return response;
  }

  /**
   * @param {Call} call
   * @param {string | undefined} key
   */
  #request(call, key) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (key !== undefined) headers["Idempotency-Key"] = key;
    if (call.body !== undefined) headers["Content-Type"] = "application/json";
    const signals = call.signal ? [call.signal] : [];
    if (call.content === undefined) signals.push(AbortSignal.timeout(call.timeoutMs ?? this.timeoutMs));
    const body = call.content ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    return this.#fetch(call, headers, body, signals.length > 1 ? AbortSignal.any(signals) : signals[0]);
  }

  /**
   * @param {Call} call
   * @param {Record<string, string>} headers
   * @param {BodyInit | undefined} body
   * @param {AbortSignal | undefined} signal
   */
  async #fetch(call, headers, body, signal) {
    const options = { method: call.method, headers: { ...headers, ...(await this.headers()) }, body, signal };
    const streamed = body instanceof ReadableStream ? { duplex: "half" } : {};
    return this.fetch(this.url + call.path + queryOf(call.query), { credentials: "same-origin", ...options, ...streamed });
  }

  /** @param {Response} response @param {boolean} [exact] */
  async #result(response, exact) {
    const text = await response.text();
    if (!response.ok) throw errorOf(response.status, response.headers, text);
    if (text === "") return undefined;
    try {
      return JSON.parse(text, exact ? exactly : undefined);
    } catch (cause) {
      throw notStepmill(this.place, cause);
    }
  }

  /** @param {unknown} cause */
  #unreachable(cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new UnavailableError("server_unreachable", `The Stepmill server at ${this.place} does not answer: ${why}`, {
      cause,
    });
  }

  /** Where the server is, in a sentence. */
  get place() {
    return this.url || "this page's address";
  }
}

/**
 * The pieces of one connection's text. A connection that is silent for too long is given up.
 * @param {Response} response
 * @param {AbortController} connection
 */
async function* textsOf(response, connection) {
  if (!response.body) return;
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const timer = setTimeout(() => connection.abort(new Error("the stream was silent")), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}

/**
 * Of JSON's numbers those as they were written whose digits a double can't hold.
 * @param {string} _key
 * @param {unknown} value
 * @param {{source?: string}} [context] Missing in Node 20.
 */
function exactly(_key, value, { source } = {}) {
  if (typeof value !== "number" || source === undefined || source === String(value)) return value;
  return digitsOf(source) === digitsOf(String(value)) ? value : source;
}

/** Those that count. @param {string} number */
const digitsOf = (number) => number.replace(/e.*/i, "").replace(/\D/g, "").replace(/^0+|0+$/g, "");

/** @param {Record<string, unknown>} [query] */
function queryOf(query = {}) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) pairs.append(name, Array.isArray(value) ? value.map(textOf).join(",") : textOf(value));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}

/** @param {unknown} value */
function textOf(value) {
  return value instanceof Date ? value.toISOString() : String(value);
}
