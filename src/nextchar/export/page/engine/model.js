// A model out of the page: its description and compressed weights become a network, a
// vocabulary, and experts.

import { Experts } from "./experts.js";
import { Network } from "./network.js";
import { unpacked } from "./packed.js";
import { Vocabulary } from "./vocabulary.js";

const TYPES = {
  int8: Int8Array,
  int16: Int16Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/**
 * @typedef {object} Entry A tensor in the weights.
 * @property {string} name
 * @property {keyof typeof TYPES} type int8 and int16 have a factor for each row.
 * @property {number[]} shape
 */

/**
 * @typedef {object} Manifest
 * @property {import("./network.js").NetworkDescription} network
 * @property {import("./vocabulary.js").Description} vocabulary
 * @property {boolean} composes
 * @property {Entry[]} tensors In the order of the weights; factors come before values.
 * @property {boolean} simd Whether to compute in WebAssembly where it can be.
 * @property {import("./experts.js").ExpertDescription | null} experts null for the network alone.
 */

/** @typedef {{ network: Network, experts: Experts | null, vocabulary: Vocabulary }} Model */

/**
 * @param {Manifest} manifest
 * @param {string} weights In base64, compressed.
 * @returns {Promise<Model>}
 */
export async function openModel(manifest, weights) {
  const tensors = tensorsOf(manifest.tensors, await unpacked(weights));
  const network = new Network(manifest.network, tensors);
  const kernel = /** @type {Uint8Array} */ (tensors.get("kernel")?.values);
  await network.load(manifest.simd ? kernel : null);
  return {
    network,
    experts: manifest.experts && new Experts(manifest.experts, tensors),
    vocabulary: new Vocabulary(manifest.vocabulary, manifest.composes),
  };
}

/**
 * @param {Entry[]} entries
 * @param {ArrayBuffer} bytes
 */
function tensorsOf(entries, bytes) {
  let place = 0;
  /**
   * @param {keyof typeof TYPES} type
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
    const scales = type.startsWith("int")
      ? /** @type {Float32Array} */ (take("float32", shape[0]))
      : null;
    const values = take(
      type,
      shape.reduce((a, b) => a * b, 1),
    );
    tensors.set(name, { values, shape, scales });
  }
  return tensors;
}
