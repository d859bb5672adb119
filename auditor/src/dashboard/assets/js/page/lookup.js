// `/lookup`: a look-up goes from this page to the log itself. This node learns nothing of it.

import { toBase64 } from "../verify/bytes.js";
import { describeLabel, labelOf } from "../verify/label.js";
import { verifyLookup } from "../verify/lookup.js";
import { Refusal } from "../verify/refusal.js";
import { Answered, ask } from "./ask.js";
import { addCopyButtons } from "./copy.js";
import { digest, facts, make } from "./dom.js";
import { base, contextOf, genesisOf, keyring, ownerOf, rememberHead, rememberedHead } from "./keyring.js";
import { resultView } from "./result.js";
import { keyTable } from "./show.js";
import { whenOf } from "./times.js";
import { toHex } from "../verify/bytes.js";

export const isStatic = true;

/** Makes the page work. */
export async function start(main) {
  const form = main.querySelector("#lookup-form");
  const output = main.querySelector("#result");
  const { logs, policy } = await keyring();
  const choice = form.querySelector("[name=log]");
  // None is chosen for anybody: in another's log nobody is found, which would look like an answer.
  choice.required = true;
  if (logs.length > 1) choice.append(make("option", { value: "" }, "Choose the log of their provider"));
  for (const log of logs) choice.append(make("option", { value: log.origin }, log.broke ? `${log.origin} (broke its promise)` : log.origin));
  // What `/me` wants looked up stands behind the #, which no request carries.
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (wanted.has("q")) form.querySelector("[name=label]").value = wanted.get("q");
  if (wanted.has("log")) choice.value = wanted.get("log");
  if (wanted.get("from") === "search") {
    output.replaceChildren(make("p", { class: "empty", role: "status" }, "What you typed in the search box stayed in this browser: this auditor was not asked. Choose the log and press Look up, and your question goes to the log itself."));
    form.querySelector("button").focus();
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    output.replaceChildren(make("p", { class: "empty" }, "Asking the log, and checking its answer in this page…"));
    // Anew, since a log may have been convicted meanwhile.
    const ring = await keyring({ isFresh: true }).catch(() => null);
    const log = (ring?.logs ?? logs).find((each) => each.origin === choice.value);
    const typed = form.querySelector("[name=label]").value.trim();
    output.replaceChildren(await lookUp(log, typed, policy));
    addCopyButtons(output);
    button.disabled = false;
  });
  form.hidden = false;
}

async function lookUp(log, typed, policy) {
  try {
    const label = labelOf(typed);
    const result = await lookUpLabel(log, label, policy);
    if (log.broke) {
      // However well the answer fits, nothing that such a log says is well.
      result.steps.unshift({ step: "log", result: "failed", sentence: log.broke, name: "broke" });
      result.verdict = "failed";
    }
    return view(result, log, describeLabel(label), policy);
  } catch (error) {
    return excuse(error, log, typed);
  }
}

/** Asks the log for a label, and verifies its answer, as of the last head that this browser saw. */
export async function lookUpLabel(log, label, policy) {
  const { genesis, result } = await genesisOf(log, policy);
  if (genesis === null) return result;
  const since = rememberedHead(log.origin);
  const request = { label: toBase64(label), logged: true, ...(since ? { since: Number(since.size) } : {}) };
  const answer = await ask(`${base(log.url)}v1/lookup`, { body: request });
  const looked = await verifyLookup(answer, { ...contextOf(policy), genesis, label, since });
  if (looked.verdict === "verified") rememberHead(log.origin, looked.facts.head.checkpoint);
  return looked;
}

function view(result, log, name, policy) {
  const { version, keySet, loggedBy, t, size, vouching, position } = result.facts;
  const next = "Use no key that came with this answer. Ask again; if it happens again, ask an auditor and the person, over another way than the provider's.";
  if (version === undefined) return resultView(result, { next });
  const body = [
    facts([
      ["Version", version === null ? "none: proved absent" : String(version)],
      ["Published at the latest", loggedBy ? whenOf(loggedBy) : null],
      ["Vouched for by", vouching.join(", ")],
      ["As of", t === null ? null : whenOf(t)],
      ["Log", `${log.origin}, ${size} entries${position === undefined ? "" : `; this is entry ${position}`}`],
      ["Hash of the key set", keySet ? digest(toHex(keySet.hash)) : null],
    ]),
  ];
  if (keySet) body.push(keyTable(keySet));
  if (result.verdict === "verified") {
    const link = make("a", { class: "button", href: `/me#q=${encodeURIComponent(name)}&log=${encodeURIComponent(log.origin)}` }, "Keep an eye on this");
    body.push(make("p", {}, link));
  }
  const { words, caution } = ownerOf(policy);
  const vouched = `a head that enough auditors for ${words} vouch for`;
  const known = version === null ? `Nobody has published keys for ${name}` : `These are the keys of ${name}`;
  const said = version === null ? `Their absence is proved against ${vouched}.` : `Everybody who looks is shown the same, by ${vouched}.`;
  return resultView(result, { title: known, sentence: said, next, caution, body });
}

function excuse(error, log, typed) {
  if (error instanceof Refusal) return make("p", { class: "empty", role: "alert" }, error.sentence);
  if (error instanceof Answered) return make("p", { class: "empty", role: "alert" }, `The log refused: ${error.message}.`);
  return make(
    "div",
    { class: "empty", role: "alert" },
    make("p", {}, "This page could not reach the log itself, so nothing was sent. It does not ask through this auditor, which would then see whom you look for."),
    make("p", {}, "On the command line: ", make("code", {}, `plainsight --log ${log.url} contact verify ${/^[\w@.+:-]+$/.test(typed) ? typed : "<label>"}`)),
  );
}
