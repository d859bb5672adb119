#!/usr/bin/env python3
"""Reads a published log whole and verifies it against the chapters, with the standard library alone.

    verify.py network.json [--evidence FILE ...] [--bundle FILE ...] [--vectors DIR] [--wait SECONDS]
    verify.py --policy FILE [--log URL] ...

Prints one line for each thing that holds, with counts; exits with 0 only if everything does.
"""
import argparse
import hashlib
import pathlib
import sys
import time
import traceback
import urllib.error
import urllib.request
from json import dumps, loads

import evidence
import readers
import vectors
from codec import Refused, b64, json, leaf_hash, need
from entries import Entry, vrf_input
from merkle import Frontier, consistency, inclusion_root, node_hash, parse_bundle, tile_path, tiles, tree_root
from notes import Checkpoint, Policy
from rules import Replay

_PRODUCT = b"release\npkg:cargo/serde_json\nstable\nany"
_NO_FILE = hashlib.sha256(b"a file that nobody ever shipped").digest()


class Http:
    def __init__(self, url):
        self.url = url.rstrip("/") + "/"

    def __call__(self, method, path, body=None):
        data = None if body is None else dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


class Verifier:
    def __init__(self, policy, fetch):
        self.policy, self.fetch = policy, fetch
        self.failures = 0
        self.leaves = []
        self.frontier = Frontier()
        self.replay = None
        self.epochs = 0
        self.releases = []

    def step(self, name, run):
        try:
            print(f"ok    {name}: {run()}", flush=True)
        except Exception as error:  # whatever went wrong did not verify
            self.failures += 1
            print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, (Refused, urllib.error.URLError)):
                traceback.print_exc()

    def checkpoint(self):
        found = self.policy.verify(self.fetch("GET", "checkpoint"))
        need(not found.extensions, "checkpoint: extension lines")
        return found

    def head(self, name):
        def run():
            self.found = self.checkpoint()
            head = self.found
            return f"{head.origin}, size {head.size}, {len(head.times)} cosignatures, quorum at {head.t}"

        self.found = None
        self.step(name, run)
        return self.found

    def entries(self, head):
        """Downloads what is new, judges it, and checks the root."""
        old = len(self.leaves)
        found = []
        for number, width in tiles(head.size):
            if (number + 1) * 256 <= old:
                continue
            data = self.fetch("GET", tile_path("entries", number, width))
            found += parse_bundle(data, width)[max(0, old - number * 256) :]
        need(len(found) == head.size - old, "bundles: number of entries")
        self.replay = self.replay or Replay(head.origin)
        broken = []
        for data in found:
            self.leaves.append(leaf_hash(data))
            self.frontier.append(self.leaves[-1])
            entry, rules = self.replay.push(data)
            if rules:
                broken.append((len(self.leaves) - 1, rules))
            elif entry.kind == "epoch":
                self.epochs += 1
            elif entry.kind == "statement" and entry.statement.kind == "release":
                self.releases.append(entry)
        need(self.frontier.root() == head.root, "the entries do not give the root")
        need(head.size >= 2 and entry is not None and entry.kind == "epoch", "rule end")
        need(not broken, f"void entries: {broken}")
        return f"{len(found)} entries, every rule kept: {self.replay.counts}, {len(self.replay.tree)} indexes"

    def tiles(self, head):
        hashes, level, count = self.leaves[: head.size], 0, 0
        while hashes:
            for number, width in tiles(len(hashes)):
                data = self.fetch("GET", tile_path(level, number, width))
                need(data == b"".join(hashes[number * 256 : number * 256 + width]), f"tile {level}/{number}")
                count += 1
            full = len(hashes) // 256
            hashes = [tree_root(hashes[n * 256 : n * 256 + 256]) for n in range(full)]
            level += 1
        return f"{count} tiles of {level} levels hold the hashes of the entries"


def person(number):
    """The labels of the network's people."""
    text = f"person{number:04}@mail.example"
    if number % 4 != 3:
        return b"\x01" + text.encode()
    return None


def read_answers(verifier, reader, people):
    def genesis():
        found = reader.read_genesis()
        need(found.leaf == verifier.leaves[0], "genesis: not the entry at position 0")
        return f"{found.origin}, skew {found.skew} ms, heartbeat {found.heartbeat} s"

    def lookups():
        rotated = versions = 0
        for at, of in enumerate(people):
            found = reader.lookup(of, since=at % 2 == 1, logged=at % 3 == 2)
            need(found is not None, f"{of} is absent")
            rotated += found.version > 0
            versions += 1
        return f"{versions} labels present, {rotated} of them beyond version 0"

    def absent():
        labels = [b"\x01nobody@mail.example", b"\x02491701234567", b"\x04" + bytes(16), b"\x7f\x00"]
        for of in labels:
            need(reader.lookup(of, since=True, logged=True) is None, "present")
        return f"{len(labels)} labels proved absent"

    def histories():
        versions = signed = 0
        for at, of in enumerate(people):
            found = reader.history(of, since=at % 2 == 0)
            previous = None
            for key_set in found:
                need(key_set is not None, "history: withheld")
                how = key_set.continuity(previous)
                need(how == ("first" if previous is None else "signed"), f"history: {how}")
                previous, versions = key_set, versions + 1
                signed += how == "signed"
        need(reader.history(b"\x01nobody@mail.example") == [], "history of nobody")
        return f"{len(people)} labels, {versions} versions, {signed} of them signed by the version before"

    def latest(stream):
        of = [entry for entry in verifier.releases if entry.statement.stream == stream]
        return of[-1] if of else None

    def streams():
        asked = 0
        streams = sorted({entry.statement.stream for entry in verifier.releases})[::25]
        for stream in [_PRODUCT] + streams:
            last = latest(stream)
            need(last is not None, f"{stream} was never logged")
            s = last.statement
            release, yank, newest = reader.stream(stream, since=True)
            need(release is None and yank is None and newest.statement.seq >= s.seq, "stream")
            for version, digest in ((s.version, None), (s.version, s.digests[0]), (None, s.digests[0])):
                release, yank, _ = reader.stream(stream, version, digest)
                need(release is not None and s.digests[0] in release.statement.digest_set, "stream: release")
                need(yank is None, "stream: yank")
            for version, digest in (("0.0.0-never", None), (None, _NO_FILE), ("0.0.0-never", _NO_FILE)):
                release, yank, _ = reader.stream(stream, version, digest)
                need(release is None and yank is None, "stream: present")
            asked += 7
        for stream in (b"release\npkg:cargo/never\nstable\nany", b"canary\nnever"):
            need(reader.stream(stream) == (None, None, None), "an empty stream")
            asked += 1
        for stream in (b"publisher-keys", b"protection\nend-to-end-backup\nGB"):
            held = reader.stream(stream)[2]
            known = verifier.replay.streams.get(stream)
            need((held.leaf if held else None) == (known[1] if known else None), "stream: the latest")
            asked += 1
        return f"{asked} queries"

    def artifacts():
        asked = 0
        for at, entry in enumerate(verifier.releases[::20]):
            for digest in entry.statement.digests:
                need(reader.artifact(digest, since=at % 2 == 1) is not None, "artifact: absent")
                asked += 1
        need(reader.artifact(_NO_FILE, since=True) is None, "artifact: present")
        return f"{asked} present, 1 proved absent"

    verifier.step("genesis", genesis)
    if reader.genesis is None:
        return
    verifier.step("look-ups", lookups)
    verifier.step("look-ups of nobody", absent)
    verifier.step("histories", histories)
    verifier.step("stream queries", streams)
    verifier.step("artifact queries", artifacts)


def ladders():
    known = {None: [0], 0: [0, 1], 1: [0, 1, 3, 2], 2: [0, 1, 3, 2], 3: [0, 1, 3, 7, 5, 4], 4: [0, 1, 3, 7, 5, 4],
             5: [0, 1, 3, 7, 5, 6], 6: [0, 1, 3, 7, 5, 6], 10: [0, 1, 3, 7, 15, 11, 9, 10],
             (1 << 32) - 1: [(1 << n) - 1 for n in range(33)]}
    for latest, rungs in known.items():
        need([number for number, _ in readers.ladder(latest)] == rungs, f"ladder of {latest}")
    for latest in list(range(2000)) + [(1 << 32) - 2, 1 << 31]:
        need(len(readers.ladder(latest)) == 2 * (latest + 1).bit_length(), "number of rungs")
    return f"{len(known)} of the chapter's table"


def refused(path):
    """A file that accuses somebody of what it does not prove. [evidence]"""
    try:
        proved = evidence.verify(path.read_bytes())
    except Refused as error:
        return f"refused: {error}"
    raise Refused(f"it proves {' '.join(proved)}")


def auditors(network, verifier, head):
    """The latest head that each auditor cosigned is one of the log's. [witness]"""
    name = hashlib.sha256(head.origin.encode()).hexdigest()
    for auditor in network["auditors"]:
        data = Http(auditor["url"])("GET", f"{name}/checkpoint")
        found = Checkpoint(data)
        found.signed_by([key for key, _ in verifier.policy.logs])
        keys = [key for key in verifier.policy.witnesses.values() if key.name == auditor["name"]]
        need(found.note.verified(keys), f"not cosigned by {auditor['name']}")
        if found.size <= len(verifier.leaves):
            need(tree_root(verifier.leaves[: found.size]) == found.root, "another tree")
    return f"{len(network['auditors'])} hold a head of this log that they cosigned"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("network", nargs="?", type=pathlib.Path)
    arguments.add_argument("--policy", type=pathlib.Path)
    arguments.add_argument("--log", metavar="URL")
    arguments.add_argument("--people", type=int, default=0, help="look up that many of the network's people")
    arguments.add_argument("--wait", type=int, default=0, help="wait so long for a larger head")
    arguments.add_argument("--evidence", type=pathlib.Path, nargs="*", default=[])
    arguments.add_argument("--refused", type=pathlib.Path, nargs="*", default=[],
                           help="evidence files that prove nothing")
    arguments.add_argument("--bundle", type=pathlib.Path, nargs="*", default=[])
    arguments.add_argument("--vectors", type=pathlib.Path)
    given = arguments.parse_args()
    network = loads(given.network.read_bytes()) if given.network else {"auditors": []}
    verifier = Verifier(None, None)
    verifier.step("ladders", ladders)
    if given.vectors:
        for name, number, failed in vectors.run(given.vectors):
            verifier.step(f"vectors {name}", lambda: need(not failed, failed) or f"{number} cases")
    for path in given.evidence:
        verifier.step(f"evidence {path.parent.name}/{path.name}", lambda: " ".join(
            evidence.verify(path.read_bytes())))
    for path in given.refused:
        verifier.step(f"no evidence {path.name}", lambda: refused(path))
    policy_path = given.policy or (network.get("policy") and pathlib.Path(network["policy"]))
    if policy_path:
        verify_log(verifier, given, network, policy_path)
    print(f"{verifier.failures} failed" if verifier.failures else "all holds")
    return 1 if verifier.failures else 0


def verify_log(verifier, given, network, policy_path):
    policy = verifier.policy = Policy(pathlib.Path(policy_path).read_bytes())
    url = given.log or network.get("log", {}).get("url") or policy.logs[0][1]
    fetch = verifier.fetch = Http(url)
    first = verifier.head("checkpoint")
    if first is None:
        return
    verifier.step("entries", lambda: verifier.entries(first))
    verifier.step("tiles", lambda: verifier.tiles(first))
    verifier.step("epochs", lambda: f"{verifier.epochs} state the size and the root of the index")
    reader = readers.Reader(policy, fetch, time.time)
    people = [person(number) for number in range(1, given.people + 1)]
    read_answers(verifier, reader, [of for of in people if of])
    for path in given.bundle:
        def one():
            s = readers.bundle(policy, path.read_bytes(), int(time.time()), reader.genesis.skew)
            return f"{s.stream.decode().splitlines()[1]} {s.version}"
        verifier.step(f"bundle {path.name}", one)
    if network["auditors"]:
        verifier.step("auditors", lambda: auditors(network, verifier, first))
    deadline = time.time() + given.wait
    while time.time() < deadline and verifier.checkpoint().size == first.size:
        time.sleep(2)
    second = verifier.head("checkpoint, later")
    if second is None or second.size == first.size:
        return
    verifier.step("entries, later", lambda: verifier.entries(second))
    verifier.step("tiles, later", lambda: verifier.tiles(second))

    def consistent():
        need(tree_root(verifier.leaves[: first.size]) == first.root, "the older tree")
        reader.size, reader.root = first.size, first.root
        need(reader.lookup(b"\x01nobody@mail.example", since=True) is None, "present")
        return f"from {first.size} to {reader.size}, by the entries and by the log's own proof"

    verifier.step("consistency", consistent)


if __name__ == "__main__":
    sys.exit(main())
