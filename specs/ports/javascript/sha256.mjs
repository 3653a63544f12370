// @ts-check
// SHA-256 (FIPS 180-4), synchronous. Browsers have only an asynchronous one, which would make
// every reader of a model file asynchronous too.

/**
 * @param {number} prime
 * @param {number} power
 * @returns {number} The first 32 bits of the fractional part of the `power`-th root, exactly.
 */
function rootBits(prime, power) {
  // floor(root * 2^32), searched bit by bit in integers: floating point is not exact enough.
  const target = BigInt(prime) << BigInt(32 * power);
  let root = 0n;
  for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) {
    if ((root | bit) ** BigInt(power) <= target) root |= bit;
  }
  return Number(root & 0xffffffffn);
}

const PRIMES = Array.from({ length: 310 }, (_, i) => i + 2).filter((n) => {
  for (let k = 2; k * k <= n; k++) if (n % k === 0) return false;
  return true;
});
const START = Uint32Array.from(PRIMES.slice(0, 8), (prime) => rootBits(prime, 2));
const ROUND = Uint32Array.from(PRIMES.slice(0, 64), (prime) => rootBits(prime, 3));

/**
 * Adds one chunk of 64 bytes to the state.
 *
 * @param {Uint32Array} state 8 words.
 * @param {Int32Array} words Scratch: 64 words.
 * @param {DataView} view
 * @param {number} offset Where the chunk begins.
 */
function compress(state, words, view, offset) {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15];
    const y = words[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] += sums[i];
}

/**
 * The SHA-256 of some bytes.
 *
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} The 32 bytes of the digest.
 */
export function sha256(bytes) {
  const state = START.slice();
  const words = new Int32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < whole; offset += 64) compress(state, words, view, offset);
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const end = new DataView(tail.buffer);
  end.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29));
  end.setUint32(tail.length - 4, (bytes.length * 8) % 2 ** 32);
  for (let offset = 0; offset < tail.length; offset += 64) compress(state, words, end, offset);
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  state.forEach((word, i) => out.setUint32(4 * i, word));
  return digest;
}
