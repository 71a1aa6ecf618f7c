/** One event of a stream: its number, its name, its data. @typedef {{id: string, event: string, data: any}} StreamEvent */

/**
 * Turns the text of an event stream into events, however it is cut. Written to the grammar of the HTML Standard, section
 * "Server-sent events": lines end in CR, LF or both; comments (heartbeats) and unknown fields are skipped; an event that
 * was cut off by the end of the stream is dropped.
 */
export class SseParser {
  /** The id of the last block that was whole, also of one without data: where a new connection goes on. */
  lastId = "";
  #rest = "";
  #afterCarriageReturn = false;
  #id = "";
  #event = "";
  /** @type {string[]} */
  #data = [];

  /**
   * The events that a piece of the stream completes.
   * @param {string} text
   * @returns {Generator<StreamEvent>}
   */
  *feed(text) {
    for (const event of this.blocks(text)) {
      if (event) yield event;
    }
  }

  /**
   * The same, with null for each block without data, which is no event but may have moved `lastId`.
   * @param {string} text
   * @returns {Generator<StreamEvent | null>}
   */
  *blocks(text) {
    for (const line of this.#lines(text)) {
      const event = this.#take(line);
      if (line === "") yield event;
    }
  }

  /** @param {string} text */
  #lines(text) {
    if (text === "") return [];
    // CR LF may have been cut between two pieces.
    const begin = this.#afterCarriageReturn && text.startsWith("\n") ? 1 : 0;
    this.#afterCarriageReturn = text.endsWith("\r");
    const lines = (this.#rest + text.slice(begin)).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  /** @param {string} line */
  #take(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch() {
    const [data, event] = [this.#data.join("\n"), this.#event || "message"];
    this.#data = [];
    this.#event = "";
    this.lastId = this.#id;
    return data === "" ? null : { id: this.#id, event, data: JSON.parse(data) };
  }
}
