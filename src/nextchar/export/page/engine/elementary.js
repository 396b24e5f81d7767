// Exponentials and logarithms, of basic arithmetic alone: every browser computes the same bits.

// The upper 33 bits of ln 2, so that n · LN2_HIGH is exact.
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
// e^x below is no normal number.
const LOWEST = -708;
const HIGHEST = 709;
const BIAS = 1023;
const NUMBER = new Float64Array(1);
// Its low half and its high half, which begins with the exponent.
const HALVES = new Int32Array(NUMBER.buffer);
const EXPONENT = 20;
const POWERS = new Float64Array(2047).map((_, place) => 2 ** (place - BIAS));

/**
 * Return e^x to 2 units in the last place; 0 below −708, and e^709 above 709.
 * @param {number} x
 * @returns {number}
 */
export function exp(x) {
  if (!(x >= LOWEST)) return 0;
  const power = Math.floor(Math.min(x, HIGHEST) * Math.LOG2E + 0.5);
  const r = Math.min(x, HIGHEST) - power * LN2_HIGH - power * LN2_LOW;
  // The series of e^r for |r| ≤ ln 2 / 2; the first omitted term is below 1e-16.
  let sum = 1 / 6227020800;
  sum = sum * r + 1 / 479001600;
  sum = sum * r + 1 / 39916800;
  sum = sum * r + 1 / 3628800;
  sum = sum * r + 1 / 362880;
  sum = sum * r + 1 / 40320;
  sum = sum * r + 1 / 5040;
  sum = sum * r + 1 / 720;
  sum = sum * r + 1 / 120;
  sum = sum * r + 1 / 24;
  sum = sum * r + 1 / 6;
  sum = sum * r + 0.5;
  sum = sum * r + 1;
  sum = sum * r + 1;
  return sum * POWERS[power + BIAS];
}

/**
 * Return ln x of a positive normal number, to a relative error of 1e-15.
 * @param {number} x
 * @returns {number}
 */
export function log(x) {
  NUMBER[0] = x;
  let power = (HALVES[1] >> EXPONENT) - BIAS;
  HALVES[1] -= power << EXPONENT;
  let [r] = NUMBER;
  if (r > Math.SQRT2) {
    r /= 2;
    power += 1;
  }
  // The series of artanh s for |s| ≤ 0.172; the first omitted term is below 1e-16.
  const s = (r - 1) / (r + 1);
  const square = s * s;
  let sum = 1 / 19;
  sum = sum * square + 1 / 17;
  sum = sum * square + 1 / 15;
  sum = sum * square + 1 / 13;
  sum = sum * square + 1 / 11;
  sum = sum * square + 1 / 9;
  sum = sum * square + 1 / 7;
  sum = sum * square + 1 / 5;
  sum = sum * square + 1 / 3;
  sum = sum * square + 1;
  return power * LN2_HIGH + (power * LN2_LOW + 2 * s * sum);
}

/**
 * Return the logistic sigmoid.
 * @param {number} x
 * @returns {number}
 */
export function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/**
 * Return the hyperbolic tangent, to an absolute error of 1e-15.
 * @param {number} x
 * @returns {number}
 */
export function tanh(x) {
  return 1 - 2 / (1 + exp(2 * x));
}
