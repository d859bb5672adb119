// The result of a verification: steps in the order in which they were taken, and a verdict that is
// no better than the worst of them.

import { Refusal, Unsupported } from "./refusal.js";

/** What may come of a step. */
export const OK = "ok";
export const FAILED = "failed";
export const NOT_CHECKED = "not_checked";

class Stop extends Error {}

/** Collects steps. Made by `verify`. */
export class Report {
  constructor(kind) {
    this.kind = kind;
    this.steps = [];
    this.limits = [];
    this.facts = {};
  }

  /** Adds a step that a caller decided. */
  add(step, result, sentence, name = null) {
    this.steps.push({ step, result, sentence, name });
  }

  /**
   * Runs one check, which returns the sentence of its success. A refusal ends the verification; what
   * the browser cannot check is said, and the rest goes on.
   */
  async step(step, check) {
    try {
      this.add(step, OK, await check());
      return true;
    } catch (error) {
      if (error instanceof Unsupported) {
        this.add(step, NOT_CHECKED, error.sentence, error.name);
        return false;
      }
      if (error instanceof Refusal) {
        this.add(step, FAILED, error.sentence, error.name);
      } else {
        this.add(step, FAILED, `This page made a mistake of its own while checking: ${error?.message}`, "internal");
      }
      throw new Stop();
    }
  }

  /** Says that these steps were not taken, because one that they rest on could not be. */
  skip(...steps) {
    for (const step of steps) this.add(step, NOT_CHECKED, "Not checked, because a step before it could not be.");
  }

  /** Says what the reader should not read into the verdict. */
  limit(sentence) {
    this.limits.push(sentence);
  }

  /** "verified", "failed" or "not_verified" (something was not checked). */
  verdict() {
    if (this.steps.some((step) => step.result === FAILED)) return "failed";
    const all = this.steps.length > 0 && this.steps.every((step) => step.result === OK);
    return all ? "verified" : "not_verified";
  }
}

/**
 * Runs a verification: `run(report)` takes the steps. Returns
 * `{kind, verdict, steps: [{step, result, sentence, name}], limits, facts}`.
 */
export async function verify(kind, run) {
  const report = new Report(kind);
  try {
    await run(report);
  } catch (error) {
    if (error instanceof Refusal) {
      report.add("parse", FAILED, error.sentence, error.name);
    } else if (!(error instanceof Stop)) {
      report.add("internal", FAILED, `This page made a mistake of its own while checking: ${error?.message}`, "internal");
    }
  }
  const { steps, limits, facts } = report;
  return { kind, verdict: report.verdict(), steps, limits, facts };
}
