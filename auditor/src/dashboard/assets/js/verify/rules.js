// The rules of the log, judged entry by entry. Chapter `rules`.
//
// What was before the entries at hand is a `base`: null if nothing was, else
// `{lookup, statementOf, keys, epoch, isClosed}`: `lookup(index)` gives the value there or null and
// refuses what it does not know; `statementOf(value)` the statement of a leaf hash; `keys()` the
// roles in force.

import { equal, toHex } from "./bytes.js";
import { countSigners } from "./dsse.js";
import { parseEntry } from "./entry.js";
import { ascending, minimalTree, nameOf } from "./index.js";
import { leafHash } from "./merkle.js";
import { Refusal, Unproven, Unsupported } from "./refusal.js";
import { ROLE_OF, digestSet, indexesOf, seqIndex, versionIndex } from "./statement.js";

/** The rules about entries, in the order in which they give a verdict. */
export const RULES = [
  "malformed",
  "genesis",
  "after-close",
  "namespace",
  "duplicate-index",
  "epoch-size",
  "epoch-root",
  "time",
  "signature",
  "seq",
  "prev",
  "version-conflict",
  "yank",
];
/** How many leaves of the index this page hashes for one file. */
const MAX_WORK = 2_000_000;

/** Judges entries in order. */
export class Replay {
  constructor(origin, base) {
    this.origin = origin;
    this.base = base;
    this.inserted = new Map();
    this.streams = new Map();
    this.roles = null;
    this.closed = base?.isClosed ? "ended" : "open";
    this.timeMs = base ? base.epoch.timeMs : 0n;
    this.work = 0;
  }

  /** What stands at an index: a leaf hash, or null. */
  lookup(index) {
    const own = this.inserted.get(nameOf(index));
    if (own !== undefined) return own.value;
    return this.base === null ? null : this.base.lookup(index);
  }

  /** Everything inserted since the base: `{index, value}`, ascending. */
  insertions() {
    const all = [...this.inserted.values()];
    const byName = new Map(all.map((each) => [nameOf(each.index), each]));
    return ascending(all.map((each) => each.index)).map((index) => byName.get(nameOf(index)));
  }

  /**
   * Judges the next entry and takes it in if it breaks no rule. Returns the first rule that it
   * breaks, or null. `rootAfter()` gives the root that an epoch should state.
   */
  async judge(bytes, position, rootAfter = () => this.wholeRoot()) {
    const entry = this.parse(bytes);
    if (entry === null) return "malformed";
    const broken = new Set();
    const isValidGenesis = entry.kind === "genesis" && position === 0n && entry.origin === this.origin;
    if (position === 0n ? !isValidGenesis : entry.kind === "genesis") broken.add("genesis");
    if (this.closed === "ended" || (this.closed === "closed" && entry.kind !== "epoch")) broken.add("after-close");
    const leaf = leafHash(bytes);
    if (entry.kind === "key") this.judgeKey(entry, broken);
    if (entry.kind === "epoch") this.judgeEpoch(entry, broken, rootAfter);
    if (entry.kind === "statement") await this.judgeStatement(entry.statement, broken);
    if (broken.size > 0) return RULES.find((rule) => broken.has(rule));
    await this.apply(entry, leaf);
    return null;
  }

  parse(bytes) {
    try {
      const entry = parseEntry(bytes);
      return entry.kind === "close" && entry.next === this.origin ? null : entry; // [ENTRY-19]
    } catch (error) {
      if (error instanceof Refusal && !(error instanceof Unsupported)) return null;
      throw error;
    }
  }

  judgeKey({ index }, broken) {
    if ((index[0] & 0x80) !== 0) broken.add("namespace"); // [RULE-6]
    if (this.lookup(index) !== null) broken.add("duplicate-index"); // [RULE-7]
  }

  judgeEpoch(epoch, broken, rootAfter) {
    const before = this.base === null ? 0n : this.base.epoch.indexSize;
    if (epoch.indexSize !== before + BigInt(this.inserted.size)) broken.add("epoch-size"); // [RULE-8]
    if (!equal(epoch.indexRoot, rootAfter())) broken.add("epoch-root"); // [RULE-9]
    if (epoch.timeMs < this.timeMs) broken.add("time"); // [RULE-10]
  }

  wholeRoot() {
    this.work += this.inserted.size;
    if (this.work > MAX_WORK) throw new Unsupported("The file is too large for this page; use the command line.");
    return minimalTree(0, [...this.inserted.values()]);
  }

  async judgeStatement(statement, broken) {
    if (!(await this.isSigned(statement))) broken.add("signature"); // [RULE-11]
    const due = this.due(statement);
    if (due === null) broken.add("seq"); // [RULE-12]
    else if (!samePrev(due.prev, statement.prev)) broken.add("prev"); // [RULE-13]
    if (statement.kind === "release" || statement.kind === "yank") this.judgeVersion(statement, broken);
  }

  /** `{prev}` if the statement's seq is the next of its stream, else null. [EV-8] */
  due({ stream, seq }) {
    const last = this.streams.get(toHex(stream));
    if (last !== undefined) return seq === last.seq + 1 ? { prev: last.leaf } : null;
    if (this.lookup(seqIndex(stream, seq)) !== null) return null;
    if (seq === 0) return { prev: null };
    const prev = this.lookup(seqIndex(stream, seq - 1));
    return prev === null ? null : { prev };
  }

  judgeVersion(statement, broken) {
    const index = versionIndex(statement.stream, statement.fields.version);
    const value = this.lookup(index);
    const same = value !== null && digestSet(statement).join() === digestSet(this.statementAt(index, value)).join();
    if (statement.kind === "release" && value !== null && !same) broken.add("version-conflict"); // [RULE-14]
    if (statement.kind === "yank" && !same) broken.add("yank"); // [RULE-15]
  }

  statementAt(index, value) {
    return this.inserted.get(nameOf(index))?.statement ?? this.base.statementOf(value);
  }

  async rolesInForce() {
    if (this.roles === null && this.base !== null) this.roles = await this.base.keys();
    return this.roles;
  }

  async isSigned(statement) {
    const roles = await this.rolesInForce();
    if (roles === null) return false;
    return isSignedBy(statement, roles);
  }

  async apply(entry, leaf) {
    if (entry.kind === "genesis") this.roles = entry.roles;
    if (entry.kind === "key") this.insert(entry.index, leaf, null);
    if (entry.kind === "close") this.closed = "closed";
    if (entry.kind === "epoch") {
      this.timeMs = entry.timeMs;
      if (this.closed === "closed") this.closed = "ended";
    }
    if (entry.kind !== "statement") return;
    const { statement } = entry;
    for (const index of indexesOf(statement)) {
      if (this.lookup(index) === null) this.insert(index, leaf, statement); // [RULE-2]
    }
    this.streams.set(toHex(statement.stream), { seq: statement.seq, leaf });
    if (statement.kind === "publisher-keys") this.roles = changed(await this.rolesInForce(), statement);
  }

  insert(index, value, statement) {
    this.inserted.set(nameOf(index), { index, value, statement });
  }
}

function samePrev(a, b) {
  return a === null || b === null ? a === b : equal(a, b);
}

/** Whether a statement has the signatures that its role asks for. [RULE-11] */
export async function isSignedBy(statement, roles) {
  const role = roles[ROLE_OF[statement.kind]];
  if ((await countSigners(statement.envelope, role.keys)) < role.threshold) return false;
  if (statement.kind !== "publisher-keys" || statement.fields.role !== "root") return true;
  const { keys, threshold } = statement.fields;
  return (await countSigners(statement.envelope, keys)) >= threshold;
}

/** The roles after a `publisher-keys` statement. */
export function changed(roles, { fields: { role, threshold, keys } }) {
  return { ...roles, [role]: { threshold, keys } };
}

/** For a base that lacks what a rule asks for. */
export function lacking(what) {
  return new Unproven(`The file does not contain ${what}, so it proves nothing.`);
}
