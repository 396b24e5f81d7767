// The network: one symbol in, the logits of the next one out.
//
// Weights are int8 with a factor for each row, as in the compiled engine of `nextchar generate
// --weights int8`. The equations are those of the Python package; gates are stacked i, f, g, o for
// the lstm and r, z, n for the gru.

import { exp, sigmoid, tanh } from "./elementary.js";
import { Matrices } from "./kernel.js";

const EPSILON = 1e-5;
// Of projected symbols.
const CACHED_VALUES = 1 << 24;
const GATES = { rnn: 1, lstm: 4, gru_after: 3, gru_before: 3, min_gru: 2, min_lstm: 3 };
/** The place of each quantity that is a gate. @type {Record<string, Record<string, number>>} */
const PLACES = {
  rnn: {},
  lstm: { i: 0, f: 1, g: 2, o: 3 },
  gru_after: { r: 0, z: 1, n: 2 },
  gru_before: { r: 0, z: 1, n: 2 },
  min_gru: { z: 0 },
  min_lstm: { i: 1 },
};

/**
 * @typedef {object} NetworkDescription
 * @property {"rnn" | "lstm" | "gru_after" | "gru_before" | "min_gru" | "min_lstm"} cell
 * @property {"tanh" | "relu" | "sigmoid"} activation Of the rnn.
 * @property {number} hidden
 * @property {number} layers
 * @property {number} symbols
 * @property {boolean} residual
 * @property {[number, number]} zoneout
 * @property {number} beginsAfter The id read before a text; −1 for none.
 * @property {string[]} quantities
 */

/**
 * @typedef {object} Tensor
 * @property {Int8Array | Int16Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array} values
 * @property {number[]} shape
 * @property {Float32Array | null} scales A factor for each row.
 */

/** The state of a text: h and c of each layer. */
export class State {
  /**
   * @param {number} layers
   * @param {number} hidden
   */
  constructor(layers, hidden) {
    this.h = Array.from({ length: layers }, () => new Float32Array(hidden));
    this.c = Array.from({ length: layers }, () => new Float32Array(hidden));
  }

  /** Return a copy. */
  copy() {
    const { length } = this.h;
    const copy = new State(length, this.h[0].length);
    copy.copyFrom(this);
    return copy;
  }

  /** @param {State} other */
  copyFrom(other) {
    for (let layer = 0; layer < this.h.length; layer++) {
      this.h[layer].set(other.h[layer]);
      this.c[layer].set(other.c[layer]);
    }
  }
}

/** A network for one text at a time; the state is the caller's. */
export class Network {
  /**
   * @param {NetworkDescription} description
   * @param {Map<string, Tensor>} tensors
   */
  constructor(description, tensors) {
    const { cell, hidden, layers } = description;
    this.description = description;
    this._tensors = tensors;
    this._rows = GATES[cell] * hidden;
    /** @type {string[]} */
    this._order = Array.from(tensors.keys()).filter(
      (name) => tensors.get(name)?.values instanceof Int8Array,
    );
    this._matrices = new Matrices(
      this._order.map((name) => {
        const [rows, columns] = this._tensor(name).shape;
        return { rows, columns };
      }),
    );
    this._gates = Array.from({ length: layers }, () => new Float32Array(this._rows));
    this._recurrent = new Float32Array(this._rows);
    this._before = new State(1, hidden);
    this._input = new Float32Array(hidden);
    this._scratch = new Float32Array(hidden);
    /** @type {Map<number, Float32Array>} */
    this._projected = new Map();
    /** The logits after the last step. */
    this.logits = new Float32Array(description.symbols);
  }

  /**
   * Load the weights, into WebAssembly where it is to be used.
   * @param {Uint8Array | null} module
   */
  async load(module) {
    if (module !== null) await this._matrices.accelerate(module);
    this._order.forEach((name, which) => {
      const { values, scales, shape } = this._tensor(name);
      this._matrices.set(
        which,
        /** @type {Int8Array} */ (values),
        /** @type {Float32Array} */ (scales),
        shape[1],
      );
      // They are in the matrices now.
      this._tensors.delete(name);
    });
    this.simd = this._matrices.simd;
  }

  /**
   * Return the state before a text.
   * @param {number} first The first symbol of the text.
   */
  begin(first) {
    const { layers, hidden, beginsAfter } = this.description;
    const state = new State(layers, hidden);
    if (beginsAfter >= 0 && beginsAfter !== first) this.step(state, beginsAfter);
    return state;
  }

  /**
   * Read a symbol: update the state and the logits.
   * @param {State} state
   * @param {number} id
   */
  step(state, id) {
    const { layers, zoneout } = this.description;
    const zoned = zoneout[0] > 0 || zoneout[1] > 0;
    for (let layer = 0; layer < layers; layer++) {
      this._project(layer, id);
      if (zoned) {
        this._before.h[0].set(state.h[layer]);
        this._before.c[0].set(state.c[layer]);
      }
      this._recur(layer, state.h[layer], state.c[layer]);
      if (zoned) {
        interpolate(zoneout[0], this._before.h[0], state.h[layer]);
        interpolate(zoneout[1], this._before.c[0], state.c[layer]);
      }
      this._passOn(layer, id, state.h[layer]);
    }
    this.logits.set(this._floats("head_bias"));
    this._add("head", this._input, this.logits, 0);
  }

  /**
   * Return values of the units of a layer after the last step.
   * @param {string} quantity h, c (as tanh c), or a gate.
   * @param {number} layer
   * @param {State} state
   * @returns {Float32Array}
   */
  values(quantity, layer, state) {
    if (quantity === "h") return state.h[layer].slice();
    if (quantity === "c") return state.c[layer].map(tanh);
    const { cell, hidden } = this.description;
    const place = PLACES[cell][quantity];
    return this._gates[layer].slice(place * hidden, (place + 1) * hidden);
  }

  /**
   * Set the gates of a layer to the part of its input.
   * @param {number} layer
   * @param {number} id
   */
  _project(layer, id) {
    const gates = this._gates[layer];
    if (layer === 0) {
      gates.set(this._symbol(id));
      return;
    }
    gates.fill(0);
    this._add(`input.${layer}`, this._input, gates, 0);
    this._addBias(layer, gates);
  }

  /**
   * Normalise the part of the input if the cells do, and add the bias.
   * @param {number} layer
   * @param {Float32Array} gates
   */
  _addBias(layer, gates) {
    if (this._tensors.has(`gains.${layer}`)) this._normalize(gates, 0, this._rows, layer, 0);
    addAll(this._floats(`bias.${layer}`), gates);
  }

  /**
   * Return a symbol's part of the gates of the first layer.
   * @param {number} id
   */
  _symbol(id) {
    const known = this._projected.get(id);
    if (known !== undefined) return known;
    const gates = new Float32Array(this._rows);
    if (this._tensors.has("table")) {
      gates.set(this._row("table", id));
    } else {
      const vector = this._row("embedding", id);
      for (let row = 0; row < this._rows; row++) {
        const weights = this._row("input.0", row);
        let sum = 0;
        for (let k = 0; k < vector.length; k++) sum += weights[k] * vector[k];
        gates[row] = sum;
      }
      this._addBias(0, gates);
    }
    if ((this._projected.size + 1) * this._rows > CACHED_VALUES) this._projected.clear();
    this._projected.set(id, gates);
    return gates;
  }

  /**
   * Compute a layer from the part of its input in the gates.
   * @param {number} layer
   * @param {Float32Array} h
   * @param {Float32Array} c
   */
  _recur(layer, h, c) {
    const { cell, hidden } = this.description;
    const gates = this._gates[layer];
    if (cell === "rnn") {
      this._addRecurrent(layer, h, 0, hidden);
      activate(this.description.activation, gates, h);
    } else if (cell === "lstm") {
      this._addRecurrent(layer, h, 0, 4 * hidden);
      this._lstm(layer, h, c);
    } else if (cell === "gru_after") {
      this._gruAfter(layer, h);
    } else if (cell === "gru_before") {
      this._gruBefore(layer, h);
    } else {
      minimal(cell, gates, h);
    }
  }

  /**
   * Add the product of the earlier output with the recurrent weights of some gates.
   * @param {number} layer
   * @param {Float32Array} vector
   * @param {number} start
   * @param {number} end
   * @param {string} [name]
   */
  _addRecurrent(layer, vector, start, end, name = "recurrent") {
    const gates = this._gates[layer];
    if (!this._tensors.has(`gains.${layer}`)) {
      this._add(`${name}.${layer}`, vector, gates, start);
      return;
    }
    const sums = this._recurrent.subarray(0, end - start);
    sums.fill(0);
    this._add(`${name}.${layer}`, vector, sums, 0);
    this._normalize(sums, start, end, layer, 1);
    for (let j = start; j < end; j++) gates[j] += sums[j - start];
  }

  /**
   * @param {number} layer
   * @param {Float32Array} h
   * @param {Float32Array} c
   */
  _lstm(layer, h, c) {
    const H = h.length;
    const gates = this._gates[layer];
    const lines = this._tensors.has(`peepholes.${layer}`)
      ? this._floats(`peepholes.${layer}`)
      : null;
    const isMatrix = this._order.includes(`peepholes_if.${layer}`);
    if (isMatrix) this._add(`peepholes_if.${layer}`, c, gates, 0);
    for (let j = 0; j < H; j++) {
      const before = c[j];
      const i = sigmoid(gates[j] + (lines ? lines[j] * before : 0));
      const f = sigmoid(gates[H + j] + (lines ? lines[H + j] * before : 0));
      const g = tanh(gates[2 * H + j]);
      c[j] = f * before + i * g;
      gates[j] = i;
      gates[H + j] = f;
      gates[2 * H + j] = g;
    }
    if (isMatrix) this._add(`peepholes_o.${layer}`, c, gates, 3 * H);
    const normalized = this._memoryNormalized(layer, c);
    for (let j = 0; j < H; j++) {
      const o = sigmoid(gates[3 * H + j] + (lines ? lines[2 * H + j] * c[j] : 0));
      gates[3 * H + j] = o;
      h[j] = o * tanh(normalized[j]);
    }
  }

  /**
   * @param {number} layer
   * @param {Float32Array} c
   */
  _memoryNormalized(layer, c) {
    if (!this._tensors.has(`memory_norm.${layer}`)) return c;
    const H = c.length;
    const norm = this._floats(`memory_norm.${layer}`);
    normalizeLine(c, this._scratch);
    for (let j = 0; j < H; j++) this._scratch[j] = this._scratch[j] * norm[j] + norm[H + j];
    return this._scratch;
  }

  /**
   * @param {number} layer
   * @param {Float32Array} h
   */
  _gruAfter(layer, h) {
    const H = h.length;
    const gates = this._gates[layer];
    this._addRecurrent(layer, h, 0, 2 * H);
    const candidate = this._scratch.fill(0);
    this._add(`candidate.${layer}`, h, candidate, 0);
    if (this._tensors.has(`gains.${layer}`)) this._normalize(candidate, 2 * H, 3 * H, layer, 1);
    addAll(this._floats(`bias_hh.${layer}`), candidate);
    for (let j = 0; j < H; j++) {
      const r = sigmoid(gates[j]);
      gates[j] = r;
      gates[2 * H + j] += r * candidate[j];
    }
    gruOutput(gates, h);
  }

  /**
   * @param {number} layer
   * @param {Float32Array} h
   */
  _gruBefore(layer, h) {
    const H = h.length;
    const gates = this._gates[layer];
    this._addRecurrent(layer, h, 0, 2 * H);
    for (let j = 0; j < H; j++) {
      const r = sigmoid(gates[j]);
      gates[j] = r;
      this._scratch[j] = r * h[j];
    }
    this._addRecurrent(layer, this._scratch, 2 * H, 3 * H, "candidate");
    gruOutput(gates, h);
  }

  /**
   * Set the input of the next layer to the output of this one.
   * @param {number} layer
   * @param {number} id
   * @param {Float32Array} h
   */
  _passOn(layer, id, h) {
    const H = h.length;
    let output = h;
    if (this._tensors.has(`output_norm.${layer}`)) {
      const norm = this._floats(`output_norm.${layer}`);
      output = this._scratch;
      for (let j = 0; j < H; j++) output[j] = h[j] * norm[j] + norm[H + j];
    }
    const { residual } = this.description;
    if (residual && layer > 0) {
      addAll(output, this._input);
      return;
    }
    this._input.set(output);
    if (residual && this._tensors.has("added")) addAll(this._row("added", id), this._input);
  }

  /**
   * Normalise each gate to mean 0 and standard deviation 1, times its gain.
   * @param {Float32Array} values Of the gates from start to end.
   * @param {number} start
   * @param {number} end
   * @param {number} layer
   * @param {0 | 1} part 0 for the part of the input, 1 for the recurrent one.
   */
  _normalize(values, start, end, layer, part) {
    const H = this.description.hidden;
    const gains = this._floats(`gains.${layer}`);
    for (let first = start; first < end; first += H) {
      const line = values.subarray(first - start, first - start + H);
      normalizeLine(line, line);
      for (let j = 0; j < H; j++) line[j] *= gains[part * this._rows + first + j];
    }
  }

  /**
   * @param {string} name
   * @param {Float32Array} vector
   * @param {Float32Array} sums
   * @param {number} start
   */
  _add(name, vector, sums, start) {
    this._matrices.addProduct(this._order.indexOf(name), vector, sums, start);
  }

  /** @param {string} name */
  _tensor(name) {
    return /** @type {Tensor} */ (this._tensors.get(name));
  }

  /**
   * @param {string} name
   * @returns {Float32Array}
   */
  _floats(name) {
    return /** @type {Float32Array} */ (this._tensor(name).values);
  }

  /**
   * Return a row of an int16 matrix.
   * @param {string} name
   * @param {number} row
   * @returns {Float32Array}
   */
  _row(name, row) {
    const { values, shape, scales } = this._tensor(name);
    const factor = /** @type {Float32Array} */ (scales)[row];
    const line = values.subarray(row * shape[1], (row + 1) * shape[1]);
    return Float32Array.from(line, (value) => value * factor);
  }
}

/**
 * @param {"tanh" | "relu" | "sigmoid"} activation
 * @param {Float32Array} gates
 * @param {Float32Array} h
 */
function activate(activation, gates, h) {
  const apply = { tanh, sigmoid, relu: (/** @type {number} */ x) => Math.max(x, 0) }[activation];
  for (let j = 0; j < h.length; j++) h[j] = apply(gates[j]);
}

/**
 * Compute h of a gru from the sums inside z and the candidate.
 * @param {Float32Array} gates
 * @param {Float32Array} h
 */
function gruOutput(gates, h) {
  const H = h.length;
  for (let j = 0; j < H; j++) {
    const z = sigmoid(gates[H + j]);
    const n = tanh(gates[2 * H + j]);
    gates[H + j] = z;
    gates[2 * H + j] = n;
    h[j] = n + z * (h[j] - n);
  }
}

/**
 * Compute h of a min cell, between the earlier h and the candidate, the last of its gates.
 * @param {string} cell
 * @param {Float32Array} gates
 * @param {Float32Array} h
 */
function minimal(cell, gates, h) {
  const H = h.length;
  const last = gates.length - H;
  for (let j = 0; j < H; j++) {
    const share = cell === "min_gru" ? sigmoid(gates[j]) : inputShare(gates[j], gates[H + j]);
    gates[last - H + j] = share;
    h[j] += share * (gates[last + j] - h[j]);
  }
}

/**
 * Return σ(i) / (σ(f) + σ(i)), which is finite even if both round to 0.
 * @param {number} f
 * @param {number} i
 */
function inputShare(f, i) {
  const ofF = Math.min(f, 0) - Math.log1p(exp(-Math.abs(f)));
  const ofI = Math.min(i, 0) - Math.log1p(exp(-Math.abs(i)));
  return 1 / (1 + exp(ofF - ofI));
}

/**
 * Write values normalised to mean 0 and standard deviation 1 to a line.
 * @param {Float32Array} values
 * @param {Float32Array} line
 */
function normalizeLine(values, line) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const square = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  const scale = 1 / Math.sqrt(square + EPSILON);
  for (let j = 0; j < values.length; j++) line[j] = (values[j] - mean) * scale;
}

/**
 * Replace a share of a line by the values before.
 * @param {number} share
 * @param {Float32Array} before
 * @param {Float32Array} line
 */
function interpolate(share, before, line) {
  for (let j = 0; j < line.length; j++) line[j] += share * (before[j] - line[j]);
}

/**
 * @param {Float32Array} values
 * @param {Float32Array} line
 */
function addAll(values, line) {
  for (let j = 0; j < line.length; j++) line[j] += values[j];
}
