"""Writes keyset.json: key sets, how each continues the one before, and refusals.

    python3 -B specs/vectors/keyset.py > specs/vectors/keyset.json
"""

from dsse import *

TYPE = "application/vnd.plainsight.keyset+json"
LABEL = b"\x01anna@example.org"


def identity(name, seed):
    return {"id": name, "role": "identity", "alg": "ed25519", "key": b64(key(seed).public)}


def payload(version, prev, seed, label=LABEL):
    return {
        "label": b64(label),
        "version": version,
        "created": "2026-11-24T04:37:38Z",
        "keys": [
            identity("main", seed),
            {"id": "phone", "role": "device", "alg": "x25519", "key": b64(b"\x07" * 32)},
            {"id": "vault", "role": "recovery", "alg": "x25519", "key": b64(b"\x08" * 32)},
            {"id": "office", "role": "escrow", "alg": "x25519", "key": b64(b"\x09" * 32)},
        ],
    } | ({} if prev is None else {"prev": prev})


cases = []


def accept(name, document, signers, previous=None, continuity=None):
    """`previous` names the case that is compared with."""
    whole = compact(envelope(TYPE, compact(document), signers))
    cases.append({
        "name": name,
        "key_set": whole.decode(),
        "verdict": "accept",
        "hash": sha256(whole).hex(),
        "label": base64.b64decode(document["label"]).hex(),
        "version": document["version"],
        "prev": document.get("prev"),
        "ids": [one["id"] for one in document["keys"]],
        "previous": previous,
        "continuity": continuity,
    })
    return sha256(whole).hex()


def refuse(name, document, signers=(1,), verdict="malformed", payload_type=TYPE):
    text = document if isinstance(document, bytes) else compact(document)
    whole = compact(envelope(payload_type, text, signers))
    cases.append({"name": name, "key_set": whole.decode(), "verdict": verdict})


first = accept("first", payload(0, None, 1), [1], None, "first")
zero = sha256(b"another").hex()
accept("rotation signed by both", payload(1, first, 2), [2, 1], "first", "signed")
accept("same key, one signature", payload(1, first, 1), [1], "first", "signed")
accept("rotation not signed by the previous", payload(1, first, 2), [2], "first",
       "not-signed-by-previous")
accept("signed by a stranger too", payload(1, first, 2), [2, 3], "first", "not-signed-by-previous")
accept("linked to something else", payload(1, zero, 1), [1], "first", "wrong-link")
accept("not linked", payload(1, None, 1), [1], "first", "wrong-link")
accept("a version skipped", payload(2, first, 1), [1], "first", "not-previous")
accept("another label", payload(1, first, 1, b"\x01bert@example.org"), [1], "first",
       "not-previous")
accept("previous not to be had", payload(1, first, 1), [1], None, "previous-unknown")
last = accept("last in the predecessor", payload(17, zero, 1), [1], None, "previous-unknown")
accept("version 0 in the successor", payload(0, last, 2), [1, 2], "last in the predecessor",
       "signed")
accept("version 0 in the successor without a link", payload(0, None, 1), [1],
       "last in the predecessor", "wrong-link")
accept("largest version", payload(2**32 - 1, first, 1), [1], None, "previous-unknown")
accept("a key of 8192 bytes", changed(payload(0, None, 1), ["keys", 2, "key"], b64(bytes(8192))), [1],
       None, "first")
many = payload(0, None, 1)
many["keys"] = [identity("k%d" % n, 1) for n in range(64)]
accept("64 keys, the same under each id", many, [1], None, "first")

base = payload(1, first, 1)
for name, text in faults(base, [], ["prev"]):
    refuse(name, text)
for name, text in faults(base, ["keys", 1]):
    refuse(name, text)
WRONG = [
    *[(["label"], b64(label)) for label in (
        b"", b"\x01", b"\x01anna", b"\x01Anna@example.org", b"\x00x", b"\x7f" * 256)],
    (["label"], "AWE"),
    (["version"], 2**32),
    (["version"], -1),
    (["prev"], first.upper()),
    (["prev"], first[2:]),
    (["created"], "2026-11-24T04:37:38+00:00"),
    (["keys"], []),
    (["keys"], [identity("k%d" % n, 1) for n in range(65)]),
    (["keys", 1, "id"], "main"),
    *[(["keys", 1, "id"], text) for text in ("", ".a", "a b", "a\n", "\u00e9", "a" * 65)],
    *[(["keys", 1, "alg"], text) for text in ("", "X25519", "-a", "a b", "a" * 65)],
    (["keys", 1, "role"], "Device"),
    (["keys", 1, "role"], "reader"),
    (["keys", 1, "key"], ""),
    (["keys", 1, "key"], b64(bytes(8193))),
    (["keys", 1, "key"], "AA"),
    (["keys", 0, "role"], "device"),
    (["keys", 0, "alg"], "ed448"),
    (["keys", 0, "key"], b64(b"\x01" + bytes(31))),
    (["keys", 0, "key"], b64(key(1).public[:31])),
]
for path, value in WRONG:
    shown = json.dumps(value)
    where = ".".join(str(step) for step in path)
    shown = shown if len(shown) < 60 else "%d characters of JSON" % len(shown)
    refuse("%s is %s" % (where, shown), changed(base, path, value))
refuse("another payload type", base, payload_type="application/json")
refuse("signed by a stranger only", base, [3], "unproven")
signer = changed(base, ["keys", 1], {"id": "phone", "role": "device", "alg": "ed25519",
                                     "key": b64(key(4).public)})
refuse("signed by a device only", signer, [4], "unproven")

write(cases)
