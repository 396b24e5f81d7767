// Uniform random numbers: the Mersenne twister (Matsumoto & Nishimura 1998), drawn as torch draws.

const SIZE = 624;
const MIDDLE = 397;

/** Numbers in [0, 1) that depend on the seed alone. */
export class Uniforms {
  /** @param {number} seed An integer from 0 to 2^53 − 1; its lower 32 bits count. */
  constructor(seed) {
    this._words = new Uint32Array(SIZE);
    this._place = SIZE;
    this._words[0] = seed % 2 ** 32;
    for (let n = 1; n < SIZE; n++) {
      const before = this._words[n - 1] ^ (this._words[n - 1] >>> 30);
      this._words[n] = Math.imul(1812433253, before) + n;
    }
  }

  /** Return the next number, with 53 random bits. */
  next() {
    const high = this._word() & 0x1fffff;
    return (high * 2 ** 32 + this._word()) * 2 ** -53;
  }

  _word() {
    if (this._place === SIZE) this._renew();
    let word = this._words[this._place++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  _renew() {
    const words = this._words;
    for (let n = 0; n < SIZE; n++) {
      const both = (words[n] & 0x80000000) | (words[(n + 1) % SIZE] & 0x7fffffff);
      const twisted = (both >>> 1) ^ (both & 1 ? 0x9908b0df : 0);
      words[n] = words[(n + MIDDLE) % SIZE] ^ twisted;
    }
    this._place = 0;
  }
}
