import assert from "node:assert/strict";
import test from "node:test";

import { toHex } from "../../src/dashboard/assets/js/verify/bytes.js";
import { isSupported, strictKey, verifies } from "../../src/dashboard/assets/js/verify/ed25519.js";
import { encodeToCurve, verifyVrf } from "../../src/dashboard/assets/js/verify/vrf.js";
import { flipped, hex, publishedVectors, refuses, rejects, vectors, withoutPublished } from "./support.js";

test("Ed25519 decides the project's vectors", async () => {
  assert.ok(await isSupported());
  for (const { name, key, message, signature, verdict } of vectors("ed25519")) {
    if (verdict === "key") {
      refuses(() => strictKey(hex(key), name));
      continue;
    }
    const holds = await verifies(strictKey(hex(key), name), hex(signature), hex(message));
    assert.equal(holds, verdict === "accept", name);
  }
});

test("Ed25519 decides the published edge cases", { skip: withoutPublished }, async () => {
  let accepted = 0;
  for (const { number, key, sig, msg, flags } of publishedVectors("cctv/ed25519vectors.json")) {
    const reject = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue", "reencoded_k"];
    const expected = !(flags ?? []).some((flag) => reject.includes(flag));
    let holds = false;
    try {
      holds = await verifies(strictKey(hex(key), "key"), hex(sig), new TextEncoder().encode(msg));
    } catch (error) {
      assert.notEqual(error.name, "unsupported");
    }
    assert.equal(holds, expected, `case ${number}: ${flags}`);
    accepted += holds ? 1 : 0;
  }
  assert.ok(accepted > 0);
});

test("where the browser has no cryptography nothing is passed", async () => {
  const { key, message, signature } = vectors("ed25519")[0];
  const real = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    assert.equal(await isSupported(), false);
    await rejects(() => verifies(hex(key), hex(signature), hex(message)), "unsupported");
    const vrf = vectors("vrf")[0];
    await rejects(() => verifyVrf(hex(vrf.key), hex(vrf.alpha), hex(vrf.proof)), "unsupported");
  } finally {
    Object.defineProperty(globalThis, "crypto", real);
  }
});

test("a flipped bit of a signature, a message or a key fails", async () => {
  const { key, message, signature } = vectors("ed25519")[2];
  assert.ok(await verifies(hex(key), hex(signature), hex(message)));
  for (const { copy } of flipped(hex(signature))) assert.equal(await verifies(hex(key), copy, hex(message)), false);
  for (const { copy } of flipped(hex(message))) assert.equal(await verifies(hex(key), hex(signature), copy), false);
  for (const { copy } of flipped(hex(key))) {
    let holds = false;
    try {
      holds = await verifies(strictKey(copy, "key"), hex(signature), hex(message));
    } catch (error) {
      assert.equal(typeof error.sentence, "string", error.stack);
    }
    assert.equal(holds, false);
  }
});

test("the VRF decides the project's vectors", async () => {
  let hashed = 0;
  for (const { name, key, alpha, proof, output, h } of vectors("vrf")) {
    if (output === undefined) {
      await rejects(() => verifyVrf(hex(key), hex(alpha), hex(proof)));
      continue;
    }
    assert.equal(toHex(await verifyVrf(hex(key), hex(alpha), hex(proof))), output, name);
    if (h !== undefined) {
      hashed += 1;
      assert.equal(toHex((await encodeToCurve(hex(key), hex(alpha))).encode()), h, name);
    }
  }
  assert.ok(hashed >= 3);
});

test("a flipped bit of a VRF proof fails", async () => {
  const { key, alpha, proof } = vectors("vrf")[1];
  for (const { copy } of flipped(hex(proof), 3)) await rejects(() => verifyVrf(hex(key), hex(alpha), copy));
});
