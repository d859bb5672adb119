// Entries of the log. Chapter `entry`.

import { base64Exactly, fromHex, readU64, utf8 } from "./bytes.js";
import { MAX_ORIGIN } from "./checkpoint.js";
import { exactly, integer, parseJson, text } from "./json.js";
import { ED25519, isKeyName, parseVkey } from "./note.js";
import { Refusal, must } from "./refusal.js";
import { parseRoles } from "./roles.js";
import { parseStatement } from "./statement.js";
import { strictVrfKey } from "./vrf.js";

/** The longest entry, in bytes. [ENTRY-1] */
export const MAX_ENTRY = 65_535;

/** An entry by its kind: `{kind, ...}`. */
export function parseEntry(bytes) {
  must(bytes.length >= 1 && bytes.length <= MAX_ENTRY, "entry", "An entry is not 1 to 65,535 bytes long.");
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case 0x00:
      return { kind: "genesis", ...parseGenesis(body) };
    case 0x01:
      return { kind: "epoch", ...parseEpoch(bytes) };
    case 0x02:
      must(bytes.length === 65, "entry", "A key entry does not have 65 bytes."); // [ENTRY-4]
      return { kind: "key", index: bytes.slice(1, 33), commitment: bytes.slice(33) };
    case 0x03:
      return { kind: "statement", statement: parseStatement(body) };
    case 0x04:
      return { kind: "close", ...parseClose(body) };
    default:
      throw new Refusal("entry", "An entry is of an unknown kind."); // [ENTRY-2]
  }
}

/** An epoch: `{timeMs, indexSize, indexRoot}`. [ENTRY-3] */
export function parseEpoch(bytes) {
  must(bytes.length === 49 && bytes[0] === 0x01, "epoch", "An epoch does not have its 49 bytes.");
  return { timeMs: readU64(bytes.subarray(1)), indexSize: readU64(bytes.subarray(9)), indexRoot: bytes.slice(17) };
}

function origin(value, what) {
  const name = text(value, what);
  must(isKeyName(name) && utf8(name).length <= MAX_ORIGIN, "entry", `${what} is not an origin.`);
  return name;
}

function vrfKey(value) {
  return strictVrfKey(base64Exactly(value, 32, "The VRF key"));
}

// [ENTRY-17]
function logKey(value, name) {
  const key = parseVkey(text(value, "log_key"));
  must(key.type === ED25519 && key.name === name, "entry", "log_key is not a key of the log beside it.");
  return key;
}

function parseGenesis(body) {
  const members = ["format", "origin", "vrf_key", "max_clock_skew_ms", "heartbeat_s", "roles"];
  const value = exactly(parseJson(body, MAX_ENTRY, "The genesis"), members, ["predecessor"], "The genesis");
  must(value.format === "plainsight/v1", "entry", "The genesis is of another format."); // [ENTRY-6]
  const own = origin(value.origin, "The origin of the genesis");
  const heartbeatS = integer(value.heartbeat_s, 604_800, "heartbeat_s"); // [ENTRY-10]
  must(heartbeatS >= 1, "entry", "heartbeat_s is 0.");
  return {
    origin: own,
    vrfKey: vrfKey(value.vrf_key),
    maxClockSkewMs: integer(value.max_clock_skew_ms, 3_600_000, "max_clock_skew_ms"), // [ENTRY-9]
    heartbeatS,
    roles: parseRoles(value.roles),
    predecessor: "predecessor" in value ? parsePredecessor(value.predecessor, own) : null,
  };
}

// [ENTRY-15] [ENTRY-16]
function parsePredecessor(value, own) {
  exactly(value, ["origin", "log_key", "size", "root"], [], "The predecessor");
  const name = origin(value.origin, "The origin of the predecessor");
  must(name !== own, "entry", "The predecessor is the log itself.");
  return {
    origin: name,
    logKey: logKey(value.log_key, name),
    size: integer(value.size, Number.MAX_SAFE_INTEGER, "The size of the predecessor"),
    root: fromHex(value.root, 32, "The root of the predecessor"),
  };
}

// [ENTRY-18]
function parseClose(body) {
  const value = exactly(parseJson(body, MAX_ENTRY, "The close"), ["origin", "log_key", "vrf_key"], [], "The close");
  const next = origin(value.origin, "The origin of the next log");
  return { next, logKey: logKey(value.log_key, next), vrfKey: vrfKey(value.vrf_key) };
}
