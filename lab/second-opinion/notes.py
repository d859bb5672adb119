"""Signed notes, checkpoints, cosignatures and policies."""
import re

import curve
from codec import EMPTY_ROOT, Refused, b64, decimal, need, sha256

_SPACE = set(
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
)
_LENGTHS = {1: 32, 4: 32, 6: 1312}


def key_name(name):
    """[NOTE-5]"""
    need(name != "", "a key name is empty")
    for char in name:
        need(char not in _SPACE and char != "+" and ord(char) >= 0x20, "not a key name")
    return name


def origin(name):
    """[CHK-2], [CHK-3]"""
    need(1 <= len(name.encode()) <= 255, "length of an origin")
    return key_name(name)


class VerifierKey:
    """[NOTE-7] to [NOTE-10]"""

    def __init__(self, text):
        parts = text.split("+", 2)
        need(len(parts) == 3, "not a verifier key")
        self.text = text
        self.name = key_name(parts[0])
        need(re.fullmatch(r"[0-9a-f]{8}", parts[1]) is not None, "key id")
        data = b64(parts[2])
        need(data, "a verifier key without a type")
        self.type, self.key = data[0], data[1:]
        need(self.type in _LENGTHS, "unknown or unsupported type of a verifier key")
        need(len(self.key) == _LENGTHS[self.type], "length of a verifier key")
        if self.type != 6:
            need(curve.public_key(self.key) is not None, "not a strict key")
        self.id = sha256(self.name.encode() + b"\n" + data)[:4]
        need(self.id.hex() == parts[1], "the key id is not the computed one")


class Note:
    """[NOTE-2] to [NOTE-6]"""

    def __init__(self, data):
        if isinstance(data, str):
            data = data.encode("utf-8", "strict")
        need(len(data) <= 1_000_000, "note: too large")
        need(all(byte >= 0x20 or byte == 10 for byte in data), "note: a control character")
        try:
            text = data.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise Refused("note: not UTF-8") from error
        at = text.rfind("\n\n")
        need(at >= 0, "note: no empty line")
        self.text = text[: at + 1]
        rest = text[at + 2 :]
        need(rest.endswith("\n"), "note: the last line does not end")
        lines = rest[:-1].split("\n")
        need(1 <= len(lines) <= 100, "note: number of signatures")
        self.lines = []
        for line in lines:
            parts = line.split(" ")
            need(len(parts) == 3 and parts[0] == "\u2014", "note: a signature line")
            data = b64(parts[2])
            need(5 <= len(data) <= 65536, "note: length of a signature")
            self.lines.append((key_name(parts[1]), data[:4], data[4:]))

    def verified(self, keys):
        """[NOTE-11] to [NOTE-16]: (key, time or None) for each line by a known key; none may fail."""
        found = []
        for name, key_id, signature in self.lines:
            known = [key for key in keys if key.name == name and key.id == key_id]
            need(len(known) < 2, "note: two keys of one name and id")
            if not known or known[0].type == 6:
                continue
            key = known[0]
            if key.type == 1:
                need(len(signature) == 64, "note: length of a signature")
                time, message = None, self.text
            else:
                need(len(signature) == 72, "cosignature: length")
                time = int.from_bytes(signature[:8], "big")
                need(time < 1 << 63, "cosignature: time")
                message = f"cosignature/v1\ntime {time}\n{self.text}"
            need(curve.verify(key.key, message.encode(), signature[-64:]), f"note: signature of {name}")
            found.append((key, time))
        return found


class Checkpoint:
    """An unverified checkpoint. [CHK-1] to [CHK-4]"""

    def __init__(self, data):
        self.note = Note(data)
        lines = self.note.text.split("\n")
        need(len(lines) >= 4 and lines[-1] == "", "checkpoint: three lines")
        self.origin = lines[0]
        need(1 <= len(self.origin.encode()) <= 255, "checkpoint: origin")
        self.size = decimal(lines[1])
        self.root = b64(lines[2], 32)
        need("" not in lines[3:-1], "checkpoint: an empty extension line")
        self.extensions = lines[3:-1]

    def signed_by(self, keys):
        """[CHK-5] to [CHK-7]"""
        keys = [key for key in keys if key.name == self.origin and key.type == 1]
        need(self.note.verified(keys), "checkpoint: not signed by the log")
        need(self.size > 0 or self.root == EMPTY_ROOT, "checkpoint: root of size 0")


class Policy:
    """[POL-1] to [POL-9]"""

    def __init__(self, data):
        need(len(data) <= 1 << 20, "policy: too large")
        try:
            text = data.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise Refused("policy: not UTF-8") from error
        need(all((ord(c) >= 0x20 or c in "\t\n") and c != "\x7f" for c in text), "policy: control character")
        need(text == "" or text.endswith("\n"), "policy: the last line does not end")
        self.logs, self.witnesses, self.groups = [], {}, {}
        self.quorum = None
        members_taken = set()
        for line in text.split("\n"):
            fields = [field for field in re.split(r"[ \t]+", line) if field]
            if not fields or fields[0].startswith("#"):
                continue
            kind = fields[0]
            if kind == "log" and len(fields) in (2, 3):
                key = VerifierKey(fields[1])
                need(key.type in (1, 6), "policy: type of a log's key")
                need(all(key.key != other.key for other, _ in self.logs), "policy: a log's key twice")
                self.logs.append((key, fields[2] if len(fields) == 3 else None))
            elif kind == "witness" and len(fields) in (3, 4):
                self._new(fields[1])
                key = VerifierKey(fields[2])
                need(key.type in (4, 6), "policy: type of a witness's key")
                need(all(key.key != other.key for other in self.witnesses.values()), "policy: a key twice")
                self.witnesses[fields[1]] = key
            elif kind == "group" and len(fields) >= 4:
                self._new(fields[1])
                group = fields[3:]
                for member in group:
                    need(member in self.witnesses or member in self.groups, "policy: unknown member")
                    need(member not in members_taken, "policy: member of two groups")
                    members_taken.add(member)
                if fields[2] == "all":
                    threshold = len(group)
                elif fields[2] == "any":
                    threshold = 1
                else:
                    threshold = decimal(fields[2])
                need(1 <= threshold <= len(group), "policy: threshold")
                self.groups[fields[1]] = (threshold, group)
            elif kind == "quorum" and len(fields) == 2:
                need(self.quorum is None, "policy: two quorums")
                name = fields[1]
                need(name == "none" or name in self.witnesses or name in self.groups, "policy: quorum")
                self.quorum = name
            else:
                raise Refused(f"policy: line {line!r}")
        need(self.quorum is not None, "policy: no quorum")

    def _new(self, name):
        need(name != "none" and name not in self.witnesses and name not in self.groups, "policy: name")

    def satisfied(self, name, times):
        """[POL-13]"""
        if name == "none":
            return True
        if name in self.witnesses:
            return name in times
        threshold, group = self.groups[name]
        return sum(self.satisfied(member, times) for member in group) >= threshold

    def verify(self, data):
        """[POL-10] to [POL-16]: the checkpoint, its time t and the cosigners' times."""
        checkpoint = Checkpoint(data)
        checkpoint.signed_by([key for key, _ in self.logs])
        names = {id(key): name for name, key in self.witnesses.items()}
        times = {}
        for key, time in checkpoint.note.verified(list(self.witnesses.values())):
            name = names[id(key)]
            times[name] = max(time, times.get(name, time))
        need(self.satisfied(self.quorum, times), "policy: no quorum")
        t = None
        if self.quorum != "none":
            for candidate in sorted(set(times.values())):
                late = {name: time for name, time in times.items() if time >= candidate}
                if self.satisfied(self.quorum, late):
                    t = candidate
        checkpoint.t, checkpoint.times = t, times
        return checkpoint
