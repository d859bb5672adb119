"""edwards25519 in plain integers, for the scripts beside it that write vectors.

Slow, variable time and on purpose without any code of the crate: a second opinion.
"""

import hashlib

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ZERO = (0, 1)


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P)
    return (x % P, y % P)


def neg(a):
    return (-a[0] % P, a[1])


def mul(n, a):
    """n is any integer from 0: nothing is reduced, so points of small order come out right."""
    out = ZERO
    while n:
        if n & 1:
            out = add(out, a)
        a = add(a, a)
        n >>= 1
    return out


def sqrt(square):
    """A square root, or None."""
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * SQRT_M1 % P):
        if candidate * candidate % P == square % P:
            return candidate
    return None


def encode(a):
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def decode(data, strict=True):
    """The point, or None. Strict: y below P, no sign on a zero x."""
    n = int.from_bytes(data, "little")
    y, sign = n & (2**255 - 1), n >> 255
    if strict and y >= P:
        return None
    y %= P
    x = sqrt((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    if x is None or (strict and x == 0 and sign):
        return None
    return (x if x & 1 == sign else -x % P, y)


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def order_eight():
    """The first point of order 8 that clearing the prime order off small y yields."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        if point and mul(4, torsion := mul(Q, point)) != ZERO:
            return torsion
        y += 1


T8 = order_eight()


def is_small(a):
    return mul(8, a) == ZERO


def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


def expand(seed):
    """Scalar and nonce prefix, RFC 8032 section 5.1.5."""
    digest = sha512(seed)
    scalar = int.from_bytes(digest[:32], "little")
    return (scalar & ~7 & (2**254 - 1)) | 2**254, digest[32:]


def scalar(data):
    return int.from_bytes(data, "little")


def number(n, length=32):
    return n.to_bytes(length, "little")


# One y that is on the curve although its encoding is P + y, one that is on no point.
ABOVE_P = next(number(P + y) for y in range(2, 19) if decode(number(P + y), strict=False))
OFF_CURVE = next(number(y) for y in range(2, 100) if decode(number(y)) is None)
ZERO_AS_P = number(P)
NEGATIVE_ZERO = number(1 | 1 << 255)
