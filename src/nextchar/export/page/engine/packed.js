// What the page contains compressed, in base64: its weights, and the script of its worker.

/** @param {string} base64 */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * Return the bytes that were compressed.
 * @param {string} base64
 */
export function unpacked(base64) {
  const stream = new Blob([/** @type {BlobPart} */ (bytesOf(base64))]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}
