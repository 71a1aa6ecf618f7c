/** Something whose state is watched: models are, and views draw them again when they say that they changed. */
export class Observable {
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /**
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tell everybody. */
  changed() {
    for (const listener of [...this.#listeners]) listener();
  }
}
