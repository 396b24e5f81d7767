// The model as the page sees it: calls to the worker, each with a promise of its result.

/**
 * @typedef {import("./writing.js").WritingOptions} WritingOptions
 * @typedef {{ layer: number, quantity: string }} Watched
 * @typedef {{ text: string, symbols: string[], begins: boolean[], values: Float32Array | null, speed: number }} Piece
 *   Whether each symbol begins a character. Values of the watched units for each symbol; characters per second.
 * @typedef {{ text: string, stopped: boolean, speed: number }} Written
 * @typedef {{ likely: { text: string, shown: string, probability: number }[], ghost: string, unknown: string[] }} Prediction
 * @typedef {{ symbols: string[], begins: boolean[], values: Float32Array, unknown: string[] }} Trace
 *
 * @typedef {object} Score
 * @property {string[]} characters
 * @property {Float64Array} bits NaN for a character that was left out; 0 for the first.
 * @property {string[][]} likely The likeliest symbols at each place.
 * @property {Uint8Array} unknown 1 for a character that was read as <unk>.
 * @property {number} total
 * @property {number} perCharacter
 * @property {number} measured
 * @property {number} skipped
 */

/** The engine in its worker. A newer call of the same kind makes an older one end early. */
export class Engine {
  /**
   * @param {ArrayBuffer} source The worker's script.
   * @param {object} manifest
   * @param {string} weights
   */
  constructor(source, manifest, weights) {
    const script = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this._worker = new Worker(script);
    /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void, onEvent: (event: any) => void }>} */
    this._calls = new Map();
    this._last = 0;
    this._worker.onmessage = ({ data }) => this._answered(data);
    /** When the model can write. @type {Promise<{ simd: boolean, milliseconds: number }>} */
    this.opened = this._call("open", { manifest, weights });
    this.opened.finally(() => URL.revokeObjectURL(script)).catch(() => {});
  }

  /**
   * Go on with a text.
   * @param {string} text
   * @param {WritingOptions & { watch?: Watched }} options
   * @param {(piece: Piece) => void} onPiece
   * @param {(share: number) => void} [onProgress] The share of a long text that is read.
   * @returns {Promise<Written>}
   */
  write(text, options, onPiece, onProgress) {
    return this._call("write", { text, options }, (event) =>
      event.share === undefined ? onPiece(event) : onProgress?.(event.share),
    );
  }

  /** End the writing. */
  stop() {
    return this._call("stop", {});
  }

  /**
   * Return the likeliest next characters, and a continuation by argmax.
   * @param {string} text
   * @param {{ count: number, temperature: number }} options
   * @param {(share: number) => void} [onProgress]
   * @returns {Promise<Prediction | null>} null if a newer call was made.
   */
  predict(text, options, onProgress) {
    return this._call("predict", { text, options }, ({ share }) => onProgress?.(share));
  }

  /**
   * Return the bits of every character.
   * @param {string} text
   * @param {(share: number) => void} onProgress
   * @returns {Promise<Score | null>}
   */
  score(text, onProgress) {
    return this._call("score", { text }, ({ share }) => onProgress(share));
  }

  /**
   * Return the values of all units of a layer over a text.
   * @param {string} text
   * @param {Watched} options
   * @returns {Promise<Trace | null>}
   */
  trace(text, options) {
    return this._call("trace", { text, options });
  }

  /**
   * @param {string} kind
   * @param {object} given
   * @param {(event: any) => void} [onEvent]
   * @returns {Promise<any>}
   */
  _call(kind, given, onEvent = () => {}) {
    this._last += 1;
    const id = this._last;
    this._worker.postMessage({ id, kind, given });
    return new Promise((resolve, reject) => this._calls.set(id, { resolve, reject, onEvent }));
  }

  /** @param {{ id: number, event?: any, result?: any, error?: string }} answer */
  _answered({ id, event, result, error }) {
    const call = this._calls.get(id);
    if (call === undefined) return;
    if (event !== undefined) {
      call.onEvent(event);
      return;
    }
    this._calls.delete(id);
    if (error === undefined) call.resolve(result);
    else call.reject(new Error(error));
  }
}
