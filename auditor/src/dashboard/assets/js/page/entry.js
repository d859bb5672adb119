// The page of an entry: its inclusion is proved again in the page.

import { fromBase64, fromHex } from "../verify/bytes.js";
import { parseCheckpoint } from "../verify/checkpoint.js";
import { leafHash, verifyInclusion } from "../verify/merkle.js";
import { verify } from "../verify/report.js";
import { ask } from "./ask.js";
import { keyring } from "./keyring.js";
import { verifyShownHead } from "./log.js";
import { putMark } from "./result.js";

/** Marks the proof that is shown. */
export async function enhance(main) {
  const section = main.querySelector("#proof");
  const place = section?.querySelector("dl.facts");
  if (!place) return;
  const json = document.querySelector('link[rel=alternate][type="application/json"]').getAttribute("href");
  const shown = await ask(json, { json: true });
  if (!shown.proof) return;
  const { logs, auditor } = await keyring();
  const log = logs.find((each) => each.hash === location.pathname.split("/")[2]);
  const { head } = shown.proof;
  const result = await verifyShownHead(head.note, { vkeys: log?.vkeys ?? [], auditor: auditor.vkey, size: head.size, root: head.root });
  const { steps, verdict } = await verify("inclusion", (report) =>
    report.step("inclusion", () => {
      const { size, root } = parseCheckpoint(head.note);
      const proof = shown.proof.hashes.map((hash) => fromHex(hash, 32, "A hash of the proof"));
      verifyInclusion({ index: BigInt(shown.position), size, leaf: leafHash(fromBase64(shown.entry, 65_535)), proof, root });
      return `These bytes are entry ${shown.position} of the log under that head.`;
    }),
  );
  result.steps.push(...steps);
  if (verdict === "failed") result.verdict = "failed";
  putMark(place, result, "Its bytes hash to a head that the log and this auditor signed.");
}
