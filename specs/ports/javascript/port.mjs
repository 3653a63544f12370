// @ts-check
// The conformance program (../../conformance.md): reads requests line by line, and answers.
// Requests are well-formed (P-2), which is why their types are not checked.

import { createInterface } from "node:readline";
import * as ecjax from "./ecjax.mjs";

/**
 * @param {[number, number][]} runs
 * @returns {number[]}
 */
function unrun(runs) {
  const numbers = [];
  for (const [count, number] of runs) for (let i = 0; i < count; i++) numbers.push(number);
  return numbers;
}

/**
 * @param {ArrayLike<number>} numbers
 * @returns {[number, number][]} The longest runs.
 */
function run(numbers) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const number of Array.from(numbers)) {
    const last = runs[runs.length - 1];
    if (last !== undefined && last[1] === number) last[0]++;
    else runs.push([1, number]);
  }
  return runs;
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function fromHex(text) {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/**
 * @param {string} text Of no bytes where the size of windows is to be refused (P-2).
 * @returns {bigint}
 */
function windowOf(text) {
  return BigInt(`0x0${text}`);
}

/**
 * @param {bigint} code
 * @param {number} bits
 * @returns {string}
 */
function windowHex(code, bits) {
  return code.toString(16).padStart(2 * Math.ceil(bits / 8), "0");
}

/** @param {any} fields */
function transformer({ settings, tensors }) {
  const lists = new Map();
  for (const [name, runs] of Object.entries(tensors)) lists.set(name, unrun(runs));
  return new ecjax.Transformer(settings, lists);
}

/** @param {any} fields */
function model(fields) {
  if (fields.transformer === undefined) {
    return new ecjax.TableModel(fields.precision, fields.rows.map(unrun), unrun(fields.next));
  }
  // The precision is checked before the Transformer (C-7).
  ecjax.checkPrecision(fields.precision);
  return transformer(fields.transformer).byteModel(fields.precision);
}

/** @param {any} fields */
function codebook({ parents, last_bytes, members, costs }) {
  return new ecjax.Codebook({
    parents: unrun(parents),
    lastBytes: unrun(last_bytes),
    members: members && unrun(members),
    costs: costs && unrun(costs),
  });
}

/** @param {any} request */
function coding(request) {
  if (request.codebook !== undefined) return ecjax.codebookCoding(codebook(request.codebook));
  const fingerprint = fromHex(request.fingerprint);
  if (request.bits === undefined) return ecjax.streamCoding(model(request.model), fingerprint);
  return ecjax.windowCoding(model(request.model), fingerprint, request.bits);
}

/** @type {Record<string, (request: any) => object>} */
const OPERATIONS = {
  frequencies({ logits, precision }) {
    const table = ecjax.frequencyTable(unrun(logits), precision);
    return { frequencies: run(table.slice(1).map((entry, c) => entry - table[c])) };
  },
  "stream.encode": (request) => ({
    code: ecjax.toHex(ecjax.encodeStream(model(request.model), fromHex(request.text))),
  }),
  "stream.decode": (request) => ({
    text: ecjax.toHex(ecjax.decodeStream(model(request.model), fromHex(request.code), request.length)),
  }),
  "windows.encode"(request) {
    const codes = ecjax.encodeWindows(model(request.model), request.bits, fromHex(request.text));
    return { codes: codes.map((code) => windowHex(code, request.bits)) };
  },
  "windows.decode": (request) => ({
    strings: ecjax.decodeWindows(model(request.model), request.bits, request.codes.map(windowOf)).map(ecjax.toHex),
  }),
  "tokens.cut": ({ codes, bits, token_bits }) => ({
    ids: Array.from(ecjax.cutTokens(codes.map(windowOf), bits, token_bits)),
  }),
  "tokens.join": ({ ids, bits, token_bits }) => ({
    codes: ecjax.joinTokens(ids, bits, token_bits).map((code) => windowHex(code, bits)),
  }),
  "transformer.logits": (request) => ({
    logits: transformer(request.transformer).logits(fromHex(request.text)).map(run),
  }),
  "transformer.fingerprint": (request) => ({
    fingerprint: ecjax.toHex(transformer(request.transformer).fingerprint()),
  }),
  "codebook.compile"(request) {
    const { parents, lastBytes } = ecjax.Codebook.compile(model(request.model), request.bits);
    return { parents: run(parents), last_bytes: run(lastBytes) };
  },
  "codebook.encode": (request) => ({
    ids: Array.from(codebook(request.codebook).encode(fromHex(request.text))),
  }),
  "codebook.decode": (request) => ({ text: ecjax.toHex(codebook(request.codebook).decode(request.ids)) }),
  "codebook.fingerprint": (request) => ({
    fingerprint: ecjax.toHex(codebook(request.codebook).fingerprint()),
  }),
  "container.encode": (request) => ({
    file: ecjax.toHex(ecjax.encodeContainer(coding(request), fromHex(request.text), request.block)),
  }),
  "container.decode": (request) => ({
    text: ecjax.toHex(ecjax.decodeContainer(coding(request), fromHex(request.file))),
  }),
  "container.info"(request) {
    const info = ecjax.containerInfo(fromHex(request.file));
    return { ...info, fingerprint: ecjax.toHex(info.fingerprint) };
  },
};

/** @param {any} request */
function answer(request) {
  if (!Object.hasOwn(OPERATIONS, request.op)) return { unsupported: true };
  try {
    return OPERATIONS[request.op](request);
  } catch (error) {
    if (error instanceof ecjax.Refusal) return { refused: error.cause };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id: request.id, ...answer(request) })}\n`);
}
