// @ts-check
// All that computes: texts are cut, and files are coded, in a worker, so that the page stays alive.
// client.mjs asks, by messages {job, kind, ...}; the answers are {job, ...}.

import { eachWindow, readCodebook, readTransformer } from "./port/ecjax.mjs";
import { pack, unpack } from "./coding.mjs";

/** @typedef {import("./methods.mjs").Shipped} Shipped */
/** @typedef {import("./port/ecjax.mjs").Codebook} Codebook */
/** @typedef {import("./port/ecjax.mjs").Transformer} Transformer */

/**
 * The windows found so far of a text.
 *
 * @typedef {object} Found
 * @property {Uint8Array} text
 * @property {bigint[]} codes
 * @property {number[]} ends
 */

/** After so many milliseconds of work the worker looks for messages. */
const SLICE = 40;

/** @type {Map<string, Promise<Codebook | Transformer>>} */
const loaded = new Map();
/** @type {Map<string, Found>} The last windows of each model and size. */
const before = new Map();
/** @type {Set<number>} Jobs of whose result nobody needs to hear any more. */
const cancelled = new Set();

/**
 * @param {string} name
 * @returns {Promise<Uint8Array>} The bytes of a shipped file.
 */
async function fetched(name) {
  const response = await fetch(new URL(`./assets/${name}.safetensors`, import.meta.url));
  if (!response.ok) throw new Error(`${name} could not be loaded (status ${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * @param {string} name
 * @param {(file: Uint8Array) => Codebook | Transformer} read
 * @returns {Promise<Codebook | Transformer>} The shipped model or codebook, loaded once.
 */
function once(name, read) {
  const known = loaded.get(name) ?? fetched(name).then(read);
  loaded.set(name, known);
  // What failed is tried again next time: the network may be back.
  known.catch(() => loaded.delete(name));
  return known;
}

/** @param {string} name */
const codebookOf = (name) => /** @type {Promise<Codebook>} */ (once(name, readCodebook));
/** @param {string} name */
const modelOf = (name) => /** @type {Promise<Transformer>} */ (once(name, readTransformer));

/**
 * Answers with the ids of a text and where each token ends.
 *
 * @param {{job: number, name: string, text: Uint8Array}} asked
 */
async function cutByCodebook({ job, name, text }) {
  const codebook = await codebookOf(name);
  const ids = codebook.encode(text);
  const ends = new Uint32Array(ids.length);
  for (let i = 0, end = 0; i < ids.length; i++) {
    end += codebook.sizes[codebook.nodes[ids[i]]];
    ends[i] = end;
  }
  postMessage({ job, ids, ends });
}

/**
 * Keeps those windows of a similar text that the new one has too: a window depends on its own bytes
 * and the one after it, and on nothing else.
 *
 * @param {Found | undefined} old
 * @param {Uint8Array} text
 * @returns {Found}
 */
function goOn(old, text) {
  if (old === undefined) return { text, codes: [], ends: [] };
  let same = 0;
  while (same < text.length && same < old.text.length && text[same] === old.text[same]) same++;
  const kept = old.ends.filter((end) => end < same).length;
  return { text, codes: old.codes.slice(0, kept), ends: old.ends.slice(0, kept) };
}

/**
 * Answers with the model's windows of a text, first in part and with `partial`, then all.
 *
 * @param {{job: number, name: string, bits: number, text: Uint8Array}} asked
 */
async function cutByModel({ job, name, bits, text }) {
  const model = await modelOf(name);
  const key = `${name} ${bits}`;
  const found = goOn(before.get(key), text);
  before.set(key, found);
  const from = found.ends.at(-1) ?? 0;
  let pause = performance.now() + SLICE;
  for (const [code, end] of eachWindow(model.byteModel(), bits, text.subarray(from))) {
    found.codes.push(code);
    found.ends.push(from + end);
    if (performance.now() < pause) continue;
    postMessage({ job, partial: true, ids: found.codes, ends: Uint32Array.from(found.ends) });
    await new Promise((resolve) => setTimeout(resolve));
    if (cancelled.delete(job)) return;
    pause = performance.now() + SLICE;
  }
  postMessage({ job, ids: found.codes, ends: Uint32Array.from(found.ends) });
}

/** @type {Record<string, (asked: any) => Promise<void>>} */
const KINDS = {
  cut: (asked) => (asked.bits === null ? cutByCodebook(asked) : cutByModel(asked)),
  async pack({ job, name, bits, file }) {
    const source = bits === null ? await codebookOf(name) : await modelOf(name);
    const result = pack(source, bits, file, (done, total) => postMessage({ job, partial: true, done, total }));
    postMessage({ job, ...result });
  },
  async unpack({ job, shipped, file }) {
    const load = (/** @type {Shipped} */ { name, kind }) => (kind === "model" ? modelOf(name) : codebookOf(name));
    const report = (/** @type {number} */ done, /** @type {number} */ total) =>
      postMessage({ job, partial: true, done, total });
    postMessage({ job, ...(await unpack(shipped, load, file, report)) });
  },
  async cancel({ job }) {
    cancelled.add(job);
  },
};

addEventListener("message", async ({ data }) => {
  try {
    await KINDS[data.kind](data);
  } catch (error) {
    const { cause, message } = /** @type {Error} */ (error);
    postMessage({ job: data.job, error: { cause, message } });
  }
  if (data.kind !== "cancel") cancelled.delete(data.job);
});
