// Bytes and text in their one spelling: base64, hex, decimals, big-endian integers, UTF-8.
// Chapter `encodings`. Everything that has two spellings is refused, never repaired.

import { Refusal, must } from "./refusal.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i += 1) VALUE[ALPHABET.charCodeAt(i)] = i;

/** The largest number that a text may hold: 2^63 - 1. [ENC-2] */
export const MAX_DECIMAL = 2n ** 63n - 1n;

/** Bytes of canonical padded standard base64, at most `max` of them. [ENC-3] */
export function fromBase64(text, max) {
  must(typeof text === "string", "base64", "Base64 is expected where something else stands.");
  must(text.length <= Math.ceil(max / 3) * 4, "too-long", `A base64 value is longer than ${max} bytes.`);
  must(text.length % 4 === 0, "base64", "A base64 value lacks its padding.");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < digits; i += 1) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? VALUE[code] : -1;
    must(value >= 0, "base64", "A base64 value has a character that is not of the standard alphabet.");
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at] = (buffer >> bits) & 0xff;
      at += 1;
    }
  }
  must((buffer & ((1 << bits) - 1)) === 0, "base64", "The unused last bits of a base64 value are not zero.");
  must(out.length <= max, "too-long", `A base64 value is longer than ${max} bytes.`);
  return out;
}

/** Canonical base64 of bytes. */
export function toBase64(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    out += ALPHABET[group >> 18] + ALPHABET[(group >> 12) & 63];
    out += left > 1 ? ALPHABET[(group >> 6) & 63] : "=";
    out += left > 2 ? ALPHABET[group & 63] : "=";
  }
  return out;
}

/** `length` bytes of base64. */
export function base64Exactly(text, length, what) {
  const bytes = fromBase64(text, length);
  must(bytes.length === length, "length", `${what} is not ${length} bytes long.`);
  return bytes;
}

/** `length` bytes of lower-case hex. [ENC-4] */
export function fromHex(text, length, what) {
  must(
    typeof text === "string" && text.length === length * 2 && /^[0-9a-f]*$/.test(text),
    "hex",
    `${what} is not ${length} bytes in lower-case hex.`,
  );
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Lower-case hex of bytes. */
export function toHex(bytes) {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** A decimal as it is written in text, as a BigInt. [ENC-2] */
export function decimal(text, what) {
  must(/^(0|[1-9][0-9]{0,18})$/.test(text), "decimal", `${what} is not a decimal number.`);
  const value = BigInt(text);
  must(value <= MAX_DECIMAL, "decimal", `${what} is larger than 2^63 - 1.`);
  return value;
}

/** Text of bytes that must be UTF-8; a byte order mark is kept as the character that it is. */
export function fromUtf8(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal("utf-8", `${what} is not UTF-8.`);
  }
}

/** UTF-8 bytes of text. */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** One byte string out of several. */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether two byte strings are equal. Takes as long wherever they differ. */
export function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i] ^ b[i];
  return difference === 0;
}

/** A number as two big-endian bytes. [ENC-1] */
export function u16(value) {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** A number as four big-endian bytes. */
export function u32(value) {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Eight big-endian bytes as a BigInt. */
export function readU64(bytes) {
  let value = 0n;
  for (const byte of bytes.subarray(0, 8)) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Bit `i` of a byte string; bit 0 is the top bit of the first byte. */
export function bit(bytes, i) {
  return (bytes[i >> 3] >> (7 - (i & 7))) & 1;
}

/** Bytes or text as bytes. */
export function asBytes(value) {
  return typeof value === "string" ? utf8(value) : value;
}
