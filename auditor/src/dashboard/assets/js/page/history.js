// What became of somebody's keys since they were put on the list: the log is asked for every version
// from then on, and each is checked in this page against the index that auditors vouch for.

import { toBase64, toHex } from "../verify/bytes.js";
import { labelOf } from "../verify/label.js";
import { verifyHistory } from "../verify/lookup.js";
import { Refusal } from "../verify/refusal.js";
import { Answered, ask } from "./ask.js";
import { make } from "./dom.js";
import { base, contextOf, genesisOf, rememberedHead } from "./keyring.js";
import { stepName } from "./result.js";

/**
 * Asks the log for a person's versions since the known one: `{verdict, title, sentences, answer}`, the
 * verdict "verified", "failed", "not_verified" or "silent".
 */
export async function lookBack(log, person, policy) {
  try {
    const label = labelOf(person.label);
    const { genesis, result } = await genesisOf(log, policy);
    if (genesis === null) return told(result, person, null);
    const since = rememberedHead(log.origin);
    const request = { label: toBase64(label), from: person.version, ...(since ? { since: Number(since.size) } : {}) };
    const answer = await ask(`${base(log.url)}v1/history`, { body: request });
    return told(await verifyHistory(answer, { ...contextOf(policy), genesis, label, since }, person.version), person, answer);
  } catch (error) {
    return { verdict: "silent", title: "The log does not say what changed", sentences: [excuse(error)], answer: null };
  }
}

function excuse(error) {
  if (error instanceof Refusal) return error.sentence;
  if (error instanceof Answered) return `It refused: ${error.message}.`;
  return "It could not be reached from this page.";
}

function told(result, person, answer) {
  const { verdict } = result;
  if (verdict === "verified") {
    const sentences = result.facts.versions.slice(1).map((each, i) => change(each, result.facts.versions[i]));
    if (sentences.length === 0) {
      return { verdict: "silent", title: "The log does not show it yet", sentences: ["Auditors have vouched for a new version that the log's own answer does not have. It is asked again; if it stays so, ask another auditor."], answer };
    }
    return { verdict, title: "What the log says changed", sentences, answer };
  }
  const wrong = result.steps.find((step) => step.result !== "ok");
  if (verdict !== "failed") return { verdict, title: "What changed could not be checked here", sentences: [wrong.sentence], answer };
  const isDecoy = wrong.name === "decoy";
  const meaning = isDecoy
    ? "You are shown keys that nobody else is given: others who look them up get what stands in the index. Somebody's messages can be read with it."
    : "It is not what the log has committed to.";
  const title = isDecoy ? `The log shows a decoy as the history of ${person.label}` : "The history that the log shows does not hold";
  return { verdict, title, sentences: [`${stepName(wrong.step)}: ${wrong.sentence}`, meaning], answer };
}

/** One version in a sentence: what came, what went, whether its owner's keys signed it. */
function change({ version, keySet, continuity }, before) {
  const name = (key) => `${key.id} (${key.role})`;
  const ids = (set) => new Map(set.keys.map((key) => [`${key.role} ${toHex(key.key)}`, name(key)]));
  const [old, fresh] = [ids(before.keySet), ids(keySet)];
  const came = [...fresh].filter(([id]) => !old.has(id)).map(([, text]) => text);
  const went = [...old].filter(([id]) => !fresh.has(id)).map(([, text]) => text);
  const parts = [came.length ? `new: ${came.join(", ")}` : null, went.length ? `gone: ${went.join(", ")}` : null].filter(Boolean);
  const what = parts.length ? parts.join("; ") : "the same keys as before";
  const whose = continuity === "reset" ? " No key of the version before signed it: a reset, which anybody could have made who can write to this log." : "";
  return `Version ${version}, ${what}.${whose}`;
}

/** It for people; the answer can be kept, to be checked elsewhere. */
export function historyView({ verdict, title, sentences, answer }) {
  const parts = sentences.map((sentence) => make("p", {}, sentence));
  const save = (event) => {
    event.preventDefault();
    const url = URL.createObjectURL(new Blob([answer], { type: "application/json" }));
    make("a", { href: url, download: "history.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  if (verdict === "failed" && answer) {
    parts.push(make("p", {}, make("button", { type: "button", class: "quiet", onclick: save }, "Keep the log's answer"), " Anybody can check it at ", make("a", { href: "/verify" }, "Verify a file"), ", with the label."));
  }
  return make("div", { class: "history", "data-history": verdict }, make("h4", {}, title), ...parts);
}
