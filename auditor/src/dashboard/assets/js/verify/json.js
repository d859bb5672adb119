// JSON as the chapter `encodings` reads it: one value, no member twice, 16 brackets deep, whole
// numbers up to 2^53 - 1. The browser's own parser keeps the last of two equal members and takes
// any number, so it would read other files than an auditor does.

import { fromUtf8 } from "./bytes.js";
import { Refusal, must } from "./refusal.js";

/** How many brackets may be open at once. [ENC-10] */
export const MAX_DEPTH = 16;

const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.depth = 0;
  }

  fail(sentence) {
    throw new Refusal("json", `${sentence} (at character ${this.at}).`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  take(character) {
    if (this.text[this.at] !== character) this.fail(`The JSON lacks a ${character}`);
    this.at += 1;
  }

  value() {
    switch (this.text[this.at]) {
      case "{":
        return this.object();
      case "[":
        return this.array();
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  word(word, value) {
    if (!this.text.startsWith(word, this.at)) this.fail("The JSON has an unknown word");
    this.at += word.length;
    return value;
  }

  // [ENC-8]
  number() {
    const start = this.at;
    while (/[-+.0-9A-Za-z]/.test(this.text[this.at] ?? "")) {
      this.at += 1;
      if (this.at - start > 16) this.fail("A number in the JSON is too long");
    }
    const digits = this.text.slice(start, this.at);
    if (!/^(0|[1-9][0-9]{0,15})$/.test(digits)) this.fail("The JSON has a value that is not allowed");
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) this.fail("A number in the JSON is above 2^53 - 1");
    return value;
  }

  string() {
    this.take('"');
    let out = "";
    let start = this.at;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) this.fail("A string in the JSON does not end");
      if (code < 0x20) this.fail("A string in the JSON has a raw control character");
      if (code === 0x22 || code === 0x5c) {
        out += this.text.slice(start, this.at);
        this.at += 1;
        if (code === 0x22) break;
        out += this.escape();
        start = this.at;
      } else {
        this.at += 1;
      }
    }
    // [ENC-7]
    if (/\p{Surrogate}/u.test(out)) this.fail("A string in the JSON has half a character");
    return out;
  }

  escape() {
    const letter = this.text[this.at];
    this.at += 1;
    if (letter === "u") {
      const digits = this.text.slice(this.at, this.at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("The JSON has a bad \\u escape");
      this.at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    if (letter === undefined || !Object.hasOwn(ESCAPES, letter)) this.fail("The JSON has an unknown escape");
    return ESCAPES[letter];
  }

  open(character) {
    this.take(character);
    this.depth += 1;
    if (this.depth > MAX_DEPTH) this.fail(`More than ${MAX_DEPTH} brackets are open in the JSON`);
    this.space();
  }

  array() {
    this.open("[");
    const out = [];
    if (this.text[this.at] !== "]") {
      for (;;) {
        out.push(this.value());
        this.space();
        if (this.text[this.at] !== ",") break;
        this.at += 1;
        this.space();
      }
    }
    this.take("]");
    this.depth -= 1;
    return out;
  }

  object() {
    this.open("{");
    const out = Object.create(null);
    if (this.text[this.at] !== "}") {
      for (;;) {
        const name = this.string();
        // [ENC-9]
        if (name in out) this.fail(`The JSON has a member twice: ${JSON.stringify(name)}`);
        this.space();
        this.take(":");
        this.space();
        out[name] = this.value();
        this.space();
        if (this.text[this.at] !== ",") break;
        this.at += 1;
        this.space();
      }
    }
    this.take("}");
    this.depth -= 1;
    return out;
  }
}

/** The value of JSON bytes, at most `max` of them. Objects have no prototype. */
export function parseJson(bytes, max, what) {
  must(bytes.length <= max, "too-long", `${what} is longer than ${max} bytes.`);
  const reader = new Reader(fromUtf8(bytes, what));
  reader.space();
  const value = reader.value();
  reader.space();
  // [ENC-6]
  if (reader.at !== reader.text.length) reader.fail("Something follows the JSON");
  return value;
}

/** Whether a value is an object. */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Refuses an object that lacks a required member or has one that is not listed. [ENC-12] */
export function exactly(value, required, optional, what) {
  has(value, required, what);
  for (const name of Object.keys(value)) {
    must(
      required.includes(name) || optional.includes(name),
      "member",
      `${what} has an unknown member: ${JSON.stringify(name.slice(0, 64))}.`,
    );
  }
  return value;
}

/** Refuses what is not an object with these members; others are ignored. */
export function has(value, required, what) {
  must(isObject(value), "member", `${what} is not a JSON object.`);
  for (const name of required) must(name in value, "member", `${what} lacks the member ${name}.`);
  return value;
}

/** A string. */
export function text(value, what) {
  must(typeof value === "string", "member", `${what} is not a string.`);
  return value;
}

/** A whole number from 0 to `max`. */
export function integer(value, max, what) {
  must(typeof value === "number" && value <= max, "member", `${what} is not a number up to ${max}.`);
  return value;
}

/** An array of `min` to `max` values, each read by `each`. */
export function list(value, min, max, what, each) {
  must(Array.isArray(value), "member", `${what} is not an array.`);
  must(value.length >= min && value.length <= max, "member", `${what} does not have ${min} to ${max} values.`);
  return value.map(each);
}
