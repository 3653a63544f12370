// @ts-check
// Compresses and decompresses whole files, in the worker.

import {
  Codebook,
  Refusal,
  codebookCoding,
  containerInfo,
  decodeContainer,
  encodeContainer,
  streamCoding,
  toHex,
  windowCoding,
} from "./port/ecjax.mjs";

/** @typedef {import("./methods.mjs").Shipped} Shipped */
/** @typedef {import("./port/ecjax.mjs").Coding} Coding */
/** @typedef {import("./port/ecjax.mjs").Info} Info */
/** @typedef {import("./port/ecjax.mjs").Transformer} Transformer */
/** @typedef {(done: number, total: number) => void} Report Gets the bytes of text done and in all. */

/** A report comes every so many milliseconds. */
const EVERY = 100;

/**
 * @param {Report} report
 * @param {number} total
 * @returns {(bytes: number) => void} Gets how many bytes more were done.
 */
function counter(report, total) {
  let [done, next] = [0, performance.now()];
  return (bytes) => {
    done += bytes;
    // The clock is looked at now and then only: it costs more than a step of a codebook.
    if (bytes === 1 && done % 64 !== 0) return;
    if (performance.now() < next) return;
    next = performance.now() + EVERY;
    report(Math.min(done, total), total);
  };
}

/**
 * @param {Codebook | Transformer} source
 * @param {number} method Of the container: 1 stream, 2 windows, 3 codebook.
 * @param {number} bits The size of windows, for method 2.
 * @param {(bytes: number) => void} count
 * @returns {Coding} One that counts the bytes that it codes.
 */
function counting(source, method, bits, count) {
  if (source instanceof Codebook) {
    const coding = codebookCoding(source);
    const { encode, decode } = coding;
    return {
      ...coding,
      encode(text) {
        count(text.length);
        return encode(text);
      },
      decode(payload, length) {
        count(length);
        return decode(payload, length);
      },
    };
  }
  const model = source.byteModel();
  const counted = {
    precision: model.precision,
    open() {
      const cursor = model.open();
      return {
        table: () => cursor.table(),
        rewind: (/** @type {number} */ length) => cursor.rewind(length),
        push(/** @type {number} */ byte) {
          count(1);
          cursor.push(byte);
        },
      };
    },
  };
  const fingerprint = source.fingerprint();
  return method === 1 ? streamCoding(counted, fingerprint) : windowCoding(counted, fingerprint, bits);
}

/**
 * Compresses a file as `ecjax encode` does.
 *
 * @param {Codebook | Transformer} source
 * @param {number | null} bits Of a model: the size of windows, or 0 for one stream.
 * @param {Uint8Array} file
 * @param {Report} report
 * @returns {{output: Uint8Array, info: Info}}
 */
export function pack(source, bits, file, report) {
  const method = bits === null ? 3 : bits === 0 ? 1 : 2;
  const output = encodeContainer(counting(source, method, bits ?? 0, counter(report, file.length)), file);
  return { output, info: containerInfo(output) };
}

/**
 * Decompresses a file with the shipped model or codebook that made it.
 *
 * @param {Shipped[]} shipped
 * @param {(file: Shipped) => Promise<Codebook | Transformer>} load
 * @param {Uint8Array} file
 * @param {Report} report
 * @returns {Promise<{output: Uint8Array, info: Info, name: string}>}
 * @throws {Refusal} One of the causes of C-7.
 */
export async function unpack(shipped, load, file, report) {
  const info = containerInfo(file);
  const fingerprint = toHex(info.fingerprint);
  const kind = info.method === 3 ? "codebook" : "model";
  const maker = shipped.find((candidate) => candidate.fingerprint === fingerprint && candidate.kind === kind);
  if (maker === undefined) throw new Refusal("model", `the file asks for the ${kind} with fingerprint ${fingerprint}`);
  const source = await load(maker);
  const coding = counting(source, info.method, info.bits, counter(report, info.length));
  return { output: decodeContainer(coding, file), info, name: maker.name };
}
