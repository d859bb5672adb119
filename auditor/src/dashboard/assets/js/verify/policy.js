// Whom a reader trusts. Chapter `policy`; C2SP tlog-policy.

import { asBytes, fromUtf8, utf8 } from "./bytes.js";
import { quote } from "./checkpoint.js";
import { verifyCosignature } from "./cosignature.js";
import { verifies } from "./ed25519.js";
import { COSIGNATURE, ED25519, ML_DSA, keyOf, parseVkey } from "./note.js";
import { must } from "./refusal.js";

/** The longest policy, in bytes. [POL-1] */
export const MAX_POLICY = 1 << 20;
/** The most logs, witnesses and groups of each. */
export const MAX_MEMBERS = 256;

/**
 * A policy file: `{logs: [{key, url}], members: Map, quorum}`. A member is a witness
 * `{name, key, url}` or a group `{name, threshold, members}`; `quorum` is a member, or null for none.
 */
export function parsePolicy(input) {
  const bytes = asBytes(input);
  must(bytes.length <= MAX_POLICY, "too-long", "The policy is longer than 1 MiB.");
  const text = fromUtf8(bytes, "The policy");
  must(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text), "policy", "The policy has a control character.");
  must(text === "" || text.endsWith("\n"), "policy", "The last line of the policy does not end."); // [POL-2]
  const policy = { logs: [], members: new Map(), quorum: undefined };
  const taken = new Set();
  for (const line of text.split("\n")) {
    const fields = line.split(/[ \t]+/).filter((field) => field !== "");
    if (fields.length === 0 || fields[0].startsWith("#")) continue;
    directive(policy, taken, fields);
  }
  must(policy.quorum !== undefined, "policy", "The policy has no quorum line."); // [POL-7]
  return policy;
}

function directive(policy, taken, fields) {
  const [word, ...rest] = fields;
  if (word === "log") return log(policy, rest);
  if (word === "witness") return witness(policy, rest);
  if (word === "group") return group(policy, taken, rest);
  must(word === "quorum", "policy", `The policy has an unknown line: ${quote(word)}.`); // [POL-3]
  must(rest.length === 1, "policy", "A quorum line names one member or none.");
  must(policy.quorum === undefined, "policy", "The policy has two quorum lines.");
  policy.quorum = rest[0] === "none" ? null : member(policy, rest[0]);
  return undefined;
}

function log(policy, [vkey, url, ...more]) {
  must(vkey !== undefined && more.length === 0, "policy", "A log line is not of the form log <vkey> [<url>].");
  const key = parseVkey(vkey);
  must(key.type === ED25519 || key.type === ML_DSA, "policy", "The key of a log is of another type."); // [POL-4]
  unique(policy.logs.map((other) => other.key), key);
  must(policy.logs.length < MAX_MEMBERS, "policy", "The policy has too many logs.");
  policy.logs.push({ key, url: url ?? null });
}

function witness(policy, [name, vkey, url, ...more]) {
  must(vkey !== undefined && more.length === 0, "policy", "A witness line is not of the form witness <name> <vkey> [<url>].");
  const key = parseVkey(vkey);
  must(key.type === COSIGNATURE || key.type === ML_DSA, "policy", "The key of a witness is of another type.");
  unique(witnesses(policy).map((other) => other.key), key);
  define(policy, { name, key, url: url ?? null });
}

function group(policy, taken, [name, threshold, ...names]) {
  must(names.length > 0, "policy", "A group has no members.");
  const count = names.length;
  const k = threshold === "all" ? count : threshold === "any" ? 1 : number(threshold);
  must(k >= 1 && k <= count, "policy", "A group asks for fewer than one or more than all of its members."); // [POL-9]
  const members = names.map((each) => {
    const found = member(policy, each);
    must(!taken.has(each), "policy", `${quote(each)} is a member twice.`); // [POL-8]
    taken.add(each);
    return found;
  });
  define(policy, { name, threshold: k, members });
}

function number(text) {
  must(/^[1-9][0-9]{0,3}$/.test(text), "policy", "The threshold of a group is not a number.");
  return Number(text);
}

function member(policy, name) {
  must(policy.members.has(name), "policy", `${quote(name)} is not defined on an earlier line.`);
  return policy.members.get(name);
}

function define(policy, entry) {
  must(entry.name !== "none" && !policy.members.has(entry.name), "policy", `${quote(entry.name)} is taken.`); // [POL-6]
  const alike = [...policy.members.values()].filter((other) => "key" in other === "key" in entry);
  must(alike.length < MAX_MEMBERS, "policy", "The policy has too many witnesses or groups.");
  policy.members.set(entry.name, entry);
}

function unique(keys, key) {
  const twice = keys.some((other) => other.key.join() === key.key.join());
  must(!twice, "policy", "The policy has one public key twice."); // [POL-5]
}

/** The witnesses that a policy lists. */
export function witnesses(policy) {
  return [...policy.members.values()].filter((each) => "key" in each);
}

/** Whether a member is satisfied when these witnesses (a set of names) cosigned. [POL-13] */
export function isSatisfied(entry, cosigned) {
  if (entry === null) return true;
  if ("key" in entry) return cosigned.has(entry.name);
  return entry.members.filter((each) => isSatisfied(each, cosigned)).length >= entry.threshold;
}

/**
 * Verifies every line by a listed witness. Returns the latest time of each, by name. [POL-11]
 * [POL-14] [POL-15]
 */
export async function verifyCosignatures(checkpoint, policy) {
  const listed = witnesses(policy);
  const keys = listed.map((each) => each.key);
  const times = new Map();
  for (const line of checkpoint.note.lines) {
    const key = keyOf(line, keys);
    if (key === null || key.type === ML_DSA) continue;
    const time = await verifyCosignature(line, key, checkpoint.note.text);
    const { name } = listed[keys.indexOf(key)];
    if (!times.has(name) || times.get(name) < time) times.set(name, time);
  }
  return times;
}

/** Refuses cosignatures that do not satisfy the quorum of a policy, said to be `whose`. [POL-12] */
export function requireQuorum(policy, times, whose = "your policy") {
  const satisfied = isSatisfied(policy.quorum, new Set(times.keys()));
  must(satisfied, "quorum", `The auditors who vouch for this head are not enough for ${whose}: ${names(times)}.`);
}

function names(times) {
  return times.size === 0 ? "none that it knows" : [...times.keys()].map(quote).join(", ");
}

/** The time t of a checkpoint in POSIX seconds, or null if there is none. [POL-16] [POL-17] */
export function freshestTime(policy, times) {
  if (policy.quorum === null) return null;
  const ascending = [...times.values()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const time of ascending.reverse()) {
    const since = [...times].filter(([, at]) => at >= time).map(([name]) => name);
    if (isSatisfied(policy.quorum, new Set(since))) return time;
  }
  return null;
}

/** Refuses a time that is too old, or too far ahead. `now`, `maxAge`: seconds; `skewMs`. [POL-18] */
export function requireFresh(time, { now, maxAge, skewMs }) {
  must(time !== null, "freshness", "Nobody vouches for the time of this head, so it may be of any age.");
  const ageMs = (BigInt(Math.floor(now)) - time) * 1000n;
  must(ageMs <= BigInt(maxAge) * 1000n, "freshness", `The auditors last vouched for this head ${ageMs / 1000n} seconds ago.`);
  must(-ageMs <= BigInt(skewMs), "freshness", "The auditors' clocks are ahead of yours.");
}

/** Whether the log's keys of a policy and a log signature agree; see `verifyLogSignature`. */
export function logKeys(policy) {
  return policy.logs.map((each) => each.key);
}

/** Which line of a note is by whom, one row a line, for people; nothing is refused. */
export async function inspectLines(checkpoint, policy) {
  const listed = witnesses(policy);
  const rows = [];
  for (const line of checkpoint.note.lines) {
    const log = keyOf(line, logKeys(policy).filter((key) => key.name === checkpoint.origin));
    const key = log ?? keyOf(line, listed.map((each) => each.key));
    rows.push({ name: line.name, known: key !== null, ...(await inspect(line, key, checkpoint)) });
  }
  return rows;
}

async function inspect(line, key, checkpoint) {
  if (key === null || key.type === ML_DSA) return { result: "not_checked", time: null };
  try {
    if (key.type === COSIGNATURE) {
      return { result: "ok", time: await verifyCosignature(line, key, checkpoint.note.text) };
    }
    const holds = await verifies(key.key, line.signature, utf8(checkpoint.note.text));
    return { result: holds ? "ok" : "failed", time: null };
  } catch (error) {
    return { result: error.name === "unsupported" ? "not_checked" : "failed", time: null };
  }
}
