// A model that reads texts, and remembers where they began alike.

import { Position } from "./position.js";

// Symbols between two states that are kept.
const KEPT_EVERY = 64;

/**
 * Reads one text after another. A text that begins like the one before, as while a person types,
 * is read from where they differ.
 */
export class Reader extends Position {
  /** @param {Pick<import("./model.js").Model, "network" | "experts">} model */
  constructor(model) {
    super(model);
    /** States before the symbols 0, KEPT_EVERY, 2 · KEPT_EVERY, … @type {import("./network.js").State[]} */
    this._kept = [];
  }

  /**
   * Return the number of symbols at the beginning that need not be read again.
   * @param {number[]} ids
   */
  known(ids) {
    const most = Math.min(ids.length, this.ids.length);
    let same = 0;
    while (same < most && ids[same] === this.ids[same]) same += 1;
    if (same === this.ids.length) return same;
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
      this.begin(ids[0]);
    } else if (length < this.ids.length) {
      this.state.copyFrom(this._kept[length / KEPT_EVERY]);
      this._kept.length = length / KEPT_EVERY;
    }
    this.ids.length = length;
  }

  /**
   * Read a symbol.
   * @param {number} id
   */
  read(id) {
    if (this.ids.length % KEPT_EVERY === 0) {
      this._kept.push(this.state.copy());
    }
    super.read(id);
  }
}
