// `/me`: "me and my contacts". The list stays in this browser; this node is asked for buckets of
// indexes that many people share, and never learns which of them matter.

import { toBase64 } from "../verify/bytes.js";
import { describeLabel, labelOf } from "../verify/label.js";
import { parseVkey } from "../verify/note.js";
import { Refusal, must } from "../verify/refusal.js";
import { verifyRungs } from "../verify/rungs.js";
import { parseFeed, verifyWatchNote } from "../verify/watch.js";
import { Answered, ask } from "./ask.js";
import { badge, facts, make } from "./dom.js";
import { historyView, lookBack } from "./history.js";
import { base, contextOf, genesisOf, keyring } from "./keyring.js";
import { lookUpLabel } from "./lookup.js";
import { applyBuckets, bucketsOf, isSame, loadPeople, parsePeople, printPeople, savePeople, MAX_PEOPLE } from "./people.js";
import { resultView } from "./result.js";
import { whenOf } from "./times.js";

export const isStatic = true;

/** How many answers are read for one bucket at once; the rest waits for the next check. */
const MAX_PAGES = 16;

/** How soon a log is asked again that does not yet show what changed, in milliseconds; each time later. */
const FIRST_PAUSE = 1000;
const MAX_PAUSE = 60_000;

let people = [];
let trouble = new Map();
/** What the log answered about those whose keys changed, by person and hits. */
const histories = new Map();

/** Makes the page work. */
export async function start(main) {
  const form = main.querySelector("#me-form");
  const list = main.querySelector("#people");
  const output = main.querySelector("#result");
  const ring = await keyring();
  const choice = form.querySelector("[name=log]");
  for (const log of ring.logs) choice.append(make("option", { value: log.origin }, log.origin));
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (wanted.has("q")) form.querySelector("[name=label]").value = wanted.get("q");
  if (wanted.has("log")) choice.value = wanted.get("log");
  people = loadPeople();
  const draw = () => drawPeople(list, { onRenew: renew, onRemove: remove });
  const remove = (person) => {
    people = people.filter((each) => !isSame(each, person));
    savePeople(people);
    draw();
    list.focus();
  };
  const renew = (person) => add(ring, { ...person, isRenewal: true }, output, draw);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await add(ring, { label: form.querySelector("[name=label]").value.trim(), origin: choice.value, who: form.querySelector("[name=who]").value }, output, draw);
    button.disabled = false;
  });
  files(main, output, draw);
  draw();
  form.hidden = false;
  main.querySelector("#me-file").hidden = false;
  let isRunning = false;
  let isAgain = false;
  let again = null;
  let pause = FIRST_PAUSE;
  const checkAll = async () => {
    // News that comes while it is looked may be of what was looked at already: once more, then.
    isAgain = isRunning;
    if (isRunning || people.length === 0) return;
    isRunning = true;
    do {
      isAgain = false;
      await check(ring);
      draw();
      if (await lookBackAtAll(ring)) draw();
    } while (isAgain);
    isRunning = false;
    // A log may show later what the auditors have vouched for already.
    clearTimeout(again);
    const isOwed = people.some((each) => each.hits.length > 0 && !isAnswered(historyOf(each)));
    pause = isOwed ? Math.min(pause * 2, MAX_PAUSE) : FIRST_PAUSE;
    if (isOwed) again = setTimeout(checkAll, pause);
  };
  document.addEventListener("plainsight:event", (event) => {
    if (["head", "cosignature", "reset"].includes(event.detail.kind)) checkAll();
  });
  await checkAll();
}

/** Looks somebody up at the log, and takes the places to watch from it. */
async function add(ring, { label: typed, origin, who, isRenewal = false }, output, draw) {
  output.replaceChildren(make("p", { class: "empty" }, "Asking the log, and checking its answer in this page…"));
  try {
    must(people.length < MAX_PEOPLE, "list", `A list has at most ${MAX_PEOPLE} people.`);
    const label = labelOf(typed);
    const known = people.find((each) => isSame(each, { label: describeLabel(label), origin }));
    // Only who says to have compared takes a warning away.
    must(isRenewal || !known || known.hits.length === 0, "list", `${describeLabel(label)} is on the list already, and the keys have changed since. Compare a safety number, then take the new version there.`);
    const log = ring.logs.find((each) => each.origin === origin);
    const result = await lookUpLabel(log, label, ring.policy);
    if (result.verdict !== "verified") {
      output.replaceChildren(resultView(result));
      return;
    }
    const { version } = result.facts;
    must(version !== null, "list", `${describeLabel(label)} has no keys in this log yet, which was proved; there is nothing to watch.`);
    const rungs = await rungsOf(log, label, version, ring.policy);
    if (rungs.verdict !== "verified") {
      output.replaceChildren(resultView(rungs));
      return;
    }
    const person = { label: describeLabel(label), origin, who, version, coveredTo: rungs.facts.size.toString(), checkedAt: Math.floor(Date.now() / 1000), rungs: rungs.facts.rungs, hits: [] };
    people = [...people.filter((each) => !isSame(each, person)), person];
    savePeople(people);
    output.replaceChildren(make("p", { class: "empty" }, `${person.label} is on the list in this browser, at version ${version}.`));
    draw();
  } catch (error) {
    output.replaceChildren(make("p", { class: "empty", role: "alert" }, sentenceOf(error)));
  }
}

async function rungsOf(log, label, latest, policy) {
  const { genesis } = await genesisOf(log, policy);
  const answer = await ask(`${base(log.url)}v1/rungs`, { body: { label: toBase64(label), latest } });
  return verifyRungs(answer, { ...contextOf(policy), genesis, label, latest });
}

function sentenceOf(error) {
  if (error instanceof Refusal) return error.sentence;
  if (error instanceof Answered) return `It was refused: ${error.message}.`;
  return "The log could not be reached from this page, so nobody was added.";
}

/** Reads the buckets of everybody on the list. */
async function check(ring) {
  const answers = new Map();
  trouble = new Map();
  for (const bucket of bucketsOf(people)) {
    try {
      answers.set(`${bucket.prefix} ${bucket.origin}`, await readBucket(ring, bucket));
    } catch (error) {
      trouble.set(bucket.origin, error instanceof Refusal ? error.sentence : `This auditor did not answer (${error.message}).`);
    }
  }
  people = applyBuckets(people, answers, Math.floor(Date.now() / 1000));
  savePeople(people);
}

/** Asks what changed of those whose keys did, once for each change; whether there is anything new. */
async function lookBackAtAll(ring) {
  let isNew = false;
  for (const person of people.filter((each) => each.hits.length > 0 && !isAnswered(historyOf(each)))) {
    const log = ring.logs.find((each) => each.origin === person.origin);
    if (log === undefined) continue;
    histories.set(nameOf(person), await lookBack(log, person, ring.policy));
    isNew = true;
  }
  return isNew;
}

const nameOf = ({ label, origin, version, hits }) => JSON.stringify([label, origin, version, hits.length]);
const historyOf = (person) => histories.get(nameOf(person));
/** A log that was silent is asked again with the next news. */
const isAnswered = (history) => history !== undefined && history.verdict !== "silent";

async function readBucket({ logs, auditor }, { origin, prefix, since }) {
  const log = logs.find((each) => each.origin === origin);
  must(log !== undefined, "list", "This auditor does not follow that log.");
  const key = parseVkey(auditor.watch_vkey);
  const inserted = [];
  let from = since;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const feed = parseFeed(await ask(`/v1/inserted/${log.hash}/${prefix}?since=${from}`));
    await verifyWatchNote(feed, key);
    const isAsked = feed.origin === origin && feed.prefix === prefix && feed.since === from; // [WATCH-16]
    must(isAsked, "watch", "This auditor answered something else than was asked.");
    inserted.push(...feed.inserted);
    from = feed.through;
    if (feed.through === feed.size) break;
  }
  return { covered: from, inserted };
}

function drawPeople(list, { onRenew, onRemove }) {
  if (people.length === 0) {
    list.replaceChildren(make("p", { class: "empty" }, "Nobody is on the list yet."));
    return;
  }
  const cards = make("ul", { class: "cards" });
  for (const person of people) cards.append(card(person, onRenew, onRemove));
  list.replaceChildren(cards);
}

function stateOf(person) {
  if (historyOf(person)?.verdict === "failed") return ["bad", "The log's account does not hold"];
  if (person.hits.length > 0) return person.who === "me" ? ["bad", "A version was logged for you"] : ["warn", "Their keys changed"];
  if (trouble.has(person.origin)) return ["unknown", "Not checked"];
  return ["good", "No change"];
}

function card(person, onRenew, onRemove) {
  const [tone, word] = stateOf(person);
  const hits = person.hits.map((hit) => make("p", {}, `Version ${hit.version} was logged as entry ${hit.position}.`));
  const unexpected = person.hits.some((hit) => hit.version > person.version + 1);
  const history = historyOf(person);
  const next =
    person.hits.length === 0
      ? null
      : history?.verdict === "failed"
        ? "Use none of these keys. Tell the person over another way than this provider, and give the log's answer to an auditor."
        : person.who === "me"
        ? "If you did not change your keys, somebody holds a key in your name: run `plainsight keys monitor` and tell your contacts."
        : "Look them up again, and compare a safety number with them before you write.";
  const ahead = unexpected ? make("p", {}, "A version that is not the next was logged: it was planted ahead of its turn.") : null;
  return make(
    "li",
    { class: `card ${tone}`, "data-label": person.label, "data-state": tone },
    make("h3", {}, person.label, make("span", { class: "meta" }, person.who === "me" ? " (me)" : "")),
    make("p", { class: "state" }, badge(tone, word)),
    ...hits,
    ahead,
    history ? historyView(history) : null,
    next ? make("p", { class: "next" }, make("b", {}, "What to do: "), next) : null,
    trouble.has(person.origin) ? make("p", { class: "note" }, trouble.get(person.origin)) : null,
    facts([
      ["Version when it was added", String(person.version)],
      ["Covered", `up to entry ${person.coveredTo} of ${person.origin}`],
      ["Checked", person.checkedAt ? whenOf(person.checkedAt) : "not yet"],
    ]),
    make(
      "p",
      { class: "pages" },
      make("a", { href: `/lookup#q=${encodeURIComponent(person.label)}&log=${encodeURIComponent(person.origin)}` }, "Look up"),
      make("button", { type: "button", class: "quiet", onclick: () => onRenew(person) }, person.hits.length > 0 ? "I have compared: take the new version" : "Ask the log again"),
      make("button", { type: "button", class: "quiet", onclick: () => onRemove(person) }, "Remove"),
    ),
  );
}

function files(main, output, draw) {
  main.querySelector("#me-export").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([printPeople(people)], { type: "application/json" }));
    const link = make("a", { href: url, download: "plainsight-me.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  main.querySelector("#me-import").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    try {
      must(file.size <= 1 << 20, "list", "The list is too long.");
      const imported = parsePeople(await file.text());
      people = [...people.filter((each) => !imported.some((other) => isSame(each, other))), ...imported].slice(0, MAX_PEOPLE);
      savePeople(people);
      output.replaceChildren(make("p", { class: "empty" }, `${imported.length} people are on the list now that were in the file.`));
      draw();
    } catch (error) {
      output.replaceChildren(make("p", { class: "empty", role: "alert" }, sentenceOf(error)));
    }
    event.target.value = "";
  });
}
