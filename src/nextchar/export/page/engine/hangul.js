// Hangul syllables as letters. A letter code stands above all code points: 19 initial, 21 medial
// and 27 final letters, as in the Unicode Standard, section 3.12.

const MEDIALS = 21;
const FINALS = 27;
const INITIAL = 0x110000;
const MEDIAL = INITIAL + 19;
const FINAL = MEDIAL + MEDIALS;
const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
// First initial, medial and final letter in Unicode.
const CONJOINING = [0x1100, 0x1161, 0x11a8];
const COMPATIBILITY =
  "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ" +
  "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ" +
  "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/**
 * Return the code of a letter written as a conjoining jamo, or the code point of another character.
 * @param {string} symbol
 */
export function letterCode(symbol) {
  const code = /** @type {number} */ (symbol.codePointAt(0));
  const starts = [INITIAL, MEDIAL, FINAL];
  const counts = [MEDIAL - INITIAL, MEDIALS, FINALS];
  for (let kind = 0; kind < 3; kind++) {
    const place = code - CONJOINING[kind];
    if (place >= 0 && place < counts[kind]) return starts[kind] + place;
  }
  return code;
}

/**
 * Return the code of the letter that is shown alone as a character; −1 if there is none.
 * @param {string} character
 */
export function shownLetter(character) {
  const place = COMPATIBILITY.indexOf(character);
  return place < 0 ? -1 : INITIAL + place;
}

/**
 * Return the letter codes of a syllable, or the code point itself.
 * @param {number} code
 */
export function decomposed(code) {
  if (code < FIRST_SYLLABLE || code > LAST_SYLLABLE) return [code];
  const place = code - FIRST_SYLLABLE;
  const final = place % (FINALS + 1);
  const medial = Math.floor(place / (FINALS + 1)) % MEDIALS;
  const initial = Math.floor(place / ((FINALS + 1) * MEDIALS));
  const letters = [INITIAL + initial, MEDIAL + medial];
  return final > 0 ? [...letters, FINAL + final - 1] : letters;
}

/**
 * Return codes as text: letters that form a syllable are joined, others are shown alone.
 * @param {number[]} codes
 */
export function composed(codes) {
  let text = "";
  for (let n = 0; n < codes.length; n++) {
    const code = codes[n];
    if (isInitial(code) && isMedial(codes[n + 1])) {
      const pair = (code - INITIAL) * MEDIALS + codes[n + 1] - MEDIAL;
      const final = isFinal(codes[n + 2]) ? codes[n + 2] - FINAL + 1 : 0;
      n += final > 0 ? 2 : 1;
      text += String.fromCodePoint(FIRST_SYLLABLE + pair * (FINALS + 1) + final);
    } else {
      text += code >= INITIAL ? COMPATIBILITY[code - INITIAL] : String.fromCodePoint(code);
    }
  }
  return text;
}

/**
 * Return the number of codes at the end that a later letter could still join.
 * @param {number[]} codes
 */
export function unfinished(codes) {
  const last = codes[codes.length - 1];
  if (isInitial(last)) return 1;
  return isMedial(last) && isInitial(codes[codes.length - 2]) ? 2 : 0;
}

/**
 * Return whether a code continues a character: a medial or a final letter.
 * @param {number} code
 */
export function continues(code) {
  return code >= MEDIAL;
}

/** @param {number} code */
function isInitial(code) {
  return code >= INITIAL && code < MEDIAL;
}

/** @param {number} code */
function isMedial(code) {
  return code >= MEDIAL && code < FINAL;
}

/** @param {number} code */
function isFinal(code) {
  return code >= FINAL;
}
