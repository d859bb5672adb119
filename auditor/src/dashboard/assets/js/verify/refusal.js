// How a check says no: an error with a fixed name for programs and one sentence for people.

/** A check that did not hold. `name` is stable; `sentence` is for people. */
export class Refusal extends Error {
  /**
   * @param {string} name which rule refused, such as "base64" or "quorum"
   * @param {string} sentence one sentence, without the bytes of a peer in it unless quoted
   */
  constructor(name, sentence) {
    super(sentence);
    this.name = name;
    this.sentence = sentence;
  }
}

/** A check that this browser cannot do. It is never taken for one that held. */
export class Unsupported extends Refusal {
  constructor(sentence) {
    super("unsupported", sentence);
  }
}

/** A file that holds together but does not contain what a verdict would need. */
export class Unproven extends Refusal {
  constructor(sentence) {
    super("unproven", sentence);
  }
}

/** Refuses unless `condition` holds. */
export function must(condition, name, sentence) {
  if (!condition) throw new Refusal(name, sentence);
}
