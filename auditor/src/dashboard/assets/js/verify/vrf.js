// ECVRF-EDWARDS25519-SHA512-ELL2 (RFC 9381), verification only. Chapter `vrf`.

import { concat, equal, utf8 } from "./bytes.js";
import { BASE, L, P, Point, invert, mod, power, readLittle, squareRoot } from "./edwards.js";
import { Refusal, Unsupported, must } from "./refusal.js";

const SUITE = 0x04;
const DST = concat(utf8("ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_"), Uint8Array.of(SUITE)); // [VRF-2]
const J = 486662n;
// The root with sign 0 (RFC 9380 section 6.8.2).
const ROOT = (() => {
  const root = squareRoot(mod(-486664n));
  return (root & 1n) === 0n ? root : mod(-root);
})();

async function sha512(...parts) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) {
    throw new Unsupported("This browser offers no cryptography to this page, which was not loaded over HTTPS.");
  }
  return new Uint8Array(await subtle.digest("SHA-512", concat(...parts)));
}

/** One element of the field from a message (RFC 9380 sections 5.2 and 5.3.1, 48 bytes). */
async function hashToField(message) {
  const dst = concat(DST, Uint8Array.of(DST.length));
  const b0 = await sha512(new Uint8Array(128), message, Uint8Array.of(0, 48, 0), dst);
  const b1 = await sha512(b0, Uint8Array.of(1), dst);
  let value = 0n;
  for (const byte of b1.subarray(0, 48)) value = (value << 8n) | BigInt(byte);
  return value % P;
}

const isSquare = (value) => value === 0n || power(value, (P - 1n) / 2n) === 1n;
const curve = (x) => mod(x * mod(x * x) + J * mod(x * x) + x);

/** The map of RFC 9380 sections 6.7.1 and 6.8.2: Elligator 2, then to the Edwards curve. */
function mapToCurve(u) {
  const denominator = mod(1n + 2n * u * u);
  const x1 = denominator === 0n ? mod(-J) : mod(-J * invert(denominator));
  const first = isSquare(curve(x1));
  const s = first ? x1 : mod(-x1 - J);
  const root = squareRoot(curve(s));
  const t = (root & 1n) === (first ? 1n : 0n) ? root : mod(-root);
  if (t === 0n || s === P - 1n) return Point.affine(0n, 1n);
  return Point.affine(mod(ROOT * s * invert(t)), mod((s - 1n) * invert(s + 1n)));
}

/** The point that a message is hashed to; the salt is the public key. */
export async function encodeToCurve(key, alpha) {
  return mapToCurve(await hashToField(concat(key, alpha))).clearCofactor();
}

/** Refuses a VRF key that is not the canonical encoding of a point of large order. [VRF-3] */
export function strictVrfKey(key) {
  must(!Point.decode(key, "The VRF key").isSmallOrder(), "vrf-key", "The VRF key is a point of small order.");
  return key;
}

/** The 64 bytes that a proof shows to be the output for `alpha`; refused if it shows nothing. */
export async function verifyVrf(key, alpha, proof) {
  must(proof.length === 80, "vrf", "A VRF proof is not 80 bytes long."); // [VRF-4]
  strictVrfKey(key);
  const Y = Point.decode(key, "The VRF key");
  const Gamma = Point.decode(proof.subarray(0, 32), "Gamma of a VRF proof"); // [VRF-5]
  const c = readLittle(proof.subarray(32, 48));
  const s = readLittle(proof.subarray(48));
  must(s < L, "vrf", "A VRF proof is not in its one spelling."); // [VRF-6]
  const H = await encodeToCurve(key, alpha);
  const U = BASE.times(s).add(Y.negate().times(c)); // [VRF-7]
  const V = H.times(s).add(Gamma.negate().times(c));
  const points = [Y, H, Gamma, U, V].map((point) => point.encode());
  const hash = await sha512(Uint8Array.of(SUITE, 2), ...points, Uint8Array.of(0));
  if (!equal(hash.subarray(0, 16), proof.subarray(32, 48))) {
    throw new Refusal("vrf", "A VRF proof does not hold: the log may not choose where a label stands.");
  }
  return sha512(Uint8Array.of(SUITE, 3), Gamma.clearCofactor().encode(), Uint8Array.of(0));
}

/** The index of an output: its first 32 bytes in the private namespace. [VRF-8] */
export function vrfIndex(output) {
  const index = output.slice(0, 32);
  index[0] &= 0x7f;
  return index;
}
