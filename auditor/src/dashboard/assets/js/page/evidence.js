// The page of an evidence file: the file is fetched and checked in the page.

import { verifyEvidence } from "../verify/evidence.js";
import { toHex } from "../verify/bytes.js";
import { sha256 } from "../verify/sha256.js";
import { ask } from "./ask.js";
import { compareWithServer, putMark } from "./result.js";

const done = new Map();

/** Marks the file that is shown. */
export async function enhance(main) {
  const place = main.querySelector(".banner");
  if (!place) return;
  const id = location.pathname.split("/")[2];
  if (!done.has(id)) done.set(id, await check(id, place.classList.contains("bad")));
  putMark(place, done.get(id), "The file proves what it says; the command below checks it without this page.");
}

async function check(id, isProvenHere) {
  const bytes = await ask(`/v1/evidence/${id}`);
  const result = await verifyEvidence(bytes);
  if (toHex(sha256(bytes)) !== id) compareWithServer(result, false, "This node sent another file than it names.");
  else if (result.verdict === "not_verified") return result;
  else if (isProvenHere) compareWithServer(result, result.verdict === "verified", "This node calls it proven.");
  else compareWithServer(result, result.verdict === "failed", "This node says that it proves nothing.");
  return result;
}
