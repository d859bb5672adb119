import assert from "node:assert/strict";
import test from "node:test";

import { applyBuckets, bucketsOf, isSame, parsePeople, printPeople } from "../../src/dashboard/assets/js/page/people.js";
import { parseEvent } from "../../src/dashboard/assets/js/page/stream.js";
import { ago, span } from "../../src/dashboard/assets/js/page/times.js";
import { parseFeed, parseReport, verifyWatchNote } from "../../src/dashboard/assets/js/verify/watch.js";
import { generateKeyPairSync, sign } from "node:crypto";
import { keyId, parseVkey } from "../../src/dashboard/assets/js/verify/note.js";
import { toBase64, toHex } from "../../src/dashboard/assets/js/verify/bytes.js";
import { refuses, rejects } from "./support.js";

const index = (first) => first + "0".repeat(64 - first.length);
const person = (label, rungs, coveredTo) => ({ label, origin: "log.example", who: "contact", version: 0, coveredTo, checkedAt: 0, rungs, hits: [] });
const rung = (version, first) => ({ version, index: index(first) });

test("a list survives its file, and nothing else is one", () => {
  const people = [person("a@b.c", [rung(1, "12")], "5")];
  assert.deepEqual(parsePeople(printPeople(people)), people);
  assert.ok(isSame(people[0], person("a@b.c", [], "9")));
  const change = (edit) => {
    const value = JSON.parse(printPeople(people));
    edit(value);
    return JSON.stringify(value);
  };
  const bad = ["", "[]", "{}", change((v) => (v.format = "x")), change((v) => (v.people[0].label = "")), change((v) => (v.people[0].rungs[0].index = "zz")), change((v) => (v.people[0].rungs[0].index = index("8"))), change((v) => (v.people[0].coveredTo = "-1")), change((v) => (v.people[0].who = "x")), change((v) => (v.people = Array(201).fill(v.people[0]))), change((v) => (v.people[0].hits = [{}]))];
  for (const text of bad) refuses(() => parsePeople(text), "list");
});

test("each bucket is asked for once, from where the first is not covered", () => {
  const people = [person("a@b.c", [rung(1, "12"), rung(2, "34")], "5"), person("d@e.f", [rung(1, "1200f")], "3")];
  assert.deepEqual(bucketsOf(people), [
    { origin: "log.example", prefix: "12", since: 3n },
    { origin: "log.example", prefix: "34", since: 5n },
  ]);
});

test("a person is covered as far as all of its buckets are, and a hit is kept", () => {
  const people = [person("a@b.c", [rung(1, "12"), rung(3, "34")], "5")];
  const answers = new Map([["12 log.example", { covered: 9n, inserted: [{ index: index("12"), position: 7n }, { index: index("129"), position: 8n }] }]]);
  assert.deepEqual(applyBuckets(people, answers, 100), people);
  answers.set("34 log.example", { covered: 8n, inserted: [] });
  const [after] = applyBuckets(people, answers, 100);
  assert.deepEqual([after.coveredTo, after.checkedAt, after.hits], ["8", 100, [{ index: index("12"), version: 1, position: "7" }]]);
  assert.deepEqual(applyBuckets([after], answers, 101)[0].hits, after.hits);
});

test("events are read line by line", () => {
  assert.deepEqual(parseEvent('id: x-1\nretry: 2000\ndata: {"a":1}'), { id: "x-1", data: '{"a":1}' });
  assert.deepEqual(parseEvent(": nothing new"), { id: "", data: "" });
});

test("times are told as the server tells them", () => {
  assert.deepEqual([span(59), span(60), span(7300), span(86_400 * 366)], ["59 seconds", "1 minute", "2 hours", "1 year"]);
  assert.deepEqual([ago(100, 100), ago(95, 100), ago(200, 100)], ["just now", "5 seconds ago", "in 1 minute"]);
});

/** A note by a fresh watch key. */
function signed(text) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url"));
  const name = "auditor.example/watch";
  const id = keyId(name, 1, key);
  const signature = sign(null, Buffer.from(text), privateKey);
  return {
    note: `${text}\n\u2014 ${name} ${toBase64(Uint8Array.of(...id, ...signature))}\n`,
    vkey: parseVkey(`${name}+${toHex(id)}+${toBase64(Uint8Array.of(1, ...key))}`),
  };
}

const ROOT = toBase64(new Uint8Array(32));

test("the feed is what its chapter says, and nothing else", async () => {
  const text = `plainsight/inserted/v1\nlog.example\n10\n${ROOT}\n12\n3\n10\n1700000000\n${index("12")} 3\n${index("12f")} 9\n`;
  const { note, vkey } = signed(text);
  const feed = await verifyWatchNote(parseFeed(note), vkey);
  assert.deepEqual([feed.since, feed.through, feed.size, feed.inserted.length], [3n, 10n, 10n, 2]);
  await rejects(() => verifyWatchNote(parseFeed(signed(text).note), vkey), "unsigned");
  const bad = [text.replace("\n12\n", "\n8\n"), text.replace("\n3\n10\n", "\n11\n10\n"), text.replace("\n10\n1700", "\n11\n1700"), text.replace(" 9\n", " 10\n"), text.replace(" 9\n", " 3\n"), text.replace(index("12f"), index("13")), text.replace("/v1", "/v2"), text.replace("\n10\n", "\n010\n")];
  for (const each of bad) refuses(() => parseFeed(signed(each).note));
});

test("a report is what its chapter says, and nothing else", async () => {
  const head = `plainsight/watch/v1\nlog.example\n10\n${ROOT}\n${"ab".repeat(32)}\n1700000000\n`;
  const { note, vkey } = signed(`${head}absent\n`);
  assert.deepEqual((await verifyWatchNote(parseReport(note), vkey)).hits, []);
  const hits = `${head}hit ${index("12")} 4 announced\nhit ${index("13")} 5 unannounced\n`;
  assert.deepEqual(parseReport(signed(hits).note).hits.map((hit) => hit.announced), [true, false]);
  const bad = [head, `${head}absent\nabsent\n`, hits.replace(" 5 ", " 10 "), hits.replace(index("13"), index("12")), hits.replace(index("13"), index("8")), hits.replace("unannounced", "perhaps"), `${hits}absent\n`];
  for (const each of bad) refuses(() => parseReport(signed(each).note));
});
