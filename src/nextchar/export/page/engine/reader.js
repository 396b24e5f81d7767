// A network that reads texts, and remembers where they began alike.

import { State } from "./network.js";

/** @typedef {{ state: State, logits: Float32Array }} Position */

// Symbols between two states that are kept.
const KEPT_EVERY = 64;

/**
 * Reads one text after another. A text that begins like the one before, as while a person types,
 * is read from where they differ.
 */
export class Reader {
  /** @param {import("./network.js").Network} network */
  constructor(network) {
    this.network = network;
    /** @type {number[]} */
    this._ids = [];
    /** States before the symbols 0, KEPT_EVERY, 2 · KEPT_EVERY, … @type {State[]} */
    this._kept = [];
    this.state = new State(network.description.layers, network.description.hidden);
    /** The logits after the text. */
    this.logits = new Float32Array(network.description.symbols);
  }

  /**
   * Return the number of symbols at the beginning that need not be read again.
   * @param {number[]} ids
   */
  known(ids) {
    const most = Math.min(ids.length, this._ids.length);
    let same = 0;
    while (same < most && ids[same] === this._ids[same]) same += 1;
    if (same === this._ids.length) return same;
    // The last symbol is read again, for the logits after it.
    return Math.floor(Math.min(same, ids.length - 1) / KEPT_EVERY) * KEPT_EVERY;
  }

  /**
   * Go back to a place in the text before.
   * @param {number[]} ids The text to be read, which begins like the one before.
   * @param {number} length From `known`.
   */
  rewind(ids, length) {
    if (length === 0) {
      this._kept = [];
      this.state = this.network.begin(ids[0]);
    } else if (length < this._ids.length) {
      this.state.copyFrom(this._kept[length / KEPT_EVERY]);
      this._kept.length = length / KEPT_EVERY;
    }
    this._ids.length = length;
  }

  /**
   * Read a symbol.
   * @param {number} id
   */
  read(id) {
    if (this._ids.length % KEPT_EVERY === 0) {
      this._kept.push(this.state.copy());
    }
    this._ids.push(id);
    this.network.step(this.state, id);
    this.logits.set(this.network.logits);
  }

  /**
   * Return a copy of the state and the logits after the text.
   * @returns {Position}
   */
  position() {
    return { state: this.state.copy(), logits: this.logits.slice() };
  }
}
