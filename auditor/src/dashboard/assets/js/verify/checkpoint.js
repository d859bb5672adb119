// Checkpoints: what a log commits to. Chapter `checkpoint`; C2SP tlog-checkpoint.

import { base64Exactly, decimal, equal, toHex, utf8 } from "./bytes.js";
import { EMPTY_ROOT } from "./merkle.js";
import { ED25519, keyOf, parseNote } from "./note.js";
import { verifies } from "./ed25519.js";
import { must } from "./refusal.js";

/** The longest origin, in bytes. [CHK-2] */
export const MAX_ORIGIN = 255;

/** The text of a checkpoint: `{origin, size, root, extensions}`; the size is a BigInt. */
export function parseCheckpointText(text) {
  must(text.endsWith("\n"), "checkpoint", "The checkpoint's text does not end in a line feed.");
  const [origin, size, root, ...extensions] = text.slice(0, -1).split("\n");
  must(size !== undefined && root !== undefined, "checkpoint", "The checkpoint has fewer than three lines."); // [CHK-1]
  const length = utf8(origin).length;
  must(length >= 1 && length <= MAX_ORIGIN, "checkpoint", "The checkpoint's origin is not 1 to 255 bytes long.");
  must(!extensions.includes(""), "checkpoint", "The checkpoint has an empty extension line."); // [CHK-4]
  return {
    origin,
    size: decimal(size, "The checkpoint's size"),
    root: base64Exactly(root, 32, "The checkpoint's root"),
    extensions,
  };
}

/** A checkpoint that has parsed and is verified by nobody yet: its members and its `note`. */
export function parseCheckpoint(input) {
  const note = parseNote(input);
  return { ...parseCheckpointText(note.text), note };
}

/**
 * Verifies the log's signature with those of `keys` that are named as the origin. [CHK-5] [CHK-6]
 * Returns the keys that signed.
 */
export async function verifyLogSignature(checkpoint, keys) {
  const own = keys.filter((key) => key.name === checkpoint.origin);
  must(own.length > 0, "unknown-log", `You have no key for the log ${quote(checkpoint.origin)}.`);
  const message = utf8(checkpoint.note.text);
  const signed = new Set();
  for (const line of checkpoint.note.lines) {
    const key = keyOf(line, own);
    if (key === null || key.type !== ED25519) continue;
    const holds = await verifies(key.key, line.signature, message);
    must(holds, "log-signature", "The log's signature on this checkpoint does not hold.");
    signed.add(key);
  }
  must(signed.size > 0, "log-signature", "The log has not signed this checkpoint.");
  if (checkpoint.size === 0n) {
    must(equal(checkpoint.root, EMPTY_ROOT), "empty-root", "The log signed another root for an empty tree."); // [CHK-7]
  }
  return [...signed];
}

/** Text of a peer for a sentence: short, and with nothing in it that could be taken for ours. */
export function quote(text) {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(shown);
}

/** `size` and the first bytes of the root, for people. */
export function describeHead({ size, root }) {
  return `size ${size}, root ${toHex(root.subarray(0, 4))}…`;
}
