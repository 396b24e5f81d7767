// The choice of the next symbol from its logits, as `nextchar generate` chooses.

import { exp } from "./elementary.js";

/**
 * @typedef {object} Options
 * @property {number} temperature 0 is argmax.
 * @property {number} topK Symbols kept; 0 keeps all.
 * @property {number} topP Probability kept; 1 keeps all.
 * @property {number} minP Least share of the highest probability; 0 keeps all.
 */

/**
 * Return the probabilities of all symbols.
 * @param {Float32Array} logits
 * @param {number} [temperature] Above 0.
 * @returns {Float64Array}
 */
export function probabilities(logits, temperature = 1) {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const shares = Float64Array.from(logits, (logit) => exp((logit - highest) / temperature));
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / total);
}

/**
 * Return the chosen symbol.
 * @param {Float32Array} logits
 * @param {Options} options
 * @param {number} uniform In [0, 1).
 * @param {Uint8Array} excluded 1 for symbols that must not be chosen.
 * @returns {number}
 */
export function choose(logits, options, uniform, excluded) {
  const { temperature, topK, topP, minP } = options;
  const scores = Float64Array.from(logits, (logit, v) => (excluded[v] ? -Infinity : logit));
  const best = argmax(scores);
  if (temperature === 0) return best;
  if (temperature !== 1) {
    const highest = scores[best];
    for (let v = 0; v < scores.length; v++) {
      scores[v] = Math.fround(scores[v] - highest) / temperature;
    }
  }
  if ((topK > 0 && topK < scores.length) || topP < 1) keepTop(scores, topK, topP);
  if (minP > 0) keepMinP(scores, scores[best], minP, temperature);
  return draw(scores, scores[best], uniform);
}

/**
 * Return the place of the highest score, the first one in a tie.
 * @param {Float64Array | Float32Array} scores
 */
export function argmax(scores) {
  let best = 0;
  for (let v = 1; v < scores.length; v++) if (scores[v] > scores[best]) best = v;
  return best;
}

/**
 * Mask all but the k most probable symbols, and of these all after those that reach p.
 * @param {Float64Array} scores
 * @param {number} topK
 * @param {number} topP
 */
function keepTop(scores, topK, topP) {
  const order = ranked(scores);
  const kept = topK > 0 ? Math.min(topK, scores.length) : scores.length;
  for (const v of order.slice(kept)) scores[v] = -Infinity;
  if (topP === 1) return;
  const highest = scores[order[0]];
  let total = 0;
  for (let n = 0; n < kept; n++) total += exp(scores[order[n]] - highest);
  let reached = 0;
  for (let n = 0; n < kept; n++) {
    const probability = exp(scores[order[n]] - highest) / total;
    if (reached >= topP) scores[order[n]] = -Infinity;
    reached += probability;
  }
}

/**
 * Return the places of scores from the highest to the lowest, the smaller one first in a tie.
 * @param {Float64Array | Float32Array} scores
 */
export function ranked(scores) {
  return Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * Mask the symbols below a share of the highest probability.
 * @param {Float64Array} scores
 * @param {number} highest
 * @param {number} minP
 * @param {number} temperature
 */
function keepMinP(scores, highest, minP, temperature) {
  let threshold = highest + Math.log(minP);
  if (temperature === 1) threshold = Math.fround(highest + Math.fround(Math.log(minP)));
  for (let v = 0; v < scores.length; v++) if (scores[v] < threshold) scores[v] = -Infinity;
}

/**
 * Invert the cumulative distribution.
 * @param {Float64Array} scores
 * @param {number} highest
 * @param {number} uniform
 */
function draw(scores, highest, uniform) {
  let total = 0;
  let last = 0;
  for (let v = 0; v < scores.length; v++) {
    if (scores[v] > -Infinity) last = v;
    scores[v] = exp(scores[v] - highest);
    total += scores[v];
  }
  const target = uniform * total;
  let reached = 0;
  for (let v = 0; v < last; v++) {
    reached += scores[v];
    if (reached > target) return v;
  }
  return last;
}
