// Signed notes and verifier keys. Chapter `note`; C2SP signed-note.

import { asBytes, equal, fromBase64, fromUtf8, toBase64, toHex, utf8 } from "./bytes.js";
import { strictKey, verifies } from "./ed25519.js";
import { Refusal, must } from "./refusal.js";
import { sha256 } from "./sha256.js";

/** The longest note, in bytes. [NOTE-3] */
export const MAX_NOTE = 1_000_000;
/** The most signature lines. [NOTE-4] */
export const MAX_LINES = 100;
/** The longest signature with its key id, in bytes. [NOTE-6] */
export const MAX_SIGNATURE = 65_536;

/** Types of keys. [NOTE-10] */
export const ED25519 = 0x01;
export const COSIGNATURE = 0x04;
export const ML_DSA = 0x06;
const KEY_LENGTHS = new Map([[ED25519, 32], [COSIGNATURE, 32], [ML_DSA, 1312]]);

/** Whether text may name a key. [NOTE-5] */
export function isKeyName(name) {
  return name !== "" && !/[\p{White_Space}+\u0000-\u001f]/u.test(name);
}

/** The key id: four bytes. [NOTE-9] */
export function keyId(name, type, key) {
  return sha256(utf8(name), Uint8Array.of(0x0a, type), key).slice(0, 4);
}

/** A verifier key `<name>+<id>+<key>`: `{text, name, id, type, key}`. [NOTE-7] [NOTE-8] */
export function parseVkey(text) {
  must(text.length <= 4096, "vkey", "A verifier key is too long.");
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  must(first >= 0 && second > first, "vkey", "A verifier key is not of the form name+id+key.");
  const name = text.slice(0, first);
  const id = text.slice(first + 1, second);
  must(isKeyName(name), "vkey", "The name of a verifier key is not allowed.");
  must(/^[0-9a-f]{8}$/.test(id), "vkey", "The id of a verifier key is not 8 lower-case hex digits.");
  const bytes = fromBase64(text.slice(second + 1), 2048);
  must(bytes.length >= 1, "vkey", "A verifier key is empty.");
  const type = bytes[0];
  const key = bytes.slice(1);
  must(type !== 0x02 && type !== 0x05, "unsupported-key", "A verifier key is of a type that is not supported.");
  must(KEY_LENGTHS.has(type), "unknown-key", "A verifier key is of an unknown type.");
  must(KEY_LENGTHS.get(type) === key.length, "vkey", "A verifier key has the wrong length.");
  if (type !== ML_DSA) strictKey(key, "A verifier key");
  const computed = keyId(name, type, key);
  must(toHex(computed) === id, "vkey", "The id of a verifier key is not that of its key.");
  return { text, name, id: computed, type, key };
}

/**
 * A note: `{text, lines, bytes}`, where a line is `{name, id, signature}`. Nothing is verified.
 */
export function parseNote(input) {
  const bytes = asBytes(input);
  must(bytes.length <= MAX_NOTE, "too-long", "The note is longer than a million bytes.");
  const whole = fromUtf8(bytes, "The note");
  must(!/[\u0000-\u0009\u000b-\u001f]/.test(whole), "note", "The note has a control character.");
  const end = whole.lastIndexOf("\n\n");
  must(end >= 0, "note", "The note has no empty line before its signatures."); // [NOTE-2]
  const text = whole.slice(0, end + 1);
  const rest = whole.slice(end + 2);
  must(rest.endsWith("\n"), "note", "The note does not end in a line feed.");
  const lines = rest.slice(0, -1).split("\n");
  must(lines.length <= MAX_LINES, "note", "The note has more than 100 signature lines.");
  return { text, lines: lines.map(parseLine), bytes };
}

/** A signature line without its line feed. [NOTE-4] [NOTE-6] */
export function parseLine(line) {
  const parts = line.split(" ");
  must(parts.length === 3 && parts[0] === "\u2014", "note", "A signature line is not of the form — name base64.");
  must(isKeyName(parts[1]), "note", "A signature line has a name that is not allowed.");
  const bytes = fromBase64(parts[2], MAX_SIGNATURE);
  must(bytes.length >= 5, "note", "A signature line is too short.");
  return { name: parts[1], id: bytes.slice(0, 4), signature: bytes.slice(4) };
}

/** The line as it is written, with its line feed. */
export function printLine({ name, id, signature }) {
  return `\u2014 ${name} ${toBase64(Uint8Array.of(...id, ...signature))}\n`;
}

/** Whether a line is by a key. [NOTE-11] */
export function isBy(line, key) {
  return line.name === key.name && equal(line.id, key.id);
}

/**
 * The one of `keys` that a line is by, or null.
 * Two of them with one name and id are the reader's own mistake. [NOTE-15]
 */
export function keyOf(line, keys) {
  const found = keys.filter((key) => isBy(line, key));
  must(found.length <= 1, "ambiguous-key", `Two of your keys have the name and id of one line: ${line.name}.`);
  return found[0] ?? null;
}

/**
 * Verifies a note with keys of type 0x01, and returns those that signed, each once.
 * Lines of others are ignored; one by a known key that fails refuses the note.
 */
export async function verifyNote(note, keys) {
  const message = utf8(note.text);
  const signed = new Set();
  for (const line of note.lines) {
    const key = keyOf(line, keys);
    if (key === null || key.type === ML_DSA) continue; // [NOTE-16]
    const holds = key.type === ED25519 && (await verifies(key.key, line.signature, message)); // [NOTE-1]
    must(holds, "signature", `The signature of ${key.name} does not hold.`); // [NOTE-12]
    signed.add(key); // [NOTE-14]
  }
  if (signed.size === 0) {
    throw new Refusal("unsigned", "No key that you know has signed this note."); // [NOTE-13]
  }
  return [...signed];
}
