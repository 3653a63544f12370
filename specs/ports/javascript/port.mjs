// @ts-check
// The conformance program (../../conformance.md) for Node: reads requests line by line, and answers.

import { createInterface } from "node:readline";
import { answer } from "./protocol.mjs";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id: request.id, ...answer(request) })}\n`);
}
