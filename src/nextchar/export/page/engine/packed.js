// What the page contains compressed, in base64: its weights, and the script of its worker.

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return bytes;
}

/**
 * Return the bytes that were compressed.
 * @param {string} base64
 */
export function unpacked(base64) {
  const stream = new Blob([/** @type {BlobPart} */ (bytesOf(base64))]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}
