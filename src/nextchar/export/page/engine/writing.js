// Text from the model: samples, and the likeliest next characters.

import { probabilities, choose, ranked } from "./sampling.js";
import { Uniforms } from "./uniforms.js";

// At most, to find the likeliest characters.
const LIKELY_STEPS = 64;
const GHOST_WORDS = 2;
// Characters that a paragraph has at least.
const PARAGRAPH = 80;
const SPACE = /\s/u;

/** @typedef {import("./position.js").Position} Position */

/**
 * @typedef {object} WritingOptions
 * @property {number} length Characters at most.
 * @property {number} temperature
 * @property {number} topK
 * @property {number} topP
 * @property {number} minP
 * @property {number} seed
 * @property {"" | "words" | "paragraph"} until
 */

/** One text that the model goes on with. */
export class Writer {
  /**
   * @param {import("./vocabulary.js").Vocabulary} vocabulary
   * @param {Position} position The end of the text before; it moves on.
   * @param {WritingOptions} options
   */
  constructor(vocabulary, position, options) {
    this.position = position;
    this._options = options;
    this._uniforms = new Uniforms(options.seed);
    this._decoder = vocabulary.decoder();
    this._never = new Uint8Array(vocabulary.size);
    if (vocabulary.unknown >= 0) this._never[vocabulary.unknown] = 1;
    // The first symbol must not change the character before it.
    this._excluded = this._never.map((never, id) => (vocabulary.begins[id] ? never : 1));
    this._left = options.length;
    this._text = "";
    this.ended = options.length === 0;
  }

  /**
   * Write a symbol; return its id, and the text that has become final.
   * @returns {{ id: number, text: string }}
   */
  next() {
    const id = choose(this.position.logits, this._options, this._uniforms.next(), this._excluded);
    this._excluded = this._never;
    this.position.read(id);
    return { id, text: this._take(this._decoder.feed([id])) };
  }

  /** Return the text that was held back, when no symbol follows. */
  flush() {
    return this._take(this._decoder.flush());
  }

  /** @param {string} text */
  _take(text) {
    let taken = "";
    for (const character of text) {
      if (this.ended) break;
      taken += character;
      this._text += character;
      this._left -= 1;
      this.ended = this._left === 0 || this._isComplete();
    }
    return taken;
  }

  _isComplete() {
    const { until } = this._options;
    if (until === "paragraph") {
      return (
        this._text.endsWith("\n\n") || (this._text.endsWith("\n") && this._text.length > PARAGRAPH)
      );
    }
    if (until !== "words") return false;
    return this._text.endsWith("\n") || this._text.trimEnd().split(SPACE).length > GHOST_WORDS;
  }
}

/**
 * Return the likeliest next characters with their probabilities, the likeliest first.
 *
 * A character of several symbols is searched for, the likeliest beginning first.
 * @param {import("./vocabulary.js").Vocabulary} vocabulary
 * @param {Position} position The end of the text; it stays.
 * @param {{ count: number, temperature: number }} options
 */
export function likelyCharacters(vocabulary, position, { count, temperature }) {
  const { begins } = vocabulary;
  /** @type {{ ids: number[], probability: number, before: Position }[]} */
  const beginnings = [];
  /** @type {{ text: string, probability: number }[]} */
  const found = [];
  /**
   * @param {number[]} ids
   * @param {number} probability
   * @param {Position} before
   */
  const add = (ids, probability, before) => {
    if (vocabulary.mayGrow(ids)) beginnings.push({ ids, probability, before: before.copy() });
    else found.push({ text: vocabulary.decode(ids), probability });
  };
  const shares = probabilities(position.logits, temperature);
  const first = allowed(shares, (id) => id !== vocabulary.unknown && begins[id] === 1);
  for (const id of ranked(first)) {
    if (first[id] > 0) add([id], first[id], position);
    if (beginnings.length + found.length >= LIKELY_STEPS) break;
  }
  for (let steps = 0; steps < LIKELY_STEPS && beginnings.length > 0; steps++) {
    beginnings.sort((a, b) => b.probability - a.probability);
    found.sort((a, b) => b.probability - a.probability);
    if (found.length >= count && found[count - 1].probability >= beginnings[0].probability) break;
    const { ids, probability, before } = /** @type {typeof beginnings[0]} */ (beginnings.shift());
    before.read(ids[ids.length - 1]);
    const next = probabilities(before.logits, temperature);
    let ends = 0;
    for (let id = 0; id < next.length; id++) {
      if (begins[id] === 1) ends += next[id];
      else add([...ids, id], probability * next[id], before);
    }
    found.push({ text: vocabulary.decode(ids), probability: probability * ends });
  }
  found.sort((a, b) => b.probability - a.probability);
  return found.slice(0, count);
}

/**
 * Keep the probabilities of some symbols, and scale them to a sum of one.
 * @param {Float64Array} shares
 * @param {(id: number) => boolean} isAllowed
 */
function allowed(shares, isAllowed) {
  const kept = shares.map((share, id) => (isAllowed(id) ? share : 0));
  const total = kept.reduce((a, b) => a + b, 0);
  return kept.map((share) => share / total);
}
