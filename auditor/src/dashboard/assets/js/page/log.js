// The page of a log: its head's signatures are checked in the page.

import { toHex } from "../verify/bytes.js";
import { describeHead, parseCheckpoint, verifyLogSignature } from "../verify/checkpoint.js";
import { verifyCosignature } from "../verify/cosignature.js";
import { keyOf, parseVkey } from "../verify/note.js";
import { must } from "../verify/refusal.js";
import { verify } from "../verify/report.js";
import { formatTime } from "../verify/time.js";
import { keyring } from "./keyring.js";
import { putMark } from "./result.js";

/** Verifies a note that this auditor shows as cosigned by it. */
export function verifyShownHead(note, { vkeys, auditor, size, root }) {
  return verify("head", async (report) => {
    let checkpoint;
    await report.step("parse", () => {
      checkpoint = parseCheckpoint(note);
      if (size !== undefined) must(checkpoint.size === BigInt(size), "shown", "The page shows another size than the note has.");
      if (root !== undefined) must(toHex(checkpoint.root) === root, "shown", "The page shows another root than the note has.");
      return "The note is a checkpoint, of the size and root that the page shows.";
    });
    await report.step("log-signature", async () => {
      await verifyLogSignature(checkpoint, vkeys.map(parseVkey));
      return `The log signed it (${describeHead(checkpoint)}).`;
    });
    if (auditor === null) return;
    await report.step("auditor", async () => {
      const key = parseVkey(auditor);
      const line = checkpoint.note.lines.find((each) => keyOf(each, [key]) !== null);
      must(line !== undefined, "cosignature", "This auditor's own cosignature is not on it.");
      const time = await verifyCosignature(line, key, checkpoint.note.text);
      return `This auditor cosigned it at ${formatTime(time)}.`;
    });
  });
}

/** Marks the head that is shown. */
export async function enhance(main) {
  const note = main.querySelector("#note");
  const facts = main.querySelector("#head");
  if (!note || !facts) return;
  const { logs, auditor } = await keyring();
  const hash = location.pathname.split("/")[2];
  const log = logs.find((each) => each.hash === hash);
  if (log === undefined) return;
  const root = facts.querySelector("code.digest")?.textContent.replaceAll(/\s/g, "");
  const shown = { vkeys: log.vkeys, auditor: auditor.vkey, size: facts.dataset.size, root };
  const result = await verifyShownHead(note.textContent, shown);
  putMark(facts, result, "The signatures of the log and of this auditor hold, by keys that this auditor told: compare them elsewhere.");
}
