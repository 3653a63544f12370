// @ts-check
// The table that compares all codebooks over the text.

import { cut } from "./client.mjs";
import { codebooksOf } from "./methods.mjs";

/** @typedef {import("./methods.mjs").Shipped} Shipped */

export class Board {
  /**
   * @param {HTMLElement} rows The body of the table.
   * @param {Shipped[]} shipped
   */
  constructor(rows, shipped) {
    this.methods = [...codebooksOf(shipped).map(({ name, bits }) => ({ name, bits })), { name: "bytes", bits: 8 }];
    this.cells = this.methods.map(({ name }) => {
      const row = /** @type {HTMLTableRowElement} */ (document.createElement("tr"));
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      const [tokens, perToken, perByte] = [row.insertCell(), row.insertCell(), row.insertCell()];
      const [track, meter, number] = [0, 1, 2].map(() => document.createElement("span"));
      track.className = "track";
      meter.className = "meter";
      track.append(meter);
      perByte.append(track, number);
      rows.append(row);
      return { row, tokens, perToken, number, meter };
    });
    this.updates = 0;
  }

  /**
   * Cuts a text in every way, and shows what comes of it.
   *
   * @param {Uint8Array} text
   */
  async update(text) {
    const update = ++this.updates;
    const cuts = await Promise.allSettled(this.methods.map(({ name }) => cut(name, null, text)));
    // Another text has come in the meantime.
    if (update !== this.updates) return;
    const counts = cuts.map((made) => (made.status === "fulfilled" ? made.value.ends.length : NaN));
    const perByte = counts.map((count, place) => (count * this.methods[place].bits) / text.length);
    const known = perByte.filter((number) => number >= 0);
    const [least, most] = [Math.min(...known), Math.max(...known)];
    for (const [place, { row, tokens, perToken, number, meter }] of this.cells.entries()) {
      const valid = perByte[place] >= 0;
      tokens.textContent = Number.isNaN(counts[place]) ? "not loaded" : counts[place].toLocaleString("en");
      perToken.textContent = valid ? (text.length / counts[place]).toFixed(2) : "–";
      number.textContent = valid ? perByte[place].toFixed(2) : "–";
      meter.style.width = valid ? `${(100 * perByte[place]) / most}%` : "0";
      row.classList.toggle("best", perByte[place] === least);
    }
  }
}
