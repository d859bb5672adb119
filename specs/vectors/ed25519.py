"""Writes ed25519.json: signatures that lax verifiers accept and this protocol refuses, and some
that it accepts.

    python3 -B specs/vectors/ed25519.py > specs/vectors/ed25519.json

Keys and messages are those of RFC 8032 section 7.1, tests 1 to 3.
"""

import json

from curve25519 import *

RFC = [
    ("1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", ""),
    ("2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72"),
    ("3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82"),
]


def hash_k(r, a, message):
    return scalar(sha512(r, a, message)) % Q


def cofactorless(r, s, a, k):
    return mul(s, BASE) == add(r, mul(k, a))


def verify(key, message, signature):
    """"accept", or what is refused."""
    a = decode(key)
    if a is None or is_small(a):
        return "key"
    r, s = decode(signature[:32]), scalar(signature[32:])
    if r is None or is_small(r) or s >= Q:
        return "signature"
    k = hash_k(signature[:32], key, message)
    return "accept" if cofactorless(r, s, a, k) else "signature"


cases = []


def case(name, key, message, signature, expect, lax=None):
    """`lax` asserts what a mutation is about: the cofactored equation holds with lax decoding."""
    assert verify(key, message, signature) == expect, name
    if lax is not None:
        a, r = decode(key, strict=False), decode(signature[:32], strict=False)
        k = hash_k(signature[:32], key, message)
        left = mul(8 * scalar(signature[32:]), BASE)
        assert (left == mul(8, add(r, mul(k, a)))) == lax, name
    cases.append({"name": name, "key": key.hex(), "message": message.hex(),
                  "signature": signature.hex(), "verdict": expect})


def sign(x, key, message, r_point, r):
    """The signature with R = r_point, whose multiple of the base point is r."""
    encoded = r_point if isinstance(r_point, bytes) else encode(r_point)
    return encoded + number((r + hash_k(encoded, key, message) * x) % Q)


keys = []
for (name, seed, message) in RFC:
    x, prefix = expand(bytes.fromhex(seed))
    key, message = encode(mul(x, BASE)), bytes.fromhex(message)
    r = scalar(sha512(prefix, message)) % Q
    signature = sign(x, key, message, mul(r, BASE), r)
    case("RFC 8032 test " + name, key, message, signature, "accept", lax=True)
    keys.append((x, key, message, signature))

x, key, message, good = keys[1]
r, s = good[:32], good[32:]


def flip(data, bit):
    return data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]


case("S plus L", key, message, r + number(scalar(s) + Q), "signature", lax=True)
case("S with its top bit set", key, message, flip(good, 511), "signature")
case("S is L", key, message, r + number(Q), "signature")
case("bit flipped in R", key, message, flip(good, 0), "signature")
case("bit flipped in S", key, message, flip(good, 256), "signature")
case("another message", key, flip(message, 0), good, "signature")
case("another key", keys[2][1], message, good, "signature")
case("all zero", key, message, bytes(64), "signature")

one = mul(1, BASE)
case("key is the identity", encode(ZERO), message, sign(0, encode(ZERO), message, one, 1), "key",
     lax=True)
case("key of order 8", encode(T8), message, sign(0, encode(T8), message, one, 1), "key", lax=True)
identity_above_p = number(P + 1)
case("key is the identity with y above p", identity_above_p, message,
     sign(0, identity_above_p, message, one, 1), "key", lax=True)
case("key is the identity with a sign on x = 0", NEGATIVE_ZERO, message,
     sign(0, NEGATIVE_ZERO, message, one, 1), "key", lax=True)
case("key with y above p, of large order", ABOVE_P, message, good, "key", lax=False)
case("key on no point", OFF_CURVE, message, good, "key")

case("R is the identity", key, message, sign(x, key, message, ZERO, 0), "signature", lax=True)
case("R is the identity with y above p", key, message,
     sign(x, key, message, identity_above_p, 0), "signature", lax=True)
case("R is the identity with a sign on x = 0", key, message,
     sign(x, key, message, NEGATIVE_ZERO, 0), "signature", lax=True)
case("R of order 8", key, message, sign(x, key, message, T8, 0), "signature", lax=True)
case("R with a component of order 8", key, message,
     sign(x, key, message, add(one, T8), 1), "signature", lax=True)

mixed_key = encode(add(decode(key), T8))
plain = next(n for n in range(1, 99)
             if hash_k(encode(mul(n, BASE)), mixed_key, message) % 8)
case("key with a component of order 8, which k does not clear", mixed_key, message,
     sign(x, mixed_key, message, mul(plain, BASE), plain), "signature", lax=True)
clear = next(n for n in range(1, 99)
             if hash_k(encode(mul(n, BASE)), mixed_key, message) % 8 == 0)
case("key with a component of order 8, which k clears", mixed_key, message,
     sign(x, mixed_key, message, mul(clear, BASE), clear), "accept", lax=True)
cancel = next(n for n in range(1, 99)
              if hash_k(encode(add(mul(n, BASE), T8)), mixed_key, message) % 8 == 7)
case("components of order 8 of key and R that cancel", mixed_key, message,
     sign(x, mixed_key, message, add(mul(cancel, BASE), T8), cancel), "accept", lax=True)

print(json.dumps({"source": "RFC 8032 section 7.1 and ed25519.py", "cases": cases}, indent=1))
