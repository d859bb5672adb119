import assert from "node:assert/strict";
import test from "node:test";

import { bit, toBase64, toHex, utf8 } from "../../src/dashboard/assets/js/verify/bytes.js";
import { EMPTY, ascending, indexLeaf, indexNode, minimalTree, parseIndexProof, verifyIndexProof, verifyTransition } from "../../src/dashboard/assets/js/verify/index.js";
import { climb, ladderOf, requireLadder, watchedRungs } from "../../src/dashboard/assets/js/verify/ladder.js";
import { EMPTY_ROOT, Frontier, consistencyLength, inclusionLength, leafHash, nodeHash, verifyConsistency, verifyInclusion } from "../../src/dashboard/assets/js/verify/merkle.js";
import { sha256 } from "../../src/dashboard/assets/js/verify/sha256.js";
import { parseEntryBundle, parseHashTile, parseTilePath, tilePath, tileRoot, tileWidths } from "../../src/dashboard/assets/js/verify/tile.js";
import { base64, flipped, hex, publishedFiles, publishedVectors, refuses, withoutPublished } from "./support.js";

// The tree of RFC 6962 section 2.1, as it is written there.
function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
function root(leaves) {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return nodeHash(root(leaves.slice(0, k)), root(leaves.slice(k)));
}
function path(m, leaves) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return m < k ? [...path(m, leaves.slice(0, k)), root(leaves.slice(k))] : [...path(m - k, leaves.slice(k)), root(leaves.slice(0, k))];
}
function subproof(m, leaves, whole) {
  const n = leaves.length;
  if (m === n) return whole ? [] : [root(leaves)];
  const k = split(n);
  return m <= k ? [...subproof(m, leaves.slice(0, k), whole), root(leaves.slice(k))] : [...subproof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))];
}

const LEAVES = Array.from({ length: 40 }, (_, i) => leafHash(utf8(`entry ${i}`)));

test("every inclusion of small trees holds, and no other", () => {
  for (let size = 1; size <= 40; size += 1) {
    const leaves = LEAVES.slice(0, size);
    for (let i = 0; i < size; i += 1) {
      const proof = path(i, leaves);
      const claim = { index: BigInt(i), size: BigInt(size), leaf: leaves[i], proof, root: root(leaves) };
      assert.equal(inclusionLength(claim.index, claim.size), proof.length);
      verifyInclusion(claim);
      refuses(() => verifyInclusion({ ...claim, index: claim.size }), "inclusion");
      refuses(() => verifyInclusion({ ...claim, proof: [...proof, LEAVES[0]] }), "inclusion");
      refuses(() => verifyInclusion({ ...claim, root: LEAVES[39 - i] === claim.root ? EMPTY_ROOT : LEAVES[39 - i] }));
      if (proof.length > 0) {
        refuses(() => verifyInclusion({ ...claim, proof: proof.slice(1) }), "inclusion");
        const bad = [...proof];
        bad[i % proof.length] = leafHash(bad[i % proof.length]);
        refuses(() => verifyInclusion({ ...claim, proof: bad }), "inclusion");
      }
    }
  }
});

test("every consistency of small trees holds, and no other", () => {
  for (let newer = 1; newer <= 40; newer += 1) {
    const leaves = LEAVES.slice(0, newer);
    for (let older = 0; older <= newer; older += 1) {
      const proof = older === 0 || older === newer ? [] : subproof(older, leaves, true);
      const claim = { older: BigInt(older), olderRoot: root(leaves.slice(0, older)), newer: BigInt(newer), newerRoot: root(leaves), proof };
      assert.equal(consistencyLength(claim.older, claim.newer), proof.length);
      verifyConsistency(claim);
      refuses(() => verifyConsistency({ ...claim, proof: [...proof, LEAVES[0]] }), "consistency");
      refuses(() => verifyConsistency({ ...claim, olderRoot: leafHash(claim.olderRoot) }), "consistency");
      if (older > 0) refuses(() => verifyConsistency({ ...claim, newerRoot: leafHash(claim.newerRoot) }), "consistency");
      if (older < newer) refuses(() => verifyConsistency({ ...claim, older: claim.newer, newer: claim.older }), "consistency");
      if (proof.length > 0) refuses(() => verifyConsistency({ ...claim, proof: proof.slice(1) }), "consistency");
    }
  }
});

test("a tree that grows has the root of the whole", () => {
  const tree = new Frontier();
  assert.equal(toHex(tree.root()), toHex(EMPTY_ROOT));
  for (let size = 1; size <= 40; size += 1) {
    tree.push(LEAVES[size - 1]);
    assert.equal(toHex(tree.root()), toHex(root(LEAVES.slice(0, size))));
    const again = new Frontier(tree.size, tree.roots);
    assert.equal(toHex(again.root()), toHex(tree.root()));
  }
  refuses(() => new Frontier(3n, [EMPTY_ROOT]), "frontier");
  refuses(() => new Frontier(2n ** 63n, []), "size");
});

test("published proofs of trees", { skip: withoutPublished }, () => {
  const decided = (run) => {
    try {
      run();
      return false;
    } catch (error) {
      assert.equal(typeof error.sentence, "string", error.stack);
      return true;
    }
  };
  const inclusions = publishedFiles("transparency-dev-merkle/inclusion");
  for (const each of inclusions) {
    const claim = { index: BigInt(each.leafIdx), size: BigInt(each.treeSize), leaf: base64(each.leafHash ?? ""), proof: (each.proof ?? []).map(base64), root: base64(each.root ?? "") };
    assert.equal(decided(() => verifyInclusion(claim)), each.wantErr, each.file);
  }
  const consistencies = publishedFiles("transparency-dev-merkle/consistency");
  for (const each of consistencies) {
    // The one case that holds though its roots are words instead of hashes.
    const isWords = each.file.endsWith("sizes-are-equal-one-and-proof-is-empty.json");
    if (isWords) each.root1 = each.root2 = toBase64(sha256(base64(each.root1)));
    const claim = { older: BigInt(each.size1), olderRoot: base64(each.root1 ?? ""), newer: BigInt(each.size2), newerRoot: base64(each.root2 ?? ""), proof: (each.proof ?? []).map(base64) };
    assert.equal(decided(() => verifyConsistency(claim)), each.wantErr, each.file);
  }
  assert.equal(inclusions.length + consistencies.length, 196);
});

test("tiles have one name", () => {
  for (const path of ["tile/0/000", "tile/63/x001/x234/067", "tile/1/001.p/17", "tile/entries/x999/999.p/255", "tile/0/x001/000"]) {
    const { level, n, width } = parseTilePath(path);
    assert.equal(tilePath(level, n, width), path);
  }
  assert.equal(tilePath(0, 1234067n), "tile/0/x001/x234/067");
  const bad = ["tile/0/1", "tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/00/000", "tile/64/000", "/tile/0/000", "tile/0/001/", "tile/0/x001", "tile/0/000.p/01", "tile/0/x009/x223/x372/x036/x854/x775/808"];
  for (const path of bad) refuses(() => parseTilePath(path), "tile-path");
  refuses(() => parseHashTile(new Uint8Array(33), 1), "tile");
  refuses(() => parseEntryBundle(Uint8Array.of(0, 1, 7, 9), 1), "bundle");
  refuses(() => parseEntryBundle(Uint8Array.of(0, 2, 7), 1), "bundle");
});

test("published tiles", { skip: withoutPublished }, () => {
  const reference = publishedVectors("derived/c2sp_reference.json");
  const entries = Array.from({ length: 600 }, (_, i) => utf8(`entry ${i}`));
  for (const [size, files] of Object.entries(reference.tile_resources)) {
    for (const [path, { len, sha256: digest }] of Object.entries(files)) {
      const { level, n, width } = parseTilePath(path);
      const first = Number(n) * 256;
      const bytes =
        level === "entries"
          ? entries.slice(first, first + width).flatMap((entry) => [entry.length >> 8, entry.length & 255, ...entry])
          : Array.from({ length: width }, (_, i) => [...(level === 0 ? leafHash(entries[first + i]) : tileRoot(entries.slice(256 * i, 256 * i + 256).map(leafHash)))]).flat();
      assert.equal(bytes.length, len, `${size} ${path}`);
      assert.equal(toHex(sha256(Uint8Array.from(bytes))), digest, `${size} ${path}`);
      if (level === "entries") assert.equal(parseEntryBundle(Uint8Array.from(bytes), width).length, width);
      else assert.equal(parseHashTile(Uint8Array.from(bytes), width).length, width);
    }
  }
  for (const [size, levels] of Object.entries(reference.tile_widths)) {
    const widths = tileWidths(BigInt(size)).map(({ level, full, partial }) => ({ level, full: Number(full), partial }));
    assert.deepEqual(widths, levels);
  }
});

// A prefix tree with proofs, as naive as the chapter's text.
function prove(leaves, searches) {
  const results = new Map();
  const elements = [];
  const hashOf = (depth, some) => minimalTree(depth, some);
  const walk = (depth, some, asked) => {
    if (asked.length === 0) {
      elements.push(toBase64(hashOf(depth, some)));
      return;
    }
    if (some.length <= 1) {
      for (const search of asked) {
        const [leaf] = some;
        if (leaf === undefined) results.set(toHex(search), { type: "empty", depth });
        else if (toHex(leaf.index) === toHex(search)) results.set(toHex(search), { type: "inclusion", depth, value: toBase64(leaf.value) });
        else results.set(toHex(search), { type: "leaf", depth, leaf: { index: toBase64(leaf.index), value: toBase64(leaf.value) } });
      }
      return;
    }
    for (const side of [0, 1]) walk(depth + 1, some.filter((leaf) => bit(leaf.index, depth) === side), asked.filter((search) => bit(search, depth) === side));
  };
  walk(0, leaves, searches);
  return { results: searches.map((search) => results.get(toHex(search))), elements };
}

const leaf = (text) => ({ index: sha256(utf8(text)), value: sha256(utf8(`value ${text}`)) });

test("the index's example has the root of the chapter", () => {
  const at = (first, value) => ({ index: Uint8Array.of(first, ...new Uint8Array(31)), value: new Uint8Array(32).fill(value) });
  const [a, b, c] = [at(0x00, 1), at(0x40, 2), at(0xc0, 3)];
  const hash = ({ index, value }) => indexLeaf(index, value);
  const whole = indexNode(indexNode(hash(a), hash(b)), hash(c));
  assert.equal(toHex(minimalTree(0, [a, b, c])), toHex(whole));
  assert.equal(toHex(minimalTree(0, [a, c])), toHex(indexNode(hash(a), hash(c))));
  assert.equal(toHex(minimalTree(0, [a, b])), toHex(indexNode(indexNode(hash(a), hash(b)), EMPTY)));
  const search = Uint8Array.of(0x60, ...new Uint8Array(31));
  const proof = prove([a, b, c], [search]);
  assert.deepEqual(proof.elements, [toBase64(hash(a)), toBase64(hash(c))]);
  assert.deepEqual(verifyIndexProof(parseIndexProof(proof), [search], whole), [null]);
});

test("proofs of the index hold for what is there and what is not, and every change fails", () => {
  for (const count of [0, 1, 2, 3, 7, 50]) {
    const leaves = Array.from({ length: count }, (_, i) => leaf(`leaf ${i}`));
    const top = minimalTree(0, leaves);
    const searches = [...leaves.slice(0, 3).map((each) => each.index), sha256(utf8("absent")), sha256(utf8("absent too"))];
    const proof = prove(leaves, searches);
    const values = verifyIndexProof(parseIndexProof(proof), searches, top);
    assert.deepEqual(values.map((value) => value && toHex(value)), searches.map((_, i) => (i < Math.min(count, 3) ? toHex(leaves[i].value) : null)));
    for (const { copy } of flipped(utf8(JSON.stringify(proof)), 3)) {
      refuses(() => verifyIndexProof(parseIndexProof(JSON.parse(loose(copy))), searches, top));
    }
    refuses(() => verifyIndexProof(parseIndexProof(proof), searches.slice(1), top), "index-proof");
    if (count > 0) refuses(() => verifyIndexProof(parseIndexProof(proof), [...searches].reverse(), top), "index-proof");
    refuses(() => parseIndexProof({ ...proof, more: 1 }), "member");
  }
});

// A flipped bit may spoil the JSON itself, which is refused before these checks.
function loose(bytes) {
  const text = Buffer.from(bytes).toString("latin1");
  try {
    JSON.parse(text);
    return text;
  } catch {
    return "{}";
  }
}

test("an index searched twice has two equal results", () => {
  const leaves = [leaf("a"), leaf("b"), leaf("c")];
  const search = leaves[0].index;
  const proof = prove(leaves, [search, search]);
  verifyIndexProof(parseIndexProof(proof), [search, search], minimalTree(0, leaves));
  proof.results[1] = { type: "empty", depth: proof.results[0].depth };
  refuses(() => verifyIndexProof(parseIndexProof(proof), [search, search], minimalTree(0, leaves)), "index-proof");
});

test("a proof of nothing has no elements", () => {
  assert.deepEqual(verifyIndexProof({ results: [], elements: [] }, [], EMPTY), []);
  refuses(() => parseIndexProof({ results: [], elements: [toBase64(EMPTY)] }), "index-proof");
});

test("a transition leads to the root with the new leaves", () => {
  for (const [before, added] of [[0, 1], [0, 5], [1, 1], [20, 7], [50, 50]]) {
    const old = Array.from({ length: before }, (_, i) => leaf(`old ${i}`));
    const fresh = Array.from({ length: added }, (_, i) => leaf(`new ${i}`));
    const inserted = ascending(fresh.map((each) => each.index));
    const values = inserted.map((index) => fresh.find((each) => toHex(each.index) === toHex(index)).value);
    const proof = { ...parseIndexProof(prove(old, inserted)), values };
    const next = verifyTransition(proof, inserted, minimalTree(0, old));
    assert.equal(toHex(next), toHex(minimalTree(0, [...old, ...fresh])));
    refuses(() => verifyTransition(proof, inserted, sha256(utf8("another root"))), "index-proof");
    if (added > 1) refuses(() => verifyTransition(proof, [...inserted].reverse(), minimalTree(0, old)), "index-proof");
    const present = { ...parseIndexProof(prove([...old, ...fresh], inserted)), values };
    refuses(() => verifyTransition(present, inserted, minimalTree(0, [...old, ...fresh])), "index-proof");
  }
});

test("an unchanged node cannot cover an inserted leaf", () => {
  const old = [leaf("old 0"), leaf("old 1"), leaf("old 2")];
  const fresh = leaf("new");
  const honest = parseIndexProof(prove(old, [fresh.index]));
  // The forgery: the search ends above its terminal, with what is below hidden in an element.
  const forged = { results: [{ type: "empty", depth: 0 }], elements: [], values: [fresh.value] };
  refuses(() => verifyTransition(forged, [fresh.index], minimalTree(0, old)), "index-proof");
  assert.ok(honest.results[0].depth > 0);
});

test("ladders are those of the chapter", () => {
  const numbers = (latest) => ladderOf(latest).map((rung) => rung.number);
  assert.deepEqual(numbers(null), [0]);
  assert.deepEqual(numbers(0), [0, 1]);
  assert.deepEqual(numbers(1), [0, 1, 3, 2]);
  assert.deepEqual(numbers(4), [0, 1, 3, 7, 5, 4]);
  assert.deepEqual(numbers(10), [0, 1, 3, 7, 15, 11, 9, 10]);
  assert.equal(numbers(2 ** 32 - 1).length, 33);
  for (let n = 0; n < 300; n += 1) {
    assert.equal(numbers(n).length, 2 * Math.floor(Math.log2(n + 1)) + 2);
    assert.equal(climb((number) => number <= n).latest, n);
    requireLadder(n, ladderOf(n).map((rung) => rung.present));
    refuses(() => requireLadder(n + 1, ladderOf(n).map((rung) => rung.present)), "ladder");
    refuses(() => requireLadder(n, [...ladderOf(n).map((rung) => rung.present), false]), "ladder");
  }
  assert.deepEqual(watchedRungs(0), [1, 2, 3]);
  assert.deepEqual(watchedRungs(4), [5, 6, 7]);
  assert.deepEqual(watchedRungs(2 ** 32 - 1), []);
});

test("any set of versions has one answer, which is present", () => {
  for (let set = 0; set < 1 << 10; set += 1) {
    const present = (number) => number < 10 && ((set >> number) & 1) === 1;
    const { latest } = climb(present);
    assert.ok(latest === null ? !present(0) : present(latest));
  }
});

test("hashes of the example of the chapter merkle", () => {
  const leaves = LEAVES.slice(0, 5);
  assert.equal(toHex(nodeHash(root(leaves.slice(0, 4)), leaves[4])), toHex(root(leaves)));
  assert.equal(toHex(EMPTY_ROOT), toHex(hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
});
