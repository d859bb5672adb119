"""Writes entry.json: entries of every kind with their leaf hashes, and refusals.

    python3 -B specs/vectors/entry.py > specs/vectors/entry.json
"""

from dsse import *


def role(threshold, seeds):
    return {"threshold": threshold, "keys": [b64(key(seed).public) for seed in seeds]}


PREDECESSOR = {
    "origin": "log.example/2025",
    "log_key": vkey("log.example/2025", 5),
    "size": 1000,
    "root": sha256(b"root").hex(),
}
GENESIS = {
    "format": "plainsight/v1",
    "origin": "log.example/2026",
    "vrf_key": b64(key(9).public),
    "max_clock_skew_ms": 5000,
    "heartbeat_s": 3600,
    "roles": {"root": role(2, [1, 2, 3]), "releases": role(1, [1]), "protections": role(1, [4])},
}
SUCCESSOR = GENESIS | {"predecessor": PREDECESSOR}
CLOSE = {
    "origin": "log.example/2027",
    "log_key": vkey("log.example/2027", 5),
    "vrf_key": b64(key(9).public),
}
EPOCH = (1795495058000).to_bytes(8, "big") + (1).to_bytes(8, "big") + sha256(b"index root")
KEY = (sha256(b"index")[0] & 0x7f).to_bytes(1, "big") + sha256(b"index")[1:] + sha256(b"commitment")
STATEMENT = compact(envelope("application/vnd.in-toto+json", compact({
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"digest": {"sha256": sha256(b"text").hex()}}],
    "predicateType": "urn:plainsight:canary:v1",
    "predicate": {"name": "no-secret-orders", "published": "2026-11-24T04:37:38Z", "seq": 0,
                  "valid_until": "2026-11-24T04:37:38Z"},
}), [4]))
KINDS = {"genesis": 0, "epoch": 1, "key": 2, "statement": 3, "close": 4}
cases = []


def accept(name, kind, body):
    entry = bytes([KINDS[kind]]) + (compact(body) if isinstance(body, dict) else body)
    cases.append({"name": name, "entry": b64(entry), "verdict": "accept", "kind": kind,
                  "leaf_hash": sha256(b"\x00", entry).hex()})


def refuse(name, kind, body):
    entry = bytes([KINDS[kind]]) + (compact(body) if isinstance(body, dict) else body)
    cases.append({"name": name, "entry": b64(entry), "verdict": "malformed"})


accept("genesis", "genesis", GENESIS)
accept("genesis of a successor", "genesis", SUCCESSOR)
accept("genesis, spaced", "genesis", json.dumps(GENESIS, indent=1).encode())
accept("genesis with the largest roles", "genesis",
       GENESIS | {"roles": {which: role(8, range(1, 33)) for which in GENESIS["roles"]}})
accept("epoch", "epoch", EPOCH)
accept("epoch of large numbers", "epoch", b"\xff" * 48)
accept("key", "key", KEY)
accept("key in the public namespace is a rule, not form", "key", b"\xff" * 64)
accept("statement", "statement", STATEMENT)
accept("statement, spaced", "statement", b" " + STATEMENT + b"\n")
accept("close", "close", CLOSE)

for kind, body in (("epoch", EPOCH), ("key", KEY), ("statement", STATEMENT),
                   ("genesis", compact(GENESIS)), ("close", compact(CLOSE))):
    refuse(kind + " without a body", kind, b"")
    refuse(kind + " without its last byte", kind, body[:-1])
    refuse(kind + " with a zero byte more", kind, body + b"\x00")
cases.append({"name": "no bytes", "entry": "", "verdict": "malformed"})
cases.append({"name": "kind 5", "entry": b64(b"\x05{}"), "verdict": "malformed"})
cases.append({"name": "kind 255", "entry": b64(b"\xff{}"), "verdict": "malformed"})

for path, optional in (([], ["predecessor"]), (["roles"], []), (["roles", "root"], []),
                       (["predecessor"], [])):
    for name, text in faults(SUCCESSOR, path, optional):
        refuse("genesis: " + name, "genesis", text)
for name, text in faults(CLOSE, []):
    refuse("close: " + name, "close", text)
WRONG = [
    (["format"], "plainsight/v2"),
    (["origin"], ""),
    (["origin"], "two words"),
    (["origin"], "a+b"),
    (["vrf_key"], b64(bytes(32))),
    (["vrf_key"], b64(key(9).public[1:])),
    (["max_clock_skew_ms"], 3600001),
    (["heartbeat_s"], 0),
    (["heartbeat_s"], 604801),
    (["roles", "root", "keys", 0], b64(b"\x01" + bytes(31))),
    (["predecessor", "origin"], "log.example/other"),
    (["predecessor", "log_key"], "log.example/2025"),
    (["predecessor", "root"], sha256(b"").hex().upper()),
    (["predecessor"], PREDECESSOR | {"origin": "log.example/2026",
                                     "log_key": vkey("log.example/2026", 5)}),
]
for path, value in WRONG:
    shown = json.dumps(value)
    shown = shown if len(shown) < 60 else "%d characters of JSON" % len(shown)
    where = ".".join(str(step) for step in path)
    refuse("genesis: %s is %s" % (where, shown), "genesis", changed(SUCCESSOR, path, value))
for name, value in (
    ("threshold 0", role(0, [1])),
    ("threshold 2 of 1 key", role(2, [1])),
    ("threshold 9 of 9 keys", role(9, range(1, 10))),
    ("no keys", role(1, [])),
    ("33 keys", role(1, range(1, 34))),
    ("a key twice", role(1, [1, 1])),
):
    for which in GENESIS["roles"]:
        refuse("genesis: %s: %s" % (which, name), "genesis",
               changed(SUCCESSOR, ["roles", which], value))
refuse("close: log_key of another name", "close", CLOSE | {"log_key": vkey("log.example/x", 5)})
refuse("close: vrf_key of small order", "close", CLOSE | {"vrf_key": b64(b"\x01" + bytes(31))})

write(cases)
