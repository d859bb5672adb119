// The head of an answer, and the genesis. Chapter `head`.
//
// A context says what the reader holds: `policy`; `now` in POSIX seconds; `maxAge` in seconds;
// `genesis` (parsed) or null where it is not known yet; `since`, the head that the reader remembers
// (`{size, root}`), null if it has none, or undefined if it is not known what was asked.

import { fromBase64 } from "./bytes.js";
import { describeHead, parseCheckpoint, quote, verifyLogSignature } from "./checkpoint.js";
import { MAX_ENTRY, parseEntry, parseEpoch } from "./entry.js";
import { exactly, list, parseJson, text } from "./json.js";
import { leafHash, verifyConsistency, verifyInclusion } from "./merkle.js";
import { freshestTime, logKeys, requireFresh, requireQuorum, verifyCosignatures } from "./policy.js";
import { NOT_CHECKED } from "./report.js";
import { must } from "./refusal.js";
import { formatTime } from "./time.js";

/** The longest answer of a log, in bytes. */
export const MAX_ANSWER = 16 << 20;
/** The longest proof of the log's tree, in hashes. */
export const MAX_PROOF = 130;
/** The members of every head; `consistency` may be there too. */
export const HEAD_MEMBERS = ["checkpoint", "epoch", "epoch_proof"];

/** The hashes of a proof in JSON. */
export function parseProof(value, what) {
  return list(value, 0, MAX_PROOF, what, (each) => fromBase64(each, 32));
}

/** An entry in JSON. */
export function entryBytes(value) {
  return fromBase64(value, MAX_ENTRY);
}

/**
 * Verifies a checkpoint by itself: the log's signature, the quorum, the freshness. `context.whose` says
 * whose the policy is, in words, if it is not the reader's own. Returns the times at which auditors vouched for it, and `t`, in POSIX seconds.
 */
export async function checkCheckpoint(report, checkpoint, context) {
  const { policy } = context;
  await report.step("log-signature", async () => {
    await verifyLogSignature(checkpoint, logKeys(policy));
    return `The log ${quote(checkpoint.origin)} signed this head (${describeHead(checkpoint)}).`;
  });
  let times = null;
  await report.step("quorum", async () => {
    const found = await verifyCosignatures(checkpoint, policy);
    const whose = context.whose ?? "your policy";
    requireQuorum(policy, found, whose);
    times = found;
    if (policy.quorum === null) return `No auditor is asked for by ${whose}, which so relies on the log's word alone.`;
    return `Enough auditors for ${whose} vouch for it: ${[...found.keys()].map(quote).join(", ")}.`;
  });
  if (times === null) {
    report.add("freshness", NOT_CHECKED, "Without the auditors' signatures nothing is known about its age.");
    return { times: new Map(), t: null };
  }
  const t = freshestTime(policy, times);
  await report.step("freshness", () => {
    const skewMs = context.genesis?.maxClockSkewMs ?? 3_600_000;
    requireFresh(t, { now: context.now, maxAge: context.maxAge, skewMs });
    return `They vouched for it at ${formatTime(t)}, which is recent enough.`;
  });
  return { times, t };
}

/** Verifies the head of an answer, and returns `{checkpoint, epoch, t, times}`. */
export async function checkHead(report, answer, context) {
  let checkpoint;
  let epochBytes;
  await report.step("head", () => {
    checkpoint = parseCheckpoint(text(answer.checkpoint, "checkpoint"));
    epochBytes = entryBytes(answer.epoch);
    must(checkpoint.extensions.length === 0, "checkpoint", "The log wrote extension lines."); // [CHK-8]
    const { genesis } = context;
    must(!genesis || genesis.origin === checkpoint.origin, "origin", "The answer is about another log.");
    return "The answer begins with a head, as every answer of a log does.";
  });
  const { times, t } = await checkCheckpoint(report, checkpoint, context); // [HEAD-2] [HEAD-3]
  await checkConsistency(report, checkpoint, answer, context);
  let epoch;
  await report.step("epoch", () => {
    const { size, root } = checkpoint;
    must(size >= 2n, "epoch", "The log is too small to end at an epoch.");
    const proof = parseProof(answer.epoch_proof, "epoch_proof");
    verifyInclusion({ index: size - 1n, size, leaf: leafHash(epochBytes), proof, root });
    epoch = parseEpoch(epochBytes);
    requireEpochTime(epoch, t, context.genesis);
    return `The last entry is an epoch, which states the index (${epoch.indexSize} places).`;
  });
  return { checkpoint, epoch, t, times };
}

/** Refuses an epoch whose time is later than t by more than the skew. [HEAD-5] [POL-19] */
export function requireEpochTime(epoch, t, genesis) {
  if (t === null || !genesis) return;
  const limit = t * 1000n + 999n + BigInt(genesis.maxClockSkewMs);
  must(epoch.timeMs <= limit, "epoch", "The last epoch is later than the auditors who vouch for it.");
}

// [HEAD-4]
async function checkConsistency(report, checkpoint, answer, { since }) {
  if (since === undefined && answer.consistency !== undefined) {
    report.add("consistency", NOT_CHECKED, "It carries a proof from an earlier head that this page does not know.");
    return;
  }
  if (!since) {
    if (answer.consistency !== undefined) {
      await report.step("consistency", () => must(false, "consistency", "The log sent a proof that nobody asked for."));
    }
    report.limit("It was not compared with an earlier head, because none of this log was seen before.");
    return;
  }
  await report.step("consistency", () => {
    const proof = parseProof(answer.consistency, "consistency");
    const { size, root } = checkpoint;
    verifyConsistency({ older: since.size, olderRoot: since.root, newer: size, newerRoot: root, proof });
    return `It extends the head of size ${since.size} that this page remembers.`;
  });
}

/** Verifies the answer of `/v1/genesis`, and returns the parsed genesis, or null. [HEAD-6] */
export async function checkGenesis(report, bytes, context) {
  let answer;
  let genesis;
  await report.step("genesis", () => {
    answer = parseJson(bytes, MAX_ANSWER, "The genesis answer");
    exactly(answer, [...HEAD_MEMBERS, "entry", "inclusion"], ["consistency"], "The genesis answer");
    const entry = parseEntry(entryBytes(answer.entry));
    must(entry.kind === "genesis", "genesis", "The log's first entry is no genesis.");
    genesis = entry;
    return "The log's terms are well-formed.";
  });
  const { checkpoint } = await checkHead(report, answer, { ...context, genesis });
  await report.step("genesis", () => {
    verifyInclusion({
      index: 0n,
      size: checkpoint.size,
      leaf: leafHash(entryBytes(answer.entry)),
      proof: parseProof(answer.inclusion, "inclusion"),
      root: checkpoint.root,
    });
    return "They are the log's first entry.";
  });
  return genesis;
}
