// A file's SHA-256, piece by piece, so that it need not fit into memory and its progress can be shown.

import { toHex } from "../verify/bytes.js";
import { Sha256 } from "../verify/sha256.js";

/** The digest in hex; `onProgress(part)` is told how much of 1 is done. */
export async function hashFile(file, onProgress) {
  const hash = new Sha256();
  const reader = file.stream().getReader();
  let done = 0;
  for (;;) {
    const piece = await reader.read();
    if (piece.done) break;
    hash.update(piece.value);
    done += piece.value.length;
    onProgress(file.size === 0 ? 1 : done / file.size);
  }
  return toHex(hash.digest());
}
