// How the result of a verification is shown: a verdict, then every step, then what it does not say.

import { badge, icon, make } from "./dom.js";

const TONES = { ok: "good", failed: "bad", not_checked: "unknown" };
const WORDS = { ok: "Holds", failed: "Fails", not_checked: "Not checked" };
const VERDICTS = {
  verified: ["good", "Verified in this browser"],
  failed: ["bad", "Does not hold"],
  not_verified: ["unknown", "Not verified here"],
};

/** What a step is called for people. */
const NAMES = {
  parse: "It is well-formed",
  head: "It names a head",
  entry: "The entry of that version",
  genesis: "The log's terms",
  "log-signature": "The log's signature",
  quorum: "The auditors' signatures",
  freshness: "It is recent",
  consistency: "It extends what was seen before",
  epoch: "It ends at an epoch",
  vrf: "The place follows from the label",
  index: "The index",
  ladder: "The latest version",
  commitment: "The commitment",
  "key-set": "The key set",
  logged: "When it was logged",
  versions: "Every version",
  inclusion: "The entries are in the log",
  judgement: "The rules",
  rule: "The rule that it names",
  log: "The log itself",
  file: "Your file",
  leaf: "The entry",
  server: "This node says the same",
};

/** The step's name for people. */
export function stepName(step) {
  return NAMES[step] ?? `${step[0].toUpperCase()}${step.slice(1)}`;
}

/** The steps as a list. */
export function stepList(steps) {
  const list = make("ol", { class: "steps" });
  for (const { step, result, sentence } of steps) {
    list.append(
      make(
        "li",
        { class: TONES[result], "data-result": result, "data-step": step },
        badge(TONES[result], WORDS[result]),
        make("div", {}, make("b", {}, stepName(step)), make("p", {}, sentence)),
      ),
    );
  }
  return list;
}

/**
 * A verdict with words of its own, or the usual ones. `waiting`: `{title, sentence}` where nothing failed
 * and something is still to come; `failed`: the title where something did; `caution`: why what holds is
 * amber all the same, null where it is not.
 */
export function verdictBanner(result, { title, sentence, next, waiting, failed, caution } = {}) {
  const [usualTone, usual] = VERDICTS[result.verdict];
  const isHeld = result.verdict === "verified";
  const isWaiting = result.verdict === "not_verified" && waiting !== undefined && result.steps.filter((step) => step.result !== "ok").every((step) => step.step === "file");
  const tone = isHeld && typeof caution === "string" ? "warn" : usualTone;
  const fault = result.steps.find((step) => step.result === "failed");
  const skipped = result.steps.find((step) => step.result === "not_checked");
  const why = fault ?? (result.verdict === "not_verified" ? skipped : undefined);
  const heading = isHeld ? (title ?? usual) : isWaiting ? waiting.title : result.verdict === "failed" ? (failed ?? usual) : usual;
  const said = isWaiting ? waiting.sentence : why ? `${stepName(why.step)}: ${why.sentence}` : (sentence ?? "Every step was checked in this page.");
  return make(
    "section",
    { class: `banner ${tone}`, "data-verdict": result.verdict },
    make("div", { class: "sign" }, icon(tone)),
    make(
      "div",
      {},
      make("h2", {}, heading),
      make("p", { class: "sentence" }, said),
      isHeld && caution ? make("p", {}, caution) : null,
      result.verdict === "failed" && next ? make("p", { class: "next" }, make("b", {}, "What to do: "), next) : null,
    ),
  );
}

/** Everything: the banner, what is shown in between, the steps, the limits. `words` as of `verdictBanner`. */
export function resultView(result, { body, ...words } = {}) {
  const parts = [verdictBanner(result, words), ...(body ?? [])];
  parts.push(make("h3", {}, "Step by step"), stepList(result.steps));
  if (result.limits.length > 0) {
    const limits = make("ul", {});
    for (const limit of result.limits) limits.append(make("li", {}, limit));
    parts.push(make("h3", {}, "What this does not say"), limits);
  }
  return make("div", { class: "result" }, ...parts);
}

/** Adds a step that compares this page's verdict with the server's. */
export function compareWithServer(result, isSame, sentence) {
  result.steps.push({ step: "server", result: isSame ? "ok" : "failed", sentence, name: isSame ? null : "difference" });
  if (!isSame) result.verdict = "failed";
}

/** A one-line mark beside what the server shows: what this browser itself has checked. */
export function mark(result, sentence) {
  const texts = {
    verified: ["good", "Checked in this browser"],
    failed: ["bad", "This browser comes to another verdict"],
    not_verified: ["unknown", "Not verified here"],
  };
  const [tone, word] = texts[result.verdict];
  const why = result.steps.find((step) => step.result !== "ok");
  const details = make("details", { class: "inline" }, make("summary", {}, "What was checked"), stepList(result.steps));
  return make(
    "div",
    { class: `checked ${tone}`, "data-verdict": result.verdict },
    make("p", { role: tone === "bad" ? "alert" : null }, badge(tone, word), " ", result.verdict === "verified" ? sentence : why.sentence),
    details,
  );
}

/** Puts the mark after `place`, in the place of an earlier one. */
export function putMark(place, result, sentence) {
  const next = place.nextElementSibling;
  const made = mark(result, sentence);
  if (next?.classList.contains("checked")) next.replaceWith(made);
  else place.after(made);
}
