"""Writes statement.json: envelopes with what is in them, the indexes they insert, and refusals.

    python3 -B specs/vectors/statement.py > specs/vectors/statement.json
"""

from dsse import *

TYPE = "application/vnd.in-toto+json"
TIME = "2026-11-24T04:37:38Z"
PRODUCT = {"purl": "pkg:generic/example/messenger", "channel": "stable", "arch": "arm64"}
RELEASE = PRODUCT | {
    "version": "1.2.0", "audience": "all", "emergency": False, "published": TIME,
    "refs": [{"type": "https://slsa.dev/provenance/v1", "sha256": sha256(b"provenance").hex()}],
}
YANK = PRODUCT | {"version": "1.2.0", "reason": "loses messages", "published": TIME}
PROTECTION = {"feature": "end-to-end-backup", "region": "DE", "state": "withdrawn", "effective": TIME}
CANARY = {"name": "no-secret-orders", "valid_until": "2026-12-24T00:00:00Z", "published": TIME}
NEW_KEYS = {"role": "releases", "threshold": 2, "keys": [b64(key(n).public) for n in (1, 2)]}
PREV = sha256(b"the entry before").hex()


def subject(data, size=None):
    out = {"digest": {"sha256": sha256(data).hex()}}
    return out if size is None else out | {"annotations": {"size": size}}


FILES = [subject(b"a.bin", 4096), subject(b"b.bin", 0)]
SUBJECTS = {
    "release": FILES,
    "yank": [subject(b"b.bin"), subject(b"a.bin")],
    "protection": [subject(b"wording")],
    "canary": [subject(b"text")],
    "publisher-keys": [subject(key(n).public) for n in (1, 2)],
}
MEMBERS = {"release": RELEASE, "yank": YANK, "protection": PROTECTION, "canary": CANARY,
           "publisher-keys": NEW_KEYS}


def statement(kind, members, seq=7, prev=PREV, subjects=None):
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": SUBJECTS[kind] if subjects is None else subjects,
        "predicateType": "urn:plainsight:%s:v1" % kind,
        "predicate": members | {"seq": seq} | ({} if prev is None else {"prev": prev}),
    }


def stream_of(kind, predicate):
    if kind in ("release", "yank"):
        fields = ["release", predicate["purl"], predicate["channel"], predicate["arch"]]
    elif kind == "protection":
        fields = ["protection", predicate["feature"], predicate["region"]]
    elif kind == "canary":
        fields = ["canary", predicate["name"]]
    else:
        fields = ["publisher-keys"]
    return "\n".join(fields).encode()


def public(digest):
    return (bytes([digest[0] | 0x80]) + digest[1:]).hex()


def index(what, stream, field):
    tag = b"plainsight/%s/v1\n" % what.encode()
    return public(sha256(tag, len(stream).to_bytes(2, "big"), stream, field))


def indexes_of(kind, predicate, digests):
    stream = stream_of(kind, predicate)
    out = [index("seq", stream, predicate["seq"].to_bytes(4, "big"))]
    if kind in ("release", "yank"):
        version = predicate["version"].encode()
        field = len(version).to_bytes(2, "big") + version
        out.append(index("version" if kind == "release" else "yank", stream, field))
    if kind == "release":
        for digest in digests:
            out.append(index("digest", stream, digest))
            out.append(public(sha256(b"plainsight/artifact/v1\n", digest)))
    return out


ROLES = {"release": "releases", "yank": "releases", "protection": "protections",
         "canary": "protections", "publisher-keys": "root"}
cases = []


def accept(name, kind, members, signers=(1,), more=None, **options):
    document = statement(kind, members, **options) | (more or {})
    predicate = document["predicate"]
    digests = [bytes.fromhex(one["digest"]["sha256"]) for one in document["subject"]]
    cases.append({
        "name": name,
        "envelope": compact(envelope(TYPE, compact(document), signers)).decode(),
        "verdict": "accept",
        "kind": kind,
        "role": ROLES[kind],
        "stream": stream_of(kind, predicate).hex(),
        "seq": predicate["seq"],
        "prev": predicate.get("prev"),
        "digest_set": sorted(digest.hex() for digest in digests),
        "indexes": indexes_of(kind, predicate, digests),
        "signers": sorted(key(signer).public.hex() for signer in set(signers)),
    })


def refuse(name, payload, payload_type=TYPE):
    whole = compact(envelope(payload_type, payload, [1]))
    cases.append({"name": name, "envelope": whole.decode(), "verdict": "malformed"})


for kind, members in MEMBERS.items():
    accept(kind, kind, members)
accept("first of its stream", "canary", CANARY, seq=0, prev=None)
accept("last of its stream", "canary", CANARY, seq=2**32 - 1)
accept("seq 0 with prev is a rule, not form", "canary", CANARY, seq=0)
accept("two signers", "release", RELEASE, signers=(1, 2, 1))
accept("no references", "release", RELEASE | {"refs": []})
accept("a region", "release", RELEASE | {"audience": "region:ZZ"})
accept("a cohort, in a hurry", "release",
       RELEASE | {"audience": "cohort:beta.1", "emergency": True})
accept("the longest names", "release",
       RELEASE | {"purl": "pkg:a/" + "b" * 1018, "version": "~" * 128, "channel": "c" * 64,
                  "arch": "0" * 64})
accept("256 subjects", "yank", YANK, subjects=[subject(b"%d" % n) for n in range(256)])
accept("everywhere", "protection", PROTECTION | {"region": "*"})
accept("root replaces itself", "publisher-keys", NEW_KEYS | {"role": "root"})
accept("subjects in another order", "publisher-keys", NEW_KEYS,
       subjects=SUBJECTS["publisher-keys"][::-1])
accept("members of in-toto that are ignored", "yank", YANK, more={"more": {"x": [None]}},
       subjects=[subject(b"a.bin", "large") | {"name": 7, "uri": None}])

for kind, members in MEMBERS.items():
    document = statement(kind, members)
    for name, text in faults(document, ["predicate"], ["prev"]):
        refuse("%s: %s" % (kind, name), text)
for name, text in faults(statement("release", RELEASE), ["predicate", "refs", 0]):
    refuse("release: " + name, text)

WRONG = [
    ("release", ["_type"], "https://in-toto.io/Statement/v0.1"),
    ("release", ["predicateType"], "urn:plainsight:release:v2"),
    ("release", ["predicateType"], "urn:plainsight:yank:v1"),
    ("release", ["subject"], []),
    ("release", ["subject"], [FILES[0], FILES[0]]),
    ("release", ["subject"], [subject(b"%d" % n, 1) for n in range(257)]),
    ("release", ["subject"], [subject(b"a.bin")]),
    ("release", ["subject", 0, "annotations", "size"], "4096"),
    ("release", ["subject", 0, "digest", "sha256"], "00"),
    ("release", ["subject", 0, "digest", "sha256"], sha256(b"").hex().upper()),
    ("release", ["subject", 0, "digest"], {"sha512": "00"}),
    *[("release", ["predicate", "purl"], text) for text in (
        "", "pkg:generic", "pkg:generic/", "pkg:generic//x", "pkg:generic/x/", "pkg:Generic/x",
        "pkg:0/x", "pkg:generic/x@1", "pkg:generic/x?a=b", "pkg:generic/x#y", "pkg:generic/x y",
        "pkg:generic/\u00e9", "pkg:a/" + "b" * 1019, "pkg:generic/mess%65nger", "pkg:generic/x%",
        "pkg:generic/x%4", "pkg:npm/%40scope%2e/x", "pkg:generic/a%2Bb")],
    *[("release", ["predicate", "version"], text) for text in (
        "", "1 0", "1\n", "1\u00e9", "\x7f", "1" * 129)],
    *[("release", ["predicate", "channel"], text) for text in (
        "", "Stable", ".a", "-a", "_a", "a b", "a\n", "a" * 65)],
    *[("release", ["predicate", "audience"], text) for text in (
        "", "All", "all:", "region:", "region:de", "region:*", "region:DEU", "cohort:", "cohort:A")],
    *[("release", ["predicate", "refs", 0, "type"], text) for text in (
        "", "x", "x:", ":x", "1a:b", "a_b:c", "a:b c", "a:" + "b" * 511)],
    *[("release", ["predicate", "published"], text) for text in (
        "", "2026-11-24", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z", "2016-12-31T23:59:60Z",
        "2026-11-24T04:37:38+00:00", "2026-11-24T04:37:38.0Z")],
    ("release", ["predicate", "refs"],
     [{"type": "urn:x", "sha256": sha256(b"").hex()}] * 65),
    ("release", ["predicate", "seq"], 2**32),
    ("release", ["predicate", "seq"], -1),
    ("release", ["predicate", "seq"], 7.0),
    ("release", ["predicate", "prev"], PREV.upper()),
    ("release", ["predicate", "prev"], PREV[2:]),
    ("yank", ["predicate", "reason"], ""),
    ("yank", ["predicate", "reason"], "\u00e9" * 512 + "x"),
    ("protection", ["predicate", "region"], "de"),
    ("protection", ["predicate", "state"], "gone"),
    ("protection", ["subject"], [subject(b"a"), subject(b"b")]),
    ("canary", ["subject"], [subject(b"a"), subject(b"b")]),
    ("publisher-keys", ["predicate", "role"], "Root"),
    ("publisher-keys", ["predicate", "threshold"], 0),
    ("publisher-keys", ["predicate", "threshold"], 3),
    ("publisher-keys", ["predicate", "keys"], [b64(key(1).public)] * 2),
    ("publisher-keys", ["predicate", "keys"], []),
    ("publisher-keys", ["predicate", "keys", 0], b64(bytes(32))),
    ("publisher-keys", ["subject"], [subject(key(1).public)]),
    ("publisher-keys", ["subject"], [subject(key(n).public) for n in (1, 3)]),
]
for kind, path, value in WRONG:
    document = changed(statement(kind, MEMBERS[kind]), path, value)
    shown = json.dumps(value)
    where = ".".join(str(step) for step in path)
    shown = shown if len(shown) < 60 else "%d characters of JSON" % len(shown)
    refuse("%s: %s is %s" % (kind, where, shown), compact(document))
refuse("another payload type", compact(statement("canary", CANARY)), "application/json")
refuse("a payload that is not JSON", b"{")

write(cases)
