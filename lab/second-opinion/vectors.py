"""The project's own vectors, as far as the chapters make their form clear."""
import pathlib

import curve
import vrf
from codec import Refused, b64, json, leaf_hash, need
from entries import Entry, KeySet, Statement


def _fails(read):
    try:
        read()
    except Refused:
        return True
    return False


def _entry(case):
    data = b64(case["entry"])
    if case["verdict"] == "malformed":
        return _fails(lambda: Entry(data))
    entry = Entry(data)
    return entry.kind == case["kind"] and leaf_hash(data).hex() == case["leaf_hash"]


def _statement(case):
    data = case["envelope"].encode()
    if case["verdict"] == "malformed":
        return _fails(lambda: Statement(data))
    s = Statement(data)
    return (
        (s.kind, s.role, s.stream.hex(), s.seq) == (case["kind"], case["role"], case["stream"], case["seq"])
        and (s.prev.hex() if s.prev else None) == case["prev"]
        and sorted(digest.hex() for digest in s.digest_set) == sorted(case["digest_set"])
        and [index.hex() for index in s.indexes()] == case["indexes"]
        and s.envelope.signers([bytes.fromhex(key) for key in case["signers"]])
        == {bytes.fromhex(key) for key in case["signers"]}
    )


def _vrf(case):
    key, alpha, proof = (bytes.fromhex(case[name]) for name in ("key", "alpha", "proof"))
    try:
        output = vrf.verify(key, alpha, proof)
    except Refused as error:
        return str(error) == "VRF: " + str(case.get("error"))
    if "h" in case and curve.encode(vrf.encode_to_curve(key + alpha)).hex() != case["h"]:
        return False
    return output.hex() == case.get("output")


def _ed25519(case):
    key, message, signature = (bytes.fromhex(case[name]) for name in ("key", "message", "signature"))
    verdict = "accept" if curve.verify(key, message, signature) else "signature"
    if curve.public_key(key) is None:
        verdict = "key"
    return verdict == case["verdict"]


def _key_sets(cases):
    by_name = {}
    for case in cases:
        data = case["key_set"].encode()
        if case["verdict"] == "malformed":
            yield case, _fails(lambda: KeySet(data))
            continue
        found = by_name[case["name"]] = KeySet(data)
        if case["verdict"] == "unproven":
            yield case, not found.proven
            continue
        previous = by_name[case["previous"]] if case["previous"] else None
        yield case, (
            found.proven
            and found.hash.hex() == case["hash"]
            and found.label.hex() == case["label"]
            and found.version == case["version"]
            and (found.prev.hex() if found.prev else None) == case["prev"]
            and found.continuity(previous) == case["continuity"]
        )


def run(folder):
    """(name, number of cases, failures) of each file."""
    for name, check in (("ed25519", _ed25519), ("vrf", _vrf), ("entry", _entry), ("statement", _statement)):
        cases = json((pathlib.Path(folder) / f"{name}.json").read_bytes())["cases"]
        yield name, len(cases), [case["name"] for case in cases if not check(case)]
    cases = json((pathlib.Path(folder) / "keyset.json").read_bytes())["cases"]
    need(cases, "no cases")
    yield "keyset", len(cases), [case["name"] for case, good in _key_sets(cases) if not good]
