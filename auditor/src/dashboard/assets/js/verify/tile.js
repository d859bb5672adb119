// Names and bytes of a log's files. Chapter `tile`; C2SP tlog-tiles.

import { equal } from "./bytes.js";
import { Frontier } from "./merkle.js";
import { Refusal, must } from "./refusal.js";

/** Hashes or entries of a full tile. */
export const WIDTH = 256;

function group(n) {
  const digits = n.toString();
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/.../g);
  return groups.map((three, i) => (i < groups.length - 1 ? `x${three}` : three)).join("/");
}

/** The path of a hash tile; `level` is a number or "entries", `n` a BigInt, `width` 1 to 256. */
export function tilePath(level, n, width = WIDTH) {
  return `tile/${level}/${group(n)}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** `{level, n, width}` of a path in its one spelling. [TILE-1] [TILE-2] */
export function parseTilePath(path) {
  const parts = /^tile\/(0|[1-9][0-9]?|entries)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  if (!parts) throw new Refusal("tile-path", "This is not the path of a tile.");
  const level = parts[1] === "entries" ? parts[1] : Number(parts[1]);
  const n = BigInt(parts[2].replaceAll(/[x/]/g, ""));
  const width = parts[3] === undefined ? WIDTH : Number(parts[3]);
  const canonical = (level === "entries" || level < 64) && n < 2n ** 63n && tilePath(level, n, width) === path;
  must(canonical && (parts[3] === undefined || width < WIDTH), "tile-path", "This is not the path of a tile.");
  return { level, n, width };
}

/** For each level of a tree: `{level, full, partial}`, how many full tiles and how wide the last. [TILE-3] */
export function tileWidths(size) {
  const out = [];
  for (let level = 0, hashes = size; hashes > 0n; level += 1, hashes /= 256n) {
    out.push({ level, full: hashes / 256n, partial: Number(hashes % 256n) });
  }
  return out;
}

/** The hashes of a tile. [TILE-4] */
export function parseHashTile(bytes, width) {
  must(bytes.length === width * 32, "tile", "A hash tile does not have 32 bytes for each of its hashes.");
  return Array.from({ length: width }, (_, i) => bytes.slice(32 * i, 32 * i + 32));
}

/** The entries of a bundle. [TILE-5] [TILE-6] */
export function parseEntryBundle(bytes, width) {
  must(bytes.length <= WIDTH * 65_537, "too-long", "An entry bundle is too long.");
  const entries = [];
  let at = 0;
  while (entries.length < width) {
    must(at + 2 <= bytes.length, "bundle", "An entry bundle ends too soon.");
    const length = bytes[at] * 256 + bytes[at + 1];
    at += 2;
    must(at + length <= bytes.length, "bundle", "An entry bundle ends too soon.");
    entries.push(bytes.slice(at, at + length));
    at += length;
  }
  must(at === bytes.length, "bundle", "Something follows the last entry of a bundle.");
  return entries;
}

/** The root over the hashes of one tile as they stand. [TILE-7] */
export function tileRoot(hashes) {
  const tree = new Frontier();
  for (const hash of hashes) tree.push(hash);
  return tree.root();
}

/** Verifies that a full tile has the root that stands one level up. */
export function verifyFullTile(hashes, above) {
  must(hashes.length === WIDTH && equal(tileRoot(hashes), above), "tile", "A tile does not have its root.");
}
