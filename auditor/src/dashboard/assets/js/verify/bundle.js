// Offline bundles of a release. Chapter `bundle`.

import { equal, toHex } from "./bytes.js";
import { parseEntry, parseEpoch } from "./entry.js";
import { checkCheckpoint, entryBytes, requireEpochTime } from "./head.js";
import { parseIndexProof, verifyIndexProof } from "./index.js";
import { exactly, parseJson, text } from "./json.js";
import { climb } from "./ladder.js";
import { leafHash } from "./merkle.js";
import { must } from "./refusal.js";
import { verify } from "./report.js";
import { digestIndex, seqIndex, versionIndex, yankIndex } from "./statement.js";
import { parseTlogProof, verifyProofLeaf } from "./tlog_proof.js";

/** The longest bundle, in bytes. */
export const MAX_BUNDLE = 4 << 20;
/** `format` of a bundle. */
export const FORMAT = "plainsight-bundle/v1";

/**
 * Verifies a bundle. `files`: digests (bytes) that must be among the release's; none to look at the
 * release alone.
 */
export function verifyBundle(bytes, context, files = []) {
  return verify("bundle", async (report) => {
    let proof;
    let epochBytes;
    let entryRaw;
    let release;
    let index;
    await report.step("parse", () => {
      const value = parseJson(bytes, MAX_BUNDLE, "The bundle");
      exactly(value, ["format", "proof", "epoch", "entry", "index"], [], "The bundle");
      must(value.format === FORMAT, "bundle", "The bundle is of another format.");
      proof = parseTlogProof(text(value.proof, "proof"));
      must(proof.extra === null, "bundle", "The proof of the bundle has an extra line.");
      epochBytes = entryBytes(value.epoch);
      entryRaw = entryBytes(value.entry);
      index = parseIndexProof(value.index);
      const entry = parseEntry(entryRaw);
      must(entry.kind === "statement" && entry.statement.kind === "release", "bundle", "The entry of the bundle is no release.");
      release = entry.statement;
      return `The bundle is about version ${release.fields.version} of ${release.fields.purl}.`;
    });
    const { checkpoint } = proof;
    report.facts = { release, origin: checkpoint.origin, size: checkpoint.size };
    const { t } = await checkCheckpoint(report, checkpoint, context); // [BUNDLE-1]
    report.facts.t = t;
    let epoch;
    await report.step("epoch", () => {
      must(proof.index === checkpoint.size - 1n, "bundle", "The proof is not about the last entry of its head.");
      verifyProofLeaf(proof, leafHash(epochBytes));
      epoch = parseEpoch(epochBytes);
      requireEpochTime(epoch, t, context.genesis);
      return "The last entry is an epoch, which states the index.";
    });
    await report.step("index", () => checkIndex(report, { release, entryRaw, index, root: epoch.indexRoot }));
    for (const digest of files) {
      await report.step("file", () => {
        const listed = release.subjects.some((subject) => equal(subject.digest, digest));
        must(listed, "file", "The file that you gave is not one of this release.");
        return `Your file (SHA-256 ${toHex(digest)}) is one of this release.`;
      });
    }
    report.limit("A bundle cannot show what was logged after its head: a later version, or that this one was withdrawn.");
  });
}

// [BUNDLE-2] [BUNDLE-3]
function checkIndex(report, { release, entryRaw, index, root }) {
  const { stream, fields, subjects, seq } = release;
  const searches = [
    versionIndex(stream, fields.version),
    ...subjects.map((subject) => digestIndex(stream, subject.digest)),
    yankIndex(stream, fields.version),
  ];
  const fixed = searches.length;
  const rest = index.results.slice(fixed);
  let latest = null;
  if (rest.length > 0) {
    const ladder = climb((_number, at) => {
      must(at < rest.length, "ladder", "The ladder of the bundle ends too soon.");
      return rest[at].type === "inclusion";
    });
    must(ladder.rungs.length === rest.length, "ladder", "Something follows the ladder of the bundle.");
    latest = ladder.latest;
    searches.push(...ladder.rungs.map((rung) => seqIndex(stream, rung.number)));
  }
  const values = verifyIndexProof(index, searches, root);
  must(values[0] !== null && equal(values[0], leafHash(entryRaw)), "index", "The index holds another release of this version.");
  const missing = values.slice(1, fixed - 1).includes(null);
  must(!missing, "index", "A file of the release was never logged for this stream.");
  must(values[fixed - 1] === null, "yanked", "The release was withdrawn by its publisher.");
  if (rest.length === 0) return "The index holds the release and its files, and no withdrawal of it.";
  must(latest !== null && latest >= seq, "ladder", "The latest statement of the stream is older than this release.");
  report.facts.isLatest = latest === seq;
  const said = latest === seq ? "and it is the latest of its stream" : "but it is not the latest of its stream";
  return `The index holds the release and its files, no withdrawal of it, ${said}.`;
}
