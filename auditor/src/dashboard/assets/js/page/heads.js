// The pages of a cell of the agreement matrix: both heads' signatures and the proof between them are
// checked again in the page.

import { parseCheckpoint } from "../verify/checkpoint.js";
import { verifyConsistency } from "../verify/merkle.js";
import { equal, fromHex } from "../verify/bytes.js";
import { must } from "../verify/refusal.js";
import { verify } from "../verify/report.js";
import { ask } from "./ask.js";
import { keyring } from "./keyring.js";
import { verifyShownHead } from "./log.js";
import { putMark } from "./result.js";

/** Marks what is shown. */
export async function enhance(main) {
  const place = main.querySelector("#proof");
  if (!place) return;
  const json = document.querySelector('link[rel=alternate][type="application/json"]').getAttribute("href");
  const shown = await ask(json, { json: true });
  if (!shown.own || !shown.theirs) return;
  const { logs } = await keyring();
  const vkeys = logs.find((each) => each.hash === location.pathname.split("/")[2])?.vkeys ?? [];
  const results = await Promise.all([
    verifyShownHead(shown.theirs.note, { vkeys, auditor: shown.vkey ?? null }),
    verifyShownHead(shown.own.note, { vkeys, auditor: null }),
  ]);
  results.push(await verify("heads", (report) => relate(report, shown)));
  const result = { kind: "heads", limits: [], steps: results.flatMap((each) => each.steps), verdict: worst(results) };
  putMark(place, result, "Both heads are signed, and they stand to each other as this page says.");
}

function worst(results) {
  if (results.some((each) => each.verdict === "failed")) return "failed";
  return results.every((each) => each.verdict === "verified") ? "verified" : "not_verified";
}

/** Whether the two heads stand to each other as the page says. */
async function relate(report, { verdict, proof, own, theirs }) {
  const [a, b] = [parseCheckpoint(own.note), parseCheckpoint(theirs.note)];
  const [older, newer] = a.size <= b.size ? [a, b] : [b, a];
  const isConflict = verdict.word.toLowerCase() === "conflict";
  const differs = a.size === b.size && !equal(a.root, b.root);
  if (a.size !== b.size && !proof) {
    const why = isConflict ? "The two heads alone do not show the conflict; the evidence file does." : "There is no proof between the two heads here to check.";
    report.add("heads", "not_checked", why);
    return;
  }
  await report.step("heads", () => {
    must(differs === isConflict || a.size !== b.size, "shown", "The two heads are of one size, and this page says something else about their roots than they do.");
    if (differs) return "The log signed two heads of one size with different roots.";
    if (a.size === b.size) return "Both show the same head.";
    const hashes = proof.hashes.map((hash) => fromHex(hash, 32, "A hash of the proof"));
    verifyConsistency({ older: older.size, olderRoot: older.root, newer: newer.size, newerRoot: newer.root, proof: hashes });
    return `The head of ${newer.size} entries extends the one of ${older.size}.`;
  });
}
