// Key sets: every key that can read or sign for a label. Chapter `keyset`.

import { equal, fromBase64, fromHex, toHex } from "./bytes.js";
import { countSigners, parseEnvelope, requireType } from "./dsse.js";
import { strictKey } from "./ed25519.js";
import { exactly, integer, list, parseJson, text } from "./json.js";
import { requireLabel } from "./label.js";
import { must } from "./refusal.js";
import { sha256 } from "./sha256.js";
import { parseTime } from "./time.js";

const TYPE = "application/vnd.plainsight.keyset+json"; // [KEYSET-1]
const ROLES = ["identity", "device", "recovery", "escrow"]; // [KEYSET-6]
const MAX_VERSION = 2 ** 32 - 1;

function parseKey(value) {
  exactly(value, ["id", "role", "alg", "key"], [], "A key");
  const id = text(value.id, "The id of a key");
  must(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id), "keyset", "The id of a key is not allowed."); // [KEYSET-4]
  must(ROLES.includes(value.role), "keyset", "A key is of an unknown role.");
  const alg = text(value.alg, "The algorithm of a key");
  must(/^[a-z0-9][a-z0-9._-]{0,63}$/.test(alg), "keyset", "The algorithm of a key is not allowed."); // [KEYSET-7]
  const key = fromBase64(value.key, 8192);
  must(key.length >= 1, "keyset", "A key is empty."); // [KEYSET-8]
  if (value.role === "identity") {
    must(alg === "ed25519", "keyset", "An identity key is not of the algorithm ed25519."); // [KEYSET-9]
    strictKey(key, "An identity key");
  }
  return { id, role: value.role, alg, key };
}

/**
 * Verifies key set bytes: its form and that one of its own identity keys signed it. [KEYSET-11]
 * `{label, version, prev, created, keys, hash}`; `prev` is null or 32 bytes.
 */
export async function verifyKeySet(bytes) {
  const envelope = parseEnvelope(bytes);
  requireType(envelope, TYPE);
  const value = parseJson(envelope.payload, envelope.payload.length, "The key set");
  exactly(value, ["label", "version", "created", "keys"], ["prev"], "The key set"); // [KEYSET-2]
  const label = requireLabel(fromBase64(value.label, 255));
  const version = integer(value.version, MAX_VERSION, "The version of the key set");
  const prev = "prev" in value ? fromHex(value.prev, 32, "prev of the key set") : null;
  const created = parseTime(value.created, "created of the key set");
  const keys = list(value.keys, 1, 64, "The keys", parseKey); // [KEYSET-3]
  must(new Set(keys.map((key) => key.id)).size === keys.length, "keyset", "Two keys have one id."); // [KEYSET-5]
  const identities = keys.filter((key) => key.role === "identity").map((key) => key.key);
  must(identities.length > 0, "keyset", "The key set has no identity key."); // [KEYSET-10]
  const signers = await countSigners(envelope, identities);
  must(signers > 0, "keyset-signature", "No identity key of the key set has signed it.");
  return { label, version, prev, created, keys, hash: sha256(bytes), envelope };
}

/** "first", "continues" or "reset"; `previous` is a verified key set or null. [KEYSET-12] to [KEYSET-15] */
export async function continuity(keySet, previous) {
  if (previous === null) return keySet.version === 0 && keySet.prev === null ? "first" : "reset";
  const follows = keySet.version === 0 || previous.version + 1 === keySet.version;
  const linked = keySet.prev !== null && equal(keySet.prev, previous.hash);
  if (!follows || !linked || !equal(previous.label, keySet.label)) return "reset";
  const earlier = previous.keys.filter((key) => key.role === "identity").map((key) => key.key);
  return (await countSigners(keySet.envelope, earlier)) > 0 ? "continues" : "reset";
}

/** A key for people: its first bytes. */
export function describeKey(key) {
  return `${toHex(key.key.subarray(0, 8))}…`;
}
