// Products of int8 matrices with int16 vectors: in WebAssembly with SIMD, or in plain JavaScript.
//
// All numbers are integers, so both compute the same bits. A matrix lies in memory in rows of a
// multiple of 8 columns, and has a multiple of 4 rows.

const ROWS = 4;
const COLUMNS = 8;
// Bytes of a page of WebAssembly's memory.
const PAGE = 1 << 16;
const LARGEST_SUM = 2 ** 31 - 1;
const LARGEST_VALUE = 2 ** 15 - 1;

/**
 * @typedef {(weights: number, vector: number, sums: number, rows: number, columns: number) => void} Multiply
 *   Overwrites the sums. All but the sizes are addresses in bytes.
 */

/** Matrices in one memory, and their products. */
export class Matrices {
  /** @param {{ rows: number, columns: number }[]} shapes */
  constructor(shapes) {
    this._shapes = shapes.map(({ rows, columns }) => ({
      rows: rounded(rows, ROWS),
      columns: rounded(columns, COLUMNS),
    }));
    const columns = Math.max(...this._shapes.map((shape) => shape.columns));
    const rows = Math.max(...this._shapes.map((shape) => shape.rows));
    this._vector = 0;
    this._sums = 2 * columns;
    let place = rounded(this._sums + 4 * rows, 16);
    /** @type {number[]} */
    this._places = [];
    for (const shape of this._shapes) {
      this._places.push(place);
      place = rounded(place + shape.rows * shape.columns, 16);
    }
    this._size = place;
    /** @type {Float64Array[]} */
    this._scales = [];
    /** @type {number[]} */
    this._largest = [];
    this._memory = viewsOf(new ArrayBuffer(rounded(place, PAGE)));
    /** @type {Multiply} */
    this._multiply = (...where) => multiplyPlainly(this._memory, ...where);
    this.simd = false;
  }

  /**
   * Compute in WebAssembly from now on, where the browser can.
   * @param {Uint8Array} module
   */
  async accelerate(module) {
    try {
      const memory = new WebAssembly.Memory({ initial: rounded(this._size, PAGE) / PAGE });
      const { instance } = await WebAssembly.instantiate(/** @type {BufferSource} */ (module), {
        env: { __linear_memory: memory },
      });
      this._memory = viewsOf(memory.buffer);
      this._multiply = /** @type {Multiply} */ (instance.exports.multiply);
      this.simd = true;
    } catch {
      // No WebAssembly, no SIMD, or too little memory: plain JavaScript computes the same.
    }
  }

  /**
   * Set a matrix.
   * @param {number} which
   * @param {Int8Array} values Its rows without padding.
   * @param {Float32Array} scales A factor for each row.
   * @param {number} columns
   */
  set(which, values, scales, columns) {
    const shape = this._shapes[which];
    let largest = 1;
    for (let row = 0; row < scales.length; row++) {
      const line = values.subarray(row * columns, (row + 1) * columns);
      this._memory.bytes.set(line, this._places[which] + row * shape.columns);
      let sum = 0;
      for (const value of line) sum += Math.abs(value);
      largest = Math.max(largest, sum);
    }
    this._scales[which] = Float64Array.from(scales);
    // No sum of products overflows with vectors up to this value.
    this._largest[which] = Math.min(LARGEST_VALUE, Math.floor(LARGEST_SUM / largest));
  }

  /**
   * Add the product of a matrix with a vector to sums.
   * @param {number} which
   * @param {Float32Array} vector
   * @param {Float32Array} sums
   * @param {number} start The place of the first row in the sums.
   */
  addProduct(which, vector, sums, start) {
    const { rows, columns } = this._shapes[which];
    const length = vector.length;
    const { values, sums: results } = this._memory;
    let highest = 0;
    for (let k = 0; k < length; k++) highest = Math.max(highest, Math.abs(vector[k]));
    if (highest === 0) return;
    const factor = this._largest[which] / highest;
    const unit = highest / this._largest[which];
    for (let k = 0; k < length; k++) values[k] = Math.floor(vector[k] * factor + 0.5);
    for (let k = length; k < columns; k++) values[k] = 0;
    this._multiply(this._places[which], this._vector, this._sums, rows, columns);
    const scales = this._scales[which];
    const first = this._sums >> 2;
    for (let row = 0; row < scales.length; row++) {
      sums[start + row] += results[first + row] * scales[row] * unit;
    }
  }
}

/**
 * @typedef {ReturnType<typeof viewsOf>} Views
 * @param {ArrayBuffer} buffer
 */
function viewsOf(buffer) {
  return {
    bytes: new Int8Array(buffer),
    values: new Int16Array(buffer),
    sums: new Int32Array(buffer),
  };
}

/**
 * Do in plain JavaScript what the module does.
 * @param {Views} memory
 * @param {number} weights
 * @param {number} vector
 * @param {number} sums
 * @param {number} rows
 * @param {number} columns
 */
function multiplyPlainly(memory, weights, vector, sums, rows, columns) {
  const { bytes, values } = memory;
  const first = vector >> 1;
  for (let row = 0; row < rows; row += ROWS) {
    let place = weights + row * columns;
    let one = 0;
    let two = 0;
    let three = 0;
    let four = 0;
    for (let k = 0; k < columns; k++, place++) {
      const value = values[first + k];
      one = (one + bytes[place] * value) | 0;
      two = (two + bytes[place + columns] * value) | 0;
      three = (three + bytes[place + 2 * columns] * value) | 0;
      four = (four + bytes[place + 3 * columns] * value) | 0;
    }
    const target = (sums >> 2) + row;
    memory.sums[target] = one;
    memory.sums[target + 1] = two;
    memory.sums[target + 2] = three;
    memory.sums[target + 3] = four;
  }
}

/**
 * @param {number} size
 * @param {number} multiple
 */
function rounded(size, multiple) {
  return Math.ceil(size / multiple) * multiple;
}
