// Proofs about the index, the prefix tree over everything a log has published. Chapter `index`.

import { base64Exactly, bit, equal, toHex } from "./bytes.js";
import { exactly, integer, isObject, list } from "./json.js";
import { must } from "./refusal.js";
import { sha256 } from "./sha256.js";

/** The most results of an index proof. [INDEX-13] */
export const MAX_RESULTS = 4096;
/** The most results of a transition proof. [INDEX-14] */
export const MAX_TRANSITION = 262_144;

/** The hash of an empty place, and of the empty tree. [INDEX-3] */
export const EMPTY = new Uint8Array(32);

/** The hash of a leaf. [INDEX-2] */
export function indexLeaf(index, value) {
  return sha256(Uint8Array.of(2), index, value);
}

/** The hash of an inner node. */
export function indexNode(left, right) {
  return sha256(Uint8Array.of(3), left, right);
}

function parseResult(value) {
  must(isObject(value), "index-proof", "A result of the index proof is not an object.");
  const depth = (result) => integer(result.depth, 256, "The depth of a result");
  if (value.type === "inclusion") {
    exactly(value, ["type", "depth", "value"], [], "A result of the index proof");
    return { type: "inclusion", depth: depth(value), value: base64Exactly(value.value, 32, "A value of the index") };
  }
  if (value.type === "leaf") {
    exactly(value, ["type", "depth", "leaf"], [], "A result of the index proof");
    const leaf = exactly(value.leaf, ["index", "value"], [], "A leaf of the index proof");
    return {
      type: "leaf",
      depth: depth(value),
      index: base64Exactly(leaf.index, 32, "The index of a leaf"),
      value: base64Exactly(leaf.value, 32, "The value of a leaf"),
    };
  }
  exactly(value, ["type", "depth"], [], "A result of the index proof");
  must(value.type === "empty", "index-proof", "A result of the index proof is of an unknown type."); // [INDEX-5]
  return { type: "empty", depth: depth(value) };
}

function parseParts(value, max) {
  const results = list(value.results, 0, max, "The results of the index proof", parseResult);
  const depths = results.reduce((sum, result) => sum + result.depth, 0);
  must(Array.isArray(value.elements), "index-proof", "The elements of the index proof are not an array.");
  must(value.elements.length <= depths, "index-proof", "The index proof has more elements than its depths allow.");
  return { results, elements: value.elements.map((each) => base64Exactly(each, 32, "An element of the index proof")) };
}

/** `{results, elements}` of an index proof as JSON. */
export function parseIndexProof(value) {
  exactly(value, ["results", "elements"], [], "The index proof");
  return parseParts(value, MAX_RESULTS);
}

/** `{results, elements, values}` of a transition proof as JSON. */
export function parseTransition(value) {
  exactly(value, ["results", "elements", "values"], [], "The transition proof");
  const parts = parseParts(value, MAX_TRANSITION);
  const values = list(value.values, 0, MAX_TRANSITION, "The values of the transition", (each) =>
    base64Exactly(each, 32, "A value of the transition"),
  );
  must(values.length === parts.results.length, "index-proof", "The transition does not have one value for each result.");
  return { ...parts, values };
}

function compare(a, b) {
  for (let i = 0; i < 32; i += 1) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

/** What a search found at its terminal, so that two searches can be compared. */
function terminal({ search, result }) {
  if (result.type === "empty") return { index: null, value: null };
  return { index: result.type === "inclusion" ? search : result.index, value: result.value };
}

function sameTerminal(a, b) {
  if (a.index === null || b.index === null) return a.index === b.index;
  return equal(a.index, b.index) && equal(a.value, b.value);
}

/** One search with its result; the leaf of a `leaf` result must be another on the same way. [INDEX-7] */
function paired(search, result) {
  if (result.type === "leaf") {
    must(!equal(result.index, search), "index-proof", "The other leaf of a result is the searched index itself.");
    for (let i = 0; i < result.depth; i += 1) {
      must(bit(result.index, i) === bit(search, i), "index-proof", "The other leaf of a result is not on the way.");
    }
  }
  return { search, result };
}

class Walk {
  constructor(elements) {
    this.elements = elements;
    this.used = 0;
  }

  /** `{before, after, kind}` of a place; `kind` says what the proof shows there. */
  place(depth, items) {
    if (items.length === 0) {
      must(this.used < this.elements.length, "index-proof", "The index proof lacks an element.");
      const hash = this.elements[this.used];
      this.used += 1;
      return { before: hash, after: hash, kind: equal(hash, EMPTY) ? "empty" : "unknown" };
    }
    if (items.some(({ result }) => result.depth === depth)) return this.end(depth, items);
    const left = items.filter(({ search }) => bit(search, depth) === 0);
    const right = items.filter(({ search }) => bit(search, depth) === 1);
    const l = this.place(depth + 1, left);
    const r = this.place(depth + 1, right);
    // [INDEX-10]
    const kinds = [l.kind, r.kind];
    const minimal = !kinds.includes("empty") || (!kinds.includes("leaf") && l.kind !== r.kind);
    must(minimal, "index-proof", "The index proof shows a tree that no log of this protocol has.");
    return { before: indexNode(l.before, r.before), after: indexNode(l.after, r.after), kind: "node" };
  }

  // [INDEX-8]
  end(depth, items) {
    const found = terminal(items[0]);
    for (const item of items) {
      const alike = item.result.depth === depth && sameTerminal(terminal(item), found);
      must(alike, "index-proof", "Two results of the index proof contradict each other.");
    }
    const before = found.index === null ? EMPTY : indexLeaf(found.index, found.value);
    const added = items.filter((item) => item.inserted !== undefined);
    const leaves = added.map((item) => ({ index: item.search, value: item.inserted }));
    if (found.index !== null) leaves.push(found);
    const after = added.length === 0 ? before : minimalTree(depth, leaves);
    return { before, after, kind: found.index === null ? "empty" : "leaf" };
  }
}

/** The root of the minimal tree of leaves that share their first `depth` bits. [INDEX-4] */
export function minimalTree(depth, leaves) {
  if (leaves.length === 0) return EMPTY;
  if (leaves.length === 1) return indexLeaf(leaves[0].index, leaves[0].value);
  must(depth < 256, "index-proof", "One index stands twice in the index.");
  const side = (wanted) => leaves.filter(({ index }) => bit(index, depth) === wanted);
  return indexNode(minimalTree(depth + 1, side(0)), minimalTree(depth + 1, side(1)));
}

function walk(items, elements, root) {
  const walker = new Walk(elements);
  const top = walker.place(0, items);
  must(walker.used === elements.length, "index-proof", "The index proof has an element that nothing needs."); // [INDEX-9]
  must(equal(top.before, root), "index-proof", "The index proof does not lead to the root of the index."); // [INDEX-11]
  return top.after;
}

/**
 * Verifies an index proof for searches against the root, and returns for each search the value at
 * its index, or null where it is absent.
 */
export function verifyIndexProof({ results, elements }, searches, root) {
  must(results.length === searches.length, "index-proof", "The index proof does not have one result for each search."); // [INDEX-6]
  if (searches.length === 0) {
    must(elements.length === 0, "index-proof", "A proof of nothing has elements."); // [INDEX-12]
    return [];
  }
  walk(searches.map((search, i) => paired(search, results[i])), elements, root);
  return results.map((result) => (result.type === "inclusion" ? result.value : null));
}

/** Verifies that nothing of `inserted` was there, and returns the root with it. [INDEX-17] */
export function verifyTransition({ results, elements, values }, inserted, root) {
  must(results.length === inserted.length, "index-proof", "The transition is not about the inserted indexes.");
  if (inserted.length === 0) {
    must(elements.length === 0, "index-proof", "A proof of nothing has elements.");
    return root;
  }
  for (let i = 1; i < inserted.length; i += 1) {
    must(compare(inserted[i - 1], inserted[i]) < 0, "index-proof", "The inserted indexes do not ascend."); // [INDEX-15]
  }
  const items = inserted.map((search, i) => {
    must(results[i].type !== "inclusion", "index-proof", "An inserted index was there before."); // [INDEX-16]
    return { ...paired(search, results[i]), inserted: values[i] };
  });
  return walk(items, elements, root);
}

/** Sorts indexes ascending. */
export function ascending(indexes) {
  return [...indexes].sort(compare);
}

/** The name of an index in a map. */
export const nameOf = toHex;
