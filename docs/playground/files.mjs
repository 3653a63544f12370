// @ts-check
// The part of the page that compresses and decompresses a file.

import { pack, stop, unpack } from "./client.mjs";
import { MOST_FILE, MOST_MODEL_FILE, codebooksOf, counted, fill } from "./methods.mjs";
import { plainly } from "./refusals.mjs";

/** @typedef {import("./methods.mjs").Shipped} Shipped */
/** @typedef {import("./client.mjs").Packed} Packed */

const MAGIC = [0x89, 0x45, 0x43, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a];
const METHODS = ["", "one stream", "windows", "codebook"];

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 * @returns {boolean} Whether a file is to be decompressed.
 */
function isCompressed(name, bytes) {
  return name.endsWith(".ecj") || MAGIC.every((byte, place) => bytes[place] === byte);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<number | null>} The bytes that the browser's own gzip makes of them, if it has one.
 */
async function gzipped(bytes) {
  if (typeof CompressionStream === "undefined") return null;
  const stream = new Blob([/** @type {any} */ (bytes)]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

export class Files {
  /**
   * @param {HTMLElement} root
   * @param {Shipped[]} shipped
   */
  constructor(root, shipped) {
    this.shipped = shipped;
    const part = (/** @type {string} */ name) => /** @type {any} */ (root.querySelector(`[data-part=${name}]`));
    this.part = part;
    /** @type {HTMLSelectElement} */
    this.select = part("file-method");
    /** @type {HTMLInputElement} */
    this.slider = part("file-bits");
    /** @type {string | null} The address of the last result. */
    this.address = null;
    const model = shipped.filter(({ kind }) => kind === "model").map(({ name }) => name);
    /** @type {[string, string][]} */
    const choices = [
      ...codebooksOf(shipped).map(({ name }) => /** @type {[string, string]} */ ([name, `${name}: codebook, fast`])),
      ...model.flatMap((name) => /** @type {[string, string][]} */ ([
        [`${name}:stream`, `${name}: one stream through the model, smallest, slow`],
        [`${name}:windows`, `${name}: windows through the model, slow`],
      ])),
    ];
    fill(this.select, choices, "books-16");
    for (const control of [this.select, this.slider]) control.addEventListener("input", () => this.showChoice());
    /** @type {HTMLInputElement} */
    const input = part("file");
    input.addEventListener("change", () => {
      const [file] = input.files ?? [];
      if (file !== undefined) this.take(file);
      // The same file can be chosen again.
      input.value = "";
    });
    this.listenToDrops(part("drop"));
    part("stop").addEventListener("click", stop);
    this.showChoice();
  }

  /**
   * Takes files that are dropped anywhere. Without this the browser would leave the page for them.
   *
   * @param {HTMLElement} zone Shows that a file may be dropped.
   */
  listenToDrops(zone) {
    const hasFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener("dragover", (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    document.addEventListener("dragleave", () => zone.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      zone.classList.remove("over");
      if (!hasFile(event)) return;
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file !== undefined) this.take(file);
    });
  }

  showChoice() {
    this.part("file-size").hidden = !this.select.value.endsWith(":windows");
    this.part("file-bits-shown").textContent = `${this.slider.value} bits`;
  }

  /** @returns {{name: string, bits: number | null}} As `pack` takes them. */
  get method() {
    const [name, way] = this.select.value.split(":");
    return { name, bits: way === undefined ? null : way === "stream" ? 0 : this.slider.valueAsNumber };
  }

  /**
   * Compresses a file, or decompresses it, and shows what came of it.
   *
   * @param {File} file
   */
  async take(file) {
    if (!this.part("work").hidden) return;
    this.part("result").hidden = true;
    this.part("problem").textContent = "";
    this.part("work").hidden = false;
    this.part("doing").textContent = `Reading ${file.name} …`;
    this.part("file-progress").removeAttribute("value");
    try {
      checkSize(file.size, MOST_FILE, "");
      const bytes = new Uint8Array(await file.arrayBuffer());
      const start = performance.now();
      const opening = isCompressed(file.name, bytes);
      const { name, bits } = this.method;
      if (!opening && bits !== null) checkSize(bytes.length, MOST_MODEL_FILE, " through the model");
      const report = this.reporter(opening ? "Decompressing" : "Compressing", file.name);
      const packed = opening ? await unpack(this.shipped, bytes, report) : await pack(name, bits, bytes, report);
      const seconds = (performance.now() - start) / 1000;
      const [text, size] = opening ? [packed.output, bytes.length] : [bytes, packed.output.length];
      await this.show(file.name, opening, { name, ...packed }, text, size, seconds);
    } catch (error) {
      this.part("problem").textContent = `${file.name}: ${plainly(/** @type {Error} */ (error))}`;
    }
    this.part("work").hidden = true;
  }

  /**
   * @param {string} verb
   * @param {string} name
   * @returns {(part: {done: number, total: number}) => void}
   */
  reporter(verb, name) {
    const start = performance.now();
    const doing = /** @type {HTMLElement} */ (this.part("doing"));
    doing.textContent = `${verb} ${name} …`;
    return ({ done, total }) => {
      const progress = /** @type {HTMLProgressElement} */ (this.part("file-progress"));
      progress.value = done / total;
      const left = ((performance.now() - start) * (total - done)) / Math.max(1, done) / 1000;
      const time = left < 1 ? "nearly done" : `about ${Math.ceil(left)} s left`;
      doing.textContent = `${verb} ${name}: ${Math.floor((100 * done) / total)}%, ${time}`;
    };
  }

  /**
   * @param {string} given The name of the file that was given.
   * @param {boolean} opened Whether it was decompressed.
   * @param {Packed} packed
   * @param {Uint8Array} text
   * @param {number} size The bytes of the compressed file.
   * @param {number} seconds
   */
  async show(given, opened, { output, info, name }, text, size, seconds) {
    const result = opened ? given.replace(/\.ecj$/, "") : `${given}.ecj`;
    const named = result === given ? `${given}.out` : result;
    if (this.address !== null) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(new Blob([/** @type {any} */ (output)], { type: "application/octet-stream" }));
    const link = /** @type {HTMLAnchorElement} */ (this.part("download"));
    link.href = this.address;
    link.download = named;
    link.textContent = `Save ${named}`;
    const bits = info.method === 2 ? ` of ${info.bits} bits` : "";
    const gzip = await gzipped(text);
    /** @type {[string, string][]} */
    const facts = [
      ["Text", counted(text.length, "byte")],
      ["Compressed", counted(size, "byte")],
      ["Ratio", text.length > 0 ? `${((100 * size) / text.length).toFixed(1)}% of the text` : "–"],
      ["Bits per byte", text.length > 0 ? ((8 * size) / text.length).toFixed(3) : "–"],
      ["Made with", `${name}, ${METHODS[info.method]}${bits}`],
      ["Blocks", `${info.blocks}, ${info.stored} of them stored as they are`],
      ["Time", `${seconds.toFixed(2)} s`],
    ];
    if (gzip !== null) facts.push(["For comparison", `gzip makes ${counted(gzip, "byte")} of the text`]);
    this.part("facts").replaceChildren(
      ...facts.flatMap(([term, fact]) => {
        const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
        [dt.textContent, dd.textContent] = [term, fact];
        return [dt, dd];
      }),
    );
    this.part("done").textContent = opened ? `${given} is decompressed.` : `${given} is compressed.`;
    this.part("result").hidden = false;
  }
}

/**
 * @param {number} size
 * @param {number} most
 * @param {string} how
 */
function checkSize(size, most, how) {
  if (size <= most) return;
  const message = `it has ${counted(size, "byte")}; files of up to ${counted(most, "byte")} can be done${how}`;
  throw new Error(`${message}. The command ecjax has no such limit`, { cause: "size" });
}
