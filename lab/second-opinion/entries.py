"""What is logged: entries, labels, DSSE envelopes, statements, key sets and commitments."""
import hashlib
import hmac
import re

import curve
from codec import (array, b64, hex32, integer, json, leaf_hash, members, need, sha256, string, time)
from notes import VerifierKey, origin

ROLES = ("root", "releases", "protections")
_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"


def matches(pattern, text):
    return re.fullmatch(pattern, string(text), re.ASCII) is not None


# Labels

def label(data):
    """[LABEL-1] to [LABEL-7]"""
    need(2 <= len(data) <= 255, "label: length")
    kind, rest = data[0], data[1:]
    if kind == 0x01:
        need(all(0x21 <= c <= 0x7E and not 0x41 <= c <= 0x5A for c in rest), "label: e-mail")
        need(rest.count(b"@") == 1 and not rest.startswith(b"@") and not rest.endswith(b"@"), "label: e-mail")
    elif kind == 0x02:
        need(re.fullmatch(rb"[1-9][0-9]{6,14}", rest) is not None, "label: phone")
    elif kind == 0x03:
        need(all(c > 0x20 and c not in b"@\x7f" and not 0x41 <= c <= 0x5A for c in rest), "label: user name")
        try:
            rest.decode("utf-8")
        except UnicodeDecodeError:
            need(False, "label: user name")
    elif kind == 0x04:
        need(len(rest) == 16, "label: UUID")
    else:
        need(kind == 0x7F, "label: type unknown or not supported")
    return data


def vrf_input(of, version):
    """[LABEL-9]"""
    return bytes([len(of)]) + of + version.to_bytes(4, "big")


# Envelopes

class Envelope:
    """[DSSE-1] to [DSSE-7]"""

    def __init__(self, data):
        need(len(data) <= 65535, "envelope: too large")
        value = members(json(data), ("payloadType", "payload", "signatures"), exact=False)
        self.type = string(value["payloadType"])
        self.payload = b64(value["payload"])
        need(1 <= len(array(value["signatures"])) <= 8, "envelope: number of signatures")
        self.signatures = []
        for item in value["signatures"]:
            members(item, ("sig",), exact=False)
            if "keyid" in item:
                string(item["keyid"])
            self.signatures.append(b64(item["sig"]))

    def signers(self, keys):
        kind = self.type.encode()
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)
        return {
            key for key in set(keys)
            if any(len(s) == 64 and curve.verify(key, message, s) for s in self.signatures)
        }


# Statements

_KINDS = {
    "release": ("purl", "version", "channel", "arch", "audience", "emergency", "published", "refs"),
    "yank": ("purl", "version", "channel", "arch", "reason", "published"),
    "protection": ("feature", "region", "state", "effective"),
    "canary": ("name", "valid_until", "published"),
    "publisher-keys": ("role", "threshold", "keys"),
}
ROLE_OF = {"release": "releases", "yank": "releases", "protection": "protections", "canary": "protections",
           "publisher-keys": "root"}


def role_state(threshold, keys):
    """[ENTRY-12] to [ENTRY-14]"""
    found = [b64(key, 32) for key in array(keys)]
    need(1 <= len(found) <= 32 and len(set(found)) == len(found), "role: keys")
    need(all(curve.public_key(key) is not None for key in found), "role: not a strict key")
    integer(threshold, 1, min(8, len(found)))
    return threshold, found


def u16(data):
    return len(data).to_bytes(2, "big") + data


def public(data):
    digest = sha256(data)
    return bytes([digest[0] | 0x80]) + digest[1:]


def stream_index(what, stream, field):
    """[STMT-21]"""
    return public(b"plainsight/" + what.encode() + b"/v1\n" + u16(stream) + field)


def seq_index(stream, seq):
    return stream_index("seq", stream, seq.to_bytes(4, "big"))


def version_index(stream, version):
    return stream_index("version", stream, u16(version.encode()))


def digest_index(stream, digest):
    return stream_index("digest", stream, digest)


def yank_index(stream, version):
    return stream_index("yank", stream, u16(version.encode()))


def artifact_index(digest):
    """[STMT-22]"""
    return public(b"plainsight/artifact/v1\n" + digest)


class Statement:
    """[STMT-1] to [STMT-24]"""

    def __init__(self, data):
        self.envelope = Envelope(data)
        need(self.envelope.type == "application/vnd.in-toto+json", "statement: payload type")
        value = json(self.envelope.payload)
        members(value, ("_type", "subject", "predicateType", "predicate"), exact=False)
        need(value["_type"] == "https://in-toto.io/Statement/v1", "statement: type")
        match = re.fullmatch(r"urn:plainsight:([a-z-]+):v1", string(value["predicateType"]))
        need(match is not None and match.group(1) in _KINDS, "statement: kind")
        self.kind = match.group(1)
        self.role = ROLE_OF[self.kind]
        self._subjects(array(value["subject"]))
        p = members(value["predicate"], ("seq",) + _KINDS[self.kind], ("prev",))
        self.seq = integer(p["seq"], 0, (1 << 32) - 1)
        self.prev = hex32(p["prev"]) if "prev" in p else None
        getattr(self, "_" + self.kind.replace("-", "_"))(p)

    def _subjects(self, subjects):
        need(1 <= len(subjects) <= 256, "statement: number of subjects")
        self.digests = []
        for subject in subjects:
            members(subject, ("digest",), exact=False)
            members(subject["digest"], ("sha256",), exact=False)
            self.digests.append(hex32(subject["digest"]["sha256"]))
            if self.kind == "release":
                members(subject, ("annotations",), exact=False)
                members(subject["annotations"], ("size",), exact=False)
                integer(subject["annotations"]["size"])
        self.digest_set = frozenset(self.digests)
        need(len(self.digest_set) == len(self.digests), "statement: a digest twice")

    def _product(self, p):
        need(matches(r"pkg:[a-z][a-z0-9.+-]*(/([A-Za-z0-9._~+-]|%[0-9A-F]{2})+)+", p["purl"]), "purl")
        for encoded in re.findall("%(..)", p["purl"]):
            need(not matches(r"[A-Za-z0-9._~+-]", chr(int(encoded, 16))), "purl: a second spelling")
        need(len(p["purl"]) <= 1024, "purl: length")
        need(matches(r"[!-~]{1,128}", p["version"]), "version")
        need(matches(_NAME, p["channel"]) and matches(_NAME, p["arch"]), "channel or arch")
        time(p["published"])
        self.version = p["version"]
        self.stream = "\n".join(("release", p["purl"], p["channel"], p["arch"])).encode()

    def _release(self, p):
        self._product(p)
        need(matches(r"all|region:[A-Z]{2}|cohort:" + _NAME, p["audience"]), "audience")
        need(isinstance(p["emergency"], bool), "emergency")
        need(len(array(p["refs"])) <= 64, "refs")
        for ref in p["refs"]:
            members(ref, ("type", "sha256"))
            need(matches(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", ref["type"]) and len(ref["type"]) <= 512, "ref")
            hex32(ref["sha256"])

    def _yank(self, p):
        self._product(p)
        need(1 <= len(string(p["reason"]).encode()) <= 1024, "reason")

    def _protection(self, p):
        need(matches(_NAME, p["feature"]), "feature")
        need(matches(r"[A-Z]{2}|\*", p["region"]), "region")
        need(p["state"] in ("offered", "withdrawn", "weakened"), "state")
        time(p["effective"])
        need(len(self.digests) == 1, "protection: one subject")
        self.stream = "\n".join(("protection", p["feature"], p["region"])).encode()

    def _canary(self, p):
        need(matches(_NAME, p["name"]), "name")
        time(p["valid_until"])
        time(p["published"])
        need(len(self.digests) == 1, "canary: one subject")
        self.stream = b"canary\n" + p["name"].encode()

    def _publisher_keys(self, p):
        need(string(p["role"]) in ROLES, "role")
        self.changes = p["role"]
        self.state = role_state(p["threshold"], p["keys"])
        need(self.digest_set == {sha256(key) for key in self.state[1]}, "publisher-keys: digest set")
        self.stream = b"publisher-keys"

    def indexes(self):
        """[STMT-24]"""
        found = [seq_index(self.stream, self.seq)]
        if self.kind == "release":
            found.append(version_index(self.stream, self.version))
            for digest in self.digests:
                found += [digest_index(self.stream, digest), artifact_index(digest)]
        elif self.kind == "yank":
            found.append(yank_index(self.stream, self.version))
        return found


# Entries

class Entry:
    """[ENTRY-1] to [ENTRY-18]"""

    def __init__(self, data):
        need(1 <= len(data) <= 65535, "entry: length")
        self.bytes, self.leaf = data, leaf_hash(data)
        need(data[0] < 5, "entry: kind")
        self.kind = ("genesis", "epoch", "key", "statement", "close")[data[0]]
        getattr(self, "_" + self.kind)(data[1:])

    def _epoch(self, body):
        need(len(body) == 48, "epoch: length")
        self.time = int.from_bytes(body[:8], "big")
        self.size = int.from_bytes(body[8:16], "big")
        self.root = body[16:]

    def _key(self, body):
        need(len(body) == 64, "key entry: length")
        self.index, self.commitment = body[:32], body[32:]

    def _statement(self, body):
        self.statement = Statement(body)

    def _genesis(self, body):
        names = ("format", "origin", "vrf_key", "max_clock_skew_ms", "heartbeat_s", "roles")
        value = members(json(body), names, ("predecessor",))
        need(value["format"] == "plainsight/v1", "genesis: format")
        self.origin = origin(string(value["origin"]))
        self.vrf_key = vrf_key(value["vrf_key"])
        self.skew = integer(value["max_clock_skew_ms"], 0, 3_600_000)
        self.heartbeat = integer(value["heartbeat_s"], 1, 604_800)
        self.roles = {}
        for role, state in members(value["roles"], ROLES).items():
            members(state, ("threshold", "keys"))
            self.roles[role] = role_state(state["threshold"], state["keys"])
        self.predecessor = None
        if "predecessor" in value:
            self.predecessor = members(value["predecessor"], ("origin", "log_key", "size", "root"))
            need(other_log(self.predecessor) != self.origin, "genesis: its own predecessor")
            integer(self.predecessor["size"])
            hex32(self.predecessor["root"])

    def _close(self, body):
        value = members(json(body), ("origin", "log_key", "vrf_key"))
        self.next = other_log(value)
        vrf_key(value["vrf_key"])


def vrf_key(text):
    key = b64(text, 32)
    need(curve.public_key(key) is not None, "not a VRF key")
    return key


def other_log(value):
    """[ENTRY-17]"""
    key = VerifierKey(string(value["log_key"]))
    need(key.type == 1 and key.name == origin(string(value["origin"])), "key of another log")
    return key.name


# Key sets

class KeySet:
    """[KEYSET-1] to [KEYSET-11]. `proven` is false when only its own signature is missing."""

    def __init__(self, data):
        self.hash = sha256(data)
        self.envelope = Envelope(data)
        need(self.envelope.type == "application/vnd.plainsight.keyset+json", "key set: payload type")
        value = members(json(self.envelope.payload), ("label", "version", "created", "keys"), ("prev",))
        self.label = label(b64(value["label"]))
        self.version = integer(value["version"], 0, (1 << 32) - 1)
        self.prev = hex32(value["prev"]) if "prev" in value else None
        time(value["created"])
        need(1 <= len(array(value["keys"])) <= 64, "key set: number of keys")
        self.ids, self.identity = [], []
        for item in value["keys"]:
            members(item, ("id", "role", "alg", "key"))
            need(matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", item["id"]), "key set: id")
            self.ids.append(item["id"])
            need(string(item["role"]) in ("identity", "device", "recovery", "escrow"), "key set: role")
            need(matches(_NAME, item["alg"]), "key set: alg")
            key = b64(item["key"])
            need(1 <= len(key) <= 8192, "key set: length of a key")
            if item["role"] == "identity":
                need(item["alg"] == "ed25519" and curve.public_key(key) is not None, "key set: identity key")
                self.identity.append(key)
        need(len(set(self.ids)) == len(self.ids), "key set: an id twice")
        need(self.identity, "key set: no identity key")
        self.proven = bool(self.envelope.signers(self.identity))

    def continuity(self, previous):
        """[KEYSET-13] to [KEYSET-15]"""
        if previous is None:
            return "first" if self.version == 0 and self.prev is None else "previous-unknown"
        if previous.label != self.label or self.version not in (0, previous.version + 1):
            return "not-previous"
        if self.prev != previous.hash:
            return "wrong-link"
        return "signed" if self.envelope.signers(previous.identity) else "not-signed-by-previous"


_KC = bytes.fromhex("d821f8790d97709796b4d7903357c3f5")


def commitment(opening, of, version, key_set):
    """[COMMIT-1]"""
    need(len(opening) == 16, "commitment: opening")
    text = opening + vrf_input(of, version) + len(key_set).to_bytes(4, "big") + key_set
    return hmac.new(_KC, text, hashlib.sha256).digest()
