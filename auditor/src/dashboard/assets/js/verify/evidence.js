// Evidence: files that convict a log, checked by a stranger. Chapter `evidence`.

import { base64Exactly, concat, equal, fromBase64, toHex, utf8 } from "./bytes.js";
import { describeHead, parseCheckpoint, quote, verifyLogSignature } from "./checkpoint.js";
import { parseEntry, parseEpoch } from "./entry.js";
import { MAX_PROOF, entryBytes, parseProof } from "./head.js";
import { ascending, parseIndexProof, parseTransition, verifyIndexProof, verifyTransition } from "./index.js";
import { exactly, has, integer, list, parseJson, text } from "./json.js";
import { Frontier, leafHash, verifyConsistency, verifyInclusion } from "./merkle.js";
import { ED25519, parseVkey } from "./note.js";
import { Refusal, Unproven, Unsupported, must } from "./refusal.js";
import { verify } from "./report.js";
import { Replay, changed, lacking } from "./rules.js";
import { sha256 } from "./sha256.js";
import { seqIndex } from "./statement.js";

/** `format` of evidence. */
export const FORMAT = "plainsight-evidence/v1";
/** The longest evidence, in bytes. */
export const MAX_EVIDENCE = 64 << 20;
const MAX_ENTRIES = 100_000;
const COMMON = ["format", "kind", "rule", "log_key"];

const KINDS = {
  fork: { required: ["first", "second"], optional: [], prove: proveFork },
  extension: { required: ["older", "newer", "root", "consistency"], optional: [], prove: proveExtension },
  end: { required: ["checkpoint"], optional: ["entry", "inclusion"], prove: proveEnd },
  interval: {
    required: ["checkpoint", "start", "before", "entries", "consistency"],
    optional: ["from", "genesis", "known", "searched", "proof", "transition"],
    prove: proveInterval,
  },
};

/** Verifies evidence. It needs no policy: the log's key is in the file, and is the one convicted. */
export function verifyEvidence(bytes) {
  return verify("evidence", async (report) => {
    let value;
    let key;
    let kind;
    await report.step("parse", () => {
      value = has(parseJson(bytes, MAX_EVIDENCE, "The evidence"), COMMON, "The evidence");
      must(value.format === FORMAT, "evidence", "The evidence is of another format.");
      must(Object.hasOwn(KINDS, value.kind), "evidence", "The evidence is of an unknown kind.");
      kind = KINDS[value.kind];
      exactly(value, [...COMMON, ...kind.required], kind.optional, "The evidence");
      key = parseVkey(text(value.log_key, "log_key"));
      must(key.type === ED25519, "evidence", "The key in the file is not a log's.");
      return `The file accuses the holder of ${quote(key.text)} of breaking the rule ${quote(text(value.rule, "rule"))}.`;
    });
    report.facts = { kind: value.kind, rule: value.rule, logKey: key.text, origin: key.name, id: toHex(sha256(bytes)) };
    const proven = await kind.prove(report, value, key);
    if (proven === null) {
      report.skip("rule");
      return;
    }
    await report.step("rule", () => {
      must(proven === value.rule, "rule", `The file shows that ${quote(proven)} was broken, and names another rule.`); // [EV-2]
      return `The log broke the rule ${quote(proven)}.`;
    });
    report.limit("The file names the holder of the key in it. Whether that key is your log's you must know from elsewhere.");
  });
}

/** A checkpoint in the file that the accused key signed. [EV-1] */
async function signedHead(report, value, key) {
  let checkpoint;
  await report.step("log-signature", async () => {
    checkpoint = parseCheckpoint(text(value, "A checkpoint"));
    must(checkpoint.origin === key.name, "evidence", "A checkpoint in the file is of another log.");
    await verifyLogSignature(checkpoint, [key]);
    return `The accused key signed the head of ${describeHead(checkpoint)}.`;
  });
  // Without the signature, the rest is still worth a look; the verdict says that it was not checked.
  return checkpoint;
}

async function proveFork(report, value, key) {
  const first = await signedHead(report, value.first, key);
  const second = await signedHead(report, value.second, key);
  await report.step("fork", () => {
    const differ = first.size === second.size && !equal(first.root, second.root); // [EV-3]
    must(differ, "nothing", "The two heads do not contradict each other.");
    return `Two heads of size ${first.size} have different roots: two histories were signed.`;
  });
  return "fork";
}

async function proveExtension(report, value, key) {
  const older = await signedHead(report, value.older, key);
  const newer = await signedHead(report, value.newer, key);
  await report.step("extension", () => {
    const root = base64Exactly(value.root, 32, "root");
    must(older.size > 0n && older.size <= newer.size, "nothing", "The sizes of the two heads show nothing.");
    must(!equal(root, older.root), "nothing", "The newer head contains the older one.");
    const proof = parseProof(value.consistency, "consistency");
    verifyConsistency({ older: older.size, olderRoot: root, newer: newer.size, newerRoot: newer.root, proof }); // [EV-4]
    return `Under the newer head the first ${older.size} entries have another root than the older head signed: history was rewritten.`;
  });
  return "extension";
}

async function proveEnd(report, value, key) {
  const checkpoint = await signedHead(report, value.checkpoint, key);
  await report.step("end", () => {
    const { size, root } = checkpoint;
    const isSmall = size < 2n;
    const given = (value.entry !== undefined) === size > 1n && (value.inclusion !== undefined) === size > 1n;
    must(given, "evidence", "The last entry is missing, or given where there is none.");
    if (isSmall) return `The log signed a head of size ${size}, which no log of this protocol has.`;
    const entry = entryBytes(value.entry);
    const proof = parseProof(value.inclusion, "inclusion");
    verifyInclusion({ index: size - 1n, size, leaf: leafHash(entry), proof, root });
    must(!isEpoch(entry), "nothing", "The head ends at an epoch, as it must."); // [EV-5]
    return "The log signed a head that does not end at an epoch.";
  });
  return "end";
}

function isEpoch(entry) {
  return entry.length === 49 && entry[0] === 0x01;
}

async function proveInterval(report, value, key) {
  const checkpoint = await signedHead(report, value.checkpoint, key);
  const start = BigInt(integer(value.start, Number.MAX_SAFE_INTEGER, "start"));
  const entries = [];
  await report.step("inclusion", () => {
    must(Array.isArray(value.entries) && value.entries.length > 0, "evidence", "The file has no entries.");
    if (value.entries.length > MAX_ENTRIES) throw new Unsupported("The file is too large for this page; use the command line.");
    entries.push(...value.entries.map(entryBytes));
    const before = list(value.before, 0, 63, "before", (each) => fromBase64(each, 32));
    must(before.every((hash) => hash.length === 32), "evidence", "A hash in the file is not 32 bytes long.");
    const tree = new Frontier(start, before);
    for (const entry of entries) tree.push(leafHash(entry));
    const proof = list(value.consistency, 0, MAX_PROOF, "consistency", (each) => fromBase64(each, 32));
    const { size, root } = checkpoint;
    verifyConsistency({ older: tree.size, olderRoot: tree.root(), newer: size, newerRoot: root, proof }); // [EV-6]
    return `The ${entries.length} entries from position ${start} on are in the log as the accused key signed it.`;
  });
  if (entries.length === 0) return null;
  const interval = new Interval({ value, checkpoint, start, entries });
  let rule = null;
  await report.step("judgement", async () => {
    await interval.prepare();
    rule = await interval.judge();
    must(rule !== null, "nothing", "The last entry of the file breaks no rule."); // [EV-13]
    return `Entry ${start + BigInt(entries.length) - 1n} breaks the rule ${quote(rule)}.`;
  });
  if (value.from !== undefined) {
    report.limit("The file does not show that the epoch it starts from is itself right; if it is not, the log broke a rule there instead.");
  }
  return rule;
}

/** The entries of an interval, with what was in the index before them. */
class Interval {
  constructor({ value, checkpoint, start, entries }) {
    Object.assign(this, { value, checkpoint, start, entries });
    this.values = new Map();
    this.known = new Map();
    this.first = 0;
    this.base = null;
  }

  async prepare() {
    const { value, start } = this;
    const has = (name) => value[name] !== undefined;
    const together = ["known", "searched", "proof"].every((name) => has(name) === has("from"));
    must(together, "evidence", "The file has a part without the epoch that it belongs to.");
    if (!has("from")) {
      must(start === 0n, "evidence", "The file starts in the middle of the log without an epoch.");
      must(!has("transition") && !has("genesis"), "evidence", "The file has a part without the epoch that it belongs to.");
      return;
    }
    const from = BigInt(integer(value.from, Number.MAX_SAFE_INTEGER, "from"));
    const at = Number(from - start);
    must(from >= start && at < this.entries.length - 1, "evidence", "The epoch that the file starts from is not among its entries.");
    const epoch = parseEpoch(this.entries[at]);
    const searches = list(value.searched, 0, 4096, "searched", (each) => base64Exactly(each, 32, "A searched index"));
    const sorted = ascending(searches).every((index, i) => equal(index, searches[i]));
    must(sorted && new Set(value.searched).size === searches.length, "evidence", "The searched indexes do not ascend.");
    const found = verifyIndexProof(parseIndexProof(value.proof), searches, epoch.indexRoot); // [EV-7]
    searches.forEach((index, i) => this.values.set(toHex(index), found[i]));
    for (const bytes of list(value.known, 0, MAX_ENTRIES, "known", entryBytes)) this.known.set(toHex(leafHash(bytes)), bytes);
    this.first = at + 1;
    this.base = {
      epoch,
      isClosed: this.closedAt(at),
      lookup: (index) => this.lookup(index),
      statementOf: (leaf) => this.statementOf(leaf),
      keys: () => this.keys(),
    };
  }

  // [EV-12]
  closedAt(at) {
    if (at === 0) return false;
    try {
      const entry = parseEntry(this.entries[at - 1]);
      return entry.kind === "close" && entry.next !== this.checkpoint.origin;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  lookup(index) {
    const name = toHex(index);
    if (!this.values.has(name)) throw lacking("what the index held at a place that matters");
    return this.values.get(name);
  }

  // [EV-9]
  statementOf(leaf) {
    const bytes = this.known.get(toHex(leaf));
    if (bytes === undefined) throw lacking("an entry that the index names");
    const entry = parseEntry(bytes);
    if (entry.kind !== "statement") throw lacking("a statement that the index names");
    return entry.statement;
  }

  // [EV-10]
  async keys() {
    if (this.value.genesis === undefined) throw lacking("the genesis");
    const genesis = exactly(this.value.genesis, ["entry", "inclusion"], [], "genesis");
    const bytes = entryBytes(genesis.entry);
    const { size, root, origin } = this.checkpoint;
    const proof = parseProof(genesis.inclusion, "inclusion");
    verifyInclusion({ index: 0n, size, leaf: leafHash(bytes), proof, root });
    const roles = validRoles(bytes, origin);
    if (roles === null) return null;
    let inForce = roles;
    const stream = utf8("publisher-keys");
    for (let seq = 0; ; seq += 1) {
      const leaf = this.lookup(seqIndex(stream, seq));
      if (leaf === null) return inForce;
      const statement = this.statementOf(leaf);
      if (statement.kind !== "publisher-keys") throw lacking("the statements that changed the keys");
      inForce = changed(inForce, statement);
    }
  }

  async judge() {
    const { checkpoint, entries, value } = this;
    const last = entries.length - 1;
    const replay = new Replay(checkpoint.origin, this.base);
    const offenderIsEpoch = isEpoch(entries[last]);
    must(this.base === null || (value.transition !== undefined) === offenderIsEpoch, "evidence", "The file lacks a transition, or has one for no epoch.");
    for (let i = this.first; i < last; i += 1) {
      if (this.base !== null && isEpoch(entries[i])) throw new Unproven("An epoch inside the interval cannot be judged, so the file proves nothing."); // [EV-11]
      await replay.judge(entries[i], this.start + BigInt(i));
    }
    const position = this.start + BigInt(last);
    if (this.base === null) return replay.judge(entries[last], position);
    return replay.judge(entries[last], position, () => this.rootAfter(replay.insertions()));
  }

  rootAfter(inserted) {
    const transition = parseTransition(this.value.transition);
    const values = concat(...inserted.map((each) => each.value));
    must(equal(concat(...transition.values), values), "evidence", "The transition inserts something else than the entries do.");
    return verifyTransition(transition, inserted.map((each) => each.index), this.base.epoch.indexRoot);
  }
}

function validRoles(bytes, origin) {
  try {
    const entry = parseEntry(bytes);
    return entry.kind === "genesis" && entry.origin === origin ? entry.roles : null;
  } catch (error) {
    if (error instanceof Refusal && !(error instanceof Unsupported)) return null;
    throw error;
  }
}
