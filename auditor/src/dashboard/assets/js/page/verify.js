// `/verify`: documents are recognised and checked in the page, files are held against the bundles
// beside them; none of them leaves it. Bundles are in `bundled.js`.

import { fromBase64, fromHex, toHex } from "../verify/bytes.js";
import { parseCheckpoint } from "../verify/checkpoint.js";
import { verifyEvidence } from "../verify/evidence.js";
import { checkCheckpoint, checkGenesis } from "../verify/head.js";
import { parseJson } from "../verify/json.js";
import { labelOf } from "../verify/label.js";
import { verifyKeySet } from "../verify/keyset.js";
import { verifyHistory, verifyLookup } from "../verify/lookup.js";
import { leafHash } from "../verify/merkle.js";
import { parseVkey } from "../verify/note.js";
import { parsePolicy } from "../verify/policy.js";
import { MAX_FILE } from "../verify/recognise.js";
import { Refusal } from "../verify/refusal.js";
import { verify } from "../verify/report.js";
import { sha256 } from "../verify/sha256.js";
import { parseTlogProof, verifyProofLeaf } from "../verify/tlog_proof.js";
import { parseFeed, parseReport, verifyWatchNote } from "../verify/watch.js";
import { formatTime } from "../verify/time.js";
import { ask } from "./ask.js";
import { addCopyButtons } from "./copy.js";
import { digest, facts, make } from "./dom.js";
import { inspectBundle, looseFile, weigh } from "./bundled.js";
import { chooser } from "./drop.js";
import { MAX_AGE, MAX_AGE_RELEASE, contextOf, genesisOf, keyring, ownerOf } from "./keyring.js";
import { compareWithServer, resultView } from "./result.js";
import { keyTable } from "./show.js";
import { whenOf } from "./times.js";

export const isStatic = true;

/** Files that are dropped together. */
const MAX_PILE = 64;

const KINDS = {
  "tlog-proof": "a proof that an entry is in a log",
  bundle: "an offline bundle of a release",
  evidence: "evidence against a log",
  lookup: "the answer to a look-up",
  history: "the history of a label",
  stream: "the answer to a stream query",
  genesis: "the terms of a log",
  rungs: "the places that an owner watches",
  checkpoint: "a checkpoint",
  "watch-report": "an auditor's report on a watch",
  feed: "an auditor's list of inserted indexes",
  note: "a signed note of another kind",
  policy: "a policy",
  unknown: "no document that this page knows: it is taken for a file that was shipped",
  artifact: "the file itself",
};

/** Makes the page work. */
export async function start(main) {
  const form = main.querySelector("#verify-form");
  const output = main.querySelector("#result");
  const policy = form.querySelector("[name=policy]");
  const label = form.querySelector("[name=label]");
  const leaf = form.querySelector("[name=leaf]");
  policy.value = (await keyring()).policy;
  let pile = [];
  const check = async () => {
    if (pile.length === 0) return;
    output.replaceChildren(make("p", { class: "empty" }, "Checking in this page…"));
    const inputs = { policyText: policy.value, labelText: label.value.trim(), leafText: leaf.value.trim() };
    output.replaceChildren(...(await inspectAll(pile, inputs)));
    addCopyButtons(output);
    output.querySelector("h2")?.scrollIntoView({ block: "nearest" });
  };
  /** What is already here stays only where it and what comes belong together: a bundle, and files beside it. */
  const takeNow = async (files, isArtifact) => {
    if (files.length > MAX_PILE) {
      output.replaceChildren(make("p", { class: "empty", role: "alert" }, `These are more than ${MAX_PILE} files: drop fewer at once.`));
      return;
    }
    output.replaceChildren(make("p", { class: "empty" }, "Reading and hashing in this page…"));
    const taken = [];
    for (const file of files) taken.push(await weigh(file, isArtifact));
    const isLoose = (each) => each.kind === null || each.kind === "unknown";
    const completes = taken.every(isLoose) ? pile.filter((each) => each.kind === "bundle") : taken.every((each) => each.kind === "bundle") ? pile.filter(isLoose) : [];
    pile = [...completes, ...taken];
    await check();
  };
  // One after another, however fast they come.
  let turn = Promise.resolve();
  const take = (files, isArtifact) => (turn = turn.then(() => takeNow(files, isArtifact)));
  chooser(form.querySelector("#drop"), (files) => take(files, false));
  chooser(form.querySelector("#beside"), (files) => take(files, true));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const pasted = form.querySelector("[name=pasted]").value;
    if (pasted !== "") await take([new File([pasted], "what you pasted")], false);
    else await (turn = turn.then(check));
  });
  form.hidden = false;
}

/** One view for each document; files without a document say what they wait for. */
async function inspectAll(pile, inputs) {
  const bundles = pile.filter((each) => each.kind === "bundle");
  const views = [];
  const used = new Set();
  let hasRead = false;
  for (const bundle of bundles) {
    const { view, files, isRead, isHeld } = await inspectBundle(bundle, pile.filter((each) => each.kind !== "bundle"), inputs.policyText, bundles.length === 1);
    for (const file of files) used.add(file);
    hasRead ||= isRead;
    views.push(framed(bundle, view, isHeld));
  }
  for (const file of pile) {
    if (file.kind === "bundle" || used.has(file)) continue;
    if (file.kind === null || file.kind === "unknown") views.push(framed(file, looseFile(file, hasRead)));
    else views.push(await inspect(file, inputs));
  }
  return views;
}

/** A view under its file's name. What it is called stands only where its own check held. */
function framed(file, view, isHeld = view.querySelector("[data-verdict]")?.dataset.verdict === "verified") {
  const is = file.kind === "unknown" || file.kind === null || isHeld ? "is" : "claims to be";
  const head = make("p", { class: "lead" }, "“", make("bdi", {}, file.name), `” ${is} ${KINDS[file.kind ?? "artifact"]}.`);
  return make("div", { "data-kind": file.kind ?? "artifact", "data-name": file.name }, head, view);
}

async function inspect(file, inputs) {
  try {
    return framed(file, await CHECKS[file.kind](file.bytes, inputs));
  } catch (error) {
    const sentence = error instanceof Refusal ? error.sentence : `This page could not check it: ${error.message}`;
    return framed(file, make("p", { class: "empty" }, sentence));
  }
}

/** The genesis of the log that an answer is about, if the log can be asked for it. */
async function genesisFor(origin, policyText) {
  const log = (await keyring()).logs.find((each) => each.origin === origin);
  if (log === undefined) return null;
  try {
    return (await genesisOf(log, policyText)).genesis;
  } catch {
    return null;
  }
}

function originOf(bytes) {
  return parseCheckpoint(parseJson(bytes, MAX_FILE, "The answer").checkpoint).origin;
}

async function answerContext(bytes, policyText, maxAge = MAX_AGE) {
  const genesis = await genesisFor(originOf(bytes), policyText);
  return { ...contextOf(policyText, maxAge), genesis, since: undefined };
}

const NO_GENESIS = "The log's terms are needed for this, and this page could not get them from the log.";

/** The label of an answer: what was typed, else what its key set names, which its signature covers. */
async function labelFor(bytes, labelText) {
  if (labelText !== "") return labelOf(labelText);
  const answer = parseJson(bytes, MAX_FILE, "The answer");
  if (answer.key_set === undefined) throw new Refusal("label", "Type the label that was looked up, then check again: the answer does not name it.");
  return (await verifyKeySet(fromBase64(answer.key_set, 65_535))).label;
}

const CHECKS = {
  async evidence(bytes) {
    const result = await verifyEvidence(bytes);
    await compareEvidence(result, bytes);
    const { rule, origin, logKey } = result.facts;
    const body = [facts([["Log", origin], ["Rule", rule && make("code", {}, rule)], [result.verdict === "verified" ? "Convicts the holder of" : "Accuses the holder of", logKey && digest(logKey)], ["Address of the file", digest(toHex(sha256(bytes)))]])];
    return resultView(result, { title: "Proven", sentence: `Whoever holds this key broke the rule ${rule}. This can be checked by anybody, offline.`, body });
  },

  async lookup(bytes, inputs) {
    return labelled(bytes, inputs, verifyLookup);
  },

  async history(bytes, inputs) {
    const versions = parseJson(bytes, MAX_FILE, "The answer").versions;
    const from = versions?.[0]?.version ?? 0;
    return labelled(bytes, inputs, (answer, context) => verifyHistory(answer, context, from));
  },

  async genesis(bytes, { policyText }) {
    let genesis;
    const result = await verify("genesis", async (report) => {
      genesis = await checkGenesis(report, bytes, { ...contextOf(policyText), since: undefined });
    });
    return resultView(result, { caution: ownerOf(policyText).caution, body: genesis ? [facts([["Log", genesis.origin], ["VRF key", digest(toHex(genesis.vrfKey))]])] : [] });
  },

  async checkpoint(bytes, { policyText }) {
    const checkpoint = parseCheckpoint(bytes);
    const context = contextOf(policyText);
    const result = await verify("checkpoint", async (report) => {
      await report.step("parse", () => "The checkpoint is well-formed.");
      await checkCheckpoint(report, checkpoint, context);
    });
    result.limits.push("A checkpoint by itself shows what a log signed, not what is in it.");
    const body = [facts([["Log", checkpoint.origin], ["Entries", checkpoint.size.toString()], ["Root", digest(toHex(checkpoint.root))]])];
    return resultView(result, { caution: ownerOf(policyText).caution, body });
  },

  async "tlog-proof"(bytes, { policyText, leafText }) {
    const proof = parseTlogProof(bytes);
    const result = await verify("tlog-proof", async (report) => {
      await report.step("parse", () => `The file is a proof about entry ${proof.index}.`);
      await checkCheckpoint(report, proof.checkpoint, contextOf(policyText, MAX_AGE_RELEASE));
      if (leafText === "") {
        report.add("leaf", "not_checked", "Paste the entry in base64, or its leaf hash in hex, to check that it is the one.");
        return;
      }
      await report.step("leaf", () => {
        const leaf = /^[0-9a-f]{64}$/.test(leafText) ? fromHex(leafText, 32, "The leaf hash") : leafHash(fromBase64(leafText, 65_535));
        verifyProofLeaf(proof, leaf);
        return `Your entry is entry ${proof.index} of the log.`;
      });
    });
    return resultView(result, { caution: ownerOf(policyText).caution });
  },

  async "watch-report"(bytes) {
    return watched(parseReport(bytes), (report) => [["Hits", report.hits.length === 0 ? "none: every watched index is absent" : report.hits.map((hit) => `${toHex(hit.index)} at ${hit.position}`).join(", ")]]);
  },

  async feed(bytes) {
    return watched(parseFeed(bytes), (feed) => [["Covers positions", `${feed.since} to ${feed.through}`], ["Indexes that begin with", make("code", {}, feed.prefix)], ["Inserted", String(feed.inserted.length)]]);
  },

  async policy(bytes) {
    const result = await verify("policy", (report) =>
      report.step("parse", () => {
        const policy = parsePolicy(bytes);
        return `The policy names ${policy.logs.length} logs and ${policy.members.size} auditors and groups.`;
      }),
    );
    return resultView(result, { title: "Well-formed" });
  },

  async stream() {
    return make("p", { class: "empty" }, "An answer about a stream does not say what was asked; look the release up on its page instead.");
  },
  async rungs() {
    return make("p", { class: "empty" }, "This says which places an owner watches; add the label on the page Me to check it.");
  },
  async note() {
    return make("p", { class: "empty" }, "The signatures of notes of other kinds mean nothing to this page.");
  },
};

async function labelled(bytes, { policyText, labelText }, run) {
  const context = await answerContext(bytes, policyText);
  if (context.genesis === null) return make("p", { class: "empty" }, NO_GENESIS);
  const label = await labelFor(bytes, labelText);
  const result = await run(bytes, { ...context, label });
  const body = [facts([["Label", result.facts.label], ["Version", result.facts.version?.toString()]])];
  if (result.facts.keySet) body.push(keyTable(result.facts.keySet));
  return resultView(result, { caution: ownerOf(policyText).caution, body });
}

async function watched(parsed, rows) {
  const { auditor } = await keyring();
  const result = await verify("watch", (report) =>
    report.step("auditor", async () => {
      await verifyWatchNote(parsed, parseVkey(auditor.watch_vkey));
      return "The watch key of this auditor signed it.";
    }),
  );
  const body = [facts([["Log", parsed.origin], ["Entries", parsed.size.toString()], ["Signed at", whenOf(parsed.seconds)], ...rows(parsed)])];
  result.limits.push(`It says how things were at ${formatTime(parsed.seconds)}.`);
  return resultView(result, { body });
}

/** Where this node has the file too, its own verdict is that it proves what it says. */
async function compareEvidence(result, bytes) {
  const id = toHex(sha256(bytes));
  let held = [];
  try {
    held = await ask("/v1/evidence", { json: true });
  } catch {
    // What this node holds is not known, which says nothing.
  }
  const isHeld = held.some((each) => each.id === id);
  if (isHeld && result.verdict === "verified") compareWithServer(result, true, "This node holds the same file, and calls it proven too.");
  if (isHeld && result.verdict === "failed") compareWithServer(result, false, "This node holds the same file and calls it proven. One of the two is wrong: report this.");
}
