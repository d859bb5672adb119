// Bundles of releases, and the files that lie beside them: hashed in the page, compared, never sent.

import { toHex } from "../verify/bytes.js";
import { verifyBundle } from "../verify/bundle.js";
import { MAX_FILE, recognise } from "../verify/recognise.js";
import { digest, facts, make } from "./dom.js";
import { hashFile } from "./hash.js";
import { MAX_AGE_RELEASE, contextOf, ownerOf } from "./keyring.js";
import { resultView } from "./result.js";
import { describeStatement } from "./show.js";

/** Reads a file: `{name, size, digest, kind, bytes}`; `kind` null for what is only hashed, however long. */
export async function weigh(file, isArtifact) {
  const weighed = { name: file.name, size: file.size, digest: await hashFile(file, () => {}), kind: null, bytes: null };
  if (isArtifact || file.size > MAX_FILE) return weighed;
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { ...weighed, kind: recognise(bytes), bytes };
}

const isLoose = (file) => file.kind === null || file.kind === "unknown";

/**
 * A bundle and what lies beside it: `{view, files, isRead, isHeld}`, the files being those that it
 * speaks of, if it could be read at all. With several bundles (`isOnly` false) a file that is not of
 * this one may be another's.
 */
export async function inspectBundle(bundle, others, policyText, isOnly) {
  const result = await verifyBundle(bundle.bytes, contextOf(policyText, MAX_AGE_RELEASE));
  const { release } = result.facts;
  const listed = new Set(release?.subjects.map((subject) => toHex(subject.digest)));
  const files = others.filter((file) => listed.has(file.digest) || (isOnly && isLoose(file)));
  const isHeld = result.verdict === "verified";
  compare(result, files, listed, release);
  const isForAll = release?.fields.audience === "all";
  const view = resultView(result, {
    title: isForAll ? "Your file is the one that everybody was given" : "Your file is in the log, and it is not for everybody",
    sentence: isForAll ? "It is byte for byte a file of this release, which is logged for everybody alike." : "It is byte for byte a file of this release, which is logged for some people only: ask why you are among them.",
    waiting: { title: "The bundle holds; now compare your file", sentence: "Choose the file itself too, in the second field above. Until then this says nothing about what you were given." },
    failed: files.some((file) => !listed.has(file.digest)) ? "Your file is not of this release" : undefined,
    next: "Do not install what came with this bundle; get the file and its bundle again, from somewhere else.",
    caution: ownerOf(policyText).caution ?? (isForAll ? null : ""),
    body: release ? [describeStatement(release)] : [],
  });
  return { view, files: release ? files : [], isRead: release !== undefined, isHeld };
}

/** Adds the step about the files, which no verdict is whole without. */
function compare(result, files, listed, release) {
  if (release === undefined) return;
  for (const file of files) {
    const isListed = listed.has(file.digest);
    const sentence = isListed ? `“${file.name}” (SHA-256 ${file.digest}) is one of this release.` : `“${file.name}” (SHA-256 ${file.digest}) is not one of this release.`;
    result.steps.push({ step: "file", result: isListed ? "ok" : "failed", sentence, name: isListed ? null : "file" });
    if (!isListed) result.verdict = "failed";
  }
  if (files.length > 0) return;
  result.steps.push({ step: "file", result: "not_checked", sentence: "No file was given beside the bundle, so it is not known whether yours is one of this release.", name: null });
  if (result.verdict === "verified") result.verdict = "not_verified";
}

/** A file without a bundle that speaks of it. */
export function looseFile(file, hasBundles) {
  const link = make("a", { href: `/search?q=${file.digest}` }, "ask this auditor which release has it");
  const sentence = hasBundles
    ? make("p", { class: "sentence" }, "It is none of the files that the bundles beside it speak of. Do not install it as one of them.")
    : make("p", {}, "Add the bundle of its release to compare the two here, or ", link, ", which sends it this digest and nothing else.");
  return make("div", { class: hasBundles ? "banner bad" : "empty", "data-loose": String(file.digest), role: hasBundles ? "alert" : null }, make("div", {}, sentence, facts([["Length", `${file.size} bytes`], ["SHA-256, hashed in this page", digest(file.digest)]])));
}
