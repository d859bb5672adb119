import assert from "node:assert/strict";
import test from "node:test";

import { toHex, utf8 } from "../../src/dashboard/assets/js/verify/bytes.js";
import { parseEntry } from "../../src/dashboard/assets/js/verify/entry.js";
import { continuity, verifyKeySet } from "../../src/dashboard/assets/js/verify/keyset.js";
import { describeLabel, labelOf, requireLabel, vrfInput } from "../../src/dashboard/assets/js/verify/label.js";
import { leafHash } from "../../src/dashboard/assets/js/verify/merkle.js";
import { countSigners } from "../../src/dashboard/assets/js/verify/dsse.js";
import { ROLE_OF, digestSet, indexesOf, parseStatement } from "../../src/dashboard/assets/js/verify/statement.js";
import { base64, hex, refuses, rejects, vectors } from "./support.js";

test("entries are those of the vectors, and no others", () => {
  const seen = { accept: 0, malformed: 0 };
  for (const { name, entry, verdict, kind, leaf_hash: leaf } of vectors("entry")) {
    seen[verdict] += 1;
    if (verdict === "malformed") {
      assert.throws(() => parseEntry(base64(entry)), (error) => typeof error.sentence === "string", name);
      continue;
    }
    assert.equal(parseEntry(base64(entry)).kind, kind, name);
    assert.equal(toHex(leafHash(base64(entry))), leaf, name);
  }
  assert.ok(seen.accept > 5 && seen.malformed > 100);
});

test("statements are those of the vectors, and no others", async () => {
  for (const each of vectors("statement")) {
    if (each.verdict === "malformed") {
      assert.throws(() => parseStatement(utf8(each.envelope)), (error) => typeof error.sentence === "string", each.name);
      continue;
    }
    const statement = parseStatement(utf8(each.envelope));
    assert.equal(statement.kind, each.kind, each.name);
    assert.equal(ROLE_OF[statement.kind], each.role, each.name);
    assert.equal(toHex(statement.stream), each.stream, each.name);
    assert.equal(statement.seq, each.seq, each.name);
    assert.equal(statement.prev && toHex(statement.prev), each.prev, each.name);
    assert.deepEqual(digestSet(statement), [...each.digest_set].sort(), each.name);
    assert.deepEqual(indexesOf(statement).map(toHex), each.indexes, each.name);
    assert.equal(await countSigners(statement.envelope, each.signers.map(hex)), each.signers.length, each.name);
  }
});

// The vectors also say why a reset is one.
const CONTINUITY = { first: "first", signed: "continues" };

test("key sets are those of the vectors, and no others", async () => {
  const cases = vectors("keyset");
  const byName = new Map(cases.map((each) => [each.name, each]));
  for (const each of cases) {
    if (each.verdict !== "accept") {
      await rejects(() => verifyKeySet(utf8(each.key_set)), each.verdict === "unproven" ? "keyset-signature" : undefined);
      continue;
    }
    const keySet = await verifyKeySet(utf8(each.key_set));
    assert.equal(toHex(keySet.hash), each.hash, each.name);
    assert.equal(toHex(keySet.label), each.label, each.name);
    assert.equal(keySet.version, each.version, each.name);
    assert.deepEqual(keySet.keys.map((key) => key.id), each.ids, each.name);
    const previous = each.previous === null ? null : await verifyKeySet(utf8(byName.get(each.previous)?.key_set ?? each.previous));
    assert.equal(await continuity(keySet, previous), CONTINUITY[each.continuity] ?? "reset", each.name);
  }
});

test("typed text becomes one label or is refused", () => {
  const labels = {
    "Alice@Example.org": "01616c696365406578616d706c652e6f7267",
    "+491701234567": "02343931373031323334353637",
    "491701234567": "02343931373031323334353637",
    "6BA7B810-9DAD-11D1-80B4-00C04FD430C8": "046ba7b8109dad11d180b400c04fd430c8",
    "opaque:00ff": "7f00ff",
    "user:Zoe": "037a6f65",
  };
  for (const [typed, label] of Object.entries(labels)) assert.equal(toHex(labelOf(typed)), label);
  for (const bad of ["", "+49 170 1234567", "alice", " a@b", "a@b ", "@b", "a@", "a@b@c", "user:", "opaque:", "opaque:0", "opaque:0G", "+012345678", "123", "ä@b.c", "user:a b"]) {
    refuses(() => labelOf(bad));
  }
  refuses(() => labelOf("user:Zo\u00eb"), "label-not-here");
  assert.equal(describeLabel(labelOf("Alice@Example.org")), "alice@example.org");
  assert.equal(describeLabel(labelOf("6BA7B810-9DAD-11D1-80B4-00C04FD430C8")), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  assert.equal(toHex(vrfInput(hex("7f00ff"), 1)), "037f00ff00000001");
  refuses(() => requireLabel(hex("05ff")), "label");
  refuses(() => requireLabel(hex("7f")), "label");
});
