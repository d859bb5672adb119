"""ECVRF-EDWARDS25519-SHA512-ELL2, verification only, after specs/vrf.md."""
import hashlib

from curve import BASE, L, P, SQRT_M1, add, decode, encode, multiply, negate, public_key
from codec import need

_DST = b"ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_\x04"
_J = 486662


def _sqrt(a):
    root = pow(a, (P + 3) // 8, P)
    if (root * root - a) % P:
        root = root * SQRT_M1 % P
    return root if (root * root - a) % P == 0 else None


_C1 = _sqrt(-486664 % P)
if _C1 & 1:
    _C1 = P - _C1


def _expand(message, length):
    """expand_message_xmd of RFC 9380 for at most 64 bytes."""
    dst = _DST + bytes([len(_DST)])
    first = hashlib.sha512(bytes(128) + message + length.to_bytes(2, "big") + b"\x00" + dst).digest()
    return hashlib.sha512(first + b"\x01" + dst).digest()[:length]


def encode_to_curve(message):
    u = int.from_bytes(_expand(message, 48), "big") % P
    x = -_J * pow(1 + 2 * u * u, P - 2, P) % P
    y = _sqrt((x * x * x + _J * x * x + x) % P)
    if y is not None:
        y = y if y & 1 else -y % P
    else:
        x = (-x - _J) % P
        y = _sqrt((x * x * x + _J * x * x + x) % P)
        y = -y % P if y & 1 else y
    if y == 0 or x == P - 1:
        ex, ey = 0, 1
    else:
        ex = _C1 * x * pow(y, P - 2, P) % P
        ey = (x - 1) * pow(x + 1, P - 2, P) % P
    return multiply(8, (ex, ey, 1, ex * ey % P))


def verify(key, alpha, proof):
    """The 64 bytes of output."""
    y_point = public_key(key)
    need(y_point is not None, "VRF: public key")
    need(len(proof) == 80, "VRF: length")
    gamma = decode(proof[:32])
    need(gamma is not None, "VRF: gamma")
    c = int.from_bytes(proof[32:48], "little")
    s = int.from_bytes(proof[48:], "little")
    need(s < L, "VRF: scalar")
    h_point = encode_to_curve(key + alpha)
    u = add(multiply(s, BASE), negate(multiply(c, y_point)))
    v = add(multiply(s, h_point), negate(multiply(c, gamma)))
    text = b"\x04\x02" + key + encode(h_point) + proof[:32] + encode(u) + encode(v) + b"\x00"
    need(hashlib.sha512(text).digest()[:16] == proof[32:48], "VRF: equation")
    return hashlib.sha512(b"\x04\x03" + encode(multiply(8, gamma)) + b"\x00").digest()


def index(output):
    """[VRF-8]"""
    return bytes([output[0] & 0x7F]) + output[1:32]
