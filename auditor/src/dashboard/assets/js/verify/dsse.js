// DSSE envelopes. Chapter `dsse`.

import { concat, fromBase64, utf8 } from "./bytes.js";
import { verifies } from "./ed25519.js";
import { has, list, parseJson, text } from "./json.js";
import { must } from "./refusal.js";

/** The longest envelope, in bytes. [DSSE-1] */
export const MAX_ENVELOPE = 65_535;

/** `{type, payload, signatures, signed}`; `signed` is what the signatures are over. */
export function parseEnvelope(bytes, max = MAX_ENVELOPE) {
  const value = has(parseJson(bytes, max, "The envelope"), ["payloadType", "payload", "signatures"], "The envelope");
  const type = text(value.payloadType, "payloadType");
  const payload = fromBase64(value.payload, MAX_ENVELOPE);
  const signatures = list(value.signatures, 1, 8, "The signatures", (each) => {
    has(each, ["sig"], "A signature");
    if ("keyid" in each) text(each.keyid, "keyid"); // [DSSE-4]
    return fromBase64(each.sig, MAX_ENVELOPE);
  });
  const typeBytes = utf8(type);
  const head = utf8(`DSSEv1 ${typeBytes.length} `);
  const signed = concat(head, typeBytes, utf8(` ${payload.length} `), payload); // [DSSE-7]
  return { type, payload, signatures, signed };
}

/** How many of these keys signed, each once. [DSSE-5] [DSSE-6] */
export async function countSigners(envelope, keys) {
  let count = 0;
  for (const key of keys) {
    for (const signature of envelope.signatures) {
      if (signature.length === 64 && (await verifies(key, signature, envelope.signed))) {
        count += 1;
        break;
      }
    }
  }
  return count;
}

/** Refuses an envelope of another payload type. */
export function requireType(envelope, type) {
  must(envelope.type === type, "payload-type", "The envelope holds something else.");
}
