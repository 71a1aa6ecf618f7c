import { Follower } from "./follower.js";
import { errorOf, InputError, notStepmill, RateLimitedError, UnavailableError } from "./problems.js";
import { newKey, pause, waitAfterAnswer, waitBefore } from "./retries.js";

/** @typedef {import("./sse.js").StreamEvent} StreamEvent */
/**
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path
 * @property {Record<string, unknown>} [query] Values that are undefined or null are left out; lists are joined by comma.
 * @property {unknown} [body] Sent as JSON.
 * @property {BodyInit | AsyncIterable<Uint8Array | string>} [content] Sent as it is; an iterable on Node only.
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
   * idempotency key; content that can be read only once is not. What goes wrong before the network is thrown at once.
   * @param {Call} call
   * @returns {Promise<any>}
   */
  async send(call) {
    const key = call.method === "GET" ? undefined : (call.idempotencyKey ?? newKey());
    const { signal } = call;
    /** @type {any} */
    const content = call.content;
    const retries = content instanceof ReadableStream || Symbol.asyncIterator in Object(content) ? 0 : this.retries;
    // A stream of Node's may fail before it is read, and ends the process if nobody listens; `errored` says so below.
    content?.on?.("error", () => {});
    for (let attempt = 0; ; attempt += 1) {
      const mayRepeat = attempt < retries;
      let wait;
      try {
        const response = await this.#request(call, key);
        wait = mayRepeat ? waitAfterAnswer(response, attempt) : null;
        if (wait === null) return await this.#result(response, call.exact);
        response.body?.cancel().catch(() => {});
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (!mayRepeat || !(error instanceof UnavailableError)) throw content?.errored ?? error;
        wait = waitBefore(attempt);
      }
      await pause(wait, signal);
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
        for await (const event of follower.read(this.#texts(response, connection))) {
          yield event;
          if (event.event === "end") return;
        }
      } catch (error) {
        if (call.signal?.aborted) throw call.signal.reason;
        if (!(error instanceof UnavailableError || error instanceof RateLimitedError)) throw error;
        failure = error;
      } finally {
        call.signal?.removeEventListener("abort", abort);
        // Also when the reader leaves.
        connection.abort();
      }
      const failures = follower.lost();
      if (failure && failures >= this.reconnects) throw failure;
      await pause(waitBefore(failures) + (failure?.retryAfterSeconds ?? 0) * 1000, call.signal);
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
    // Which throws.
    if (!response.ok) await this.#result(response);
    const type = response.headers.get("content-type");
    if (response.status === 200 && !type?.startsWith("text/event-stream")) throw notStepmill(this.place);
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
    const body = call.content ?? (call.body === undefined ? undefined : JSON.stringify(call.body, dated));
    return this.#fetch(call, headers, body, AbortSignal.any(signals));
  }

  /**
   * @param {Call} call
   * @param {Record<string, string>} ours
   * @param {any} body
   * @param {AbortSignal} signal
   */
  async #fetch(call, ours, body, signal) {
    const url = this.addressOf(call);
    const headers = { ...ours, ...(await this.headers()) };
    // A wrong address or header is no failure of the network.
    new Request(url, { headers });
    /** Content that comes piece by piece asks for `duplex`, and nothing else minds it. @type {RequestInit & {duplex: "half"}} */
    const options = { method: call.method, credentials: "same-origin", headers, body, signal, duplex: "half" };
    return this.#network(this.fetch(url, options));
  }

  /** Where a call goes. @param {Call} call */
  addressOf({ path, query }) {
    // What reads an address takes "." and ".." out of it, and another call is left.
    if (/\/\.{0,2}(\/|$)/.test(path)) throw new InputError("invalid_request", 'An id can\'t be "", "." or "..".');
    return this.url + path + queryOf(query);
  }

  /**
   * What comes over the network. Its failure, and no other, is an `UnavailableError` of ours.
   * @template T
   * @param {Promise<T>} answer
   */
  #network(answer) {
    return answer.catch((cause) => {
      const why = `The Stepmill server at ${this.place} does not answer: ${cause?.message ?? cause}`;
      throw new UnavailableError("server_unreachable", why, { cause });
    });
  }

  /**
   * The pieces of one connection's text. A connection that is silent for too long is given up.
   * @param {Response} response
   * @param {AbortController} connection
   */
  async *#texts(response, connection) {
    if (!response.body) return;
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const timer = setTimeout(() => connection.abort(new Error("the stream was silent")), SILENCE_MS);
      const { done, value } = await this.#network(reader.read()).finally(() => clearTimeout(timer));
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  }

  /** @param {Response} response @param {boolean} [exact] */
  async #result(response, exact) {
    const text = await this.#network(response.text());
    if (!response.ok) throw errorOf(response.status, response.headers, text);
    if (text === "") return undefined;
    try {
      return JSON.parse(text, exact ? exactly : undefined);
    } catch (cause) {
      throw notStepmill(this.place, cause);
    }
  }

  /** Where the server is, in a sentence. */
  get place() {
    return this.url || "this page's address";
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

/**
 * A date that is none is an error: JSON alone would make null of it, which stands for any time.
 * @this {any}
 * @param {string} name
 * @param {unknown} value
 */
function dated(name, value) {
  return this[name] instanceof Date ? textOf(this[name]) : value;
}

/** @param {Record<string, unknown>} [query] */
function queryOf(query = {}) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) pairs.append(name, [value].flat().map(textOf).join(","));
  }
  return pairs.size ? `?${pairs}` : "";
}

/** @param {unknown} value */
function textOf(value) {
  return value instanceof Date ? value.toISOString() : String(value);
}
