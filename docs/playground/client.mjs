// @ts-check
// Asks the worker. Everything that the page shows of a text comes through `cut`.

/** @typedef {import("./methods.mjs").Shipped} Shipped */
/** @typedef {import("./port/ecjax.mjs").Info} Info */

/**
 * A text that is cut into tokens.
 *
 * @typedef {object} Cut
 * @property {ArrayLike<number> | bigint[]} ids Those of windows of the model are bigints.
 * @property {ArrayLike<number>} ends Where each token ends, in bytes.
 */

/**
 * @typedef {object} Packed
 * @property {Uint8Array} output
 * @property {Info} info
 * @property {string} [name] What a decompressed file had been made with.
 */

/**
 * A worker and what it was asked.
 */
class Asked {
  constructor() {
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void, onPart: (part: any) => void}>} */
    this.waiting = new Map();
    this.worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.answer(data));
    this.worker.addEventListener("error", () => this.fail("the worker of this page could not start"));
    this.jobs = 0;
  }

  /** @param {any} data */
  answer({ job, partial = false, error, ...rest }) {
    const asked = this.waiting.get(job);
    if (asked === undefined) return;
    if (partial) return asked.onPart(rest);
    this.waiting.delete(job);
    if (error === undefined) asked.resolve(rest);
    else asked.reject(new Error(error.message, { cause: error.cause }));
  }

  /** @param {string} message */
  fail(message) {
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }

  /**
   * @param {string} kind
   * @param {object} what
   * @param {(part: any) => void} onPart
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} Rejected with an AbortError when the signal aborts.
   */
  ask(kind, what, onPart, signal) {
    const job = ++this.jobs;
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => {
        if (!this.waiting.delete(job)) return;
        this.worker.postMessage({ job, kind: "cancel" });
        reject(new DOMException("a newer text took its place", "AbortError"));
      });
      this.waiting.set(job, { resolve, reject, onPart });
      this.worker.postMessage({ job, kind, ...what });
    });
  }
}

const texts = new Asked();

/**
 * Cuts a text.
 *
 * @param {string} name "bytes", or the name of a shipped codebook or model.
 * @param {number | null} bits The size of the model's windows, 9 to 128; null without a model.
 * @param {Uint8Array} text
 * @param {(part: Cut) => void} [onPart] Gets the tokens found so far, now and then.
 * @param {AbortSignal} [signal]
 * @returns {Promise<Cut>}
 */
export async function cut(name, bits, text, onPart = () => {}, signal = undefined) {
  if (name === "bytes") return { ids: text, ends: Uint32Array.from(text, (_, place) => place + 1) };
  return texts.ask("cut", { name, bits, text }, onPart, signal);
}

/** Files have a worker of their own, because stopping one stops the worker. */
/** @type {Asked | null} */
let files = null;

/**
 * Compresses a file.
 *
 * @param {string} name Of a shipped codebook or model.
 * @param {number | null} bits Of a model: the size of windows, or 0 for one stream.
 * @param {Uint8Array} file
 * @param {(part: {done: number, total: number}) => void} onPart
 * @returns {Promise<Packed>}
 */
export function pack(name, bits, file, onPart) {
  files ??= new Asked();
  return files.ask("pack", { name, bits, file }, onPart);
}

/**
 * Decompresses a file.
 *
 * @param {Shipped[]} shipped
 * @param {Uint8Array} file
 * @param {(part: {done: number, total: number}) => void} onPart
 * @returns {Promise<Packed>}
 */
export function unpack(shipped, file, onPart) {
  files ??= new Asked();
  return files.ask("unpack", { shipped, file }, onPart);
}

/** Stops the work on a file. Its promise is rejected. */
export function stop() {
  files?.worker.terminate();
  files?.fail("it was stopped");
  files = null;
}

/** @returns {Promise<Shipped[]>} The shipped files. */
export async function shippedFiles() {
  const response = await fetch(new URL("./assets/index.json", import.meta.url));
  if (!response.ok) throw new Error(`the list of codebooks could not be loaded (status ${response.status})`);
  return response.json();
}
