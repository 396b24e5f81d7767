import { find, put } from "./dom.js";
import { number } from "./language.js";

/** The number in a field, within its limits; the one it began with where there is none.
 *  @param {string} id */
function read(id) {
  const { valueAsNumber, defaultValue, min, max, step } = find(id);
  const given = Number.isNaN(valueAsNumber) ? Number(defaultValue) : valueAsNumber;
  const value = Math.min(Number(max), Math.max(Number(min), given));
  // Numbers with a step are shares, others are counted.
  return step ? value : Math.round(value);
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
    topK: read("top-k"),
    topP: read("top-p"),
    minP: read("min-p"),
    length: read("length"),
    seed: read("seed") + drawn++,
  };
}

/** @param {() => void} onTemperature */
export function startOptions(onTemperature) {
  for (const id of ["length", "top-k", "top-p", "min-p", "seed"]) {
    find(id).addEventListener("change", () => {
      find(id).value = read(id);
    });
  }
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
