import { SseParser } from "./sse.js";

/** @typedef {import("./sse.js").StreamEvent} StreamEvent */
/**
 * Told when a stream's connection is open, with the id that it goes on from if there is one, and when it is lost and
 * will be opened again. @typedef {(state: "open" | "lost", lastId: string | null) => void} OnConnection
 */
/**
 * @typedef {object} Following
 * @property {string | number | null} [after] Go on after this event.
 * @property {() => Record<string, unknown>} [query] Asked for before each connection, added to the call's.
 * @property {OnConnection} [onConnection]
 * @property {boolean} [opensWithId] The server says by a first id that nothing more can be missed; it is open only then.
 */

/** A connection that lasted as long did not fail, even if it brought nothing. */
const STEADY_MS = 10_000;

/** How far a stream was read, over all of its connections, and how they fared. */
export class Follower {
  /** Where the next connection goes on. @type {string | null} */
  lastId;
  #onConnection;
  #opensWithId;
  #failures = 0;
  #state = "";
  #openSince = Infinity;

  /** @param {Following} following */
  constructor({ after, onConnection = () => {}, opensWithId = false }) {
    this.lastId = after === undefined || after === null ? null : String(after);
    this.#onConnection = onConnection;
    this.#opensWithId = opensWithId;
  }

  /**
   * The events of one connection.
   * @param {AsyncIterable<string>} texts
   * @returns {AsyncGenerator<StreamEvent, void, void>}
   */
  async *read(texts) {
    const parser = new SseParser();
    for await (const text of texts) {
      this.#heard(parser);
      for (const event of parser.blocks(text)) {
        this.#heard(parser);
        if (!event) continue;
        this.#failures = 0;
        yield event;
      }
    }
  }

  /** The connection is over. Returns how many failed before it without any event between. */
  lost() {
    if (Date.now() - this.#openSince >= STEADY_MS) this.#failures = 0;
    this.#openSince = Infinity;
    this.#tell("lost");
    return this.#failures++;
  }

  /** @param {SseParser} parser */
  #heard({ lastId }) {
    this.lastId = lastId || this.lastId;
    if (lastId || !this.#opensWithId) this.#tell("open");
  }

  /** @param {"open" | "lost"} state */
  #tell(state) {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "open") this.#openSince = Date.now();
    this.#onConnection(state, this.lastId);
  }
}
