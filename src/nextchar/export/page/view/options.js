import { find, put } from "./dom.js";
import { number } from "./language.js";

/** The number in a field, within its limits; the one it began with where there is none.
 *  @param {string} id */
function read(id) {
  const { valueAsNumber, defaultValue, min, max } = find(id);
  const value = Number.isNaN(valueAsNumber) ? Number(defaultValue) : valueAsNumber;
  return Math.min(Number(max), Math.max(Number(min), value));
}

/** Paragraphs written with this seed. */
let drawn = 0;

export function temperature() {
  return read("temperature");
}

/** What the next paragraph is drawn with. */
export function nextOptions() {
  return {
    temperature: temperature(),
    topK: Math.round(read("top-k")),
    topP: read("top-p"),
    minP: read("min-p"),
    length: Math.round(read("length")),
    seed: Math.round(read("seed")) + drawn++,
  };
}

/** @param {() => void} onTemperature */
export function startOptions(onTemperature) {
  find("seed").addEventListener("input", () => {
    drawn = 0;
  });
  find("fresh").addEventListener("click", () => {
    find("seed").value = Math.floor(Math.random() * 1e6);
    drawn = 0;
  });
  find("temperature").addEventListener("input", () => {
    put("warmth", number(temperature(), 2));
    onTemperature();
  });
}
