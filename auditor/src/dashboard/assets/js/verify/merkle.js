// The log's tree: leaf hashes, inclusion, consistency, and trees that grow. Chapter `merkle`.
// Sizes and positions are BigInts.

import { MAX_DECIMAL, equal } from "./bytes.js";
import { must } from "./refusal.js";
import { sha256 } from "./sha256.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The root of a tree without leaves. */
export const EMPTY_ROOT = sha256();

/** The hash of an entry as a leaf. */
export function leafHash(entry) {
  return sha256(LEAF, entry);
}

/** The hash of two subtrees. */
export function nodeHash(left, right) {
  return sha256(NODE, left, right);
}

function bitLength(value) {
  return value === 0n ? 0 : value.toString(2).length;
}

/** How many bits of a number are one. */
export function popcount(value) {
  return [...value.toString(2)].filter((digit) => digit === "1").length;
}

/** How many hashes the inclusion proof of a leaf has. [MERKLE-3] */
export function inclusionLength(index, size) {
  const inner = bitLength(index ^ (size - 1n));
  return inner + popcount(index >> BigInt(inner));
}

function bounded(size) {
  must(size >= 0n && size <= MAX_DECIMAL, "size", "The size of a tree is above 2^63 - 1."); // [MERKLE-1]
}

function hashes(proof) {
  for (const hash of proof) must(hash.length === 32, "proof", "A hash of the proof is not 32 bytes long.");
}

/** Verifies that a leaf stands at a position of a tree. */
export function verifyInclusion({ index, size, leaf, proof, root }) {
  bounded(size);
  must(index >= 0n && index < size, "inclusion", "The position is not below the size of the tree."); // [MERKLE-2]
  hashes([leaf, root, ...proof]);
  must(proof.length === inclusionLength(index, size), "inclusion", "The inclusion proof has the wrong length.");
  let [fn, sn] = [index, size - 1n];
  let hash = leaf;
  for (const sibling of proof) {
    must(sn !== 0n, "inclusion", "The inclusion proof is too long.");
    if ((fn & 1n) === 1n || fn === sn) {
      hash = nodeHash(sibling, hash);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  must(sn === 0n, "inclusion", "The inclusion proof is too short.");
  must(equal(hash, root), "inclusion", "The inclusion proof does not lead to the root."); // [MERKLE-4]
}

/** How many hashes a consistency proof has. [MERKLE-7] */
export function consistencyLength(older, newer) {
  if (older === 0n || older === newer) return 0;
  let zeros = 0;
  while (((older >> BigInt(zeros)) & 1n) === 0n) zeros += 1;
  const isPowerOfTwo = popcount(older) === 1;
  return inclusionLength(older - 1n, newer) - zeros + (isPowerOfTwo ? 0 : 1);
}

/** Verifies that the newer tree begins with the leaves of the older one. */
export function verifyConsistency({ older, olderRoot, newer, newerRoot, proof }) {
  bounded(older);
  bounded(newer);
  hashes([olderRoot, newerRoot, ...proof]);
  must(older <= newer, "consistency", "The older tree is larger than the newer one.");
  must(
    proof.length === consistencyLength(older, newer),
    "consistency",
    "The consistency proof has the wrong length.",
  );
  if (older === 0n) must(equal(olderRoot, EMPTY_ROOT), "consistency", "The root of the empty tree is wrong."); // [MERKLE-5]
  if (older === newer) must(equal(olderRoot, newerRoot), "consistency", "Two trees of one size have different roots."); // [MERKLE-6]
  if (older === 0n || older === newer) return;
  const path = popcount(older) === 1 ? [olderRoot, ...proof] : proof;
  let [fn, sn] = [older - 1n, newer - 1n];
  while ((fn & 1n) === 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [path[0], path[0]];
  for (const hash of path.slice(1)) {
    must(sn !== 0n, "consistency", "The consistency proof is too long.");
    if ((fn & 1n) === 1n || fn === sn) {
      fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = nodeHash(sr, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  must(sn === 0n, "consistency", "The consistency proof is too short.");
  must(equal(fr, olderRoot), "consistency", "The consistency proof does not lead to the older root.");
  must(equal(sr, newerRoot), "consistency", "The consistency proof does not lead to the newer root.");
}

/** A tree that grows leaf by leaf: the roots of its full subtrees, the largest first. */
export class Frontier {
  /** From the size and exactly as many hashes as it has one bits. [MERKLE-8] */
  constructor(size = 0n, roots = []) {
    bounded(size);
    const bits = size === 0n ? 0 : popcount(size);
    must(roots.length === bits, "frontier", "A compact range does not have one hash for each one bit of its size.");
    this.size = size;
    this.roots = [...roots];
  }

  /** Adds the hash of a leaf. */
  push(leaf) {
    let hash = leaf;
    for (let size = this.size; (size & 1n) === 1n; size >>= 1n) hash = nodeHash(this.roots.pop(), hash);
    this.roots.push(hash);
    this.size += 1n;
  }

  /** The root of the tree. */
  root() {
    if (this.roots.length === 0) return EMPTY_ROOT;
    return this.roots.reduceRight((right, left) => nodeHash(left, right));
  }
}
