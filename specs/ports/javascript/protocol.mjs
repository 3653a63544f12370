// @ts-check
// The answers of the conformance protocol (../../conformance.md), in Node and in browsers.
// Requests are well-formed (P-2), which is why their types are not checked.

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
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
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

/** @type {Record<string, (request: any, trace?: ecjax.Trace) => object>} */
const OPERATIONS = {
  frequencies({ logits, precision }, trace) {
    const table = ecjax.frequencyTable(unrun(logits), precision, trace);
    return { frequencies: run(table.slice(1).map((entry, c) => entry - table[c])) };
  },
  "stream.encode": (request, trace) => ({
    code: ecjax.toHex(ecjax.encodeStream(model(request.model), fromHex(request.text), trace)),
  }),
  "stream.decode": (request, trace) => ({
    text: ecjax.toHex(ecjax.decodeStream(model(request.model), fromHex(request.code), request.length, trace)),
  }),
  "windows.encode"(request, trace) {
    const codes = ecjax.encodeWindows(model(request.model), request.bits, fromHex(request.text), trace);
    return { codes: codes.map((code) => windowHex(code, request.bits)) };
  },
  "windows.decode"(request, trace) {
    const strings = ecjax.decodeWindows(model(request.model), request.bits, request.codes.map(windowOf), trace);
    return { strings: strings.map(ecjax.toHex) };
  },
  "tokens.cut": ({ codes, bits, token_bits }) => ({
    ids: Array.from(ecjax.cutTokens(codes.map(windowOf), bits, token_bits)),
  }),
  "tokens.join": ({ ids, bits, token_bits }) => ({
    codes: ecjax.joinTokens(ids, bits, token_bits).map((code) => windowHex(code, bits)),
  }),
  "transformer.logits": (request, trace) => ({
    logits: transformer(request.transformer).logits(fromHex(request.text), trace).map(run),
  }),
  "transformer.fingerprint": (request) => ({
    fingerprint: ecjax.toHex(transformer(request.transformer).fingerprint()),
  }),
  "codebook.compile"(request, trace) {
    const { parents, lastBytes } = ecjax.Codebook.compile(model(request.model), request.bits);
    if (trace) parents.forEach((parent, code) => trace({ code, parent, last_byte: lastBytes[code] }));
    return { parents: run(parents), last_bytes: run(lastBytes) };
  },
  "codebook.encode": (request) => ({
    ids: Array.from(codebook(request.codebook).encode(fromHex(request.text))),
  }),
  "codebook.decode": (request) => ({ text: ecjax.toHex(codebook(request.codebook).decode(request.ids)) }),
  "codebook.fingerprint": (request) => ({
    fingerprint: ecjax.toHex(codebook(request.codebook).fingerprint()),
  }),
  "container.encode": (request, trace) => ({
    file: ecjax.toHex(ecjax.encodeContainer(coding(request), fromHex(request.text), request.block, trace)),
  }),
  "container.decode": (request, trace) => ({
    text: ecjax.toHex(ecjax.decodeContainer(coding(request), fromHex(request.file), trace)),
  }),
  "container.info"(request, trace) {
    const info = ecjax.containerInfo(fromHex(request.file), trace);
    return { ...info, fingerprint: ecjax.toHex(info.fingerprint) };
  },
};

/**
 * @param {unknown} value Of a step.
 * @returns {unknown} As P-5 writes it: rows as runs, bytes in hexadecimal.
 */
function written(value) {
  if (value instanceof Uint8Array) return ecjax.toHex(value);
  return value instanceof Int32Array ? run(value) : value;
}

/**
 * @param {any} request
 * @returns {object} All of the answer (P-2 to P-5) but its `id`.
 */
export function answer(request) {
  if (!Object.hasOwn(OPERATIONS, request.op)) return { unsupported: true };
  /** @type {object[]} */
  const steps = [];
  /** @type {ecjax.Trace} */
  const note = (step) => {
    const fields = Object.entries(step).map(([name, value]) => [name, written(value)]);
    steps.push(Object.fromEntries(fields));
  };
  const trace = request.trace === true ? { trace: steps } : {};
  try {
    return { ...OPERATIONS[request.op](request, request.trace === true ? note : undefined), ...trace };
  } catch (error) {
    if (error instanceof ecjax.Refusal) return { refused: error.cause, ...trace };
    throw error;
  }
}
