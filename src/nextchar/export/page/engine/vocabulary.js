// Symbols and ids: characters, bytes, or characters with Hangul in letters.

import { composed, continues, decomposed, letterCode, shownLetter, unfinished } from "./hangul.js";

const LITERAL = "literal ";
const UNKNOWN = "<unk>";
const REPLACEMENT = 0xfffd;
const NAMES = new Map([
  ["\n", "↵"],
  ["\t", "→"],
  [" ", "␣"],
  ["\r", "␍"],
  ["\x1e", "␞"],
]);

/**
 * @typedef {object} Description A vocabulary as it is stored with the model.
 * @property {"char" | "byte" | "jamo"} kind
 * @property {string[]} [symbols]
 * @property {boolean} [unknown]
 */

/** A vocabulary of numbered symbols. */
export class Vocabulary {
  /**
   * @param {Description} description
   * @param {boolean} composes Whether every text is read in Unicode's form NFC.
   */
  constructor({ kind, symbols = [], unknown = false }, composes) {
    this._isByte = kind === "byte";
    this._isJamo = kind === "jamo";
    this._composes = composes;
    /** The id of <unk>; −1 if there is none. */
    this.unknown = unknown ? 0 : -1;
    /** The code of each id: a byte, a code point or a letter. @type {number[]} */
    this._codes = this._isByte
      ? Array.from({ length: 256 }, (_, byte) => byte)
      : [...(unknown ? [-1] : []), ...symbols.map((symbol) => this._codeOf(symbol))];
    this._ids = new Map(this._codes.map((code, id) => [code, id]));
    this.size = this._codes.length;
    /** Whether each symbol begins a character: 1 or 0. */
    this.begins = Uint8Array.from(this._codes, (code) =>
      Number(this._isByte ? (code & 0xc0) !== 0x80 : !continues(code)),
    );
    /** The id that separates texts; −1 if there is none. */
    this.separator =
      ["\x1e", "\n", " "].map((c) => this._idsOf(c)[0] ?? -1).find((id) => id >= 0) ?? -1;
  }

  /** @param {string} symbol */
  _codeOf(symbol) {
    const literal = symbol.startsWith(LITERAL);
    if (this._isJamo && !literal) return letterCode(symbol);
    return /** @type {number} */ (symbol.slice(literal ? LITERAL.length : 0).codePointAt(0));
  }

  /**
   * Return the ids that a text without a beginning starts after.
   * @returns {number[]}
   */
  get context() {
    if (this.separator >= 0) return [this.separator];
    return [this.begins.findIndex((begins, id) => begins === 1 && id !== this.unknown)];
  }

  /**
   * Return the ids of each character of a text: none if it is unknown and is left out.
   * @param {string} text
   * @returns {{ characters: string[], ids: number[][] }}
   */
  encode(text) {
    const characters = Array.from(this._normal(text));
    const known = new Map();
    for (const character of new Set(characters)) known.set(character, this._treated(character));
    return { characters, ids: characters.map((character) => known.get(character)) };
  }

  /** @param {string} character */
  _treated(character) {
    const ids = this._idsOf(character);
    if (ids.every((id) => id >= 0)) return ids;
    // A letter that stands alone, as the model writes it: the page has only the text to go on, and
    // must read what it wrote. Python, which keeps the ids, does not know this character.
    const letter = this._isJamo ? this._ids.get(shownLetter(character)) : undefined;
    if (letter !== undefined) return [letter];
    return this.unknown >= 0 ? [this.unknown] : [];
  }

  /**
   * Return the ids of a character, −1 for those that are unknown.
   * @param {string} character
   * @returns {number[]}
   */
  _idsOf(character) {
    if (this._isByte) return Array.from(new TextEncoder().encode(character));
    const code = /** @type {number} */ (character.codePointAt(0));
    return (this._isJamo ? decomposed(code) : [code]).map((each) => this._ids.get(each) ?? -1);
  }

  /**
   * Return a text in the Unicode form that the symbols have, cluster by cluster.
   * @param {string} text
   */
  _normal(text) {
    if (this._composes) text = text.normalize("NFC");
    if (this._isByte || this._knows(text)) return text;
    const clusters = new Intl.Segmenter().segment(text);
    return Array.from(clusters, ({ segment }) => {
      const forms = [segment, segment.normalize("NFC"), segment.normalize("NFD")];
      return forms.find((form) => this._knows(form)) ?? segment;
    }).join("");
  }

  /** @param {string} text */
  _knows(text) {
    return Array.from(new Set(text)).every((character) =>
      this._idsOf(character).every((id) => id >= 0),
    );
  }

  /** Return a decoder of ids that arrive in pieces. */
  decoder() {
    return this._isByte ? new ByteDecoder() : new CodeDecoder(this._codes);
  }

  /**
   * Return ids as text.
   * @param {number[]} ids
   */
  decode(ids) {
    const decoder = this.decoder();
    return decoder.feed(ids) + decoder.flush();
  }

  /**
   * Return whether a later symbol could still join the character of these ids.
   * @param {number[]} ids One character, or its beginning.
   */
  mayGrow(ids) {
    if (!this._isByte) return this._isJamo && unfinished(ids.map((id) => this._codes[id])) > 0;
    const length = ids[0] >= 0xf0 ? 4 : ids[0] >= 0xe0 ? 3 : ids[0] >= 0xc0 ? 2 : 1;
    return ids.length < length;
  }

  /**
   * Return a visible name of a symbol.
   * @param {number} id
   */
  name(id) {
    const code = this._codes[id];
    if (code === -1) return UNKNOWN;
    if (this._isByte && (code < 0x20 || code > 0x7e)) {
      return NAMES.get(String.fromCharCode(code)) ?? `0x${code.toString(16).padStart(2, "0")}`;
    }
    return visible(composed([code]));
  }
}

/**
 * Return a text with names for spaces and control characters.
 * @param {string} text
 */
export function visible(text) {
  return Array.from(text, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return (
      NAMES.get(character) ?? (control ? `U+${code.toString(16).padStart(4, "0")}` : character)
    );
  }).join("");
}

class CodeDecoder {
  /** @param {number[]} codes The code of each id. */
  constructor(codes) {
    this._codes = codes;
    /** @type {number[]} */
    this._held = [];
  }

  /**
   * Return the text that later ids cannot change.
   * @param {number[]} ids
   */
  feed(ids) {
    const codes = [
      ...this._held,
      ...ids.map((id) => (this._codes[id] === -1 ? REPLACEMENT : this._codes[id])),
    ];
    const end = codes.length - unfinished(codes);
    this._held = codes.slice(end);
    return composed(codes.slice(0, end));
  }

  /** Return the rest of the text. */
  flush() {
    const text = composed(this._held);
    this._held = [];
    return text;
  }
}

class ByteDecoder {
  constructor() {
    this._decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  /**
   * Return the text that later ids cannot change.
   * @param {number[]} ids
   */
  feed(ids) {
    return this._decoder.decode(Uint8Array.from(ids), { stream: true });
  }

  /** Return the rest of the text. */
  flush() {
    return this._decoder.decode();
  }
}
