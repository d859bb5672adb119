// The ladder: which version is the latest. Chapter `ladder`. Numbers are plain numbers to 2^32.

import { must } from "./refusal.js";

const LIMIT = 2 ** 32;

/**
 * Climbs: asks `present(rung)` for each rung in order, and returns `{latest, rungs}`; `latest` is
 * null when there is none, and `rungs` is what was asked, with its answers. [LADDER-1] to [LADDER-3]
 */
export function climb(present) {
  const rungs = [];
  const ask = (number) => {
    const isPresent = present(number, rungs.length);
    rungs.push({ number, present: isPresent });
    return isPresent;
  };
  let last = null;
  let absent = LIMIT;
  for (let k = 0; k <= 32; k += 1) {
    const number = 2 ** k - 1;
    if (!ask(number)) {
      absent = number;
      break;
    }
    last = number;
  }
  if (last === null) return { latest: null, rungs };
  while (absent - last > 1) {
    const middle = Math.floor((last + absent) / 2);
    if (ask(middle)) last = middle;
    else absent = middle;
  }
  return { latest: last, rungs };
}

/** The whole ladder for a latest number, or for none: `[{number, present}]`. */
export function ladderOf(latest) {
  return climb((number) => latest !== null && number <= latest).rungs;
}

/** Refuses answers that are not those of the ladder for `latest`. [LADDER-4] */
export function requireLadder(latest, answers) {
  const rungs = ladderOf(latest);
  const same = rungs.length === answers.length && rungs.every((rung, i) => rung.present === answers[i]);
  must(same, "ladder", "What the index holds is not what it would hold if this version were the latest.");
}

/** The absent rungs that an owner at version `latest` watches, ascending. [LADDER-5] */
export function watchedRungs(latest) {
  const absent = (n) => (n >= LIMIT ? [] : ladderOf(n).filter((rung) => !rung.present).map((rung) => rung.number));
  return [...new Set([...absent(latest), ...absent(latest + 1)])].sort((a, b) => a - b);
}
