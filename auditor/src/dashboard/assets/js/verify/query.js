// Stream queries. Chapter `query`. Contexts are those of `head.js`.

import { equal, toHex } from "./bytes.js";
import { parseEntry } from "./entry.js";
import { HEAD_MEMBERS, MAX_ANSWER, checkHead, entryBytes } from "./head.js";
import { artifactIndex, digestIndex, digestSet, seqIndex, versionIndex, yankIndex } from "./statement.js";
import { parseIndexProof, verifyIndexProof } from "./index.js";
import { exactly, integer, parseJson } from "./json.js";
import { ladderOf, requireLadder } from "./ladder.js";
import { leafHash } from "./merkle.js";
import { must } from "./refusal.js";
import { verify } from "./report.js";

const MAX_SEQ = 2 ** 32 - 1;

function statementOf(value) {
  const bytes = entryBytes(value);
  const entry = parseEntry(bytes);
  must(entry.kind === "statement", "statement", "An entry of the answer is no statement.");
  return { statement: entry.statement, leaf: leafHash(bytes) };
}

/** Verifies the answer of `/v1/stream`; `asked` is `{stream, version?, digest?}`. */
export function verifyStream(bytes, context, asked) {
  return verify("stream", async (report) => {
    let answer;
    await report.step("parse", () => {
      answer = parseJson(bytes, MAX_ANSWER, "The answer");
      exactly(answer, [...HEAD_MEMBERS, "index"], ["consistency", "entry", "yank", "latest"], "The answer");
      return "The answer has the members of a stream query.";
    });
    const { epoch, checkpoint, t } = await checkHead(report, answer, context);
    const entry = answer.entry === undefined ? null : statementOf(answer.entry);
    const yank = answer.yank === undefined ? null : statementOf(answer.yank);
    let latest = null;
    if (answer.latest !== undefined) {
      exactly(answer.latest, ["seq", "entry"], [], "latest");
      latest = { seq: integer(answer.latest.seq, MAX_SEQ, "seq"), ...statementOf(answer.latest.entry) };
    }
    const version = asked.version ?? entry?.statement.fields.version ?? null;
    const rungs = ladderOf(latest?.seq ?? null);
    const { stream } = asked;
    const searches = [];
    if (version !== null) searches.push(versionIndex(stream, version));
    if (asked.digest) searches.push(digestIndex(stream, asked.digest));
    if (version !== null) searches.push(yankIndex(stream, version));
    searches.push(...rungs.map((rung) => seqIndex(stream, rung.number)));
    let values;
    await report.step("index", () => {
      values = verifyIndexProof(parseIndexProof(answer.index), searches, epoch.indexRoot); // [QUERY-1]
      return "The index that the auditors replayed holds, or lacks, each place.";
    });
    const ladder = values.slice(-rungs.length);
    await report.step("ladder", () => {
      requireLadder(latest?.seq ?? null, ladder.map((value) => value !== null)); // [QUERY-2]
      return latest === null ? "The stream is empty." : `Statement ${latest.seq} is the latest of the stream.`;
    });
    await report.step("statement", () => {
      if (latest !== null) {
        const at = rungs.findIndex((rung) => rung.number === latest.seq);
        const holds = equal(latest.leaf, ladder[at]) && equal(latest.statement.stream, stream) && latest.statement.seq === latest.seq;
        must(holds, "statement", "The latest statement is not the one that the index holds.");
      }
      const versionAt = version === null ? null : values[0];
      const digestAt = asked.digest ? values[version === null ? 0 : 1] : null;
      const yankAt = version === null ? null : values[asked.digest ? 2 : 1];
      matches(entry, "release", versionAt, { stream, version }); // [QUERY-3]
      matches(yank, "yank", yankAt, { stream, version });
      if (asked.digest && asked.version === undefined) {
        must((entry === null) === (digestAt === null), "statement", "The release of the file is missing, or not asked for.");
        must(entry === null || equal(entry.leaf, digestAt), "statement", "The index holds another release for this file."); // [QUERY-4]
      }
      return describe(entry, yank);
    });
    report.facts = { entry: entry?.statement ?? null, yank: yank?.statement ?? null, latest: latest?.statement ?? null, size: checkpoint.size, t };
    if (asked.digest && entry !== null) {
      await report.step("install", () => {
        const listed = digestSet(entry.statement).includes(toHex(asked.digest)); // [QUERY-5]
        must(listed, "install", "The release of this version does not list this file.");
        must(yank === null, "yanked", "The release was withdrawn by its publisher.");
        return "The file is one that everybody was given under this version.";
      });
    }
  });
}

function matches(found, kind, value, { stream, version }) {
  must((found === null) === (value === null), "statement", `The ${kind} is given where the index has none, or the other way round.`);
  if (found === null) return;
  const { statement, leaf } = found;
  const same = statement.kind === kind && equal(statement.stream, stream) && statement.fields.version === version;
  must(same && equal(leaf, value), "statement", `The ${kind} is not the one that the index holds.`);
}

function describe(entry, yank) {
  if (entry === null) return "No release of the stream answers to what was asked.";
  const said = `Version ${entry.statement.fields.version} was released to everybody in the open`;
  return yank === null ? `${said}.` : `${said}, and withdrawn later.`;
}

/** Verifies the answer of `/v1/artifact/<digest>`. [QUERY-6] */
export function verifyArtifact(bytes, context, digest) {
  return verify("artifact", async (report) => {
    let answer;
    await report.step("parse", () => {
      answer = parseJson(bytes, MAX_ANSWER, "The answer");
      exactly(answer, [...HEAD_MEMBERS, "index"], ["consistency", "entry"], "The answer");
      return "The answer has the members of an artifact query.";
    });
    const { epoch } = await checkHead(report, answer, context);
    await report.step("index", () => {
      const [value] = verifyIndexProof(parseIndexProof(answer.index), [artifactIndex(digest)], epoch.indexRoot);
      must((value === null) === (answer.entry === undefined), "statement", "The entry is given where the index has none, or the other way round.");
      if (value === null) return "No stream of this log ever shipped this file.";
      const { statement, leaf } = statementOf(answer.entry);
      const same = statement.kind === "release" && equal(leaf, value) && digestSet(statement).includes(toHex(digest));
      must(same, "statement", "The entry is not the one that the index holds for this file.");
      report.facts.statement = statement;
      return `Release ${statement.fields.version} of ${statement.fields.purl} shipped this file.`;
    });
    report.limit("This finds a file; whoever installs it pins a stream.");
  });
}
