// Keys and policies that a page verifies with. They come from this node, and pages say so: who wants
// to rely on none of its words compares them with what other auditors say, or pastes a policy.

import { toHex } from "../verify/bytes.js";
import { checkGenesis } from "../verify/head.js";
import { isSatisfied, parsePolicy, witnesses } from "../verify/policy.js";
import { verify } from "../verify/report.js";
import { ask } from "./ask.js";

/** How old a head may be for a look-up, in seconds. [POL-18] */
export const MAX_AGE = 86_400;
/** How old a head may be for a release. */
export const MAX_AGE_RELEASE = 7 * 86_400;

let known = null;
/** What the newest answer was. */
let ring = null;

/**
 * What this node tells: `{logs: [{origin, hash, url, vkeys}], auditor: {name, vkey, watch_vkey},
 * policy}`, the policy as text.
 */
export async function keyring({ isFresh = false } = {}) {
  if (isFresh) known = null;
  known ??= ask("/verify.json", { json: true }).catch((error) => {
    known = null;
    throw error;
  });
  ring = await known;
  return ring;
}

/**
 * Whose a policy is, `words`, and why what it accepts is worth little, `caution`: null where the reader
 * gave it, or where no auditor meets it alone.
 */
export function ownerOf(policyText) {
  if (ring === null || policyText.trim() !== ring.policy.trim()) return { words: "your policy", caution: null };
  const words = ring.is_own_policy ? "the policy that this auditor's operator chose" : "this page's own example of a policy";
  const policy = parsePolicy(policyText);
  const caution = (why) => `This goes by ${words}, not by yours, and ${why}. Paste the policy that you use elsewhere to rely on more.`;
  if (policy.quorum === null) return { words, caution: caution("it asks no auditor at all") };
  const alone = witnesses(policy).filter((each) => isSatisfied(policy.quorum, new Set([each.name])));
  if (alone.length === 0) return { words, caution: null };
  const isOwn = alone.every((each) => each.key.name === ring.auditor.name);
  return { words, caution: caution(isOwn ? `it asks for one auditor only: ${ring.auditor.name}, which shows you this page` : "one auditor alone meets it") };
}

const genesis = new Map();

/** The clock's time in seconds. */
export function now() {
  return Date.now() / 1000;
}

/** What `verify/head.js` calls a context, without a genesis. */
export function contextOf(policyText, maxAge = MAX_AGE) {
  return { policy: parsePolicy(policyText), whose: ownerOf(policyText).words, now: now(), maxAge, since: null, genesis: null };
}

/**
 * The genesis of a log, asked from the log itself, verified and kept while the page lives:
 * `{genesis, result}`, the genesis null where it did not verify.
 */
export async function genesisOf(log, policyText) {
  const kept = genesis.get(log.origin);
  if (kept !== undefined) return kept;
  const bytes = await ask(`${base(log.url)}v1/genesis`);
  let found = null;
  const result = await verify("genesis", async (report) => {
    found = await checkGenesis(report, bytes, contextOf(policyText));
  });
  const answer = { genesis: result.verdict === "verified" ? found : null, result };
  if (answer.genesis !== null) genesis.set(log.origin, answer);
  return answer;
}

/** A log's address with one slash at its end. */
export function base(url) {
  return url.endsWith("/") ? url : `${url}/`;
}

const headName = (origin) => `plainsight.head.${origin}`;

/** The head of a log that this browser verified last, or null. */
export function rememberedHead(origin) {
  try {
    const { size, root } = JSON.parse(localStorage.getItem(headName(origin)));
    return { size: BigInt(size), root: Uint8Array.from(root.match(/../g), (byte) => Number.parseInt(byte, 16)) };
  } catch {
    return null;
  }
}

/** Remembers a head that passed every step. */
export function rememberHead(origin, { size, root }) {
  localStorage.setItem(headName(origin), JSON.stringify({ size: size.toString(), root: toHex(root) }));
}
