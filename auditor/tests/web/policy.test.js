import assert from "node:assert/strict";
import test from "node:test";

import { freshestTime, isSatisfied, parsePolicy, requireFresh, requireQuorum, witnesses } from "../../src/dashboard/assets/js/verify/policy.js";
import { keyId } from "../../src/dashboard/assets/js/verify/note.js";
import { toBase64, toHex, utf8 } from "../../src/dashboard/assets/js/verify/bytes.js";
import { BASE } from "../../src/dashboard/assets/js/verify/edwards.js";
import { publishedVectors, recorded, refuses, withoutPublished } from "./support.js";

/** A verifier key of a type; `n` tells keys apart. */
function vkey(name, type, n) {
  const key = BASE.times(BigInt(n + 2)).encode();
  return `${name}+${toHex(keyId(name, type, key))}+${toBase64(Uint8Array.of(type, ...key))}`;
}
const witness = (name, n) => `witness ${name} ${vkey(name, 4, n)}\n`;
const LOG = `log ${vkey("log.example", 1, 90)} https://log.example/\n`;
const SIX = ["de-1", "de-2", "de-3", "ch-1", "ch-2", "ch-3"];
const CHAPTER = `# two of three in each\n${LOG}${SIX.map(witness).join("")}group de 2 de-1 de-2 de-3\n\tgroup  ch 2 ch-1 ch-2 ch-3\ngroup both all de ch\nquorum both\n`;

test("a policy is what the chapter shows", () => {
  const policy = parsePolicy(CHAPTER);
  assert.equal(witnesses(policy).length, 6);
  const satisfied = (...names) => isSatisfied(policy.quorum, new Set(names));
  assert.ok(satisfied("de-1", "de-3", "ch-2", "ch-1"));
  assert.ok(!satisfied("de-1", "de-2", "de-3", "ch-1"));
  assert.ok(!satisfied());
});

test("what a policy may not be", () => {
  const w = [0, 1, 2].map((n) => witness(`w${n}`, n));
  const bad = {
    empty: "",
    "no quorum": LOG,
    "two quorums": `${LOG}quorum none\nquorum none\n`,
    "no line feed at the end": `${LOG}quorum none`,
    "a control character": `# \f\nquorum none\n`,
    "a DEL": `# \u007f\nquorum none\n`,
    "a carriage return": `${LOG}quorum none\r\n`,
    "a comment at the end": `${LOG}quorum none # it\n`,
    "an unknown word": `${LOG}trust me\nquorum none\n`,
    "a log with a witness's key": `log ${vkey("x", 4, 1)}\nquorum none\n`,
    "a witness with a log's key": `witness w ${vkey("x", 1, 1)}\nquorum none\n`,
    "a key twice": `${w[0]}witness again ${vkey("other", 4, 0)}\nquorum none\n`,
    "a log twice": `${LOG}${LOG}quorum none\n`,
    "a name twice": `${w[0]}witness w0 ${vkey("w", 4, 7)}\nquorum none\n`,
    "the name none": `${w[0]}group none 1 w0\nquorum none\n`,
    "a member of two groups": `${w[0]}${w[1]}group a 1 w0\ngroup b 1 w0 w1\nquorum b\n`,
    "a member twice": `${w[0]}group a 1 w0 w0\nquorum a\n`,
    "a later member": `group a 1 w0\n${w[0]}quorum a\n`,
    "a later quorum": `quorum w0\n${w[0]}`,
    "a threshold of 0": `${w[0]}group a 0 w0\nquorum a\n`,
    "a threshold above": `${w[0]}group a 2 w0\nquorum a\n`,
    "a threshold of 01": `${w[0]}group a 01 w0\nquorum a\n`,
    "an empty group": `${w[0]}group a all\nquorum none\n`,
  };
  for (const [why, text] of Object.entries(bad)) {
    assert.throws(() => parsePolicy(text), (error) => typeof error.sentence === "string", why);
  }
  parsePolicy("quorum none\n");
  refuses(() => parsePolicy(`#${"x".repeat(1 << 20)}\n`), "too-long");
});

test("freshness is the largest time that satisfies the quorum alone", () => {
  const three = [0, 1, 2].map((n) => witness(`w${n}`, n)).join("");
  const times = new Map([["w0", 100n], ["w1", 200n], ["w2", 300n]]);
  const t = (k) => freshestTime(parsePolicy(`${three}group g ${k} w0 w1 w2\nquorum g\n`), times);
  assert.deepEqual([t(1), t(2), t(3)], [300n, 200n, 100n]);
  assert.equal(freshestTime(parsePolicy("quorum none\n"), times), null);
  const fresh = (time, now) => requireFresh(time, { now, maxAge: 10, skewMs: 5000 });
  fresh(100n, 110);
  fresh(100n, 95);
  refuses(() => fresh(100n, 111), "freshness");
  refuses(() => fresh(100n, 94), "freshness");
  refuses(() => fresh(null, 100), "freshness");
});

test("a quorum that is not met is refused", () => {
  const policy = parsePolicy(CHAPTER);
  refuses(() => requireQuorum(policy, new Map([["de-1", 1n]])), "quorum");
  refuses(() => requireQuorum(policy, new Map()), "quorum");
  requireQuorum(parsePolicy(recorded("policy")), new Map([["auditor.university.example", 1n], ["auditor.newspaper.example", 2n]]));
});

/** Sigsum's policies have raw keys in hex where these have verifier keys. */
function translated(config) {
  const digits = new Map();
  const n = (key) => {
    if (!digits.has(key)) digits.set(key, digits.size);
    return digits.get(key);
  };
  return config.replaceAll(/^([ \t]*log[ \t]+)([0-9a-f]{64})/gm, (_, head, key) => head + vkey(`log${n(key)}`, 1, n(key)))
    .replaceAll(/^([ \t]*witness[ \t]+\S+[ \t]+)([0-9a-f]{64})/gm, (_, head, key) => head + vkey(`key${n(key)}`, 4, n(key)));
}

test("published policies", { skip: withoutPublished }, () => {
  const { valid, invalid } = publishedVectors("sigsum-go/policy.json");
  for (const each of valid) {
    const policy = parsePolicy(translated(each.config));
    assert.equal(policy.logs.length, each.logs);
    assert.equal(witnesses(policy).length, each.witnesses);
  }
  for (const each of invalid) {
    assert.throws(() => parsePolicy(translated(each.config)), (error) => typeof error.sentence === "string", each.desc);
  }
  assert.equal(utf8("\t").length, 1);
});
