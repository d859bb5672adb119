// Proof files. Chapter `tlog_proof`; C2SP tlog-proof.

import { asBytes, base64Exactly, decimal, fromBase64, fromUtf8 } from "./bytes.js";
import { parseCheckpoint } from "./checkpoint.js";
import { verifyInclusion } from "./merkle.js";
import { must } from "./refusal.js";

/** The first line. [TPR-1] */
export const HEADER = "c2sp.org/tlog-proof@v1";
/** The longest path. [TPR-4] */
export const MAX_PATH = 63;
const MAX_BYTES = 1_100_000;

/** `{extra, index, path, checkpoint}`; `extra` is null or bytes that nothing authenticates. */
export function parseTlogProof(input) {
  const bytes = asBytes(input);
  must(bytes.length <= MAX_BYTES, "too-long", "The proof file is too long.");
  const text = fromUtf8(bytes, "The proof file");
  const end = text.indexOf("\n\n");
  must(end >= 0, "proof-file", "The proof file has no empty line before its checkpoint.");
  const lines = text.slice(0, end).split("\n");
  must(lines.shift() === HEADER, "proof-file", `The proof file does not begin with ${HEADER}.`);
  let extra = null;
  if (lines[0]?.startsWith("extra ")) extra = fromBase64(lines.shift().slice(6), 65_535); // [TPR-2]
  const index = lines.shift();
  must(index?.startsWith("index "), "proof-file", "The proof file has no index line."); // [TPR-3]
  must(lines.length <= MAX_PATH, "proof-file", "The proof file has more than 63 hashes.");
  return {
    extra,
    index: decimal(index.slice(6), "The index of the proof file"),
    path: lines.map((line) => base64Exactly(line, 32, "A hash of the proof file")),
    checkpoint: parseCheckpoint(text.slice(end + 2)),
  };
}

/** Verifies that the leaf stands where the file says, in the tree of the file's checkpoint. [TPR-5] */
export function verifyProofLeaf(proof, leaf) {
  const { size, root } = proof.checkpoint;
  verifyInclusion({ index: proof.index, size, leaf, proof: proof.path, root });
}
