// @ts-check
// Starts the page: the text, the two panels, the comparison, the files, and the link to all this.

import { Board } from "./board.mjs";
import { shippedFiles } from "./client.mjs";
import { Files } from "./files.mjs";
import { MOST_TEXT, counted } from "./methods.mjs";
import { Panel } from "./panel.mjs";
import { SAMPLES } from "./samples.mjs";

/** A link holds a text of up to so many bytes. */
const MOST_LINK = 4000;

/**
 * @param {string} id
 * @returns {any} The element of the page.
 */
const at = (id) => document.getElementById(id);

/** @type {HTMLTextAreaElement} */
const box = at("text");

/** @returns {Uint8Array} The bytes of the text. */
const written = () => new TextEncoder().encode(box.value);

/** Shows which sample the text is, if any. */
function showSample() {
  for (const button of at("samples").children) {
    const chosen = SAMPLES.some(([name, text]) => name === button.textContent && text === box.value);
    button.setAttribute("aria-pressed", String(chosen));
  }
}

/**
 * @param {() => void} onChange
 */
function makeSamples(onChange) {
  for (const [name, text] of SAMPLES) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => {
      box.value = text;
      onChange();
    });
    at("samples").append(button);
  }
}

/** Lets the reader choose how tokens are coloured. */
function makeColours() {
  for (const input of document.querySelectorAll("[name=colours]")) {
    input.addEventListener("change", () => {
      document.body.dataset.colours = /** @type {HTMLInputElement} */ (input).value;
    });
  }
}

/**
 * @param {Panel[]} panels
 */
function makeLink([left, right]) {
  at("link").addEventListener("click", async () => {
    const bytes = written().length;
    if (bytes > MOST_LINK) {
      at("linked").textContent = `A link holds up to ${counted(MOST_LINK, "byte")} of text; this one has ${bytes}.`;
      return;
    }
    const address = new URLSearchParams({ text: box.value, left: left.method, right: right.method });
    history.replaceState(null, "", `#${address}`);
    try {
      await navigator.clipboard.writeText(location.href);
      at("linked").textContent = "The link is copied. It holds the text itself.";
    } catch {
      at("linked").textContent = "The address of this page is the link now. It holds the text itself.";
    }
  });
}

async function start() {
  const shipped = await shippedFiles();
  const linked = new URLSearchParams(location.hash.slice(1));
  const [left, right] = /** @type {[string, string][]} */ ([
    ["left", "books-16"],
    ["right", "m1-books:64"],
  ]).map(([key, usual]) => {
    const root = at("panel").content.cloneNode(true).firstElementChild;
    at("panels").append(root);
    return new Panel(root, key, shipped, linked.get(key) ?? usual);
  });
  [left.other, right.other] = [right, left];
  const board = new Board(at("board"), shipped);

  const update = () => {
    showSample();
    at("linked").textContent = "";
    const all = written();
    const bytes = all.subarray(0, MOST_TEXT);
    at("size").textContent = `${counted(Array.from(box.value).length, "character")}, ${counted(all.length, "byte")}`;
    const cutOff = `Only the first ${counted(MOST_TEXT, "byte")} are cut.`;
    at("cut-off").textContent = bytes.length < all.length ? cutOff : "";
    left.update(bytes);
    right.update(bytes);
    board.update(bytes);
  };
  let waiting = false;
  box.addEventListener("input", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      update();
    });
  });
  makeSamples(update);
  makeColours();
  makeLink([left, right]);
  new Files(at("files"), shipped);
  box.value = linked.get("text") ?? SAMPLES[0][1];
  update();
  document.body.dataset.ready = "";
}

start().catch((error) => {
  at("broken").textContent = `The page could not start: ${error.message}.`;
});
