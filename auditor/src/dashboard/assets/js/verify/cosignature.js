// Cosignatures of type 0x04. Chapter `cosignature`; C2SP tlog-cosignature.

import { MAX_DECIMAL, readU64, utf8 } from "./bytes.js";
import { verifies } from "./ed25519.js";
import { must } from "./refusal.js";

/** The bytes that are signed at a time over the text of a checkpoint. [COS-1] */
export function cosignedMessage(seconds, text) {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** What stands after the key id of a line: `{time, signature}`; the time is a BigInt. [COS-2] */
export function parseCosignature(bytes) {
  must(bytes.length === 72, "cosignature", "A cosignature does not have 72 bytes.");
  const time = readU64(bytes);
  must(time <= MAX_DECIMAL, "cosignature", "The time of a cosignature is above 2^63 - 1."); // [COS-3]
  return { time, signature: bytes.slice(8) };
}

/** Verifies a line by a known key of type 0x04 and returns its time in POSIX seconds, a BigInt. */
export async function verifyCosignature(line, key, text) {
  const { time, signature } = parseCosignature(line.signature);
  const holds = await verifies(key.key, signature, cosignedMessage(time, text));
  must(holds, "cosignature", `The cosignature of ${key.name} does not hold.`);
  return time;
}
