"""Writes vrf.json: ECVRF-EDWARDS25519-SHA512-ELL2, RFC 9381, with one named mutation each.

    python3 -B specs/vectors/vrf.py > specs/vectors/vrf.json

Seeds, inputs, H, proofs and outputs of examples 19 to 21 stand below as in RFC 9381 appendix B.4.
Everything else is computed here, with RFC 9380 in plain integers.
"""

import json

from curve25519 import *

SUITE = b"\x04"
DST = b"ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_" + SUITE

RFC = [
    ("19", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "b8066ebbb706c72b64390324e4a3276f129569eab100c26b9f05011200c1bad9",
     "7d9c633ffeee27349264cf5c667579fc583b4bda63ab71d001f89c10003ab46f"
     "14adf9a3cd8b8412d9038531e865c341cafa73589b023d14311c331a9ad15ff2"
     "fb37831e00f0acaa6d73bc9997b06501",
     "9d574bf9b8302ec0fc1e21c3ec5368269527b87b462ce36dab2d14ccf80c53cc"
     "cf6758f058c5b1c856b116388152bbe509ee3b9ecfe63d93c3b4346c1fbc6c54"),
    ("20", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
     "76ac3ccb86158a9104dff819b1ca293426d305fd76b39b13c9356d9b58c08e57",
     "47b327393ff2dd81336f8a2ef10339112401253b3c714eeda879f12c509072ef"
     "055b48372bb82efbdce8e10c8cb9a2f9d60e93908f93df1623ad78a86a028d6b"
     "c064dbfc75a6a57379ef855dc6733801",
     "38561d6b77b71d30eb97a062168ae12b667ce5c28caccdf76bc88e093e463598"
     "7cd96814ce55b4689b3dd2947f80e59aac7b7675f8083865b46c89b2ce9cc735"),
    ("21", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
     "13d2a8b5ca32db7e98094a61f656a08c6c964344e058879a386a947a4e189ed1",
     "926e895d308f5e328e7aa159c06eddbe56d06846abf5d98c2512235eaa57fdce"
     "35b46edfc655bc828d44ad09d1150f31374e7ef73027e14760d42e77341fe054"
     "67bb286cc2c9d7fde29120a0b2320d04",
     "121b7f9b9aaaa29099fc04a94ba52784d44eac976dd1a3cca458733be5cd090a"
     "7b5fbd148444f17f8daf1fb55cb04b1ae85a626e30a54b4b0f8abf4a43314a58"),
]


def encode_to_curve(message):
    # RFC 9380: expand_message_xmd (48 bytes, one block), hash_to_field, Elligator 2, cofactor.
    dst = DST + bytes([len(DST)])
    b0 = sha512(bytes(128), message, b"\x00\x30\x00", dst)
    u = int.from_bytes(sha512(b0, b"\x01", dst)[:48], "big") % P
    j = 486662
    x1 = -j * pow(1 + 2 * u * u, -1, P) % P
    g = lambda x: (x**3 + j * x * x + x) % P
    s, sign = (x1, 1) if sqrt(g(x1)) is not None else (-x1 - j, 0)
    t = sqrt(g(s))
    t = t if t & 1 == sign else -t % P
    root = sqrt(-486664 % P)
    root = root if root & 1 == 0 else -root % P
    point = (root * s * pow(t, -1, P) % P, (s - 1) * pow(s + 1, -1, P) % P)
    return mul(8, point)


def challenge(*points):
    return sha512(SUITE, b"\x02", *map(encode, points), b"\x00")[:16]


def output(gamma):
    return sha512(SUITE, b"\x03", encode(mul(8, gamma)), b"\x00")


def prove(x, key, alpha, nonce, gamma_extra=ZERO):
    """A proof with a chosen nonce; nonces are tried upwards until 8 divides c where needed."""
    h = encode_to_curve(encode(key) + alpha)
    gamma = add(mul(x, h), gamma_extra)
    while True:
        c = challenge(key, h, gamma, mul(nonce, BASE), mul(nonce, h))
        torsion_free = gamma_extra == ZERO and mul(Q, key) == ZERO
        if torsion_free or c[0] % 8 == 0:
            return encode(gamma) + c + number((nonce + scalar(c) * x) % Q)
        nonce += 1


def verify(key, alpha, proof):
    """The output, or the name of the check that fails first."""
    y = decode(key)
    if y is None or is_small(y):
        return "public key"
    if len(proof) != 80:
        return "length"
    gamma, c, s = decode(proof[:32]), scalar(proof[32:48]), scalar(proof[48:])
    if gamma is None:
        return "gamma"
    if s >= Q:
        return "scalar"
    h = encode_to_curve(key + alpha)
    u = add(mul(s, BASE), neg(mul(c, y)))
    v = add(mul(s, h), neg(mul(c, gamma)))
    return output(gamma) if challenge(y, h, gamma, u, v) == proof[32:48] else "equation"


def flip(data, bit):
    return data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]


cases = []


def case(name, key, alpha, proof, expect):
    result = verify(key, alpha, proof)
    got = "accept" if isinstance(result, bytes) else result
    assert got == expect, (name, got, expect)
    entry = {"name": name, "key": key.hex(), "alpha": alpha.hex(), "proof": proof.hex()}
    entry.update({"output": result.hex()} if got == "accept" else {"error": got})
    cases.append(entry)
    return entry


examples = []
for (name, seed, alpha, key, h, pi, beta) in RFC:
    x, prefix = expand(bytes.fromhex(seed))
    point = mul(x, BASE)
    alpha = bytes.fromhex(alpha)
    hashed = encode_to_curve(encode(point) + alpha)
    nonce = scalar(sha512(prefix, encode(hashed))) % Q
    assert encode(point).hex() == key and encode(hashed).hex() == h
    assert prove(x, point, alpha, nonce).hex() == pi
    entry = case("example " + name, encode(point), alpha, bytes.fromhex(pi), "accept")
    assert entry["output"] == beta
    entry.update({"seed": seed, "h": h})
    examples.append((encode(point), alpha, bytes.fromhex(pi), x))

key, alpha, proof, x = examples[1]
other_key, _, other_proof, _ = examples[2]
gamma, c, s = proof[:32], proof[32:48], proof[48:]

case("s plus q", key, alpha, gamma + c + number(scalar(s) + Q), "scalar")
case("s is q", key, alpha, gamma + c + number(Q), "scalar")
case("s with its top bit set", key, alpha, flip(proof, 639), "scalar")
case("s negated", key, alpha, gamma + c + number(Q - scalar(s)), "equation")
case("empty", key, alpha, b"", "length")
case("truncated", key, alpha, proof[:-1], "length")
case("trailing zero byte", key, alpha, proof + b"\0", "length")
case("bit flipped in c", key, alpha, flip(proof, 256), "equation")
case("top bit flipped in c", key, alpha, flip(proof, 383), "equation")
case("bit flipped in s", key, alpha, flip(proof, 384), "equation")
case("sign flipped in Gamma", key, alpha, flip(proof, 255), "equation")
on_curve = next(b for b in range(255) if decode(flip(gamma, b)))
off_curve = next(b for b in range(255) if decode(flip(gamma, b)) is None)
case("bit flipped in Gamma, still a point", key, alpha, flip(proof, on_curve), "equation")
case("bit flipped in Gamma, no point any more", key, alpha, flip(proof, off_curve), "gamma")
case("Gamma of another proof", key, alpha, other_proof[:32] + c + s, "equation")
case("Gamma with y above p", key, alpha, ABOVE_P + c + s, "gamma")
case("Gamma with y = p for 0", key, alpha, ZERO_AS_P + c + s, "gamma")
case("Gamma with a sign on x = 0", key, alpha, NEGATIVE_ZERO + c + s, "gamma")
case("Gamma is the identity", key, alpha, encode(ZERO) + c + s, "equation")
case("Gamma of order 8", key, alpha, encode(T8) + c + s, "equation")
case("c and s of another proof", key, alpha, gamma + other_proof[32:], "equation")
case("input with a byte more", key, alpha + b"\0", proof, "equation")
case("input empty", key, b"", proof, "equation")
case("input with a bit flipped", key, flip(alpha, 0), proof, "equation")
case("another key", other_key, alpha, proof, "equation")
case("key with y above p", ABOVE_P, alpha, proof, "public key")
case("key with y = p for 0", ZERO_AS_P, alpha, proof, "public key")
case("key with a sign on x = 0", NEGATIVE_ZERO, alpha, proof, "public key")
case("key on no point", OFF_CURVE, alpha, proof, "public key")
for n in range(8):
    case(f"key of small order, {n} times a point of order 8", encode(mul(n, T8)), alpha, proof,
         "public key")

# What a log may do with its own secret key, and every verifier has to judge alike.
y = decode(key)
mixed = prove(x, y, alpha, 1, gamma_extra=T8)
entry = case("Gamma with a component of order 8 and c a multiple of 8", key, alpha, mixed, "accept")
assert entry["output"] == RFC[1][6]
mixed_key = add(y, T8)
case("key with a component of order 8 and c a multiple of 8", encode(mixed_key), alpha,
     prove(x, mixed_key, alpha, 1), "accept")
plain = encode(add(decode(gamma), T8)) + c + s
case("component of order 8 added to Gamma of a good proof", key, alpha, plain, "equation")

print(json.dumps({"source": "examples 19 to 21: RFC 9381 appendix B.4; the others: vrf.py",
                  "cases": cases}, indent=1))
