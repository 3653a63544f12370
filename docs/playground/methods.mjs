// @ts-check
// What a text can be cut by, and what there is to say about it.

/**
 * A shipped file, as assemble.py describes it.
 *
 * @typedef {object} Shipped
 * @property {string} name
 * @property {"codebook" | "model"} kind
 * @property {number} bits Of a codebook: the bits of an id.
 * @property {string} fingerprint 64 hexadecimal digits.
 * @property {number} size Bytes.
 */

/** So many bytes of a text are counted. */
export const MOST_TEXT = 65536;
/** So many bytes of a text go through the model. */
export const MOST_MODEL_TEXT = 4096;
/** A file may have so many bytes: with a codebook, and with the model. */
export const MOST_FILE = 64 * 2 ** 20;
export const MOST_MODEL_FILE = 2 ** 20;

/** @type {Record<string, string>} In the order of the page; codebooks that are not here come last. */
const ABOUT = {
  "books-16": "65,536 strings counted on English books",
  "books-12": "4,096 strings counted on English books",
  "mixed-16": "65,536 strings counted on text of many kinds: 44 languages, source code, data",
  "m1-books-16": "All 65,536 windows of 16 bits of the model m1-books, as a table",
  "m1-books-12": "All 4,096 windows of 12 bits of the model m1-books, as a table",
};

const ORDER = Object.keys(ABOUT);

/**
 * @param {Shipped[]} shipped
 * @returns {Shipped[]} The codebooks, in the order of the page.
 */
export function codebooksOf(shipped) {
  const place = (/** @type {Shipped} */ file) => (ORDER.indexOf(file.name) + ORDER.length + 1) % (ORDER.length + 1);
  return shipped.filter((file) => file.kind === "codebook").sort((a, b) => place(a) - place(b));
}

/**
 * @param {Shipped} file
 * @returns {string}
 */
export function about(file) {
  return ABOUT[file.name] ?? `${(2 ** file.bits).toLocaleString("en")} strings`;
}

/**
 * @param {number} count
 * @param {string} noun
 * @returns {string} Such as "1 token" or "1,234 tokens".
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * @param {HTMLSelectElement} select Gets the choices of what to cut by, or to compress with.
 * @param {[value: string, label: string][]} choices
 * @param {string} chosen
 */
export function fill(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, label]) => new Option(label, value, false, value === chosen)));
}
