import assert from "node:assert/strict";
import test from "node:test";
import { createHash, createHmac } from "node:crypto";

import { decimal, fromBase64, fromHex, toBase64, toHex, utf8 } from "../../src/dashboard/assets/js/verify/bytes.js";
import { parseJson } from "../../src/dashboard/assets/js/verify/json.js";
import { Sha256, hmacSha256, sha256 } from "../../src/dashboard/assets/js/verify/sha256.js";
import { formatTime, parseTime } from "../../src/dashboard/assets/js/verify/time.js";
import { refuses } from "./support.js";

const json = (text) => parseJson(utf8(text), 1 << 20, "the test");

test("base64 has one spelling", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = new Uint8Array(length).map((_, i) => (i * 37 + length) & 0xff);
    const text = Buffer.from(bytes).toString("base64");
    assert.deepEqual(fromBase64(text, 100), bytes);
    assert.equal(toBase64(bytes), text);
  }
  for (const bad of ["A", "AA", "AAA", "AB==", "AAB=", "AA=A", "====", "AA==AAAA", "AAA-", "AA_A", " AAA", "AAA\n", "AAAé", 5, null]) {
    refuses(() => fromBase64(bad, 100));
  }
  refuses(() => fromBase64("AAAA", 2), "too-long");
  refuses(() => fromBase64("A".repeat(400), 100), "too-long");
});

test("hex has one spelling", () => {
  assert.deepEqual(fromHex("00ff", 2, "it"), Uint8Array.of(0, 255));
  for (const bad of ["00FF", "00f", "00fg", "", "00ff00", 5]) refuses(() => fromHex(bad, 2, "it"), "hex");
});

test("decimals have no sign, no leading zeros and an end", () => {
  assert.equal(decimal("9223372036854775807", "it"), 2n ** 63n - 1n);
  for (const bad of ["", "-1", "+9", " 1", "1 ", "01", "9223372036854775808", "99999999999999999999", "1e2", "٣"]) {
    refuses(() => decimal(bad, "it"), "decimal");
  }
});

test("JSON is read strictly", () => {
  assert.deepEqual(JSON.stringify(json(' {"a":[1,"\\u00e9\\ud83d\\ude00\\n",true,null,{}]} ')), '{"a":[1,"é😀\\n",true,null,{}]}');
  assert.equal(json("9007199254740991"), 9007199254740991);
  const bad = [
    "", "{", "[1,]", '{"a":1,}', '{"a":1,"\\u0061":2}', '{"a":1}{}', "\ufeff1", "-0", "-1", "1.0", "1e2", "01", "9007199254740992",
    "12345678901234567890", '"\\ud800"', '"\\udc00\\ud800"', '"\\x"', '"\t"', "tru", "NaN", "'a'", "{a:1}", "[1 2]", '"a', "undefined",
    "[".repeat(17) + "]".repeat(17), "/**/1", '"\\u12g4"', "\u00a01",
  ];
  for (const text of bad) refuses(() => json(text), "json");
  json("[".repeat(16) + "]".repeat(16));
  refuses(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), 10, "it"), "utf-8");
  refuses(() => parseJson(utf8("[]      "), 4, "it"), "too-long");
  assert.equal(json('{"__proto__":1}').__proto__, 1);
  assert.equal("toString" in json("{}"), false);
});

test("times are seconds that exist", () => {
  assert.equal(parseTime("2024-02-29T23:59:59Z", "it"), 1709251199);
  assert.equal(formatTime(1709251199n), "2024-02-29T23:59:59Z");
  for (const bad of ["2023-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "2024-01-01T00:00:60Z", "2024-01-01T24:00:00Z", "2024-1-01T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01t00:00:00z", "0099-01-01T00:00:00Z", 5]) {
    refuses(() => parseTime(bad, "it"), "time");
  }
});

test("SHA-256 and HMAC are Node's", () => {
  for (let length = 0; length < 300; length += 1) {
    const bytes = new Uint8Array(length).map((_, i) => (i * 11 + length) & 0xff);
    assert.equal(toHex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
    const pieces = new Sha256();
    for (let at = 0; at < length; at += 7) pieces.update(bytes.subarray(at, at + 7));
    assert.equal(toHex(pieces.digest()), createHash("sha256").update(bytes).digest("hex"));
    const key = bytes.subarray(0, Math.min(length, 64));
    assert.equal(toHex(hmacSha256(key, bytes)), createHmac("sha256", key).update(bytes).digest("hex"));
  }
});
