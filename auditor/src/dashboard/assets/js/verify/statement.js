// Statements: signed public claims, their streams and indexes. Chapter `statement`.

import { concat, fromHex, toHex, u16, u32, utf8 } from "./bytes.js";
import { parseEnvelope, requireType } from "./dsse.js";
import { exactly, has, integer, list, parseJson, text } from "./json.js";
import { must } from "./refusal.js";
import { parseRole } from "./roles.js";
import { sha256 } from "./sha256.js";
import { parseTime } from "./time.js";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/; // [STMT-12]
// [STMT-10], and [STMT-25]: nothing is encoded that could stand for itself.
const PURL =
  /^pkg:[a-z][a-z0-9.+-]*(\/([A-Za-z0-9._~+-]|%(?!2[BDE]|3[0-9]|[46][1-9A-F]|5[0-9AF]|7[0-9AE])[0-9A-F]{2})+)+$/;
const MAX_SEQ = 2 ** 32 - 1;

const matches = (pattern, what, max = 1024) => (value) => {
  const found = text(value, what);
  must(found.length <= max && pattern.test(found), "statement", `${what} is not of its form.`);
  return found;
};

// [STMT-10] to [STMT-17]
const MEMBER = {
  purl: matches(PURL, "purl"),
  version: matches(/^[!-~]{1,128}$/, "version"),
  channel: matches(NAME, "channel"),
  arch: matches(NAME, "arch"),
  feature: matches(NAME, "feature"),
  name: matches(NAME, "name"),
  region: matches(/^([A-Z]{2}|\*)$/, "region"),
  audience: matches(/^(all|region:[A-Z]{2}|cohort:[a-z0-9][a-z0-9._-]{0,63})$/, "audience"),
  state: matches(/^(offered|withdrawn|weakened)$/, "state"),
  published: (value) => parseTime(value, "published"),
  effective: (value) => parseTime(value, "effective"),
  valid_until: (value) => parseTime(value, "valid_until"),
  emergency: (value) => {
    must(typeof value === "boolean", "statement", "emergency is neither true nor false.");
    return value;
  },
  reason: (value) => {
    const length = utf8(text(value, "reason")).length;
    must(length >= 1 && length <= 1024, "statement", "reason is not 1 to 1024 bytes long.");
    return value;
  },
  refs: (value) =>
    list(value, 0, 64, "refs", (each) => {
      exactly(each, ["type", "sha256"], [], "A reference");
      const type = matches(/^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/, "The type of a reference", 512)(each.type);
      return { type, sha256: fromHex(each.sha256, 32, "The digest of a reference") };
    }),
};

const KINDS = {
  release: ["purl", "version", "channel", "arch", "audience", "emergency", "published", "refs"],
  yank: ["purl", "version", "channel", "arch", "reason", "published"],
  protection: ["feature", "region", "state", "effective"],
  canary: ["name", "valid_until", "published"],
  "publisher-keys": ["role", "threshold", "keys"],
};
/** Which role signs which kind. [STMT-23] */
export const ROLE_OF = {
  release: "releases",
  yank: "releases",
  protection: "protections",
  canary: "protections",
  "publisher-keys": "root",
};

/** A statement's body, form only: `{kind, seq, prev, fields, subjects, envelope, stream}`. */
export function parseStatement(bytes) {
  const envelope = parseEnvelope(bytes, 65_534);
  requireType(envelope, "application/vnd.in-toto+json"); // [STMT-1]
  const value = parseJson(envelope.payload, envelope.payload.length, "The statement");
  has(value, ["_type", "subject", "predicateType", "predicate"], "The statement"); // [STMT-3]
  must(value._type === "https://in-toto.io/Statement/v1", "statement", "This is not an in-toto Statement v1."); // [STMT-2]
  const kind = Object.keys(KINDS).find((each) => value.predicateType === `urn:plainsight:${each}:v1`);
  must(kind !== undefined, "statement", "The statement is of an unknown kind."); // [STMT-4]
  const { predicate } = value;
  exactly(predicate, ["seq", ...KINDS[kind]], ["prev"], "The predicate"); // [STMT-5]
  const statement = {
    kind,
    seq: integer(predicate.seq, MAX_SEQ, "seq"),
    prev: "prev" in predicate ? fromHex(predicate.prev, 32, "prev") : null,
    fields: kind === "publisher-keys" ? parsePublisherKeys(predicate) : {},
    subjects: list(value.subject, 1, 256, "subject", (each) => parseSubject(each, kind)), // [STMT-6]
    envelope,
  };
  if (kind !== "publisher-keys") {
    for (const name of KINDS[kind]) statement.fields[name] = MEMBER[name](predicate[name]);
  }
  requireSubjects(statement);
  statement.stream = streamOf(statement);
  return statement;
}

function parsePublisherKeys({ role, threshold, keys }) {
  must(["root", "releases", "protections"].includes(role), "statement", "The role is unknown.");
  return { role, ...parseRole({ threshold, keys }) };
}

function parseSubject(value, kind) {
  has(value, ["digest"], "A subject");
  has(value.digest, ["sha256"], "The digest of a subject"); // [STMT-7]
  const digest = fromHex(value.digest.sha256, 32, "The digest of a subject");
  if (kind !== "release") return { digest };
  has(value, ["annotations"], "A subject of a release");
  has(value.annotations, ["size"], "The annotations of a subject"); // [STMT-9]
  const size = integer(value.annotations.size, Number.MAX_SAFE_INTEGER, "The size of a file");
  return { digest, size, name: typeof value.name === "string" ? value.name : null };
}

function requireSubjects(statement) {
  const digests = digestSet(statement);
  must(new Set(digests).size === digests.length, "statement", "One digest stands twice in the statement."); // [STMT-8]
  if (statement.kind === "protection" || statement.kind === "canary") {
    must(digests.length === 1, "statement", "The statement does not have one subject."); // [STMT-18]
  }
  if (statement.kind === "publisher-keys") {
    const keys = statement.fields.keys.map((key) => toHex(sha256(key))).sort();
    must(keys.join() === digests.join(), "statement", "The subjects are not the new keys."); // [STMT-19]
  }
}

/** The digests of the subjects in hex, sorted: names, sizes and order do not count. */
export function digestSet(statement) {
  return statement.subjects.map((subject) => toHex(subject.digest)).sort();
}

/** The stream of a statement, in bytes. [STMT-20] */
export function streamOf({ kind, fields }) {
  switch (kind) {
    case "release":
    case "yank":
      return utf8(["release", fields.purl, fields.channel, fields.arch].join("\n"));
    case "protection":
      return utf8(["protection", fields.feature, fields.region].join("\n"));
    case "canary":
      return utf8(["canary", fields.name].join("\n"));
    default:
      return utf8("publisher-keys");
  }
}

function publicIndex(what, ...fields) {
  const index = sha256(utf8(`plainsight/${what}/v1\n`), ...fields);
  index[0] |= 0x80;
  return index;
}

const inStream = (what, stream, field) => publicIndex(what, u16(stream.length), stream, field);
const counted = (version) => concat(u16(utf8(version).length), utf8(version));

/** Indexes of something in a stream. [STMT-21] */
export const seqIndex = (stream, seq) => inStream("seq", stream, u32(seq));
export const versionIndex = (stream, version) => inStream("version", stream, counted(version));
export const digestIndex = (stream, digest) => inStream("digest", stream, digest);
export const yankIndex = (stream, version) => inStream("yank", stream, counted(version));
/** The index of a file anywhere. [STMT-22] */
export const artifactIndex = (digest) => publicIndex("artifact", digest);

/** The indexes that a statement inserts unless they are there, in order. [STMT-24] */
export function indexesOf(statement) {
  const { kind, stream, seq, fields, subjects } = statement;
  const own = [seqIndex(stream, seq)];
  if (kind === "yank") own.push(yankIndex(stream, fields.version));
  if (kind === "release") {
    own.push(versionIndex(stream, fields.version));
    for (const { digest } of subjects) own.push(digestIndex(stream, digest), artifactIndex(digest));
  }
  return own;
}
