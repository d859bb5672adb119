// The curve edwards25519 (RFC 7748, RFC 8032), for verification of public data only: it takes a
// time that depends on its input.

import { must } from "./refusal.js";

/** The field's prime. */
export const P = 2n ** 255n - 19n;
/** The order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The value from 0 to P - 1. */
export function mod(value) {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

/** `base` to the power of `exponent`. */
export function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % P;
    b = (b * b) % P;
  }
  return result;
}

/** 1 / value; 0 for 0. */
export function invert(value) {
  return power(value, P - 2n);
}

const D = mod(-121665n * invert(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

/** A square root, or null where there is none. */
export function squareRoot(value) {
  let root = power(value, (P + 3n) / 8n);
  if (mod(root * root - value) !== 0n) root = mod(root * ROOT_OF_MINUS_ONE);
  return mod(root * root - value) === 0n ? root : null;
}

/** A little-endian number. */
export function readLittle(bytes) {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i]);
  return value;
}

/** A point in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
export class Point {
  constructor(x, y, z, t) {
    this.x = x;
    this.y = y;
    this.z = z;
    this.t = t;
  }

  /** The point with these affine coordinates. */
  static affine(x, y) {
    return new Point(x, y, 1n, mod(x * y));
  }

  /** The point of 32 bytes in their one encoding. [ENC-14] [VRF-3] */
  static decode(bytes, what) {
    must(bytes.length === 32, "point", `${what} is not 32 bytes long.`);
    const encoded = readLittle(bytes);
    const sign = encoded >> 255n;
    const y = encoded & (2n ** 255n - 1n);
    must(y < P, "point", `${what} is not encoded canonically.`);
    const y2 = mod(y * y);
    const root = squareRoot(mod((y2 - 1n) * invert(mod(D * y2 + 1n))));
    must(root !== null, "point", `${what} is not a point of the curve.`);
    must(root !== 0n || sign === 0n, "point", `${what} is not encoded canonically.`);
    return Point.affine((root & 1n) === sign ? root : mod(-root), y);
  }

  /** Its 32 bytes. */
  encode() {
    const inverse = invert(this.z);
    const x = mod(this.x * inverse);
    let value = mod(this.y * inverse) | ((x & 1n) << 255n);
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i += 1, value >>= 8n) out[i] = Number(value & 0xffn);
    return out;
  }

  /** The sum of two points (RFC 8032 section 5.1.4). */
  add(other) {
    const a = mod((this.y - this.x) * (other.y - other.x));
    const b = mod((this.y + this.x) * (other.y + other.x));
    const c = mod(2n * D * mod(this.t * other.t));
    const d = mod(2n * this.z * other.z);
    const [e, f, g, h] = [b - a, d - c, d + c, b + a];
    return new Point(mod(e * f), mod(g * h), mod(f * g), mod(e * h));
  }

  /** Twice this point. */
  double() {
    return this.add(this);
  }

  /** The point on the other side. */
  negate() {
    return new Point(mod(-this.x), this.y, this.z, mod(-this.t));
  }

  /** This point, `scalar` times; the scalar is not reduced. [VRF-7] */
  times(scalar) {
    let result = IDENTITY;
    for (const digit of scalar.toString(2)) {
      result = result.double();
      if (digit === "1") result = result.add(this);
    }
    return result;
  }

  /** Eight times this point. */
  clearCofactor() {
    return this.double().double().double();
  }

  /** Whether it is the neutral point. */
  isIdentity() {
    return this.x === 0n && this.y === this.z;
  }

  /** Whether eight times it is the neutral point. */
  isSmallOrder() {
    return this.clearCofactor().isIdentity();
  }
}

const IDENTITY = new Point(0n, 1n, 1n, 0n);

/** The base point. */
export const BASE = (() => {
  const y = mod(4n * invert(5n));
  const y2 = mod(y * y);
  const x = squareRoot(mod((y2 - 1n) * invert(mod(D * y2 + 1n))));
  return Point.affine((x & 1n) === 0n ? x : mod(-x), y);
})();
