// What the tests share: the vectors, recorded answers of a lab network, and mutations.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { webcrypto } from "node:crypto";

// Node 18 has it, and does not offer it by the browsers' name.
globalThis.crypto ??= webcrypto;

const here = path.dirname(fileURLToPath(import.meta.url));
const own = path.join(here, "../../../specs/vectors");
const published = process.env.PLAINSIGHT_VECTORS;

/** The cases of one of the project's own vectors. */
export function vectors(name) {
  return JSON.parse(readFileSync(path.join(own, `${name}.json`), "utf8")).cases;
}

/** Why a test with published vectors is skipped, or false. A missing file is then an error. */
export const withoutPublished = published ? false : "PLAINSIGHT_VECTORS names no folder of published vectors";

/** Published vectors, by their path in that folder. */
export function publishedVectors(name) {
  return JSON.parse(readFileSync(path.join(published, name), "utf8"));
}

/** All JSON files below a folder of the published vectors. */
export function publishedFiles(folder) {
  const root = path.join(published, folder);
  assert.ok(existsSync(root), root);
  const below = (dir) =>
    readdirSync(dir, { withFileTypes: true }).flatMap((each) => {
      const file = path.join(dir, each.name);
      return each.isDirectory() ? below(file) : [file];
    });
  return below(root)
    .filter((file) => file.endsWith(".json"))
    .map((file) => ({ file, ...JSON.parse(readFileSync(file, "utf8")) }));
}

/** What a lab network answered; see recorded/README.md. */
export function recorded(name) {
  return new Uint8Array(readFileSync(path.join(here, "recorded", name)));
}

/** The bytes of hex in either case. */
export function hex(text) {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** The bytes of base64, leniently: for vectors, never for what is tested. */
export function base64(text) {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Expects a refusal, by name if one is given. */
export function refuses(run, name) {
  assert.throws(run, (error) => isRefusal(error, name));
}

/** Expects a promise to end in a refusal. */
export function rejects(run, name) {
  return assert.rejects(run, (error) => isRefusal(error, name));
}

function isRefusal(error, name) {
  assert.equal(typeof error.sentence, "string", `not a refusal: ${error.stack}`);
  if (name) assert.equal(error.name, name, error.sentence);
  return true;
}

/** Copies of `bytes` with one bit flipped: in every `stride`th byte, another bit each time. */
export function* flipped(bytes, stride = 1) {
  for (let at = 0, turn = 0; at < bytes.length; at += stride, turn += 1) {
    const copy = bytes.slice();
    copy[at] ^= 1 << (turn % 8);
    yield { at, copy };
  }
}
