// The list of "me and my contacts": labels and blind indexes, kept in this browser alone.

import { must } from "../verify/refusal.js";

const NAME = "plainsight.me";
const FORMAT = "plainsight-me/v1";
/** The most people of one list. */
export const MAX_PEOPLE = 200;
const MAX_TEXT = 1 << 20;

/** A person of a list, or a refusal. */
function parsePerson(value) {
  const isText = (text, max) => typeof text === "string" && text.length > 0 && text.length <= max;
  const isDecimal = (text) => typeof text === "string" && /^(0|[1-9]\d{0,17})$/.test(text);
  const isVersion = (number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32;
  const isRung = (rung) => isVersion(rung?.version) && /^[0-7][0-9a-f]{63}$/.test(rung?.index);
  must(isText(value?.label, 512) && isText(value.origin, 255), "list", "A person of the list has no label or log.");
  must(value.who === "me" || value.who === "contact", "list", "A person of the list is neither you nor a contact.");
  must(isVersion(value.version) && isDecimal(value.coveredTo), "list", "A person of the list has no version or size.");
  must(Array.isArray(value.rungs) && value.rungs.length <= 128 && value.rungs.every(isRung), "list", "A person of the list has no places to watch.");
  must(Array.isArray(value.hits) && value.hits.every((hit) => isRung(hit) && isDecimal(hit.position)), "list", "A person of the list has a hit that is none.");
  const { label, origin, who, version, coveredTo, checkedAt } = value;
  const rungs = value.rungs.map((rung) => ({ version: rung.version, index: rung.index }));
  const hits = value.hits.map((hit) => ({ version: hit.version, index: hit.index, position: hit.position }));
  return { label, origin, who, version, coveredTo, checkedAt: Number(checkedAt) || 0, rungs, hits };
}

/** The people of a file or of this browser. */
export function parsePeople(text) {
  must(text.length <= MAX_TEXT, "list", "The list is too long.");
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    must(false, "list", "This is not a list of people.");
  }
  must(value?.format === FORMAT && Array.isArray(value.people), "list", "This is not a list of people.");
  must(value.people.length <= MAX_PEOPLE, "list", `The list has more than ${MAX_PEOPLE} people.`);
  return value.people.map(parsePerson);
}

/** As a file. */
export function printPeople(people) {
  return `${JSON.stringify({ format: FORMAT, people }, null, 1)}\n`;
}

/** Those kept in this browser; none if there is no list, or none that can be read. */
export function loadPeople() {
  try {
    return parsePeople(localStorage.getItem(NAME) ?? "");
  } catch {
    return [];
  }
}

/** Keeps them. */
export function savePeople(people) {
  localStorage.setItem(NAME, printPeople(people));
}

/** Whether two are the same person of one log. */
export function isSame(a, b) {
  return a.label === b.label && a.origin === b.origin;
}

/**
 * The buckets to ask for: for each log and prefix the lowest size from which somebody is not
 * covered, `[{origin, prefix, since}]`.
 */
export function bucketsOf(people, digits = 2) {
  const buckets = new Map();
  for (const { origin, rungs, coveredTo } of people) {
    const since = BigInt(coveredTo);
    for (const { index } of rungs) {
      const prefix = index.slice(0, digits);
      const name = `${prefix} ${origin}`;
      const known = buckets.get(name);
      if (known === undefined || since < known.since) buckets.set(name, { origin, prefix, since });
    }
  }
  return [...buckets.values()];
}

/**
 * People after buckets were read: `answers` maps "prefix origin" to `{covered, inserted}`. A person is
 * covered as far as all of its buckets are.
 */
export function applyBuckets(people, answers, now, digits = 2) {
  return people.map((person) => {
    const read = person.rungs.map(({ index }) => answers.get(`${index.slice(0, digits)} ${person.origin}`));
    if (read.length === 0 || read.includes(undefined)) return person;
    const covered = read.reduce((least, { covered: size }) => (size < least ? size : least), read[0].covered);
    const hits = [...person.hits];
    person.rungs.forEach(({ index, version }, i) => {
      const found = read[i].inserted.find((each) => each.index === index);
      if (found && !hits.some((hit) => hit.index === index)) hits.push({ index, version, position: found.position.toString() });
    });
    const before = BigInt(person.coveredTo);
    return { ...person, hits, coveredTo: (covered > before ? covered : before).toString(), checkedAt: now };
  });
}
