// Hashes of 64 bits, the same as those of the Python package, in two halves of 32 bits.

const FACTOR = [0x9e3779b9, 0x7f4a7c15];
// Of SplitMix64.
const MIX_1 = [0xbf58476d, 0x1ce4e5b9];
const MIX_2 = [0x94d049bb, 0x133111eb];

/** A hash; both halves are signed. */
export class Hash {
  /**
   * @param {number} high
   * @param {number} low
   */
  constructor(high, low) {
    this.high = high | 0;
    this.low = low | 0;
  }

  /**
   * Go on with a value.
   * @param {number} value An integer from 0 to 2^53 − 2.
   */
  add(value) {
    this.low ^= value + 1;
    this.high ^= (value + 1) / 2 ** 32;
    this._multiply(FACTOR);
    this._fold(31);
  }

  /**
   * Return the hash plus a number, as a hash whose high bits depend on all bits.
   * @param {number} [more] An integer from 0 to 2^31.
   */
  mixed(more = 0) {
    const low = (this.low >>> 0) + more;
    const mixed = new Hash(this.high + Number(low >= 2 ** 32), low);
    mixed._fold(30);
    mixed._multiply(MIX_1);
    mixed._fold(27);
    mixed._multiply(MIX_2);
    mixed._fold(31);
    return mixed;
  }

  /**
   * Combine the hash with itself, shifted to the right.
   * @param {number} bits 1 to 31.
   */
  _fold(bits) {
    this.low ^= (this.low >>> bits) | (this.high << (32 - bits));
    this.high ^= this.high >>> bits;
  }

  /** @param {number[]} factor Its high and its low half. */
  _multiply([high, low]) {
    // Halves of the low halves: no product or sum of them exceeds 32 bits.
    const a = this.low >>> 16;
    const b = this.low & 0xffff;
    const c = low >>> 16;
    const d = low & 0xffff;
    const one = b * c + ((b * d) >>> 16);
    const two = a * d + (one & 0xffff);
    const carry = a * c + (one >>> 16) + (two >>> 16);
    this.high = (Math.imul(this.high, low) + Math.imul(this.low, high) + carry) | 0;
    this.low = Math.imul(this.low, low);
  }
}
