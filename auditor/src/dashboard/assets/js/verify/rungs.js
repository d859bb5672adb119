// The rungs that an owner watches, and their places in the index. Chapter `watch`. Contexts are those
// of `head.js`, with the genesis, the `label` in bytes, and `latest`, its latest version.

import { fromBase64, toHex } from "./bytes.js";
import { HEAD_MEMBERS, MAX_ANSWER, checkHead } from "./head.js";
import { parseIndexProof, verifyIndexProof } from "./index.js";
import { exactly, list, parseJson } from "./json.js";
import { describeLabel, vrfInput } from "./label.js";
import { watchedRungs } from "./ladder.js";
import { must } from "./refusal.js";
import { verify } from "./report.js";
import { verifyVrf, vrfIndex } from "./vrf.js";

/** Verifies the answer of `/v1/rungs`; `facts.rungs` is then `[{version, index}]`, the index in hex. */
export function verifyRungs(bytes, context) {
  return verify("rungs", async (report) => {
    const { genesis, label, latest } = context;
    let answer;
    await report.step("parse", () => {
      answer = parseJson(bytes, MAX_ANSWER, "The answer");
      exactly(answer, [...HEAD_MEMBERS, "vrf", "index"], ["consistency"], "The answer");
      return "The answer has the members of a rungs query.";
    });
    const { epoch, checkpoint, t } = await checkHead(report, answer, context);
    const watched = watchedRungs(latest);
    const indexes = [];
    const derived = await report.step("vrf", async () => {
      const proofs = list(answer.vrf, watched.length, watched.length, "vrf", (each) => fromBase64(each, 80)); // [WATCH-1]
      for (const [i, version] of watched.entries()) {
        indexes.push(vrfIndex(await verifyVrf(genesis.vrfKey, vrfInput(label, version), proofs[i])));
      }
      return `Each of the ${watched.length} places follows from the label by the log's VRF key.`;
    });
    if (!derived) {
      report.skip("index");
      return;
    }
    await report.step("index", () => {
      const values = verifyIndexProof(parseIndexProof(answer.index), indexes, epoch.indexRoot);
      const planted = values.findIndex((value) => value !== null);
      must(planted < 0, "planted", `Version ${watched[planted]} of ${describeLabel(label)} was logged ahead of its turn.`); // [WATCH-2]
      return "Nothing stands at any of them yet.";
    });
    const rungs = watched.map((version, i) => ({ version, index: toHex(indexes[i]) }));
    report.facts = { rungs, size: checkpoint.size, origin: checkpoint.origin, t };
  });
}
