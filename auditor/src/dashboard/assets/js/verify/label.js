// Labels: what a person typed, as the bytes that the log knows. Chapter `label`.

import { concat, fromHex, fromUtf8, toHex, u32, utf8 } from "./bytes.js";
import { Refusal, must } from "./refusal.js";

const EMAIL = 0x01;
const PHONE = 0x02;
const USER = 0x03;
const UUID = 0x04;
const OPAQUE = 0x7f;

/** Refuses label bytes that are not canonical, and returns them. [LABEL-1] to [LABEL-7] */
export function requireLabel(label) {
  must(label.length >= 2 && label.length <= 255, "label", "A label is not 2 to 255 bytes long.");
  const body = label.subarray(1);
  switch (label[0]) {
    case EMAIL: {
      const plain = body.every((byte) => byte >= 0x21 && byte <= 0x7e && !(byte >= 0x41 && byte <= 0x5a));
      const at = body.indexOf(0x40);
      must(plain && at > 0 && at === body.lastIndexOf(0x40) && at < body.length - 1, "label", "This is not an e-mail address in its one spelling.");
      break;
    }
    case PHONE:
      must(/^[1-9][0-9]{6,14}$/.test(String.fromCharCode(...body)), "label", "This is not a phone number of 7 to 15 digits with its country code.");
      break;
    case USER: {
      fromUtf8(body, "A user name");
      const plain = body.every((byte) => byte > 0x20 && byte !== 0x40 && byte !== 0x7f && !(byte >= 0x41 && byte <= 0x5a));
      must(plain, "label", "This is not a user name in its one spelling.");
      break;
    }
    case UUID:
      must(body.length === 16, "label", "A UUID does not have 16 bytes.");
      break;
    default:
      must(label[0] === OPAQUE, "label", "A label is of an unknown kind."); // [LABEL-2]
  }
  return label;
}

const typed = (type, body) => requireLabel(concat(Uint8Array.of(type), body));
const lowerAscii = (text) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

/** The label of what a person typed; anything that would have to be guessed is refused. [LABEL-8] */
export function labelOf(text) {
  must(text !== "" && text.length <= 512, "label", "Type an e-mail address, a phone number, a UUID or user: and a user name.");
  if (text.includes("@")) return typed(EMAIL, utf8(lowerAscii(text)));
  if (text.startsWith("opaque:")) return typed(OPAQUE, fromHex(text.slice(7), (text.length - 7) >> 1, "An opaque label"));
  if (/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.test(text)) {
    return typed(UUID, fromHex(text.replaceAll("-", "").toLowerCase(), 16, "A UUID"));
  }
  if (text.startsWith("user:")) return typed(USER, utf8(userName(text.slice(5))));
  if (/^[+0-9]/.test(text)) return typed(PHONE, utf8(text.replace(/^\+/, "")));
  throw new Refusal("label", "Type an e-mail address, a phone number with its country code, a UUID, or user: and a user name.");
}

/** A user name of printable ASCII; other scripts need tables that this page does not carry. [LABEL-10] */
function userName(name) {
  if (/[^\u0021-\u007e]/.test(name)) {
    throw new Refusal(
      "label-not-here",
      "This page can spell user names in plain ASCII only; use the command line `plainsight contact verify` for this one.",
    );
  }
  return lowerAscii(name);
}

/** A label for people. */
export function describeLabel(label) {
  const body = label.subarray(1);
  if (label[0] === EMAIL) return fromUtf8(body, "An e-mail address");
  if (label[0] === PHONE) return `+${fromUtf8(body, "A phone number")}`;
  if (label[0] === USER) return `user:${fromUtf8(body, "A user name")}`;
  const hex = toHex(body);
  if (label[0] === UUID) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return `opaque:${hex}`;
}

/** The input of the VRF for a version. [LABEL-9] */
export function vrfInput(label, version) {
  return concat(Uint8Array.of(label.length), label, u32(version));
}
