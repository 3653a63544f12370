// @ts-check
// Why a file was refused, in plain words.

/** @type {Record<string, string>} The causes of rule C-7 of the specification. */
const WORDS = {
  magic: "This is not a file that ecjax compressed. Its first bytes are not those of the format.",
  version: "This file has a version of the format that this page does not know.",
  truncated: "The file is not complete: it ends too early. Was it copied or downloaded in full?",
  header: "The file is damaged: the checksum of its first 48 bytes is wrong.",
  method: "The file is damaged: its header names no method that there is.",
  parameters: "The file is damaged: the numbers in its header do not go together.",
  block: "The file is damaged: a block in it has sizes that cannot be.",
  checksum: "The file is damaged: the checksum of one of its blocks is wrong.",
  payload: "The file is damaged: the data of a block give no text of the right length.",
  length: "The file is damaged: its blocks have another length of text than its end says.",
  text: "The file is damaged: the checksum of the decoded text is wrong.",
  trailing: "There is something after the end of the compressed data. Was another file appended?",
  model: "This file was made with a model or codebook that this page does not have.",
  size: "The file is too large for this page.",
};

/**
 * @param {{cause?: unknown, message: string}} error
 * @returns {string} What to show.
 */
export function plainly(error) {
  const words = WORDS[String(error.cause)];
  const detail = error.message.replace(/^\w+: /, "");
  return words === undefined ? `This did not work: ${detail}` : `${words} (${detail}.)`;
}
