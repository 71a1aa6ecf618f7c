/** A server's stream as the client gives it, and a tab around it, both moved by the test alone. */

/** A queue that is read as a stream; it ends with `fail`, or when whoever reads it leaves. */
class Stream {
  #waiting = [];
  #wake = () => {};

  constructor(options) {
    Object.assign(this, options);
    this.isOpen = true;
    this.follows = options.follow();
    options.signal.addEventListener("abort", () => ((this.isOpen = false), this.#wake()));
  }

  /** The server is there, and goes on after `lastId`. */
  open(lastId) {
    this.onConnection("open", lastId);
  }

  lose() {
    this.onConnection("lost", null);
  }

  say(...events) {
    this.#waiting.push(...events);
    this.#wake();
  }

  fail(error) {
    this.error = error;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#waiting.length > 0) yield this.#waiting.shift();
      if (!this.isOpen) return;
      if (this.error) throw this.error;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}

export class StreamClient {
  streams = [];
  /** Jobs that there are. */
  jobs = new Set();

  streamAll(options) {
    const stream = new Stream(options);
    this.streams.push(stream);
    return stream;
  }

  /** The connection of now. */
  get stream() {
    return this.streams.at(-1);
  }

  async listJobs({ jobId }) {
    return { items: jobId.filter((each) => this.jobs.has(each)).map((each) => ({ jobId: each })) };
  }
}

/**
 * A tab with frames and a clock that the test moves.
 * @param {import("node:test").TestContext} t
 */
export function tabOf(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.UTC(2026, 0, 1) });
  const listeners = new Set();
  const frames = [];
  globalThis.document = { hidden: false, addEventListener: (_, listener) => listeners.add(listener), removeEventListener: (_, listener) => listeners.delete(listener) };
  globalThis.requestAnimationFrame = (draw) => frames.push(draw);
  return {
    /** Everything that is ready happens. */
    settle: async () => {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    async pass(milliseconds) {
      await this.settle();
      t.mock.timers.tick(milliseconds);
      await this.settle();
    },
    async frame() {
      await this.settle();
      for (const draw of frames.splice(0)) draw();
      await this.settle();
    },
    show(isShown) {
      document.hidden = !isShown;
      for (const listener of listeners) listener();
    },
  };
}
