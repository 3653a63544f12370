// @ts-check
// Bytes as nodes of the page. White space, line ends, and bytes that are no character are made visible
// by style.css, so that what is copied from the page is the text as it is.

/** Characters that have no form of their own, or that change the order of others. */
const UNSEEN = /[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @type {Record<string, string>} Classes. */
const MARKED = { " ": "space", "\t": "tab", "\n": "line" };

/**
 * @param {Uint8Array} bytes
 * @param {number} from
 * @returns {[character: string | null, size: number]} The character that begins there, or null for a
 *   byte that begins none.
 */
function characterAt(bytes, from) {
  const first = bytes[from];
  if (first < 0x80) return [String.fromCharCode(first), 1];
  const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size === 0 || from + size > bytes.length) return [null, 1];
  try {
    return [decoder.decode(bytes.subarray(from, from + size)), size];
  } catch {
    return [null, 1];
  }
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} text
 */
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} Two hexadecimal digits a byte, with spaces between.
 */
export function hexadecimal(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/**
 * Shows bytes. `textContent` is the text itself, without the bytes that are no character. Those are
 * in elements of class `byte`, in `data-hex`.
 *
 * @param {Element} parent Gets the nodes.
 * @param {Uint8Array} bytes
 */
export function show(parent, bytes) {
  let plain = "";
  const flush = () => {
    if (plain !== "") parent.append(plain);
    plain = "";
  };
  for (let place = 0, size = 0; place < bytes.length; place += size) {
    let character;
    [character, size] = characterAt(bytes, place);
    const mark = character === null ? undefined : MARKED[character];
    if (character !== null && mark === undefined && !UNSEEN.test(character)) {
      plain += character;
      continue;
    }
    flush();
    if (character !== null && mark !== undefined) {
      parent.append(element("i", mark, character));
      continue;
    }
    for (const byte of bytes.subarray(place, place + size)) {
      const chip = element("b", "byte", "");
      chip.dataset.hex = hexadecimal(Uint8Array.of(byte));
      parent.append(chip);
    }
  }
  flush();
}

/** The bounds of the densities that have colours of their own, in bits per byte. */
const BOUNDS = [1.5, 2.5, 4, 8];
export const DENSITIES = ["up to 1.5", "up to 2.5", "up to 4", "up to 8", "more than 8"];

/**
 * @param {number} bits
 * @param {number} bytes
 * @returns {number} The place in DENSITIES of a token of so many bits and bytes.
 */
export function density(bits, bytes) {
  const place = BOUNDS.findIndex((bound) => bits <= bound * bytes);
  return place < 0 ? BOUNDS.length : place;
}

const HUES = 6;

/**
 * @param {Uint8Array} bytes
 * @param {number} place Of the token among all.
 * @param {number} bits
 * @param {string} id Of the element.
 * @returns {HTMLElement} The token in its colours.
 */
export function token(bytes, place, bits, id) {
  const made = element("span", `token hue${place % HUES} density${density(bits, bytes.length)}`, "");
  made.id = id;
  made.setAttribute("role", "option");
  show(made, bytes);
  return made;
}
