// Look-ups and histories. Chapter `lookup`. Contexts are those of `head.js`, with the genesis and
// the `label` that was asked for, in bytes.

import { equal, fromBase64 } from "./bytes.js";
import { commitmentOf, verifyCommitment } from "./commitment.js";
import { parseEntry, parseEpoch } from "./entry.js";
import { HEAD_MEMBERS, MAX_ANSWER, checkHead, entryBytes, parseProof } from "./head.js";
import { parseIndexProof, verifyIndexProof } from "./index.js";
import { exactly, integer, list, parseJson } from "./json.js";
import { continuity, verifyKeySet } from "./keyset.js";
import { describeLabel, vrfInput } from "./label.js";
import { ladderOf, requireLadder } from "./ladder.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { must } from "./refusal.js";
import { verify } from "./report.js";
import { formatTime } from "./time.js";
import { verifyVrf, vrfIndex } from "./vrf.js";

const MAX_VERSION = 2 ** 32 - 1;
/** The most versions of one history. [HISTORY-3] */
export const MAX_VERSIONS = 1000;

/** Verifies the answer of `/v1/lookup`. */
export function verifyLookup(bytes, context) {
  return verify("lookup", async (report) => {
    await checkLookup(report, bytes, context, null);
    limits(report);
  });
}

/** Verifies the answer of `/v1/history` for every version from `from` on. */
export function verifyHistory(bytes, context, from) {
  return verify("history", async (report) => {
    await checkLookup(report, bytes, context, from);
    limits(report);
  });
}

function limits(report) {
  report.limit("The log shows that these keys were published, not who holds them: compare a contact code or a safety number with the person.");
}

async function checkLookup(report, bytes, context, from) {
  const { genesis, label } = context;
  let answer;
  await report.step("parse", () => {
    answer = parseJson(bytes, MAX_ANSWER, "The answer");
    const isPresent = "version" in answer;
    const opened = from === null ? [] : ["opening", "key_set"];
    const latest = ["version", "entry", ...(from === null ? ["opening", "key_set"] : [])];
    const required = [...HEAD_MEMBERS, "vrf", "index", ...(isPresent ? latest : []), ...(from === null ? [] : ["versions"])];
    const optional = isPresent ? ["consistency", "logged", ...opened] : ["consistency"];
    exactly(answer, required, optional, "The answer");
    return "The answer has the members of a look-up.";
  });
  const head = await checkHead(report, answer, context);
  const latest = "version" in answer ? integer(answer.version, MAX_VERSION, "version") : null;
  const rungs = ladderOf(latest);
  const versions = [];
  const indexes = [];
  const derived = await report.step("vrf", async () => {
    const proofs = list(answer.vrf, rungs.length, rungs.length, "vrf", (each) => fromBase64(each, 80));
    for (const [i, rung] of rungs.entries()) indexes.push(await indexOf(genesis, label, rung.number, proofs[i]));
    if (from !== null) {
      versions.push(...list(answer.versions, 0, MAX_VERSIONS, "versions", parseVersion));
      for (const each of versions) indexes.push(await indexOf(genesis, label, each.version, each.vrf));
    }
    return `Each of the ${indexes.length} places follows from the label by the log's VRF key.`; // [LOOKUP-1]
  });
  if (!derived) {
    report.skip("index", "ladder", "commitment", "key-set");
    return;
  }
  let values;
  await report.step("index", () => {
    values = verifyIndexProof(parseIndexProof(answer.index), indexes, head.epoch.indexRoot); // [LOOKUP-2]
    return "The index that the auditors replayed holds, or lacks, each of them.";
  });
  await report.step("ladder", () => {
    requireLadder(latest, values.slice(0, rungs.length).map((value) => value !== null)); // [LOOKUP-3]
    if (latest === null) return `No key set of ${describeLabel(label)} was ever logged.`;
    return `Version ${latest} is the latest.`;
  });
  report.facts = { label: describeLabel(label), version: latest, size: head.checkpoint.size, origin: head.checkpoint.origin, t: head.t, vouching: [...head.times.keys()], head };
  if (latest !== null) await checkLatest(report, answer, context, values[rungs.findIndex((rung) => rung.number === latest)], head);
  if (from !== null) await checkVersions(report, { context, head, from, latest, versions, values: values.slice(rungs.length) });
}

async function indexOf(genesis, label, version, proof) {
  return vrfIndex(await verifyVrf(genesis.vrfKey, vrfInput(label, version), proof));
}

async function checkLatest(report, answer, context, value, head) {
  const { label, genesis } = context;
  const bytes = entryBytes(answer.entry);
  let entry;
  await report.step("entry", () => {
    entry = keyEntry(bytes, value); // [LOOKUP-4]
    return "The index holds the entry of that version.";
  });
  if (answer.key_set !== undefined || answer.opening !== undefined) {
    let keySet;
    const opened = { opening: fromBase64(answer.opening ?? "", 16), keySet: fromBase64(answer.key_set ?? "", 65_535) };
    await report.step("commitment", () => {
      verifyCommitment(entry.commitment, opened.opening, label, answer.version, opened.keySet); // [LOOKUP-5]
      return "The key set is the one that the entry commits to.";
    });
    await report.step("key-set", async () => {
      keySet = await namedKeySet(opened.keySet, label, answer.version, genesis); // [LOOKUP-6]
      return `The key set names this label and version, has ${keySet.keys.length} keys, and one of its identity keys signed it.`;
    });
    report.facts.keySet = keySet;
  }
  if (answer.logged === undefined) return;
  await report.step("logged", () => {
    const { entryPosition, epoch } = checkLogged(answer.logged, bytes, head.checkpoint); // [LOOKUP-7]
    report.facts.position = entryPosition;
    report.facts.loggedBy = Number(epoch.timeMs / 1000n);
    return `It is entry ${entryPosition} of the log, and was logged by ${formatTime(report.facts.loggedBy)} at the latest.`;
  });
}

function keyEntry(bytes, value) {
  const entry = parseEntry(bytes);
  must(entry.kind === "key", "index", "The entry is not one of a key.");
  must(value !== null && equal(value, leafHash(bytes)), "index", "The index holds another entry.");
  return entry;
}

async function namedKeySet(bytes, label, version, genesis) {
  const keySet = await verifyKeySet(bytes);
  must(equal(keySet.label, label) && keySet.version === version, "key-set", "The key set is of another label or version.");
  const refused = version === 0 && keySet.prev !== null && genesis.predecessor === null;
  must(!refused, "key-set", "The first key set claims to follow one before it."); // [KEYSET-16]
  return keySet;
}

function checkLogged(value, bytes, { size, root }) {
  const members = ["position", "inclusion", "epoch", "epoch_position", "epoch_inclusion"];
  exactly(value, members, [], "logged");
  const position = BigInt(integer(value.position, Number.MAX_SAFE_INTEGER, "position"));
  const epochPosition = BigInt(integer(value.epoch_position, Number.MAX_SAFE_INTEGER, "epoch_position"));
  must(epochPosition > position, "logged", "The epoch does not come after the entry.");
  const proof = parseProof(value.inclusion, "inclusion");
  verifyInclusion({ index: position, size, leaf: leafHash(bytes), proof, root });
  const epochProof = parseProof(value.epoch_inclusion, "epoch_inclusion");
  const epochEntry = entryBytes(value.epoch);
  verifyInclusion({ index: epochPosition, size, leaf: leafHash(epochEntry), proof: epochProof, root });
  return { entryPosition: position, epoch: parseEpoch(epochEntry) };
}

function parseVersion(value) {
  exactly(value, ["version", "vrf", "entry", "position", "inclusion"], ["opening", "key_set"], "A version");
  return {
    version: integer(value.version, MAX_VERSION, "version"),
    vrf: fromBase64(value.vrf, 80),
    entry: entryBytes(value.entry),
    opening: value.opening === undefined ? null : fromBase64(value.opening, 16),
    keySet: value.key_set === undefined ? null : fromBase64(value.key_set, 65_535),
    position: BigInt(integer(value.position, Number.MAX_SAFE_INTEGER, "position")),
    inclusion: parseProof(value.inclusion, "inclusion"),
  };
}

async function checkVersions(report, { context, head, from, latest, versions, values }) {
  const { label, genesis } = context;
  const { size, root } = head.checkpoint;
  const shown = [];
  await report.step("versions", async () => {
    const expected = latest === null ? 0 : Math.min(Math.max(latest - from + 1, 0), MAX_VERSIONS);
    const listed = versions.map((each) => each.version);
    const dense = listed.length === expected && listed.every((version, i) => version === from + i);
    must(dense, "hole", `There is a hole among the versions from ${from} on.`); // [HISTORY-3]
    let previous = null;
    for (const [i, each] of versions.entries()) {
      const isHeld = values[i] !== null && equal(values[i], leafHash(each.entry));
      must(isHeld, "decoy", `The entry shown as version ${each.version} is not the one that the index holds: a decoy.`); // [HISTORY-1]
      const entry = keyEntry(each.entry, values[i]);
      verifyInclusion({ index: each.position, size, leaf: leafHash(each.entry), proof: each.inclusion, root });
      must(each.opening !== null && each.keySet !== null, "withheld", `The keys of version ${each.version} are withheld.`);
      const commitment = commitmentOf(each.opening, label, each.version, each.keySet);
      must(equal(entry.commitment, commitment), "commitment", `The keys of version ${each.version} are not those logged.`);
      const keySet = await namedKeySet(each.keySet, label, each.version, genesis); // [HISTORY-2]
      const kind = previous === null && each.version > 0 ? "unknown" : await continuity(keySet, previous);
      shown.push({ version: each.version, position: each.position, keySet, continuity: kind });
      previous = keySet;
    }
    const resets = shown.filter((each) => each.continuity === "reset");
    const said = resets.length === 0 ? "" : ` ${resets.length} of them do not follow from the one before: a reset.`;
    return `All ${shown.length} versions from ${from} on are as logged.${said}`;
  });
  report.facts.versions = shown;
}
