// Counts of the training text, mixed with the network's predictions: `--experts fixed` of the
// Python package, whose modules `experts.contexts`, `tables`, `estimates` and `mixing` this follows.

import { exp, log } from "./elementary.js";
import { Hash } from "./hash.js";

// The last symbols of a text that a prediction reads.
export const REACH = 64;
// Words of the longest context of words, the current one included.
const WORDS = 3;
// Between words: no symbol.
const BORDER = 2 ** 40;
const SORTS = 5;
const FEW = 3;
const LEAST = 1e-30;
const CASES_PER_NAT = 3;
const ENTROPY_CASES = 32;

/**
 * @typedef {object} ExpertDescription
 * @property {number} longest The longest context in symbols.
 * @property {number[]} bits Of the directory of each context's table.
 */

/** The counts, and the weights of their mixture with a network. */
export class Experts {
  /**
   * @param {ExpertDescription} description
   * @param {Map<string, import("./network.js").Tensor>} tensors
   */
  constructor({ longest, bits }, tensors) {
    /** @param {string} name */
    const take = (name) => /** @type {import("./network.js").Tensor} */ (tensors.get(name)).values;
    this._longest = longest;
    this._bits = bits;
    // Places of each table's directory, and of the first context of each place of a directory.
    this._directories = sums(bits.map((width) => 2 ** width));
    this._starts = sums(take("experts.starts"));
    this._tags = take("experts.tags");
    // The place of the first entry of each context.
    this._first = sums(take("experts.first"));
    this._symbols = take("experts.symbols");
    this._counts = take("experts.counts");
    this._discounts = take("experts.discounts");
    this._inside = take("experts.inside");
    this._folded = take("experts.folded");
    this._weights = ["symbols", "words", "entropy"].map((name) => take(`experts.weights.${name}`));
    // ln p of the network, up to a constant, and of the chains of symbols and of words.
    this._members = [0, 1, 2].map(() => new Float32Array(this._inside.length));
  }

  /**
   * Predict the symbol after a text.
   * @param {number[]} ids
   * @param {Float32Array} logits Of the network.
   * @param {Float32Array} mixed Is overwritten with ln p.
   */
  predict(ids, logits, mixed) {
    const keys = this._keys(ids);
    const [network, symbols, words] = this._members;
    const cases = [
      this._estimate(keys, 0, this._longest, symbols),
      this._estimate(keys, this._longest + 1, keys.length - 1, words),
      readNetwork(logits, network),
    ];
    const [a, b, c] = [0, 1, 2].map((member) =>
      Math.fround(
        this._weights.reduce((sum, weights, kind) => sum + weights[3 * cases[kind] + member], 0),
      ),
    );
    for (let v = 0; v < mixed.length; v++)
      mixed[v] = a * network[v] + b * symbols[v] + c * words[v];
    const highest = highestOf(mixed);
    let total = 0;
    for (let v = 0; v < mixed.length; v++) total += exp(mixed[v] - highest);
    const constant = highest + log(total);
    for (let v = 0; v < mixed.length; v++) mixed[v] -= constant;
  }

  /**
   * Return the hashes of the contexts after a text: the chain of symbols, then the chain of words.
   * @param {number[]} ids
   */
  _keys(ids) {
    const end = ids.length;
    const begin = Math.max(0, end - REACH);
    const symbols = new Hash(0xd6e8feb8, 0x6659fd93);
    const keys = [symbols.mixed()];
    for (let length = 1; length <= this._longest; length++) {
      if (end - length >= begin) symbols.add(ids[end - length]);
      keys.push(symbols.mixed(length));
    }
    const words = new Hash(0xa0761d64, 0x78bd642f);
    keys.push(words.mixed());
    if (end > begin) words.add(ids[end - 1]);
    keys.push(words.mixed(1));
    let place = end - 1;
    const isInside = () => place >= begin && this._inside[ids[place]] === 1;
    for (let word = 0; word < WORDS; word++) {
      if (word > 0) while (place >= begin && !isInside()) place -= 1;
      words.add(BORDER);
      for (; isInside(); place--) words.add(this._folded[ids[place]]);
      keys.push(words.mixed());
    }
    return keys;
  }

  /**
   * Return the place of a context, −1 if it was not counted.
   * @param {Hash} key
   * @param {number} table
   */
  _find({ high, low }, table) {
    const bits = this._bits[table];
    // Shifts by 32 − bits, in two steps: a shift by 32 would be none.
    const place = this._directories[table] + ((high >>> 1) >>> (31 - bits));
    const tag = ((high << bits) | ((low >>> 1) >>> (31 - bits))) >>> 0;
    for (let context = this._starts[place + 1] - 1; context >= this._starts[place]; context--) {
      if (this._tags[context] === tag) return context;
    }
    return -1;
  }

  /**
   * Write ln p of all symbols under one chain of contexts, and return its case.
   * @param {Hash[]} keys
   * @param {number} low The first of the chain.
   * @param {number} high The last.
   * @param {Float32Array} p
   */
  _estimate(keys, low, high, p) {
    p.fill(0);
    let weight = 1;
    let found = 0;
    for (let table = high; table >= low; table--) {
      const context = this._find(keys[table], table);
      if (context < 0) continue;
      const begin = this._first[context];
      const end = this._first[context + 1];
      let total = 0;
      for (let entry = begin; entry < end; entry++) total += this._counts[entry];
      let rest = 0;
      for (let entry = begin; entry < end; entry++) {
        const count = this._counts[entry];
        const discount = this._discounts[3 * table + Math.min(count, 3) - 1];
        rest += discount;
        p[this._symbols[entry]] += Math.fround((weight / total) * (count - discount));
      }
      if (found === 0) found = (table - low + 1) * SORTS + sortOf(end - begin, total);
      weight *= rest / total;
    }
    const share = Math.fround(Math.max(weight / p.length, LEAST));
    const uncounted = log(share);
    for (let v = 0; v < p.length; v++)
      p[v] = p[v] === 0 ? uncounted : log(Math.fround(p[v] + share));
    return found;
  }
}

/**
 * Return how certain and how frequent the symbols of a context are.
 * @param {number} symbols
 * @param {number} total
 */
function sortOf(symbols, total) {
  if (symbols > 1) return symbols <= FEW ? 3 : 4;
  return total === 1 ? 0 : total <= FEW ? 1 : 2;
}

/**
 * Copy the logits below their maximum, and return the case of their entropy.
 * @param {Float32Array} logits
 * @param {Float32Array} network
 */
function readNetwork(logits, network) {
  const highest = highestOf(logits);
  let total = 0;
  let product = 0;
  for (let v = 0; v < logits.length; v++) {
    network[v] = logits[v] - highest;
    const share = exp(network[v]);
    total += share;
    product += share * network[v];
  }
  const entropy = Math.max(log(total) - product / total, 0);
  return Math.floor(Math.min(entropy * CASES_PER_NAT, ENTROPY_CASES - 1));
}

/** @param {Float32Array} values */
function highestOf(values) {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}

/**
 * Return 0 and the sums of the first 1, 2, … sizes.
 * @param {ArrayLike<number>} sizes
 */
function sums(sizes) {
  const places = new Uint32Array(sizes.length + 1);
  for (let n = 0; n < sizes.length; n++) places[n + 1] = places[n] + sizes[n];
  return places;
}
