// The end of a text, and the prediction of what follows.

import { REACH } from "./experts.js";
import { State } from "./network.js";

/** The end of a text that was read symbol by symbol. */
export class Position {
  /** @param {Pick<import("./model.js").Model, "network" | "experts">} model */
  constructor(model) {
    this._model = model;
    const { layers, hidden, symbols } = model.network.description;
    /** The last symbols at least. @type {number[]} */
    this.ids = [];
    this.state = new State(layers, hidden);
    /** The logits of the next symbol: those of the network, or ln p of the mixture with experts. */
    this.logits = new Float32Array(symbols);
  }

  /**
   * Go to the beginning of a text.
   * @param {number} first Its first symbol.
   */
  begin(first) {
    this.ids = [];
    this.state = this._model.network.begin(first);
  }

  /**
   * Read a symbol.
   * @param {number} id
   */
  read(id) {
    const { network, experts } = this._model;
    network.step(this.state, id);
    this.ids.push(id);
    if (experts === null) this.logits.set(network.logits);
    else experts.predict(this.ids, network.logits, this.logits);
  }

  /** Return a copy, for a text that goes on otherwise. */
  copy() {
    const copy = new Position(this._model);
    copy.ids = this.ids.slice(-REACH);
    copy.state.copyFrom(this.state);
    copy.logits.set(this.logits);
    return copy;
  }
}
