// Commitments: what the log says about a key set without showing it. Chapter `commitment`.

import { concat, equal, fromHex, u32 } from "./bytes.js";
import { must } from "./refusal.js";
import { hmacSha256 } from "./sha256.js";

const KEY = fromHex("d821f8790d97709796b4d7903357c3f5", 16, "The key of commitments");

/** The commitment to key set bytes. [COMMIT-1] */
export function commitmentOf(opening, label, version, keySet) {
  must(opening.length === 16, "commitment", "An opening is not 16 bytes long.");
  const length = Uint8Array.of(label.length);
  return hmacSha256(KEY, concat(opening, length, label, u32(version), u32(keySet.length), keySet));
}

/** Refuses a key set that is not what was committed to. [COMMIT-2] */
export function verifyCommitment(commitment, opening, label, version, keySet) {
  const holds = equal(commitment, commitmentOf(opening, label, version, keySet));
  must(holds, "commitment", "The key set is not the one that the log has committed to.");
}
