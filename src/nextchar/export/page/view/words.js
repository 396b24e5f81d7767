/** The ten words that cost most bits, dearest first; each once, where it costs most.
 *  @param {string[]} characters @param {Float64Array} bits */
export function surprisingWords(characters, bits) {
  const text = characters.join("");
  // Places in a string count UTF-16 units, those of the model code points.
  const places = characters.flatMap((character, place) => Array(character.length).fill(place));
  const words =
    "Segmenter" in Intl
      ? [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)].filter(
          (word) => word.isWordLike,
        )
      : [...text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)].map((word) => ({
          segment: word[0],
          index: word.index ?? 0,
        }));
  /** @type {Map<string, { segment: string, start: number, end: number, total: number, times: number }>} */
  const dearest = new Map();
  for (const { segment, index } of words) {
    const start = places[index];
    const end = start + [...segment].length;
    // What the model does not know costs nothing here.
    const total = bits.slice(start, end).reduce((sum, cost) => sum + (cost || 0), 0);
    const known = dearest.get(segment) ?? { total: -1, times: 0 };
    const times = known.times + 1;
    const word = { segment, start, end, total };
    dearest.set(segment, /** @type {any} */ ({ ...(total > known.total ? word : known), times }));
  }
  return [...dearest.values()]
    .filter(({ total }) => total > 0)
    .sort((one, other) => other.total - one.total)
    .slice(0, 10);
}
