// Strict Ed25519: the browser's own verification, behind checks of what it may leave open (RFC 8032
// verifiers differ in small and non-canonical points). Chapter `encodings`.

import { L, Point, readLittle } from "./edwards.js";
import { Refusal, Unsupported, must } from "./refusal.js";

/** Refuses a key that is not the canonical encoding of a point of large order. [ENC-14] */
export function strictKey(key, what) {
  must(!Point.decode(key, what).isSmallOrder(), "key", `${what} is a point of small order.`);
  return key;
}

/** Whether this browser can verify Ed25519; false over plain HTTP from another machine. */
export async function isSupported() {
  try {
    await importKey(new Uint8Array(32).fill(1));
    return true;
  } catch (error) {
    if (error instanceof Unsupported) return false;
    throw error;
  }
}

const imported = new Map();

async function importKey(key) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) {
    throw new Unsupported("This browser offers no cryptography to this page, which was not loaded over HTTPS.");
  }
  const name = key.join();
  if (!imported.has(name)) {
    if (imported.size > 1000) imported.clear();
    try {
      imported.set(name, await subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]));
    } catch {
      throw new Unsupported("This browser cannot verify Ed25519 signatures.");
    }
  }
  return imported.get(name);
}

/**
 * Whether a signature by a key verifies over a message. The key must have passed `strictKey`.
 * Throws `Unsupported` where the browser cannot tell. [ENC-15]
 */
export async function verifies(key, signature, message) {
  const handle = await importKey(key);
  if (signature.length !== 64) return false;
  if (readLittle(signature.subarray(32)) >= L) return false;
  try {
    if (Point.decode(signature.subarray(0, 32), "R").isSmallOrder()) return false;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
  return globalThis.crypto.subtle.verify({ name: "Ed25519" }, handle, signature, message);
}
