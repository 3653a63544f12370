// @ts-check
// The codec of ecjax in JavaScript, after the specification in ../../; the names in comments
// (S-2, W-4 ...) are its rules. For Node 18 and later and for browsers.

import { sha256 } from "./sha256.mjs";

/**
 * What a byte model has to offer (C-6). `open` begins a text.
 *
 * @typedef {object} ByteModel
 * @property {number} precision F, the precision of all its tables, 9 to 16.
 * @property {() => Cursor} open A cursor that has seen no byte yet.
 */

/**
 * A byte model at one place of a text.
 *
 * @typedef {object} Cursor
 * @property {() => ArrayLike<number>} table The table (F-1) of the next byte: 257 integers. Valid
 *   until the next call of any method of the cursor.
 * @property {(byte: number) => void} push Lets the model see one byte more.
 * @property {(length: number) => void} rewind Goes back to the first `length` bytes seen.
 */

/**
 * Gets the steps of a computation, as P-5 has them, in their order. Functions that take one show
 * their steps to those who look for a fault; it is not needed otherwise.
 *
 * @typedef {(step: Record<string, unknown>) => void} Trace
 */

/** Input that the specification calls invalid. Nothing was decoded or encoded. */
export class Refusal extends Error {
  /**
   * @param {string} cause One of the words of C-7, or "file" for a file of a model or codebook
   *   that T-18 and B-9 do not allow.
   * @param {string} message What is wrong, and what would be right.
   */
  constructor(cause, message) {
    super(`${cause}: ${message}`);
    this.name = "Refusal";
    /** @type {string} */
    this.cause = cause;
  }
}

/**
 * Refuses unless `valid`.
 *
 * @param {boolean} valid
 * @param {string} cause
 * @param {string} message
 */
function check(valid, cause, message) {
  if (!valid) throw new Refusal(cause, message);
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {boolean} Whether `value` is an integer from `low` to `high`.
 */
function within(value, low, high) {
  return Number.isInteger(value) && value >= low && value <= high;
}

/**
 * @param {number} precision F.
 * @throws {Refusal} `precision`, if it is not 9 to 16.
 */
export function checkPrecision(precision) {
  check(within(precision, 9, 16), "precision", `the precision must be 9 to 16, not ${precision}`);
}

/**
 * @param {number} bits
 * @param {number} most
 */
function checkBits(bits, most) {
  check(within(bits, 9, most), "bits", `the size of a window must be 9 to ${most} bits, not ${bits}`);
}

/**
 * A mistake of the caller, not of the data: C-7 has no cause for it.
 *
 * @param {Uint8Array} text
 */
function checkText(text) {
  if (!(text instanceof Uint8Array)) throw new TypeError("a text must be a Uint8Array; see TextEncoder");
}

/** 2^0 to 2^63: a table is faster than `**`. */
const POWER = Float64Array.from({ length: 64 }, (_, n) => 2 ** n);

/**
 * C-2 for a divisor 2^shift, where all fits 32 bits.
 *
 * @param {number} value
 * @param {number} shift 0 to 31.
 * @returns {number}
 */
function nearest(value, shift) {
  return shift === 0 ? value : (value + (1 << (shift - 1))) >> shift;
}

/**
 * C-3 with two limits.
 *
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}

/**
 * The tables of F-3 and T-11: 2^(octaves - 1 - i / 256), rounded to the nearest integer.
 *
 * @param {number} octaves
 * @returns {Int32Array} 256 numbers.
 */
function powersOfTwo(octaves) {
  return Int32Array.from({ length: 256 }, (_, i) => {
    // The 256th root of 2^(256 * octaves - i), rounded down, bit by bit.
    const power = 1n << BigInt(256 * octaves - i);
    let root = 0n;
    for (let bit = 1n << BigInt(octaves); bit > 0n; bit >>= 1n) {
      if ((root | bit) ** 256n <= power) root |= bit;
    }
    return Number((root + 1n) >> 1n);
  });
}

/** A list of bytes that grows. */
class Bytes {
  constructor() {
    this.length = 0;
    this.buffer = new Uint8Array(64);
  }

  /** @param {number} more How many bytes there must be space for. */
  reserve(more) {
    if (this.length + more <= this.buffer.length) return;
    const larger = new Uint8Array(2 * (this.length + more));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  /** @param {number} byte */
  push(byte) {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  /** @param {Uint8Array} bytes */
  append(bytes) {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** @returns {Uint8Array} A copy of the bytes so far. */
  done() {
    return this.buffer.slice(0, this.length);
  }
}

/** @param {string} text ASCII. */
function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} Two lower-case hexadecimal digits a byte.
 */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {ArrayBuffer | Uint8Array} bytes
 * @returns {Uint8Array}
 */
function asBytes(bytes) {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}

// ---------------------------------------------------------------------------------- frequencies

const LOGIT_LIMIT = 2 ** 30;
const P = powersOfTwo(24);

/**
 * F-2 to F-5 without their checks.
 *
 * @param {ArrayLike<number>} logits 256 integers, each at most 2^30 in magnitude.
 * @param {number} precision 9 to 16.
 * @param {Float64Array} sums Scratch: 257 numbers.
 * @param {Uint32Array} table Where the 257 numbers of the table go.
 */
function fillTable(logits, precision, sums, table) {
  let largest = logits[0];
  for (let c = 1; c < 256; c++) if (logits[c] > largest) largest = logits[c];
  for (let c = 0; c < 256; c++) {
    const d = largest - logits[c];
    // Weights are 0 from d = 6145 on (F-4).
    sums[c + 1] = sums[c] + (d > 6144 ? 0 : nearest(P[d & 255], d >> 8));
  }
  // Products are below 2^47, where the quotient of two doubles, rounded down, is exact.
  const shared = POWER[precision] - 256;
  for (let c = 0; c <= 256; c++) table[c] = Math.floor((sums[c] * shared) / sums[256]) + c;
}

/**
 * The table of a row of logits (F-5).
 *
 * @param {ArrayLike<number>} logits 256 integers in units of 1/256 of log2.
 * @param {number} precision F, 9 to 16.
 * @param {Trace} [trace]
 * @returns {Uint32Array} 257 integers, from 0 to 2^F; the frequency of byte c is entry c + 1
 *   minus entry c.
 * @throws {Refusal} `precision` or `logits`.
 */
export function frequencyTable(logits, precision, trace) {
  checkPrecision(precision);
  check(logits.length === 256, "logits", `there must be 256 logits, not ${logits.length}`);
  for (let c = 0; c < 256; c++) {
    check(within(logits[c], -LOGIT_LIMIT, LOGIT_LIMIT), "logits", `logit ${c} is beyond 2^30: ${logits[c]}`);
  }
  const table = new Uint32Array(257);
  const sums = new Float64Array(257);
  fillTable(logits, precision, sums, table);
  for (let byte = 0; byte < 256 && trace; byte++) {
    const cumulative = sums[byte + 1];
    trace({ byte, weight: cumulative - sums[byte], cumulative, entry: table[byte + 1] });
  }
  return table;
}

/** A byte model that looks only at the byte before (C-6). @implements {ByteModel} */
export class TableModel {
  /**
   * @param {number} precision F, 9 to 16.
   * @param {ArrayLike<number>[]} rows The frequencies of each table: 256 integers from 1, of sum 2^F.
   * @param {ArrayLike<number>} next 257 places in `rows`: after byte 0, ... byte 255, and at first.
   * @throws {Refusal} `precision` or `table`.
   */
  constructor(precision, rows, next) {
    checkPrecision(precision);
    this.precision = precision;
    this.tables = rows.map((row, place) => {
      check(row.length === 256, "table", `table ${place} must have 256 frequencies, not ${row.length}`);
      let sum = 0;
      const table = Uint32Array.from({ length: 257 }, (_, c) => {
        if (c > 0) {
          const valid = within(row[c - 1], 1, POWER[precision]);
          check(valid, "table", `table ${place} has the frequency ${row[c - 1]}, not one of 1 or more`);
          sum += row[c - 1];
        }
        return sum;
      });
      check(sum === POWER[precision], "table", `table ${place} has the sum ${sum}, not 2^${precision}`);
      return table;
    });
    this.next = Uint32Array.from(next);
  }

  /** @returns {Cursor} */
  open() {
    const seen = new Bytes();
    return {
      table: () => this.tables[this.next[seen.length === 0 ? 256 : seen.buffer[seen.length - 1]]],
      push: (byte) => seen.push(byte),
      rewind: (length) => {
        seen.length = length;
      },
    };
  }
}

// -------------------------------------------------------------------------------------- streams

/**
 * The code of a text (S-3).
 *
 * @param {ByteModel} model
 * @param {Uint8Array} text
 * @param {Trace} [trace]
 * @returns {Uint8Array} The code. It tells neither its own length nor that of the text.
 */
export function encodeStream(model, text, trace) {
  checkText(text);
  const unit = POWER[model.precision];
  const cursor = model.open();
  // `low` of S-1 is the bytes of `settled` and 31 + pending bits more, which `low` here holds.
  const settled = new Bytes();
  let [low, pending, range] = [0, 0, POWER[31]];
  for (const byte of text) {
    const table = cursor.table();
    const lo = Math.floor((range * table[byte]) / unit);
    const hi = Math.floor((range * table[byte + 1]) / unit);
    cursor.push(byte);
    low += lo;
    const top = POWER[31 + pending];
    const carry = Math.floor(low / top);
    low -= carry * top;
    addToLast(settled.buffer, settled.length, carry);
    const shift = Math.clz32(hi - lo);
    range = (hi - lo) * POWER[shift];
    low *= POWER[shift];
    for (pending += shift; pending >= 8;) {
      pending -= 8;
      const settling = Math.floor(low / POWER[31 + pending]);
      low -= settling * POWER[31 + pending];
      settled.push(settling);
    }
    if (trace) {
      const digits = BigInt(`0x0${toHex(settled.done())}`) * 2n ** BigInt(31 + pending) + BigInt(low);
      trace({ byte, lo, hi, range, shift: 8 * settled.length + pending, low: digits.toString(16) });
    }
  }
  return shortestCode(settled, low, pending, range);
}

/**
 * Adds a number to a number that is written as bytes. A sum of more bytes does not occur: no
 * interval reaches beyond 1.
 *
 * @param {Uint8Array} bytes
 * @param {number} length Only the first so many of the bytes count.
 * @param {number} carry 0 to 2.
 */
function addToLast(bytes, length, carry) {
  for (let i = length - 1; carry > 0; i--) {
    const sum = bytes[i] + carry;
    bytes[i] = sum & 255;
    carry = sum >> 8;
  }
}

/**
 * The last step of S-3, by the two places that its second *Why* names.
 *
 * @param {Bytes} settled
 * @param {number} low
 * @param {number} pending
 * @param {number} range
 * @returns {Uint8Array}
 */
function shortestCode(settled, low, pending, range) {
  const length = settled.length + 5;
  const lows = new Uint8Array(length);
  lows.set(settled.buffer.subarray(0, settled.length));
  const tops = lows.slice();
  // The 31 + pending bits, with zeros after them, are 5 bytes.
  const scale = POWER[9 - pending];
  let [rest, top] = [low * scale, (low + range - 1) * scale];
  for (let i = length - 1; i >= settled.length; i--) {
    lows[i] = rest % 256;
    tops[i] = top % 256;
    rest = Math.floor(rest / 256);
    top = Math.floor(top / 256);
  }
  addToLast(tops, settled.length, top);
  let differ = 0;
  while (lows[differ] === tops[differ]) differ++;
  let size = length;
  while (size > 0 && lows[size - 1] === 0) size--;
  return tops.slice(0, Math.min(differ + 1, size));
}

/**
 * The first bytes of the text of a code (S-4). Every code is valid for every length (S-5).
 *
 * @param {ByteModel} model
 * @param {Uint8Array} code
 * @param {number} length How many bytes of text, 0 or more.
 * @param {Trace} [trace] Its steps have no `low`, which only an encoder needs.
 * @returns {Uint8Array} The text.
 */
export function decodeStream(model, code, length, trace) {
  const unit = POWER[model.precision];
  const cursor = model.open();
  const text = new Uint8Array(length);
  let distance = readBits(code, 0, 16) * POWER[15] + readBits(code, 16, 15);
  let [position, range] = [31, POWER[31]];
  for (let i = 0; i < length; i++) {
    const table = cursor.table();
    let [byte, above] = [0, 256];
    while (above - byte > 1) {
      const middle = (byte + above) >> 1;
      if (Math.floor((range * table[middle]) / unit) <= distance) byte = middle;
      else above = middle;
    }
    const lo = Math.floor((range * table[byte]) / unit);
    const hi = Math.floor((range * table[above]) / unit);
    text[i] = byte;
    cursor.push(byte);
    const shift = Math.clz32(hi - lo);
    range = (hi - lo) * POWER[shift];
    distance = (distance - lo) * POWER[shift] + readBits(code, position, shift);
    position += shift;
    if (trace) trace({ byte, lo, hi, range, shift: position - 31 });
  }
  return text;
}

// --------------------------------------------------------------------------------- bits (C-5)

/**
 * @param {Uint8Array} bytes After its end come zeros.
 * @param {number} position The first bit, from 0.
 * @param {number} count 0 to 24.
 * @returns {number} The number that these bits are.
 */
function readBits(bytes, position, count) {
  if (count === 0) return 0;
  const first = Math.floor(position / 8);
  const inside = position % 8;
  let value = 0;
  // 31 bits at most, which is why `count` is at most 24.
  const needed = (inside + count + 7) >> 3;
  for (let i = 0; i < needed; i++) {
    const byte = first + i < bytes.length ? bytes[first + i] : 0;
    value = value * 256 + byte;
  }
  return Math.floor(value / POWER[8 * needed - inside - count]) % POWER[count];
}

/**
 * @param {Uint8Array} bytes Zeros from the first bit on.
 * @param {number} position The first bit, from 0.
 * @param {number} count 1 to 24.
 * @param {number} value Below 2^count.
 */
function writeBits(bytes, position, count, value) {
  const inside = position % 8;
  const needed = (inside + count + 7) >> 3;
  let left = value * POWER[8 * needed - inside - count];
  for (let i = Math.floor(position / 8) + needed - 1; left > 0; i--) {
    bytes[i] |= left % 256;
    left = Math.floor(left / 256);
  }
}

/**
 * @param {readonly bigint[]} codes
 * @param {number} bits
 * @returns {Uint8Array} The codes end to end; zeros fill the last byte.
 */
function packCodes(codes, bits) {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  codes.forEach((code, place) => {
    for (let left = bits; left > 0;) {
      const count = Math.min(left, 24);
      const part = Number(BigInt.asUintN(24, code >> BigInt(left - count))) % POWER[count];
      writeBits(bytes, (place + 1) * bits - left, count, part);
      left -= count;
    }
  });
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} bits
 * @param {number} count
 * @returns {bigint[]} The first `count` codes.
 */
function unpackCodes(bytes, bits, count) {
  return Array.from({ length: count }, (_, place) => {
    let code = 0n;
    for (let left = bits; left > 0;) {
      const size = Math.min(left, 24);
      code = (code << BigInt(size)) | BigInt(readBits(bytes, (place + 1) * bits - left, size));
      left -= size;
    }
    return code;
  });
}

/**
 * @param {ArrayLike<number>} ids
 * @param {number} bits 1 to 16.
 * @returns {Uint8Array} The ids end to end; zeros fill the last byte.
 */
function packIds(ids, bits) {
  const bytes = new Uint8Array(Math.ceil((ids.length * bits) / 8));
  for (let place = 0; place < ids.length; place++) writeBits(bytes, place * bits, bits, ids[place]);
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} bits 1 to 16.
 * @param {number} count
 * @returns {Uint16Array} The first `count` ids.
 */
function unpackIds(bytes, bits, count) {
  return Uint16Array.from({ length: count }, (_, place) => readBits(bytes, place * bits, bits));
}

// -------------------------------------------------------------------------------------- windows

/** While `m` is below it, `m * 2^16` is exact in a double. */
const NARROW_BITS = 37;
const NARROW = 2n ** BigInt(NARROW_BITS);

/** The shares of a node's children while its points are below 2^37 (W-3 to W-5). */
class Shares {
  /** @param {number} precision */
  constructor(precision) {
    this.unit = POWER[precision];
    this.kept = new Uint32Array(257);
    /** @type {ArrayLike<number>} */
    this.cumulative = this.kept;
    this.total = 0;
    this.shared = 0;
    this.each = 0;
  }

  /**
   * @param {number} below The points below the node, below 2^37.
   * @param {boolean} root Whether the node is the root.
   * @param {ArrayLike<number>} table
   */
  divide(below, root, table) {
    this.each = root ? 1 : 0;
    this.shared = root ? below - 256 : below;
    if (this.shared >= 32768) {
      // Every child is kept: 2 * m * f is at least 2^16.
      this.cumulative = table;
      this.total = this.unit;
      return;
    }
    let best = 0;
    for (let c = 1; c < 256; c++) {
      if (table[c + 1] - table[c] > table[best + 1] - table[best]) best = c;
    }
    const { kept, unit } = this;
    const twice = 2 * this.shared;
    for (let c = 0; c < 256; c++) {
      const frequency = table[c + 1] - table[c];
      kept[c + 1] = kept[c] + (c === best || twice * frequency >= unit ? frequency : 0);
    }
    this.cumulative = kept;
    this.total = kept[256];
  }

  /**
   * @param {number} child 0 to 256.
   * @returns {number} Where its points start.
   */
  start(child) {
    return Math.floor((this.shared * this.cumulative[child]) / this.total) + this.each * child;
  }

  /**
   * @param {number} rank Below the points below the node.
   * @returns {number} The child that has this point.
   */
  owner(rank) {
    let [child, above] = [0, 256];
    while (above - child > 1) {
      const middle = (child + above) >> 1;
      if (this.start(middle) <= rank) child = middle;
      else above = middle;
    }
    return child;
  }
}

/**
 * Where the points of a child start, of a node with 2^37 points or more (W-5).
 *
 * @param {bigint} below The points below the node.
 * @param {boolean} root Whether the node is the root.
 * @param {ArrayLike<number>} table
 * @param {number} precision
 * @param {number} child 0 to 256.
 * @returns {bigint}
 */
function wideStart(below, root, table, precision, child) {
  const entry = BigInt(table[child]);
  if (!root) return (below * entry) >> BigInt(precision);
  return (((below - 256n) * entry) >> BigInt(precision)) + BigInt(child);
}

/**
 * Gets a step from a node to its child: the byte, the points below the node, where those of the
 * child start and how many they are, and the number of the child.
 *
 * @typedef {(byte: number, below: bigint | number, start: bigint | number, points: bigint | number,
 *   code: bigint) => void} NodeTrace
 */

/**
 * @param {Trace | undefined} trace
 * @param {number} window The window's place among all.
 * @returns {NodeTrace | undefined} What makes steps of P-5 for `trace`.
 */
function nodeTrace(trace, window) {
  return (
    trace &&
    ((byte, ...numbers) => {
      const [below, start, points, code] = numbers.map((number) => number.toString(16));
      trace({ window, byte, below, start, points, code });
    })
  );
}

/**
 * Finds the window that begins at a place of a text (W-7).
 *
 * @param {Cursor} cursor Has seen nothing; has seen some bytes of the window afterwards.
 * @param {Shares} shares
 * @param {number} precision
 * @param {number} bits 9 to 128.
 * @param {Uint8Array} text
 * @param {number} from Where the window begins, before the end of the text.
 * @param {NodeTrace} [trace]
 * @returns {[bigint, number]} Its code, and where it ends.
 */
function encodeWindow(cursor, shares, precision, bits, text, from, trace) {
  let place = from;
  let code = 0n;
  let wide = (1n << BigInt(bits)) - 1n;
  while (wide >= NARROW && place < text.length) {
    const table = cursor.table();
    const byte = text[place];
    const start = wideStart(wide, place === from, table, precision, byte);
    const end = wideStart(wide, place === from, table, precision, byte + 1);
    // No child is without points here.
    code += start + 1n;
    if (trace) trace(byte, wide, start, end - start, code);
    wide = end - start - 1n;
    cursor.push(byte);
    place++;
  }
  if (place === text.length) return [code, place];
  let below = Number(wide);
  let offset = 0;
  while (below > 0 && place < text.length) {
    const byte = text[place];
    shares.divide(below, place === from, cursor.table());
    const start = shares.start(byte);
    const points = shares.start(byte + 1) - start;
    if (points === 0) break;
    offset += start + 1;
    if (trace) trace(byte, below, start, points, code + BigInt(offset));
    below = points - 1;
    cursor.push(byte);
    place++;
  }
  return [code + BigInt(offset), place];
}

/**
 * Appends the string of a code (W-9).
 *
 * @param {Cursor} cursor Has seen nothing; has seen some bytes of the window afterwards.
 * @param {Shares} shares
 * @param {number} precision
 * @param {number} bits 9 to 128.
 * @param {bigint} code Below 2^bits.
 * @param {Bytes} text Where the string goes.
 * @param {number} most The length of `text` at which to stop even if the string goes on.
 * @param {NodeTrace} [trace]
 * @returns {boolean} Whether the string ended within `most`.
 */
function decodeWindow(cursor, shares, precision, bits, code, text, most, trace) {
  const whole = code;
  let root = true;
  let wide = (1n << BigInt(bits)) - 1n;
  while (wide >= NARROW && code > 0n) {
    if (text.length >= most) return false;
    const table = cursor.table();
    const rank = code - 1n;
    let [byte, above] = [0, 256];
    while (above - byte > 1) {
      const middle = (byte + above) >> 1;
      if (wideStart(wide, root, table, precision, middle) <= rank) byte = middle;
      else above = middle;
    }
    const start = wideStart(wide, root, table, precision, byte);
    const end = wideStart(wide, root, table, precision, above);
    code = rank - start;
    if (trace) trace(byte, wide, start, end - start, whole - code);
    wide = end - start - 1n;
    cursor.push(byte);
    text.push(byte);
    root = false;
  }
  // Where points are below 2^37, so is the rank; where they are not, the rank is 0.
  let below = Number(wide);
  for (let rank = Number(code); rank > 0;) {
    if (text.length >= most) return false;
    shares.divide(below, root, cursor.table());
    const byte = shares.owner(rank - 1);
    const start = shares.start(byte);
    rank -= 1 + start;
    const points = shares.start(byte + 1) - start;
    if (trace) trace(byte, below, start, points, whole - BigInt(rank));
    below = points - 1;
    cursor.push(byte);
    text.push(byte);
    root = false;
  }
  return true;
}

/**
 * The windows of a text, in canonical form (W-7, W-12), one after the other as they are found.
 *
 * @param {ByteModel} model
 * @param {number} bits The size of a window, 9 to 128.
 * @param {Uint8Array} text
 * @param {Trace} [trace]
 * @returns {Generator<[bigint, number]>} The code of each, from 1 to 2^bits - 1, and the place in
 *   the text where the window ends.
 * @throws {Refusal} `bits`, when the first window is asked for.
 */
export function* eachWindow(model, bits, text, trace) {
  checkBits(bits, 128);
  checkText(text);
  const cursor = model.open();
  const shares = new Shares(model.precision);
  for (let place = 0, count = 0; place < text.length; count++) {
    const seen = nodeTrace(trace, count);
    const [code, end] = encodeWindow(cursor, shares, model.precision, bits, text, place, seen);
    yield [code, end];
    place = end;
    cursor.rewind(0);
  }
}

/**
 * The windows of a text, in canonical form (W-7, W-12).
 *
 * @param {ByteModel} model
 * @param {number} bits The size of a window, 9 to 128.
 * @param {Uint8Array} text
 * @param {Trace} [trace]
 * @returns {bigint[]} Their codes, each from 1 to 2^bits - 1.
 * @throws {Refusal} `bits`.
 */
export function encodeWindows(model, bits, text, trace) {
  return Array.from(eachWindow(model, bits, text, trace), ([code]) => code);
}

/**
 * The strings of some windows (W-9). End to end they are the text.
 *
 * @param {ByteModel} model
 * @param {number} bits The size of a window, 9 to 128.
 * @param {readonly bigint[]} codes In any order.
 * @param {Trace} [trace]
 * @returns {Uint8Array[]} The string of each; that of code 0 is empty.
 * @throws {Refusal} `bits` or `code`.
 */
export function decodeWindows(model, bits, codes, trace) {
  checkBits(bits, 128);
  checkCodes(codes, bits);
  const cursor = model.open();
  const shares = new Shares(model.precision);
  return codes.map((code, window) => {
    const text = new Bytes();
    decodeWindow(cursor, shares, model.precision, bits, code, text, Infinity, nodeTrace(trace, window));
    cursor.rewind(0);
    return text.done();
  });
}

/**
 * @param {readonly bigint[]} codes
 * @param {number} bits
 */
function checkCodes(codes, bits) {
  for (const code of codes) {
    check(code >= 0n && code >> BigInt(bits) === 0n, "code", `a window must be below 2^${bits}, not ${code}`);
  }
}

/** @param {number} tokenBits */
function checkTokenBits(tokenBits) {
  check(within(tokenBits, 1, 16), "token_bits", `the size of an id must be 1 to 16 bits, not ${tokenBits}`);
}

/**
 * Cuts windows into token ids (W-13).
 *
 * @param {readonly bigint[]} codes
 * @param {number} bits The size of a window, 9 to 128.
 * @param {number} tokenBits The size of an id, 1 to 16.
 * @returns {Uint16Array} The ids; zeros fill the last one.
 * @throws {Refusal} `bits`, `token_bits` or `code`.
 */
export function cutTokens(codes, bits, tokenBits) {
  checkBits(bits, 128);
  checkTokenBits(tokenBits);
  checkCodes(codes, bits);
  return unpackIds(packCodes(codes, bits), tokenBits, Math.ceil((codes.length * bits) / tokenBits));
}

/**
 * Joins token ids into windows (W-14).
 *
 * @param {ArrayLike<number>} ids
 * @param {number} bits The size of a window, 9 to 128.
 * @param {number} tokenBits The size of an id, 1 to 16.
 * @returns {bigint[]} The windows. Bits at the end that are no whole window are dropped.
 * @throws {Refusal} `bits`, `token_bits` or `id`.
 */
export function joinTokens(ids, bits, tokenBits) {
  checkBits(bits, 128);
  checkTokenBits(tokenBits);
  checkIds(ids, tokenBits);
  return unpackCodes(packIds(ids, tokenBits), bits, Math.floor((ids.length * tokenBits) / bits));
}

/**
 * @param {ArrayLike<number>} ids
 * @param {number} bits
 */
function checkIds(ids, bits) {
  for (let i = 0; i < ids.length; i++) {
    check(within(ids[i], 0, POWER[bits] - 1), "id", `an id must be below 2^${bits}, not ${ids[i]}`);
  }
}

// ------------------------------------------------------------------------------------ codebooks

const MOST_NODES = 2 ** 22;

/**
 * The lists of a codebook (B-1, B-10, B-11).
 *
 * @typedef {object} CodebookLists
 * @property {ArrayLike<number>} parents n numbers.
 * @property {ArrayLike<number>} lastBytes n numbers from 0 to 255.
 * @property {ArrayLike<number> | null} [members] n numbers, 0 or 1.
 * @property {ArrayLike<number> | null} [costs] 2^b numbers from 0 to 65,535.
 */

/** A codebook (B). */
export class Codebook {
  /**
   * @param {CodebookLists} lists
   * @throws {Refusal} `codebook`.
   */
  constructor({ parents, lastBytes, members = null, costs = null }) {
    checkTrie(parents, lastBytes);
    const n = parents.length;
    /** @type {Uint32Array} */
    this.parents = Uint32Array.from(parents);
    /** @type {Uint8Array} */
    this.lastBytes = Uint8Array.from(lastBytes);
    if (members !== null) checkMembers(members, this.parents);
    /** @type {Uint8Array | null} */
    this.members = members === null ? null : Uint8Array.from(members);
    this.nodes = memberNodes(n, this.members);
    const bits = Math.log2(this.nodes.length);
    check(within(bits, 9, 16), "codebook", `there must be 2^9 to 2^16 strings, not ${this.nodes.length}`);
    /** @type {number} b. */
    this.bits = bits;
    if (costs !== null) checkCosts(costs, this.nodes.length);
    /** @type {Uint16Array | null} */
    this.costs = costs === null ? null : Uint16Array.from(costs);
    this.sizes = new Uint32Array(n);
    for (let i = 1; i < n; i++) this.sizes[i] = this.sizes[this.parents[i]] + 1;
    if (members !== null || costs !== null) {
      const longest = this.sizes.reduce((most, size) => Math.max(most, size), 0);
      check(longest <= 255, "codebook", `a string may have at most 255 bytes, not ${longest}`);
    }
    this.ids = new Int32Array(n).fill(-1);
    this.nodes.forEach((node, id) => {
      this.ids[node] = id;
    });
    this.children = new ChildTable(this.parents, this.lastBytes);
  }

  /**
   * The codebook of a model (B-4).
   *
   * @param {ByteModel} model
   * @param {number} bits b, 9 to 16.
   * @returns {Codebook}
   * @throws {Refusal} `bits`.
   */
  static compile(model, bits) {
    checkBits(bits, 16);
    const parents = new Uint32Array(POWER[bits]);
    const lastBytes = new Uint8Array(POWER[bits]);
    const points = new Uint32Array(POWER[bits]);
    const depths = new Uint32Array(POWER[bits]);
    points[0] = POWER[bits];
    const cursor = model.open();
    const shares = new Shares(model.precision);
    // Every number is a node, and a parent comes before its children (W-6, W-10).
    for (let node = 0; node < parents.length; node++) {
      if (node > 0) {
        depths[node] = depths[parents[node]] + 1;
        cursor.rewind(depths[node] - 1);
        cursor.push(lastBytes[node]);
      }
      if (points[node] === 1) continue;
      shares.divide(points[node] - 1, node === 0, cursor.table());
      for (let byte = 0, start = 0; byte < 256; byte++) {
        const end = shares.start(byte + 1);
        if (end > start) {
          const child = node + 1 + start;
          parents[child] = node;
          lastBytes[child] = byte;
          points[child] = end - start;
        }
        start = end;
      }
    }
    return new Codebook({ parents, lastBytes });
  }

  /**
   * The ids of a text, by B-5, or with costs by B-13.
   *
   * @param {Uint8Array} text
   * @returns {Uint16Array}
   */
  encode(text) {
    checkText(text);
    return this.costs === null ? this.parseGreedily(text) : this.parseByCost(text, this.costs);
  }

  /**
   * @param {Uint8Array} text
   * @returns {Uint16Array}
   */
  parseGreedily(text) {
    const ids = new Uint16Array(text.length);
    let count = 0;
    for (let place = 0; place < text.length;) {
      let id = 0;
      let end = place;
      let node = this.children.find(0, text[place]);
      for (let at = place + 1; node !== 0; at++) {
        if (this.ids[node] >= 0) [id, end] = [this.ids[node], at];
        node = at < text.length ? this.children.find(node, text[at]) : 0;
      }
      ids[count++] = id;
      place = end;
    }
    return ids.slice(0, count);
  }

  /**
   * The recurrence of B-13, from the end of the text.
   *
   * @param {Uint8Array} text
   * @param {Uint16Array} costs
   * @returns {Uint16Array}
   */
  parseByCost(text, costs) {
    // Sums stay below 2^53: they are exact, and the last 256 of them are enough.
    const best = new Float64Array(256);
    const choices = new Uint16Array(text.length);
    for (let place = text.length - 1; place >= 0; place--) {
      let least = Infinity;
      let choice = 0;
      let node = this.children.find(0, text[place]);
      for (let at = place + 1; node !== 0; at++) {
        const id = this.ids[node];
        if (id >= 0) {
          const sum = costs[id] + best[at & 255];
          // Of the same sums the longest string wins, and it comes last.
          if (sum <= least) [least, choice] = [sum, id];
        }
        node = at < text.length ? this.children.find(node, text[at]) : 0;
      }
      best[place & 255] = least;
      choices[place] = choice;
    }
    let count = 0;
    for (let place = 0; place < text.length; count++) {
      const id = choices[place];
      choices[count] = id;
      place += this.sizes[this.nodes[id]];
    }
    return choices.slice(0, count);
  }

  /**
   * The text of some ids (B-6).
   *
   * @param {ArrayLike<number>} ids Any ids.
   * @returns {Uint8Array}
   * @throws {Refusal} `id`.
   */
  decode(ids) {
    checkIds(ids, this.bits);
    let length = 0;
    for (let i = 0; i < ids.length; i++) length += this.sizes[this.nodes[ids[i]]];
    const text = new Uint8Array(length);
    for (let i = 0, place = 0; i < ids.length; i++) {
      let node = this.nodes[ids[i]];
      place += this.sizes[node];
      for (let at = place - 1; node !== 0; at--) {
        text[at] = this.lastBytes[node];
        node = this.parents[node];
      }
    }
    return text;
  }

  /** @returns {Uint8Array} The 32 bytes of B-8. */
  fingerprint() {
    const bytes = new Bytes();
    bytes.append(ascii(`["ecjax.codebook", {"bits": ${this.bits}}]`));
    const n = this.parents.length;
    /** @type {[string, string, ArrayLike<number> | null][]} */
    const lists = [
      ["costs", "<u2", this.costs],
      ["last_bytes", "|u1", this.lastBytes],
      ["members", "|u1", this.members],
      ["parents", n > 65536 ? "<u4" : "<u2", this.parents],
    ];
    for (const [name, type, list] of lists) {
      if (list === null) continue;
      bytes.append(ascii(`["${name}", "${type}", [${list.length}]]`));
      bytes.append(littleEndian(list, Number(type[2])));
    }
    return sha256(bytes.done());
  }
}

/**
 * The numbers of B-1 to B-3, and the 2^22 nodes of B-12.
 *
 * @param {ArrayLike<number>} parents
 * @param {ArrayLike<number>} lastBytes
 */
function checkTrie(parents, lastBytes) {
  const n = parents.length;
  check(n > 256 && n <= MOST_NODES, "codebook", `there must be at most 2^22 nodes and all bytes, not ${n} nodes`);
  check(lastBytes.length === n, "codebook", `${n} parents need ${n} last bytes, not ${lastBytes.length}`);
  check(parents[0] === 0 && lastBytes[0] === 0, "codebook", "parent and last byte of the root must be 0");
  let singles = 0;
  for (let i = 1; i < n; i++) {
    check(within(lastBytes[i], 0, 255), "codebook", `last byte ${i} must be 0 to 255, not ${lastBytes[i]}`);
    check(within(parents[i], 0, i - 1), "codebook", `parent ${i} must be a number before it, not ${parents[i]}`);
    // The way up from the number before: its last node below the parent is the sibling before.
    let [node, sibling] = [i - 1, -1];
    while (node > parents[i]) [node, sibling] = [parents[node], node];
    check(node === parents[i], "codebook", `number ${i} is not in preorder: its parent is ${parents[i]}`);
    const rising = sibling < 0 || lastBytes[sibling] < lastBytes[i];
    check(rising, "codebook", `the last byte of number ${i} must be above that of its sibling ${sibling}`);
    if (parents[i] === 0) singles++;
  }
  check(singles === 256, "codebook", `all 256 bytes must be children of the root, not ${singles}`);
}

/**
 * The list of B-10, except how many strings there are.
 *
 * @param {ArrayLike<number>} members
 * @param {Uint32Array} parents
 */
function checkMembers(members, parents) {
  const n = parents.length;
  check(members.length === n, "codebook", `${n} nodes need ${n} numbers in members, not ${members.length}`);
  let outside = 0;
  for (let i = 0; i < n; i++) {
    check(within(members[i], 0, 1), "codebook", `members must be 0 or 1, not ${members[i]}`);
    if (members[i] === 1) continue;
    outside++;
    check(i > 0 && parents[i] > 0, "codebook", `the root and the single bytes must be members, not so node ${i}`);
    const inner = i + 1 < n && parents[i + 1] === i;
    check(inner, "codebook", `a node without children must be a member, not so node ${i}`);
  }
  check(outside > 0, "codebook", "members must be left out if all nodes are members");
}

/**
 * The list of B-11.
 *
 * @param {ArrayLike<number>} costs
 * @param {number} strings
 */
function checkCosts(costs, strings) {
  check(costs.length === strings, "codebook", `${strings} strings need ${strings} costs, not ${costs.length}`);
  check(costs[0] === 0, "codebook", `the cost of id 0 must be 0, not ${costs[0]}`);
  for (let id = 1; id < strings; id++) {
    check(within(costs[id], 0, 65535), "codebook", `a cost must be 0 to 65,535, not ${costs[id]}`);
  }
}

/**
 * @param {number} n
 * @param {Uint8Array | null} members
 * @returns {Uint32Array} The node of each id.
 */
function memberNodes(n, members) {
  const all = Uint32Array.from({ length: n }, (_, node) => node);
  return members === null ? all : all.filter((node) => members[node] === 1);
}

/** Finds children in a trie: a hash table from a node and a byte to a node. */
class ChildTable {
  /**
   * @param {Uint32Array} parents
   * @param {Uint8Array} lastBytes
   */
  constructor(parents, lastBytes) {
    this.parents = parents;
    this.lastBytes = lastBytes;
    const size = 2 ** Math.ceil(Math.log2(2 * parents.length));
    this.shift = 32 - Math.log2(size);
    this.mask = size - 1;
    // 0 is a free place: the root is nobody's child.
    this.slots = new Uint32Array(size);
    for (let node = 1; node < parents.length; node++) {
      let slot = this.slot(parents[node], lastBytes[node]);
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask;
      this.slots[slot] = node;
    }
  }

  /**
   * @param {number} parent
   * @param {number} byte
   * @returns {number} Where to begin to look.
   */
  slot(parent, byte) {
    // 2^32 divided by the golden ratio scatters neighbours.
    return Math.imul(parent * 256 + byte, 0x9e3779b1) >>> this.shift;
  }

  /**
   * @param {number} parent
   * @param {number} byte
   * @returns {number} The child, or 0 if there is none.
   */
  find(parent, byte) {
    for (let slot = this.slot(parent, byte); ; slot = (slot + 1) & this.mask) {
      const node = this.slots[slot];
      if (node === 0 || (this.parents[node] === parent && this.lastBytes[node] === byte)) return node;
    }
  }
}

/**
 * @param {ArrayLike<number>} numbers
 * @param {number} size Bytes of each, 1, 2 or 4.
 * @returns {Uint8Array} The numbers, little-endian; negative ones in two's complement.
 */
function littleEndian(numbers, size) {
  const bytes = new Uint8Array(numbers.length * size);
  for (let i = 0; i < numbers.length; i++) {
    for (let k = 0; k < size; k++) bytes[i * size + k] = numbers[i] >> (8 * k);
  }
  return bytes;
}

// ---------------------------------------------------------------------------------- Transformer

const SETTINGS = ["context", "d_model", "head_dim", "heads", "layers", "mlp_dim", "vocab_size"];
const MOST_CONTEXT = 3879;
const MOST_WIDTH = 132104;
const START_SYMBOL = 256;
const ROW_LIMIT = 2 ** 23;
/** No result of T-6 is beyond it. */
const WORD_LIMIT = 2 ** 31 - 1;
const SUM_LIMIT = 2 ** 24 - 1;
const SCORE_LIMIT = 2 ** 20;
const E = powersOfTwo(12);

/**
 * The settings of T-1.
 *
 * @typedef {object} Settings
 * @property {number} context
 * @property {number} d_model
 * @property {number} head_dim
 * @property {number} heads
 * @property {number} layers
 * @property {number} mlp_dim
 * @property {number} vocab_size
 */

/** @param {Settings} settings */
function checkSettings(settings) {
  const names = Object.keys(settings).sort().join(", ");
  check(names === SETTINGS.join(", "), "settings", `they must be ${SETTINGS.join(", ")}, not ${names}`);
  const { context, vocab_size, ...widths } = settings;
  check(vocab_size === 256, "settings", `vocab_size must be 256, not ${vocab_size}`);
  check(within(context, 1, MOST_CONTEXT), "settings", `context must be 1 to ${MOST_CONTEXT}, not ${context}`);
  const all = { ...widths, "heads * head_dim": widths.heads * widths.head_dim };
  for (const [name, value] of Object.entries(all)) {
    check(within(value, 1, MOST_WIDTH), "settings", `${name} must be 1 to ${MOST_WIDTH}, not ${value}`);
  }
}

/**
 * The names, sizes in bytes and shapes of all tensors (T-2).
 *
 * @param {Settings} settings
 * @returns {Generator<[string, number, number[]]>}
 */
function* tensorLayout({ context, d_model: d, head_dim, heads, layers, mlp_dim: m }) {
  const width = heads * head_dim;
  yield [".embedding", 2, [257, d]];
  yield* normLayout(".norm");
  yield* linearLayout(".unembedding", d, 256);
  for (let i = 0; i < layers; i++) {
    const layer = `.layers[${i}]`;
    yield* normLayout(`${layer}.attention_norm`);
    yield* linearLayout(`${layer}.attention.qkv`, d, 3 * width);
    yield* scaleLayout(`${layer}.attention.scores`, [heads]);
    yield [`${layer}.attention.bias`, 2, [heads, context]];
    yield* scaleLayout(`${layer}.attention.average`, [heads]);
    yield* linearLayout(`${layer}.attention.out`, width, d);
    yield* normLayout(`${layer}.mlp_norm`);
    yield* linearLayout(`${layer}.mlp.gate`, d, m);
    yield* linearLayout(`${layer}.mlp.up`, d, m);
    yield* scaleLayout(`${layer}.mlp.hidden`, []);
    yield* linearLayout(`${layer}.mlp.down`, m, d);
  }
}

/**
 * @param {string} name
 * @returns {Generator<[string, number, number[]]>}
 */
function* normLayout(name) {
  yield [`${name}.gain`, 4, []];
  yield [`${name}.gain_shift`, 1, []];
}

/**
 * @param {string} name
 * @param {number[]} shape
 * @returns {Generator<[string, number, number[]]>}
 */
function* scaleLayout(name, shape) {
  yield [`${name}.multiplier`, 1, shape];
  yield [`${name}.shift`, 1, shape];
}

/**
 * @param {string} name
 * @param {number} inputs
 * @param {number} outputs
 * @returns {Generator<[string, number, number[]]>}
 */
function* linearLayout(name, inputs, outputs) {
  yield [`${name}.weight`, 1, [inputs, outputs]];
  yield* scaleLayout(`${name}.scale`, [outputs]);
}

/** @type {Record<string, [number, number]>} The ranges of T-3, by the end of a tensor's name. */
const RANGES = {
  multiplier: [0, 127],
  shift: [1, 24],
  gain: [2 ** 29, 2 ** 30],
  gain_shift: [16, 24],
};

/**
 * @param {Settings} settings
 * @param {Map<string, ArrayLike<number>>} tensors
 */
function checkTensors(settings, tensors) {
  let count = 0;
  for (const [name, size, shape] of tensorLayout(settings)) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Refusal("tensors", `${name} is missing`);
    const numbers = shape.reduce((product, side) => product * side, 1);
    check(tensor.length === numbers, "tensors", `${name} must have ${numbers} numbers, not ${tensor.length}`);
    const limit = POWER[8 * size - 1];
    for (let i = 0; i < numbers; i++) {
      check(within(tensor[i], -limit, limit - 1), "tensors", `${name} has ${tensor[i]}, not a number of its type`);
    }
    count++;
  }
  check(tensors.size === count, "tensors", `there must be ${count} tensors, not ${tensors.size}`);
  for (const [name, tensor] of tensors) {
    const range = RANGES[name.slice(name.lastIndexOf(".") + 1)];
    for (let i = 0; range !== undefined && i < tensor.length; i++) {
      const message = `${name} must be ${range[0]} to ${range[1]}, not ${tensor[i]}`;
      check(within(tensor[i], range[0], range[1]), "scale", message);
    }
  }
}

/** Two weights share a double, one of them times 2^26, so one multiplication does the work of two. */
const PAIR = 2 ** 26;
/** Sums of so many products of 127 and 128 are below PAIR / 2 in magnitude. */
const SEGMENT = 2048;
/** So many outputs are computed at a time. */
const BLOCK = 8;

/** A matrix with its scales (T-7). */
class Linear {
  /**
   * @param {Map<string, ArrayLike<number>>} tensors
   * @param {string} name
   * @param {number} inputs
   * @param {number} outputs
   */
  constructor(tensors, name, inputs, outputs) {
    const weight = take(tensors, `${name}.weight`);
    this.inputs = inputs;
    this.outputs = outputs;
    // For each block of outputs and each input the BLOCK / 2 pairs of weights, in this order.
    const half = BLOCK / 2;
    this.pairs = new Float64Array(Math.ceil(outputs / BLOCK) * inputs * half);
    for (let i = 0, from = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) {
        const block = (j - (j % BLOCK)) / BLOCK;
        const place = (block * inputs + i) * half + ((j >> 1) % half);
        this.pairs[place] += weight[from++] * (j % 2 === 0 ? PAIR : 1);
      }
    }
    this.multiplier = Int32Array.from(take(tensors, `${name}.scale.multiplier`));
    this.shift = Int32Array.from(take(tensors, `${name}.scale.shift`));
    this.row = new Float64Array(inputs);
    this.sums = new Int32Array(BLOCK);
  }

  /**
   * Multiplies a row, and clamps the result.
   *
   * @param {Int32Array} x `inputs` numbers from -127 to 127.
   * @param {number} low
   * @param {number} high
   * @param {Int32Array} out Where the `outputs` numbers go.
   */
  apply(x, low, high, out) {
    const { inputs, outputs, pairs, multiplier, shift, row, sums } = this;
    row.set(x);
    for (let j = 0, w = 0; j < outputs; j += BLOCK) {
      sums.fill(0);
      for (let i = 0; i < inputs;) {
        const end = Math.min(i + SEGMENT, inputs);
        let [a, b, c, d] = [0, 0, 0, 0];
        for (; i < end; i++, w += 4) {
          const factor = row[i];
          a += factor * pairs[w];
          b += factor * pairs[w + 1];
          c += factor * pairs[w + 2];
          d += factor * pairs[w + 3];
        }
        addPair(sums, 0, a);
        addPair(sums, 2, b);
        addPair(sums, 4, c);
        addPair(sums, 6, d);
      }
      const count = Math.min(BLOCK, outputs - j);
      for (let k = 0; k < count; k++) {
        out[j + k] = clamp(rescale(sums[k], multiplier[j + k], shift[j + k]), low, high);
      }
    }
  }
}

/**
 * @param {Int32Array} sums Where the two sums are added.
 * @param {number} place
 * @param {number} pair The first sum times PAIR, plus the second.
 */
function addPair(sums, place, pair) {
  const first = Math.floor(pair / PAIR + 0.5);
  sums[place] += first;
  sums[place + 1] += pair - first * PAIR;
}

/**
 * @param {Map<string, ArrayLike<number>>} tensors
 * @param {string} name
 * @returns {ArrayLike<number>} The tensor, which is there.
 */
function take(tensors, name) {
  return /** @type {ArrayLike<number>} */ (tensors.get(name));
}

/**
 * T-6.
 *
 * @param {number} x
 * @param {number} multiplier
 * @param {number} shift
 * @returns {number}
 */
function rescale(x, multiplier, shift) {
  return (Math.imul(clamp(x, -SUM_LIMIT, SUM_LIMIT), multiplier) + (1 << (shift - 1))) >> shift;
}

/** RMSNorm (T-8). */
class Norm {
  /**
   * @param {Map<string, ArrayLike<number>>} tensors
   * @param {string} name
   * @param {number} width d.
   */
  constructor(tensors, name, width) {
    this.gain = take(tensors, `${name}.gain`)[0];
    this.gainShift = take(tensors, `${name}.gain_shift`)[0];
    this.bits = 0;
    while (width * 4 ** (this.bits + 1) <= 2 ** 30) this.bits++;
  }

  /**
   * @param {Int32Array} x A row of the residual stream.
   * @param {Int32Array} out Where as many numbers from -127 to 127 go.
   */
  apply(x, out) {
    let largest = 0;
    for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]));
    const exponent = Math.max(0, 32 - Math.clz32(largest) - this.bits);
    let squares = 0;
    for (let i = 0; i < x.length; i++) {
      const y = nearest(x[i], exponent);
      out[i] = y;
      squares += y * y;
    }
    const sum = Math.max(1, squares);
    let half = 0;
    while (sum * POWER[2 * half + 2] < 2 ** 31) half++;
    const factor = Math.floor(this.gain / Math.floor(Math.sqrt(sum * POWER[2 * half])));
    const shift = this.gainShift - half;
    for (let i = 0; i < x.length; i++) out[i] = clamp(nearest(Math.imul(out[i], factor), shift), -127, 127);
  }
}

/** The parameters of a layer. */
class Layer {
  /**
   * @param {Map<string, ArrayLike<number>>} tensors
   * @param {string} name
   * @param {Settings} settings
   */
  constructor(tensors, name, { d_model, head_dim, heads, mlp_dim }) {
    const width = heads * head_dim;
    this.attentionNorm = new Norm(tensors, `${name}.attention_norm`, d_model);
    this.qkv = new Linear(tensors, `${name}.attention.qkv`, d_model, 3 * width);
    this.scoresMultiplier = Int32Array.from(take(tensors, `${name}.attention.scores.multiplier`));
    this.scoresShift = Int32Array.from(take(tensors, `${name}.attention.scores.shift`));
    this.bias = Int32Array.from(take(tensors, `${name}.attention.bias`));
    this.averageMultiplier = Int32Array.from(take(tensors, `${name}.attention.average.multiplier`));
    this.averageShift = Int32Array.from(take(tensors, `${name}.attention.average.shift`));
    this.out = new Linear(tensors, `${name}.attention.out`, width, d_model);
    this.mlpNorm = new Norm(tensors, `${name}.mlp_norm`, d_model);
    this.gate = new Linear(tensors, `${name}.mlp.gate`, d_model, mlp_dim);
    this.up = new Linear(tensors, `${name}.mlp.up`, d_model, mlp_dim);
    this.hiddenMultiplier = take(tensors, `${name}.mlp.hidden.multiplier`)[0];
    this.hiddenShift = take(tensors, `${name}.mlp.hidden.shift`)[0];
    this.down = new Linear(tensors, `${name}.mlp.down`, mlp_dim, d_model);
  }
}

/** The integer Transformer (T). */
export class Transformer {
  /**
   * @param {Settings} settings
   * @param {Map<string, ArrayLike<number>>} tensors The numbers of each tensor of T-2, in
   *   row-major order.
   * @throws {Refusal} `settings`, `tensors` or `scale`.
   */
  constructor(settings, tensors) {
    checkSettings(settings);
    checkTensors(settings, tensors);
    this.settings = { ...settings };
    this.tensors = new Map(tensors);
    this.embedding = Int32Array.from(take(tensors, ".embedding"));
    this.layers = Array.from({ length: settings.layers }, (_, i) => new Layer(tensors, `.layers[${i}]`, settings));
    this.norm = new Norm(tensors, ".norm", settings.d_model);
    this.unembedding = new Linear(tensors, ".unembedding", settings.d_model, 256);
  }

  /**
   * The logits of each byte of a text (T-4), in units of 1/256 of log2.
   *
   * @param {Uint8Array} text n bytes.
   * @param {Trace} [trace] Here the `row` of a step is an array, not runs.
   * @returns {Int32Array[]} n rows of 256 numbers.
   */
  logits(text, trace) {
    checkText(text);
    const steps = new Steps(this);
    /** @type {Map<string, Int32Array[]>} The rows of each stage, one for each position. */
    const stages = new Map();
    if (trace) {
      steps.note = (stage, row) => {
        stages.set(stage, [...(stages.get(stage) ?? []), row.slice()]);
      };
    }
    const logits = Array.from(text, (_, place) => {
      steps.read(place === 0 ? START_SYMBOL : text[place - 1]);
      return steps.logits().slice();
    });
    for (const [stage, rows] of stages) rows.forEach((row, position) => trace?.({ stage, position, row }));
    return logits;
  }

  /**
   * The Transformer as a byte model (T-16).
   *
   * @param {number} [precision] F, 9 to 16; files of this project have 16.
   * @returns {ByteModel}
   * @throws {Refusal} `precision`.
   */
  byteModel(precision = 16) {
    checkPrecision(precision);
    return { precision, open: () => new TransformerCursor(this, precision) };
  }

  /** @returns {Uint8Array} The 32 bytes of T-17. */
  fingerprint() {
    const bytes = new Bytes();
    const pairs = Object.entries(this.settings).sort(([a], [b]) => (a < b ? -1 : 1));
    const json = pairs.map(([name, value]) => `"${name}": ${value}`).join(", ");
    bytes.append(ascii(`["ecjax.integer_transformer", {${json}}]`));
    const layout = Array.from(tensorLayout(this.settings)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, size, shape] of layout) {
      const type = size === 1 ? "|i1" : `<i${size}`;
      bytes.append(ascii(`["${name}", "${type}", [${shape.join(", ")}]]`));
      bytes.append(littleEndian(take(this.tensors, name), size));
    }
    return sha256(bytes.done());
  }
}

/** Takes symbols one by one. Keys and values of the positions that can still be seen are kept. */
class Steps {
  /** @param {Transformer} transformer */
  constructor(transformer) {
    const { context, d_model, head_dim, heads, layers, mlp_dim } = transformer.settings;
    this.transformer = transformer;
    this.width = heads * head_dim;
    this.most = 2 * context;
    /** The positions from `first` to `count - 1` are kept. */
    this.first = 0;
    this.count = 0;
    this.capacity = Math.min(64, this.most);
    /** Of each layer, the keys and values of each position kept, side by side. */
    this.kept = Array.from({ length: layers }, () => new Int8Array(this.capacity * 2 * this.width));
    this.row = new Int32Array(d_model);
    this.normed = new Int32Array(d_model);
    this.change = new Int32Array(d_model);
    this.qkv = new Int32Array(3 * this.width);
    this.means = new Int32Array(this.width);
    this.weights = new Int32Array(context);
    this.gate = new Int32Array(mlp_dim);
    this.up = new Int32Array(mlp_dim);
    this.output = new Int32Array(256);
    /** @type {((stage: string, row: Int32Array) => void) | null} Gets the row of each stage of P-5. */
    this.note = null;
  }

  /**
   * Forgets all positions from `count` on. Where one before them that position `count - 1` sees is
   * not kept any more, it forgets all positions.
   *
   * @param {number} count
   */
  rewind(count) {
    if (count >= this.count) return;
    if (count - this.transformer.settings.context < this.first && this.first > 0) count = 0;
    if (count === 0) this.first = 0;
    this.count = count;
  }

  /** Makes space for one position more. */
  makeSpace() {
    const stride = 2 * this.width;
    if (this.count - this.first < this.capacity) return;
    if (this.capacity < this.most) {
      this.capacity = Math.min(2 * this.capacity, this.most);
      this.kept = this.kept.map((old) => {
        const larger = new Int8Array(this.capacity * stride);
        larger.set(old);
        return larger;
      });
      return;
    }
    const dropped = this.count - this.first - this.transformer.settings.context;
    for (const kept of this.kept) kept.copyWithin(0, dropped * stride);
    this.first += dropped;
  }

  /**
   * Takes the symbol of the next position through all layers.
   *
   * @param {number} symbol 0 to 256.
   */
  read(symbol) {
    this.makeSpace();
    const { row, normed, change, gate, up } = this;
    const { embedding, layers } = this.transformer;
    for (let i = 0; i < row.length; i++) row[i] = embedding[symbol * row.length + i];
    this.note?.("embedding", row);
    layers.forEach((layer, place) => {
      layer.attentionNorm.apply(row, normed);
      this.note?.(`layers[${place}].attention_norm`, normed);
      this.attend(layer, this.kept[place]);
      layer.out.apply(this.means, -WORD_LIMIT, WORD_LIMIT, change);
      this.note?.(`layers[${place}].attention`, change);
      add(row, change);
      layer.mlpNorm.apply(row, normed);
      this.note?.(`layers[${place}].mlp_norm`, normed);
      layer.gate.apply(normed, 0, 2047, gate);
      layer.up.apply(normed, -2047, 2047, up);
      for (let j = 0; j < gate.length; j++) {
        const product = Math.imul(gate[j], up[j]);
        gate[j] = clamp(rescale(product, layer.hiddenMultiplier, layer.hiddenShift), -127, 127);
      }
      layer.down.apply(gate, -WORD_LIMIT, WORD_LIMIT, change);
      this.note?.(`layers[${place}].mlp`, change);
      add(row, change);
    });
    this.count++;
  }

  /**
   * T-9 to T-12 for the row in `normed`; the result is in `means`.
   *
   * @param {Layer} layer
   * @param {Int8Array} kept
   */
  attend(layer, kept) {
    const { width, qkv, means, weights } = this;
    const { context, head_dim, heads } = this.transformer.settings;
    const stride = 2 * width;
    layer.qkv.apply(this.normed, -127, 127, qkv);
    const own = (this.count - this.first) * stride;
    for (let i = 0; i < stride; i++) kept[own + i] = qkv[width + i];
    const seen = Math.min(this.count + 1, context);
    const oldest = own - (seen - 1) * stride;
    for (let head = 0; head < heads; head++) {
      const query = head * head_dim;
      const bias = head * context + seen - 1;
      let greatest = -(2 ** 30);
      for (let q = 0; q < seen; q++) {
        const key = oldest + q * stride + query;
        let sum = 0;
        for (let i = 0; i < head_dim; i++) sum = (sum + Math.imul(qkv[query + i], kept[key + i])) | 0;
        const scaled = rescale(sum, layer.scoresMultiplier[head], layer.scoresShift[head]);
        const score = clamp(scaled, -SCORE_LIMIT, SCORE_LIMIT) + layer.bias[bias - q];
        weights[q] = score;
        if (score > greatest) greatest = score;
      }
      let total = 0;
      for (let q = 0; q < seen; q++) {
        const behind = greatest - weights[q];
        const weight = nearest(E[behind & 255], Math.min(behind >> 8, 15));
        weights[q] = weight;
        total += weight;
      }
      const t = 31 - Math.clz32(total);
      const k = Math.min(t, 15);
      const inverse = Math.floor(POWER[k + 15] / (total >> (t - k)));
      const gain = nearest(Math.imul(inverse, layer.averageMultiplier[head]), 7);
      for (let i = 0; i < head_dim; i++) {
        const value = oldest + width + query + i;
        let sum = 0;
        for (let q = 0; q < seen; q++) sum = (sum + Math.imul(weights[q], kept[value + q * stride])) | 0;
        const mean = nearest(Math.imul(nearest(sum, t - 7), gain), layer.averageShift[head]);
        means[query + i] = clamp(mean, -127, 127);
      }
    }
  }

  /**
   * @returns {Int32Array} The logits of the position read last (T-15). Valid until the next call.
   */
  logits() {
    const { norm, unembedding } = this.transformer;
    norm.apply(this.row, this.normed);
    this.note?.("norm", this.normed);
    unembedding.apply(this.normed, -SCORE_LIMIT, SCORE_LIMIT, this.output);
    this.note?.("logits", this.output);
    return this.output;
  }
}

/**
 * T-5.
 *
 * @param {Int32Array} row
 * @param {Int32Array} change
 */
function add(row, change) {
  for (let i = 0; i < row.length; i++) {
    row[i] = clamp(row[i] + clamp(change[i], -ROW_LIMIT, ROW_LIMIT), -ROW_LIMIT, ROW_LIMIT);
  }
}

/** @implements {Cursor} */
class TransformerCursor {
  /**
   * @param {Transformer} transformer
   * @param {number} precision
   */
  constructor(transformer, precision) {
    this.precision = precision;
    this.steps = new Steps(transformer);
    this.seen = new Bytes();
    this.sums = new Float64Array(257);
    /** The table after the bytes seen, if `valid`. */
    this.current = new Uint32Array(257);
    this.valid = false;
    /** @type {Uint32Array | null} The table of the first byte, which every window needs. */
    this.first = null;
  }

  /** @returns {ArrayLike<number>} */
  table() {
    if (this.seen.length === 0 && this.first !== null) return this.first;
    if (this.valid) return this.current;
    const { steps, seen } = this;
    // The row of the last position is gone if it was read before a rewind.
    steps.rewind(seen.length);
    for (let at = steps.count; at <= seen.length; at++) {
      steps.read(at === 0 ? START_SYMBOL : seen.buffer[at - 1]);
    }
    fillTable(steps.logits(), this.precision, this.sums, this.current);
    this.valid = true;
    if (seen.length === 0) this.first = this.current.slice();
    return this.current;
  }

  /** @param {number} byte */
  push(byte) {
    this.seen.push(byte);
    this.valid = false;
  }

  /** @param {number} length */
  rewind(length) {
    this.steps.rewind(length + 1);
    this.seen.length = length;
    this.valid = false;
  }
}

// ---------------------------------------------------------------------- files of models, codebooks

/** @type {Record<string, [number, string]>} The bytes of a number, and how a DataView reads it. */
const DTYPES = {
  I8: [1, "getInt8"],
  U8: [1, "getUint8"],
  I16: [2, "getInt16"],
  U16: [2, "getUint16"],
  I32: [4, "getInt32"],
  U32: [4, "getUint32"],
};

/**
 * A tensor of a file.
 *
 * @typedef {object} FileTensor
 * @property {string} dtype
 * @property {number[]} shape
 * @property {Float64Array} numbers
 */

/**
 * Reads what T-18 and B-9 have in common.
 *
 * @param {ArrayBuffer | Uint8Array} file
 * @param {string} kind
 * @returns {{settings: any, fingerprint: string, tensors: Map<string, FileTensor>}}
 */
function readSafetensors(file, kind) {
  const bytes = asBytes(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  check(bytes.length >= 8, "file", "it must begin with the size of its header, in 8 bytes");
  const begin = 8 + view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  check(begin <= bytes.length, "file", `its header ends at byte ${begin}, the file at ${bytes.length}`);
  const { __metadata__: metadata, ...entries } = parseObject(
    new TextDecoder().decode(bytes.subarray(8, begin)),
    "the header",
  );
  const own = metadata?.kind === kind && metadata.version === "1";
  check(own, "file", `it must be of kind ${kind}, version 1, not ${metadata?.kind}, ${metadata?.version}`);
  const tensors = new Map();
  for (const [name, entry] of Object.entries(entries)) {
    tensors.set(name, readTensor(view, begin, name, entry));
  }
  const settings = parseObject(metadata.settings, "settings");
  return { settings, fingerprint: metadata.fingerprint, tensors };
}

/**
 * @param {string} text
 * @param {string} what
 * @returns {any} The JSON object.
 */
function parseObject(text, what) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Refused below.
  }
  const valid = typeof value === "object" && value !== null && !Array.isArray(value);
  check(valid, "file", `${what} must be a JSON object`);
  return value;
}

/**
 * @param {DataView} view
 * @param {number} begin Where the tensors' bytes begin.
 * @param {string} name
 * @param {any} entry
 * @returns {FileTensor}
 */
function readTensor(view, begin, name, entry) {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  const valid = Object.hasOwn(DTYPES, dtype) && Array.isArray(shape) && Array.isArray(offsets);
  check(valid, "file", `${name} must have one of the types ${Object.keys(DTYPES)}, a shape and data_offsets`);
  const [size, method] = DTYPES[dtype];
  const count = shape.reduce((/** @type {number} */ product, /** @type {number} */ side) => product * side, 1);
  const [from, to] = offsets;
  const fits = within(from, 0, to) && to - from === count * size && begin + to <= view.byteLength;
  check(fits, "file", `${name} must have ${count * size} bytes in the file, not ${from} to ${to}`);
  const read = /** @type {any} */ (view)[method];
  const numbers = Float64Array.from({ length: count }, (_, i) => read.call(view, begin + from + i * size, true));
  return { dtype, shape, numbers };
}

/**
 * @param {Uint8Array} computed
 * @param {string} written
 */
function checkFingerprint(computed, written) {
  const same = toHex(computed) === written;
  check(same, "file", `its settings and tensors have the fingerprint ${toHex(computed)}, not ${written}`);
}

/**
 * Reads a file of a model (T-18).
 *
 * @param {ArrayBuffer | Uint8Array} file The bytes of the file.
 * @returns {Transformer}
 * @throws {Refusal} `file`, `settings`, `tensors` or `scale`.
 */
export function readTransformer(file) {
  const { settings, fingerprint, tensors } = readSafetensors(file, "ecjax.integer_transformer");
  checkSettings(settings);
  for (const [name, size, shape] of tensorLayout(settings)) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Refusal("tensors", `${name} is missing`);
    const [found, right] = [`${tensor.dtype} [${tensor.shape}]`, `I${8 * size} [${shape}]`];
    check(found === right, "tensors", `${name} must be ${right}, not ${found}`);
  }
  const numbers = new Map(Array.from(tensors, ([name, tensor]) => [name, tensor.numbers]));
  const transformer = new Transformer(settings, numbers);
  checkFingerprint(transformer.fingerprint(), fingerprint);
  return transformer;
}

/**
 * Reads a file of a codebook (B-9).
 *
 * @param {ArrayBuffer | Uint8Array} file The bytes of the file.
 * @returns {Codebook}
 * @throws {Refusal} `file` or `codebook`.
 */
export function readCodebook(file) {
  const { settings, fingerprint, tensors } = readSafetensors(file, "ecjax.codebook");
  const parents = tensors.get("parents")?.numbers ?? [];
  /** @type {Record<string, string>} */
  const types = { parents: parents.length > 65536 ? "U32" : "U16", last_bytes: "U8", members: "U8", costs: "U16" };
  for (const [name, { dtype, shape }] of tensors) {
    const valid = types[name] === dtype && shape.length === 1;
    check(valid, "codebook", `${name} must be one of ${Object.keys(types)}, a list of ${types[name]}, not ${dtype}`);
  }
  const codebook = new Codebook({
    parents,
    lastBytes: tensors.get("last_bytes")?.numbers ?? [],
    members: tensors.get("members")?.numbers,
    costs: tensors.get("costs")?.numbers,
  });
  const same = Object.keys(settings).length === 1 && settings.bits === codebook.bits;
  check(same, "codebook", `settings must be {"bits": ${codebook.bits}}, not ${JSON.stringify(settings)}`);
  checkFingerprint(codebook.fingerprint(), fingerprint);
  return codebook;
}

// ------------------------------------------------------------------------------------ container

const MAGIC = [0x89, 0x45, 0x43, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a];
const HEADER = 48;
const MOST_TEXT = 65536;
const END_PAYLOAD = 12;
const METHODS = ["stream", "windows", "codebook"];

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let i = 0; i < 8; i++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * The CRC-32 of container.md of some bytes, or of them after others.
 *
 * @param {Uint8Array} bytes
 * @param {number} [before] The CRC-32 of the bytes before.
 * @returns {number} 0 to 2^32 - 1.
 */
function crc32(bytes, before = 0) {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ CRC_TABLE[(value ^ bytes[i]) & 255];
  return ~value >>> 0;
}

/**
 * How the blocks of a file are coded (K-5). Made by `streamCoding`, `windowCoding` and
 * `codebookCoding`.
 *
 * @typedef {object} Coding
 * @property {number} method 1 to 3.
 * @property {number} bits
 * @property {number} precision
 * @property {Uint8Array} fingerprint 32 bytes.
 * @property {(text: Uint8Array) => Uint8Array} encode The payload of a coded block.
 * @property {(payload: Uint8Array, length: number) => Uint8Array} decode The `length` bytes of text
 *   of a payload. Refuses with the cause `payload`.
 */

/** @param {Uint8Array} fingerprint */
function checkSize(fingerprint) {
  if (fingerprint.length !== 32) throw new RangeError(`a fingerprint has 32 bytes, not ${fingerprint.length}`);
}

/**
 * Method 1 (K-9).
 *
 * @param {ByteModel} model
 * @param {Uint8Array} fingerprint The 32 bytes that name the model; of a Transformer its own.
 * @returns {Coding}
 */
export function streamCoding(model, fingerprint) {
  checkSize(fingerprint);
  return {
    method: 1,
    bits: 0,
    precision: model.precision,
    fingerprint,
    encode: (text) => encodeStream(model, text),
    decode: (payload, length) => decodeStream(model, payload, length),
  };
}

/**
 * Method 2 (K-10).
 *
 * @param {ByteModel} model
 * @param {Uint8Array} fingerprint The 32 bytes that name the model; of a Transformer its own.
 * @param {number} bits The size of a window, 9 to 128.
 * @returns {Coding}
 * @throws {Refusal} `bits`.
 */
export function windowCoding(model, fingerprint, bits) {
  checkBits(bits, 128);
  checkSize(fingerprint);
  const { precision } = model;
  return {
    method: 2,
    bits,
    precision,
    fingerprint,
    encode: (text) => packCodes(encodeWindows(model, bits, text), bits),
    decode: (payload, length) => {
      const codes = unpackCodes(payload, bits, wholeWindows(payload, bits));
      check(!codes.includes(0n), "payload", "window 0 must not be in a payload");
      const cursor = model.open();
      const shares = new Shares(precision);
      const text = new Bytes();
      for (const code of codes) {
        // A string can be far longer than its window, so do not wait for its end.
        const whole = decodeWindow(cursor, shares, precision, bits, code, text, length);
        check(whole, "payload", `its text must have ${length} bytes, but has more`);
        cursor.rewind(0);
      }
      check(text.length === length, "payload", `its text must have ${length} bytes, not ${text.length}`);
      return text.done();
    },
  };
}

/**
 * Method 3 (K-10).
 *
 * @param {Codebook} codebook
 * @returns {Coding}
 */
export function codebookCoding(codebook) {
  const { bits } = codebook;
  return {
    method: 3,
    bits,
    precision: 0,
    fingerprint: codebook.fingerprint(),
    encode: (text) => packIds(codebook.encode(text), bits),
    decode: (payload, length) => {
      const ids = unpackIds(payload, bits, wholeWindows(payload, bits));
      check(!ids.includes(0), "payload", "window 0 must not be in a payload");
      let sum = 0;
      for (const id of ids) sum += codebook.sizes[codebook.nodes[id]];
      check(sum === length, "payload", `its text must have ${length} bytes, not ${sum}`);
      return codebook.decode(ids);
    },
  };
}

/**
 * @param {Uint8Array} payload
 * @param {number} bits
 * @returns {number} How many windows are in a payload (K-10).
 */
function wholeWindows(payload, bits) {
  const count = Math.floor((8 * payload.length) / bits);
  const left = 8 * payload.length - count * bits;
  const filled = left < 8 && readBits(payload, count * bits, left) === 0;
  check(filled, "payload", "after the last window there must be less than 8 bits, all of them 0");
  return count;
}

/**
 * The file of a text, of version 2 (K).
 *
 * @param {Coding} coding
 * @param {Uint8Array} text
 * @param {number} [block] The bytes of text in each block but the last, 1 to 65,536 (K-17).
 * @param {Trace} [trace] Here `fingerprint` and `payload` are bytes, not hexadecimal digits.
 * @returns {Uint8Array}
 */
export function encodeContainer(coding, text, block = MOST_TEXT, trace) {
  checkText(text);
  if (!within(block, 1, MOST_TEXT)) throw new RangeError(`block must be 1 to 65,536 bytes, not ${block}`);
  const file = new Bytes();
  file.append(Uint8Array.from([...MAGIC, 2, coding.method, coding.bits, coding.precision]));
  file.append(coding.fingerprint);
  file.append(bigEndian(crc32(file.done()), 4));
  const { method, bits, precision, fingerprint } = coding;
  if (trace) trace({ part: "header", version: 2, method, bits, precision, fingerprint });
  for (let from = 0, last = false; !last; from += block) {
    const part = text.subarray(from, from + block);
    last = from + block >= text.length;
    const code = coding.encode(part);
    const payload = code.length < part.length ? code : part;
    const start = file.length;
    file.push(last ? 1 : 0);
    file.append(bigEndian(part.length, 3));
    file.append(bigEndian(payload.length, 3));
    file.append(payload);
    if (last) file.append(bigEndian(crc32(text), 4));
    // The 4 bytes before the block chain it to what is before it (K-8).
    file.append(bigEndian(crc32(file.buffer.subarray(start - 4, file.length)), 4));
    if (trace) trace({ part: "block", length: part.length, payload, last: last ? 1 : 0 });
  }
  return file.done();
}

/**
 * @param {number} value
 * @param {number} size
 * @returns {Uint8Array}
 */
function bigEndian(value, size) {
  return Uint8Array.from({ length: size }, (_, i) => Math.floor(value / POWER[8 * (size - 1 - i)]) % 256);
}

/** Reads a file from front to back, and refuses where it ends too early. */
class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.place = 0;
  }

  /**
   * @param {number} size
   * @returns {Uint8Array} The next `size` bytes.
   */
  take(size) {
    const end = this.place + size;
    check(end <= this.bytes.length, "truncated", `the file ends at byte ${this.bytes.length}, before byte ${end}`);
    const taken = this.bytes.subarray(this.place, end);
    this.place = end;
    return taken;
  }

  /**
   * @param {number} size At most 6.
   * @returns {number} The next `size` bytes as a number.
   */
  number(size) {
    return this.take(size).reduce((value, byte) => value * 256 + byte, 0);
  }
}

/**
 * What a file tells without the model (K-15).
 *
 * @typedef {object} Info
 * @property {number} version 1 or 2.
 * @property {number} method 1 (stream), 2 (windows) or 3 (codebook).
 * @property {number} bits
 * @property {number} precision
 * @property {Uint8Array} fingerprint 32 bytes.
 * @property {number} length The bytes of text.
 * @property {number} blocks How many blocks have text.
 * @property {number} stored How many of these are stored.
 */

/**
 * @param {Reader} reader
 * @returns {Info} The fields of the header; nothing is counted yet.
 */
function readHeader(reader) {
  const { bytes } = reader;
  check(
    MAGIC.every((byte, i) => bytes[i] === byte),
    "magic",
    "the file is none of ecjax",
  );
  check(bytes.length > 8, "truncated", "the file ends before its version");
  check(bytes[8] === 1 || bytes[8] === 2, "version", `the version must be 1 or 2, not ${bytes[8]}`);
  const header = reader.take(HEADER - 4);
  check(reader.number(4) === crc32(header), "header", "the CRC-32 of the header is wrong");
  const [version, method, bits, precision] = header.subarray(8, 12);
  check(within(method, 1, 3), "method", `the method must be 1 to 3, not ${method}`);
  const right = method === 1 ? bits === 0 : within(bits, 9, method === 2 ? 128 : 16);
  const fits = right && (method === 3 ? precision === 0 : within(precision, 9, 16));
  check(fits, "parameters", `method ${method} has no b = ${bits}, F = ${precision}`);
  const fingerprint = Uint8Array.from(header.subarray(12));
  return { version, method, bits, precision, fingerprint, length: 0, blocks: 0, stored: 0 };
}

/**
 * One block of a file, checked but not decoded.
 *
 * @typedef {object} Block
 * @property {number} length n, the bytes of its text.
 * @property {Uint8Array} payload
 * @property {boolean} stored
 * @property {boolean} last
 * @property {number} crc In the last block the CRC-32 of the whole text.
 * @property {number} total In the end block of version 1 the bytes of the whole text.
 */

/**
 * @param {Reader} reader
 * @returns {Block} The next block of version 2.
 */
function readBlock2(reader) {
  const start = reader.place;
  const fields = new Reader(reader.take(7));
  const [marker, length, size] = [fields.number(1), fields.number(3), fields.number(3)];
  const valid = marker <= 1 && length <= MOST_TEXT && (length > 0 || marker === 1) && size <= length;
  check(valid, "block", `a block cannot have marker ${marker}, n = ${length}, p = ${size}`);
  const rest = new Reader(reader.take(size + (marker === 1 ? 8 : 4)));
  const payload = rest.take(size);
  const crc = marker === 1 ? rest.number(4) : 0;
  const computed = crc32(reader.bytes.subarray(start - 4, reader.place - 4));
  check(rest.number(4) === computed, "checksum", `the CRC-32 of the block at byte ${start} is wrong`);
  return { length, payload, stored: size === length, last: marker === 1, crc, total: 0 };
}

/**
 * @param {Reader} reader
 * @returns {Block} The next block of version 1 (K-18).
 */
function readBlock1(reader) {
  const start = reader.place;
  const fields = new Reader(reader.take(8));
  const [length, size] = [fields.number(4), fields.number(4)];
  const last = length === 0;
  const valid = last ? size === END_PAYLOAD : length <= MOST_TEXT && size <= 16 * length;
  check(valid, "block", `a block of version 1 cannot have n = ${length}, p = ${size}`);
  const rest = new Reader(reader.take(size + 4));
  const payload = rest.take(size);
  const computed = crc32(reader.bytes.subarray(start, reader.place - 4));
  check(rest.number(4) === computed, "checksum", `the CRC-32 of the block at byte ${start} is wrong`);
  if (!last) return { length, payload, stored: false, last, crc: 0, total: 0 };
  const end = new Reader(payload);
  const total = end.number(4) * POWER[32] + end.number(4);
  return { length, payload, stored: false, last, crc: end.number(4), total };
}

/**
 * Goes through a file, and refuses the first thing that is wrong (K-12, K-19).
 *
 * @param {Uint8Array} file
 * @param {Trace | undefined} trace
 * @param {(info: Info) => void} onHeader
 * @param {(block: Block) => void} onText Gets each block that has text.
 * @param {(crc: number) => void} onEnd Gets the CRC-32 of the text that the file has.
 * @returns {Info}
 */
function walk(file, trace, onHeader, onText, onEnd) {
  const reader = new Reader(file);
  const info = readHeader(reader);
  const { version, method, bits, precision, fingerprint } = info;
  if (trace) trace({ part: "header", version, method, bits, precision, fingerprint });
  onHeader(info);
  for (let last = false; !last;) {
    const block = info.version === 1 ? readBlock1(reader) : readBlock2(reader);
    last = block.last;
    if (trace) trace({ part: "block", length: block.length, payload: block.payload, last: last ? 1 : 0 });
    if (block.length > 0) {
      info.length += block.length;
      info.blocks++;
      info.stored += block.stored ? 1 : 0;
      onText(block);
    }
    if (!last) continue;
    const agrees = info.version !== 1 || block.total === info.length;
    check(agrees, "length", `the end block has ${block.total} bytes of text, the other blocks ${info.length}`);
    onEnd(block.crc);
  }
  const more = file.length - reader.place;
  check(more === 0, "trailing", `there must be nothing after the last block, not ${more} bytes`);
  return info;
}

/**
 * The text of a file of version 1 or 2 (K).
 *
 * @param {Coding} coding Must be that of the file.
 * @param {ArrayBuffer | Uint8Array} file
 * @param {Trace} [trace] As that of `encodeContainer`.
 * @returns {Uint8Array}
 * @throws {Refusal} One of the causes of K-12 and K-19.
 */
export function decodeContainer(coding, file, trace) {
  const text = new Bytes();
  walk(
    asBytes(file),
    trace,
    (info) => {
      const same = info.method === coding.method && info.bits === coding.bits && info.precision === coding.precision;
      const [written, given] = [toHex(info.fingerprint), toHex(coding.fingerprint)];
      const wanted = `${METHODS[info.method - 1]}, b = ${info.bits}, F = ${info.precision}, ${written}`;
      check(same && written === given, "model", `the file needs ${wanted}, not ${given}`);
    },
    ({ stored, payload, length }) => text.append(stored ? payload : coding.decode(payload, length)),
    (crc) => check(crc32(text.buffer.subarray(0, text.length)) === crc, "text", "the CRC-32 of the text is wrong"),
  );
  return text.done();
}

/**
 * What a file tells without the model (K-15). It finds every damage but that of the causes
 * `payload` and `text`.
 *
 * @param {ArrayBuffer | Uint8Array} file
 * @param {Trace} [trace] As that of `encodeContainer`.
 * @returns {Info}
 * @throws {Refusal} One of the causes of K-12 and K-19.
 */
export function containerInfo(file, trace) {
  const ignore = () => {};
  return walk(asBytes(file), trace, ignore, ignore, ignore);
}
