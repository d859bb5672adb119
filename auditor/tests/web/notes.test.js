import assert from "node:assert/strict";
import test from "node:test";

import { toHex, utf8 } from "../../src/dashboard/assets/js/verify/bytes.js";
import { parseCheckpoint, parseCheckpointText, verifyLogSignature } from "../../src/dashboard/assets/js/verify/checkpoint.js";
import { cosignedMessage, parseCosignature, verifyCosignature } from "../../src/dashboard/assets/js/verify/cosignature.js";
import { parseLine, parseNote, parseVkey, printLine, verifyNote } from "../../src/dashboard/assets/js/verify/note.js";
import { parseTlogProof, verifyProofLeaf } from "../../src/dashboard/assets/js/verify/tlog_proof.js";
import { leafHash } from "../../src/dashboard/assets/js/verify/merkle.js";
import { base64, flipped, hex, publishedVectors, recorded, refuses, rejects, withoutPublished } from "./support.js";

// The example of the chapter `note`.
const VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE =
  "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
// The example of the chapter `cosignature`.
const CHECKPOINT =
  "log.example/derived\n3\nlPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk=\n\n\u2014 log.example/derived s4+Hp6iWyjbzz5yQl5wA984dUW+USDmQxlOykEYGC4awRnzMdtJAWTXRWqBKOQ4dYXTFChIU3k7CfNdjmVFin3vlqA4=\n";

test("the chapter's example verifies, and prints as it is", async () => {
  const note = parseNote(NOTE);
  const [key] = await verifyNote(note, [parseVkey(VKEY)]);
  assert.equal(key.name, "example.com/foo");
  assert.equal(`${note.text}\n${note.lines.map(printLine).join("")}`, NOTE);
});

test("a flipped bit of a note fails", async () => {
  const key = parseVkey(VKEY);
  for (const { copy, at } of flipped(utf8(NOTE))) {
    await rejects(async () => verifyNote(parseNote(copy), [key]), undefined, `byte ${at}`);
  }
});

test("a flipped bit of a verifier key is refused", () => {
  for (const { copy } of flipped(utf8(VKEY))) refuses(() => parseVkey(Buffer.from(copy).toString("latin1")));
});

test("what is not a note is refused", () => {
  const line = NOTE.slice(NOTE.indexOf("\u2014"));
  const bad = [
    "", "\n", "text\n", "text\n\n", NOTE.slice(0, -1), `${NOTE}\n`, `\u0001${NOTE}`, NOTE.replace("example m", "example\tm"), `text\n\n${line.repeat(101)}`,
    `text\n\n- example.com/foo ${line.split(" ")[2]}`, `text\n\n\u2014  example.com/foo ${line.split(" ")[2]}`, "text\n\n\u2014 name AAAA\n", "text\n\n\u2014 na\u00a0me AAAAAAAA\n",
    "text\n\n\u2014 na+me AAAAAAAA\n", "text\n\n\u2014 name AAAAAAAA \n", "text\n\n\u2014 na\u0085me AAAAAAAA\n",
  ];
  for (const text of bad) refuses(() => parseNote(text), undefined, text);
  refuses(() => parseNote("a".repeat(1_000_001)), "too-long");
  refuses(() => parseNote(Uint8Array.of(0xff, ...utf8(NOTE))), "utf-8");
});

test("lines of known keys all count, those of others never", async () => {
  const key = parseVkey(VKEY);
  const forged = NOTE.replace("Uw2QOkn8", "Uw2QOkn9");
  await rejects(() => verifyNote(parseNote(forged), [key]), "signature");
  const both = NOTE + forged.slice(forged.indexOf("\u2014"));
  await rejects(() => verifyNote(parseNote(both), [key]), "signature");
  const stranger = NOTE + NOTE.slice(NOTE.indexOf("\u2014")).replace("example.com/foo", "example.com/bar");
  assert.equal((await verifyNote(parseNote(stranger), [key])).length, 1);
  await rejects(() => verifyNote(parseNote(NOTE), []), "unsigned");
  await rejects(() => verifyNote(parseNote(NOTE), [key, parseVkey(VKEY)]), "ambiguous-key");
});

test("checkpoints have three lines and no empty one", () => {
  const { origin, size, root } = parseCheckpoint(CHECKPOINT);
  assert.deepEqual([origin, size, toHex(root).slice(0, 8)], ["log.example/derived", 3n, "94fbd0dd"]);
  const bad = ["", "\n", "a\n1\n", "a\n01\nlPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk=\n", "a\n1\nAAAA\n", "a\n1\nlPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk=\n\n"];
  for (const text of bad) refuses(() => parseCheckpointText(text));
  refuses(() => parseCheckpointText(CHECKPOINT.split("\n\n")[0].replace("log.example/derived", "x".repeat(256)) + "\n"), "checkpoint");
});

test("a cosignature signs its time and the whole text", async () => {
  const text = CHECKPOINT.slice(0, CHECKPOINT.indexOf("\n\n") + 1);
  assert.equal(new TextDecoder().decode(cosignedMessage(1767225603n, text)).split("\n")[1], "time 1767225603");
  refuses(() => parseCosignature(new Uint8Array(71)), "cosignature");
  refuses(() => parseCosignature(new Uint8Array(72).fill(0xff)), "cosignature");
});

test("proof files have one spelling", () => {
  const file = `c2sp.org/tlog-proof@v1\nindex 2\nWkdmL9ijF9lgSaP59HxV3GfKZgUbqjaD27GbL+CaB7A=\n\n${CHECKPOINT}`;
  const proof = parseTlogProof(file);
  verifyProofLeaf(proof, leafHash(utf8("entry 2")));
  refuses(() => verifyProofLeaf(proof, leafHash(utf8("entry 1"))), "inclusion");
  for (const bad of [file.replace("@v1", "@v2"), file.replace("index 2", "index 02"), file.replace("index 2\n", ""), file.replace("\n\nlog", "\nlog"), file.replace("index", "extra !\nindex"), file.slice(0, 60)]) {
    refuses(() => parseTlogProof(bad));
  }
});

test("published notes and keys", { skip: withoutPublished }, async () => {
  const examples = publishedVectors("c2sp-spec-examples/examples.json");
  await verifyNote(parseNote(examples.signed_note_example.note), [parseVkey(examples.signed_note_example.vkey)]);

  const go = publishedVectors("golang-mod/note.json");
  for (const { vkey } of go.vkey_reject) if (vkey) refuses(() => parseVkey(vkey));
  const keyOf = (name) => parseVkey(go.keys[name].vkey);
  for (const { msg, known, ok, verified } of go.open) {
    if (msg === undefined) continue;
    const run = async () => verifyNote(parseNote(msg), known.map(keyOf));
    if (ok) assert.deepEqual((await run()).map((key) => key.name).sort(), [...verified].sort());
    else await rejects(run);
  }
  for (const { utf8: text, hex: bytes } of go.malformed) refuses(() => parseNote(text ?? hex(bytes)));

  const formats = publishedVectors("transparency-dev-formats/notes.json");
  for (const { type, vkey } of formats.vkeys_accept) {
    if (/0x0[25]/.test(type)) refuses(() => parseVkey(vkey), "unsupported-key");
    else parseVkey(vkey);
  }
  for (const vkey of formats.vkeys_reject) refuses(() => parseVkey(vkey));
  for (const { vkey } of formats.vkeys_accepted_upstream_but_key_id_mismatch) refuses(() => parseVkey(vkey));
  const sumdb = formats.sumdb_checkpoint;
  await verifyNote(parseNote(sumdb.note), [parseVkey(sumdb.vkey)]);
  const { sig_base64: cosigned, unix } = formats.cosignature_v1_timestamp;
  assert.equal(parseCosignature(base64(cosigned).slice(4)).time, BigInt(unix));

  const { gosumdb_2024_09_23: go2, decimal_valid: valid, cosignature_lines: lines } = publishedVectors("sigsum-go/checkpoint.json");
  assert.equal(valid.length, 3);
  assert.ok(lines.single);
  parseVkey(go2.vkey);
});

test("a reference of the C2SP text", { skip: withoutPublished }, async () => {
  const reference = publishedVectors("derived/c2sp_reference.json");
  const log = parseVkey(reference.keys.log_ed25519.vkey);
  const witness = parseVkey(reference.keys.witness_ed25519.vkey);
  for (const each of Object.values(reference.keys)) parseVkey(each.vkey);
  for (const each of Object.values(reference.checkpoints)) {
    const checkpoint = parseCheckpoint(`${each.text}\n${each.log_sig_line}${each.w1_cosig_line}`);
    await verifyLogSignature(checkpoint, [log]);
    const line = parseLine(each.w1_cosig_line.trimEnd());
    const time = await verifyCosignature(line, witness, checkpoint.note.text);
    assert.equal(new TextDecoder().decode(cosignedMessage(time, each.text)), each.w1_signed_message);
  }
  for (const { leaf, tlog_proof: file } of reference.tlog_proofs) {
    const proof = parseTlogProof(file);
    await verifyLogSignature(proof.checkpoint, [log]);
    verifyProofLeaf(proof, leafHash(utf8(leaf)));
  }
});

test("published proof files and checkpoints that must be refused", { skip: withoutPublished }, () => {
  for (const { proof } of publishedVectors("transparency-dev-formats/tlog_proof.json").reject) if (proof !== undefined) refuses(() => parseTlogProof(proof));
  for (const { ok, text } of publishedVectors("transparency-dev-formats/checkpoint_parse.json").cases) {
    if (!ok) refuses(() => parseCheckpointText(text));
  }
});

test("a recorded checkpoint verifies with the log's key alone", async () => {
  const answer = JSON.parse(Buffer.from(recorded("lookup.json")).toString());
  const vkey = Buffer.from(recorded("policy")).toString().split(" ")[1];
  await verifyLogSignature(parseCheckpoint(answer.checkpoint), [parseVkey(vkey)]);
  const other = vkey.replace("log.provider.example/lab", "log.provider.example/lab2");
  refuses(() => parseVkey(other));
});
