// Text from the model: samples, and the likeliest next characters.

import { probabilities, choose, ranked } from "./sampling.js";
import { Uniforms } from "./uniforms.js";

// At most, to find the likeliest characters.
const LIKELY_STEPS = 64;
// Characters and words that a suggestion has at most.
const GHOST = 24;
const GHOST_WORDS = 2;
// Visible characters before a paragraph may end at a blank line, and at the end of a sentence.
const FEWEST = 20;
const USUAL = 80;
const SENTENCE_ENDS = ".!?…。”’)\"'";

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
      this.ended = this._left === 0 || isComplete(this._text, this._options.until);
    }
    return taken;
  }
}

/**
 * Return whether a text ends here: a paragraph at a blank line, or at the line break after a
 * sentence; words at a line break, or after the space behind the last.
 * @param {string} text
 * @param {WritingOptions["until"]} until
 */
export function isComplete(text, until) {
  const end = text[text.length - 1];
  if (until === "words") {
    const words = text.split(/\s+/u).filter(Boolean).length;
    return end === "\n" || (words >= GHOST_WORDS && !end.trim());
  }
  if (until !== "paragraph" || end !== "\n") return false;
  const visible = text.replace(/\s/gu, "").length;
  const line = text.trimEnd();
  const isBlank = text.slice(line.length).split("\n").length > 2;
  return isBlank
    ? visible >= FEWEST
    : visible >= USUAL && SENTENCE_ENDS.includes(line[line.length - 1]);
}

/**
 * Return the likeliest continuation: whole words, or one that is longer than a suggestion may be.
 * @param {import("./vocabulary.js").Vocabulary} vocabulary
 * @param {Position} position The end of the text; it moves on.
 */
export function suggestion(vocabulary, position) {
  const writer = new Writer(vocabulary, position, {
    length: GHOST,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 0,
    until: "words",
  });
  let text = "";
  while (!writer.ended) text += writer.next().text;
  return wholeWords(text);
}

/**
 * Return a text without the beginning of a word at its end, and without the space before that.
 * @param {string} text
 */
export function wholeWords(text) {
  if (text.endsWith("\n")) return text;
  return text.replace(/\S+$/u, "").trimEnd() || text;
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
