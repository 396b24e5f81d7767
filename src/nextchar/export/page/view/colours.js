/** Blue, the paper, orange: told apart with every kind of colour vision. */
const LIGHT = [
  [33, 102, 172],
  [255, 255, 255],
  [204, 92, 10],
];
const DARK = [
  [92, 170, 255],
  [27, 30, 36],
  [255, 160, 80],
];

export const darkness = matchMedia("(prefers-color-scheme: dark)");

/** The colour of a value: from −1 by 0 to 1, blue by white to orange; from 0 to 1 alone, white to blue.
 *  @param {number} value @param {boolean} signed */
export function colourOf(value, signed) {
  const [low, zero, high] = darkness.matches ? DARK : LIGHT;
  const end = signed && value > 0 ? high : low;
  const share = Math.min(1, Math.abs(value));
  return zero.map((part, channel) => Math.round(part + share * (end[channel] - part)));
}

/** Black or white, whichever is read more easily on a colour. @param {number[]} colour */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#111" : "#fff";
}
