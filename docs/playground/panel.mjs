// @ts-check
// One of the two panels: a way to cut, and the text cut by it.

import { cut } from "./client.mjs";
import { MOST_MODEL_TEXT, about, codebooksOf, counted, fill } from "./methods.mjs";
import { plainly } from "./refusals.mjs";
import { DENSITIES, density, hexadecimal, show, token } from "./spans.mjs";

/** @typedef {import("./methods.mjs").Shipped} Shipped */
/** @typedef {import("./client.mjs").Cut} Cut */

/** So many tokens are shown; all are counted. */
const SHOWN = 2000;
const NOTHING = { ids: [], ends: [] };

/**
 * The first place whose end is beyond `byte`.
 *
 * @param {ArrayLike<number>} ends
 * @param {number} byte
 */
function tokenAt(ends, byte) {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] > byte) high = middle;
    else low = middle + 1;
  }
  return low;
}

export class Panel {
  /**
   * @param {HTMLElement} root A copy of the template.
   * @param {string} key "left" or "right": the beginning of ids.
   * @param {Shipped[]} shipped
   * @param {string} method What to cut by at first: a name, or a model's name, a colon and bits.
   */
  constructor(root, key, shipped, method) {
    this.key = key;
    this.shipped = shipped;
    const part = (/** @type {string} */ name) => /** @type {any} */ (root.querySelector(`[data-part=${name}]`));
    /** @type {HTMLSelectElement} */
    this.select = part("method");
    /** @type {HTMLInputElement} */
    this.slider = part("bits");
    /** @type {HTMLElement} */
    this.tokens = part("tokens");
    /** @type {HTMLDetailsElement} */
    this.details = part("details");
    /** @type {HTMLElement} */
    this.rows = part("rows");
    this.part = part;
    this.text = new Uint8Array();
    /** @type {Cut} */
    this.cut = NOTHING;
    this.cutText = this.text;
    this.cutBits = 8;
    this.active = -1;
    /** @type {Panel | null} The other panel, which shows the same bytes. */
    this.other = null;
    /** @type {AbortController | null} */
    this.running = null;
    const [name, bits] = method.split(":");
    fill(this.select, this.choices(), name);
    if (bits !== undefined) this.slider.value = bits;
    root.setAttribute("aria-label", key === "left" ? "First way to cut" : "Second way to cut");
    this.tokens.id = `${key}-tokens`;
    this.listen();
    this.showChoice();
  }

  /** @returns {[string, string][]} */
  choices() {
    const books = codebooksOf(this.shipped).map(({ name, bits }) => [name, `${name}: codebook, ${bits} bits`]);
    const models = this.shipped.filter(({ kind }) => kind === "model");
    const windows = models.map(({ name }) => [name, `${name}: windows through the model`]);
    return /** @type {[string, string][]} */ ([...books, ...windows, ["bytes", "bytes: one token for each"]]);
  }

  /** @returns {Shipped | undefined} The shipped file to cut by; of bytes there is none. */
  get file() {
    return this.shipped.find(({ name }) => name === this.select.value);
  }

  get isModel() {
    return this.file?.kind === "model";
  }

  /** @returns {number} The bits of a token. */
  get bits() {
    return this.isModel ? this.slider.valueAsNumber : (this.file?.bits ?? 8);
  }

  /** @returns {string} As the constructor takes it. */
  get method() {
    return this.isModel ? `${this.select.value}:${this.bits}` : this.select.value;
  }

  listen() {
    for (const control of [this.select, this.slider]) {
      control.addEventListener("input", () => {
        this.showChoice();
        this.update(this.text);
      });
    }
    this.tokens.addEventListener("keydown", (event) => this.onKey(event));
    this.tokens.addEventListener("focus", () => {
      if (this.active < 0 && this.cut.ends.length > 0) this.activate(0);
    });
    for (const area of [this.tokens, this.rows]) {
      for (const kind of ["pointerover", "click"]) {
        area.addEventListener(kind, (event) => {
          const found = /** @type {Element} */ (event.target).closest(".token, tr");
          if (found !== null) this.activate(Number(found.id.split("-").at(-1)));
        });
      }
    }
    this.details.addEventListener("toggle", () => this.fillTable());
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.tokens.childElementCount - 1;
    const step = getComputedStyle(this.tokens).direction === "rtl" ? -1 : 1;
    /** @type {Record<string, number>} */
    const places = { ArrowLeft: this.active - step, ArrowRight: this.active + step, Home: 0, End: last };
    if (!Object.hasOwn(places, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.activate(Math.max(0, Math.min(places[event.key], last)));
    this.tokens.children[this.active]?.scrollIntoView({ block: "nearest" });
  }

  showChoice() {
    this.part("size").hidden = !this.isModel;
    this.part("bits-shown").textContent = `${this.slider.value} bits`;
    const noun = this.isModel ? "window" : "token";
    this.part("counted").textContent = `${noun}s`;
    this.part("counted-each").textContent = `bytes per ${noun}`;
    const words = this.file === undefined ? "The text as it is, 8 bits in each token." : `${about(this.file)}.`;
    const windows = `Each window is as long as ${this.bits} bits can hold, and decodes by itself.`;
    this.part("about").textContent = this.isModel ? windows : words;
  }

  /**
   * Cuts a text and shows it. What was asked before is given up.
   *
   * @param {Uint8Array} text
   */
  async update(text) {
    this.text = text;
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    const used = this.isModel ? text.subarray(0, MOST_MODEL_TEXT) : text;
    const { bits } = this;
    /** @type {HTMLProgressElement} */
    const progress = this.part("progress");
    /** @param {Cut} found */
    const onPart = (found) => {
      if (running.signal.aborted) return;
      clearTimeout(slow);
      progress.hidden = false;
      progress.value = (found.ends[found.ends.length - 1] ?? 0) / used.length;
      this.show(found, used, bits);
    };
    this.tokens.setAttribute("aria-busy", "true");
    // Only what takes long is worth a sign: a codebook that is loaded is not.
    const slow = setTimeout(() => {
      progress.removeAttribute("value");
      progress.hidden = false;
    }, 200);
    running.signal.addEventListener("abort", () => clearTimeout(slow));
    try {
      const found = await cut(this.select.value, this.isModel ? bits : null, used, onPart, running.signal);
      if (running.signal.aborted) return;
      this.show(found, used, bits);
    } catch (error) {
      const caught = /** @type {Error} */ (error);
      if (caught.name === "AbortError") return;
      this.show(NOTHING, new Uint8Array(), bits);
      this.part("note").textContent = plainly(caught);
    }
    clearTimeout(slow);
    progress.hidden = true;
    this.tokens.setAttribute("aria-busy", "false");
  }

  /**
   * @param {Cut} found
   * @param {Uint8Array} text
   * @param {number} bits
   */
  show(found, text, bits) {
    [this.cut, this.cutText, this.cutBits] = [found, text, bits];
    const { ends } = found;
    const count = ends.length;
    const bytes = ends[count - 1] ?? 0;
    const spans = [];
    for (let place = 0; place < Math.min(count, SHOWN); place++) {
      spans.push(token(this.bytesOf(place), place, bits, `${this.key}-token-${place}`));
    }
    this.tokens.replaceChildren(...spans);
    this.part("count").textContent = count.toLocaleString("en");
    this.part("per-token").textContent = count > 0 ? (bytes / count).toFixed(2) : "–";
    this.part("per-byte").textContent = count > 0 ? ((count * bits) / bytes).toFixed(2) : "–";
    const notes = [];
    if (text.length < this.text.length) {
      notes.push(`The model reads only the first ${counted(text.length, "byte")} of this text.`);
    }
    if (count > SHOWN) notes.push(`The first ${counted(SHOWN, "token")} are shown; all are counted.`);
    this.part("note").textContent = notes.join(" ");
    this.showShares();
    this.activate(-1);
    this.fillTable();
  }

  /**
   * @param {number} place
   * @returns {number}
   */
  startOf(place) {
    return place === 0 ? 0 : this.cut.ends[place - 1];
  }

  /** @param {number} place */
  bytesOf(place) {
    return this.cutText.subarray(this.startOf(place), this.cut.ends[place]);
  }

  /**
   * @param {number} place
   * @returns {string} Long ids are hexadecimal.
   */
  idOf(place) {
    const id = this.cut.ids[place];
    return this.cutBits <= 16 ? String(id) : `0x${id.toString(16).padStart(Math.ceil(this.cutBits / 4), "0")}`;
  }

  /** Shows how the bits, and the bytes of the text, are shared by tokens of each density. */
  showShares() {
    const count = this.cut.ends.length;
    const [tokens, bytes] = [DENSITIES.map(() => 0), DENSITIES.map(() => 0)];
    for (let place = 0; place < count; place++) {
      const size = this.cut.ends[place] - this.startOf(place);
      const group = density(this.cutBits, size);
      tokens[group]++;
      bytes[group] += size;
    }
    const total = Math.max(1, this.cut.ends[count - 1] ?? 0);
    this.bar("bits-bar", "bits", tokens.map((number) => number / Math.max(1, count)));
    this.bar("text-bar", "text", bytes.map((number) => number / total));
  }

  /**
   * @param {string} name
   * @param {string} what
   * @param {number[]} shares Of sum 1, or 0.
   */
  bar(name, what, shares) {
    const percent = shares.map((share) => `${Math.round(100 * share)}%`);
    const parts = shares.map((share, place) => {
      const made = document.createElement("span");
      made.className = `density${place}`;
      made.style.flexGrow = String(share);
      made.title = `${percent[place]} of the ${what} in tokens of ${DENSITIES[place]} bits per byte`;
      if (share > 0.12) made.textContent = percent[place];
      return made;
    });
    const bar = /** @type {HTMLElement} */ (this.part(name));
    bar.replaceChildren(...parts.filter((_, place) => shares[place] > 0));
    bar.setAttribute("aria-label", parts.map(({ title }) => title).join("; "));
  }

  /**
   * Shows one token: in the text, in the table, in words, and where it is in the other panel.
   *
   * @param {number} place -1 for none.
   */
  activate(place) {
    for (const on of [`token-${this.active}`, `row-${this.active}`]) {
      document.getElementById(`${this.key}-${on}`)?.classList.remove("on");
    }
    this.tokens.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
    this.active = place;
    this.other?.touch(0, 0);
    this.tokens.removeAttribute("aria-activedescendant");
    const detail = /** @type {HTMLElement} */ (this.part("detail"));
    if (place < 0) {
      detail.textContent = "Point at a token, tap it, or use the arrow keys.";
      return;
    }
    const span = document.getElementById(`${this.key}-token-${place}`);
    span?.classList.add("on");
    span?.setAttribute("aria-selected", "true");
    this.tokens.setAttribute("aria-activedescendant", `${this.key}-token-${place}`);
    document.getElementById(`${this.key}-row-${place}`)?.classList.add("on");
    const bytes = this.bytesOf(place);
    const string = document.createElement("code");
    show(string, bytes);
    const facts = [
      `${this.isModel ? "number" : "id"} ${this.idOf(place)}`,
      counted(bytes.length, "byte"),
      `${this.cutBits} bits`,
      `${(this.cutBits / bytes.length).toFixed(2)} bits per byte`,
    ];
    const hex = bytes.length <= 12 ? hexadecimal(bytes) : `${hexadecimal(bytes.subarray(0, 12))} …`;
    detail.replaceChildren(`${this.isModel ? "Window" : "Token"} ${(place + 1).toLocaleString("en")} `, string, ` ${facts.join(" · ")} · ${hex}`);
    this.other?.touch(this.startOf(place), this.cut.ends[place]);
  }

  /**
   * Marks the tokens that share bytes with those from `from` to `to`, and no others.
   *
   * @param {number} from
   * @param {number} to
   */
  touch(from, to) {
    for (const touched of this.tokens.querySelectorAll(".touched")) touched.classList.remove("touched");
    for (let place = tokenAt(this.cut.ends, from); from < to && place < this.cut.ends.length; place++) {
      if (this.startOf(place) >= to) break;
      this.tokens.children[place]?.classList.add("touched");
    }
  }

  fillTable() {
    if (!this.details.open) {
      this.rows.replaceChildren();
      return;
    }
    const rows = [];
    for (let place = 0; place < Math.min(this.cut.ends.length, SHOWN); place++) {
      const bytes = this.bytesOf(place);
      const row = document.createElement("tr");
      row.id = `${this.key}-row-${place}`;
      const perByte = (this.cutBits / bytes.length).toFixed(2);
      for (const value of [place + 1, "", this.idOf(place), bytes.length, this.cutBits, perByte]) {
        row.insertCell().textContent = String(value);
      }
      show(row.cells[1], bytes);
      rows.push(row);
    }
    this.rows.replaceChildren(...rows);
  }
}
