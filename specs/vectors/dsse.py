"""Ed25519 signing, DSSE envelopes and JSON faults for the scripts beside it that write vectors.

On purpose without any code of the crate: a second opinion.
"""

import base64
import copy
import hashlib
import json

from curve25519 import BASE, Q, encode, expand, mul, number, scalar, sha512


def b64(data):
    return base64.b64encode(data).decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Key:
    """An Ed25519 key of RFC 8032 whose seed is one byte, 32 times."""

    def __init__(self, byte):
        self.scalar, self.prefix = expand(bytes([byte]) * 32)
        self.public = encode(mul(self.scalar, BASE))

    def sign(self, message):
        nonce = scalar(sha512(self.prefix, message)) % Q
        point = encode(mul(nonce, BASE))
        k = scalar(sha512(point, self.public, message)) % Q
        return point + number((nonce + k * self.scalar) % Q)


KEYS = {}


def key(byte):
    if byte not in KEYS:
        KEYS[byte] = Key(byte)
    return KEYS[byte]


def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def pae(payload_type, payload):
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(payload_type, payload, signers):
    message = pae(payload_type, payload)
    return {
        "payloadType": payload_type,
        "payload": b64(payload),
        "signatures": [{"sig": b64(key(signer).sign(message))} for signer in signers],
    }


def vkey(name, byte):
    """The verifier key of a log, type 0x01 of signed-note."""
    typed = b"\x01" + key(byte).public
    return "%s+%s+%s" % (name, sha256(name.encode(), b"\n", typed)[:4].hex(), b64(typed))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def faults(document, path, optional=()):
    """(name, text) for each fault of each member of the object at `path`."""
    for member, value in sorted(at(document, path).items()):
        where = ".".join(str(step) for step in [*path, member])
        if member not in optional:
            missing = copy.deepcopy(document)
            del at(missing, path)[member]
            yield where + " is missing", compact(missing)
        wrong = copy.deepcopy(document)
        at(wrong, path)[member] = None
        yield where + " is null", compact(wrong)
        wrong = copy.deepcopy(document)
        at(wrong, path)[member] = 1 if isinstance(value, (str, list, dict, bool)) else "1"
        yield where + " has another type", compact(wrong)
        twice = copy.deepcopy(document)
        at(twice, path)["@"] = 0
        text = compact(twice).replace(b'"@":0', compact({member: value})[1:-1])
        yield where + " is there twice", text
    more = copy.deepcopy(document)
    at(more, path)["unknown"] = 1
    yield ".".join(str(step) for step in [*path, "unknown"]) + " is there", compact(more)


def changed(document, path, value):
    document = copy.deepcopy(document)
    at(document, path[:-1])[path[-1]] = value
    return document


def write(cases):
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
    print(json.dumps({"cases": cases}, indent=1))
