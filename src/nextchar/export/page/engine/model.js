// A model out of the page: its description and compressed weights become a network and a vocabulary.

import { Network } from "./network.js";
import { bytesOf, unpacked } from "./packed.js";
import { Vocabulary } from "./vocabulary.js";

const TYPES = { int8: Int8Array, int16: Int16Array, float32: Float32Array };

/**
 * @typedef {object} Entry A tensor in the weights.
 * @property {string} name
 * @property {"int8" | "int16" | "float32"} type Integers have a factor for each row.
 * @property {number[]} shape
 */

/**
 * @typedef {object} Manifest
 * @property {import("./network.js").NetworkDescription} network
 * @property {import("./vocabulary.js").Description} vocabulary
 * @property {boolean} composes
 * @property {Entry[]} tensors In the order of the weights; factors come before values.
 * @property {string | null} kernel The WebAssembly module in base64; null for plain JavaScript.
 */

/**
 * Return the network and the vocabulary.
 * @param {Manifest} manifest
 * @param {string} weights In base64, compressed.
 */
export async function openModel(manifest, weights) {
  const bytes = await unpacked(weights);
  const network = new Network(manifest.network, tensorsOf(manifest.tensors, bytes));
  await network.load(manifest.kernel === null ? null : bytesOf(manifest.kernel));
  return { network, vocabulary: new Vocabulary(manifest.vocabulary, manifest.composes) };
}

/**
 * @param {Entry[]} entries
 * @param {ArrayBuffer} bytes
 */
function tensorsOf(entries, bytes) {
  let place = 0;
  /**
   * @param {"int8" | "int16" | "float32"} type
   * @param {number} length
   */
  const take = (type, length) => {
    const kind = TYPES[type];
    const start = place;
    place += length * kind.BYTES_PER_ELEMENT;
    // A copy, since places are not aligned.
    return new kind(bytes.slice(start, place));
  };
  /** @type {Map<string, import("./network.js").Tensor>} */
  const tensors = new Map();
  for (const { name, type, shape } of entries) {
    const scales =
      type === "float32" ? null : /** @type {Float32Array} */ (take("float32", shape[0]));
    const values = take(
      type,
      shape.reduce((a, b) => a * b, 1),
    );
    tensors.set(name, { values, shape, scales });
  }
  return tensors;
}
