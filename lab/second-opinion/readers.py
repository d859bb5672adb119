"""What a reader is shown: heads, the genesis, look-ups, histories, stream and artifact queries."""
import vrf
from codec import EMPTY_ROOT, Refused, array, b64, hashes, integer, json, leaf_hash, members, need, string, to_b64
from entries import (Entry, KeySet, artifact_index, commitment, digest_index, label, seq_index, version_index,
                     vrf_input, yank_index)
from index import Proof
from merkle import consistency, inclusion

_HEAD = ("checkpoint", "epoch", "epoch_proof")
LIMIT = (1 << 32) - 1


def ladder(latest):
    """[LADDER-1] to [LADDER-3]: (number, present) for each rung, for a latest version or None."""
    rungs = []

    def present(number):
        rungs.append((number, latest is not None and number <= latest))
        return rungs[-1][1]

    low, high, step = None, 1 << 32, 0
    while (1 << step) - 1 <= LIMIT:
        number = (1 << step) - 1
        if not present(number):
            high = number
            break
        low, step = number, step + 1
    while low is not None and high - low > 1:
        middle = (low + high) // 2
        if present(middle):
            low = middle
        else:
            high = middle
    return rungs


def absent_rungs(latest):
    return [number for number, there in ladder(latest) if not there]


class Reader:
    """A reader with a policy, who remembers the head that it verified last."""

    def __init__(self, policy, fetch, now, max_age=86_400):
        self.policy, self.fetch, self.now, self.max_age = policy, fetch, now, max_age
        self.genesis = None
        self.size, self.root = 0, EMPTY_ROOT

    def head(self, data, required, optional=(), since=None, genesis=None):
        """[HEAD-1] to [HEAD-5]: the answer, its checkpoint and its epoch."""
        genesis = genesis or self.genesis
        answer = json(data)
        names = _HEAD + (("consistency",) if since is not None else ())
        members(answer, names + tuple(required), optional)
        checkpoint = self.policy.verify(string(answer["checkpoint"]))
        if genesis is None:
            genesis = Entry(b64(answer["entry"]))
            need(genesis.kind == "genesis" and genesis.origin == checkpoint.origin, "genesis: origin")
        need(checkpoint.origin == genesis.origin, "head: another log")
        need(checkpoint.t is not None, "head: nothing is fresh under quorum none")
        t, now, skew = checkpoint.t * 1000, int(self.now() * 1000), genesis.skew
        need(now - t <= self.max_age * 1000, "head: stale")
        need(t - now <= skew, "head: ahead of the clock")
        if since is not None:
            need(checkpoint.size >= self.size, "head: smaller than the one remembered")
            proof = hashes(answer["consistency"])
            consistency(self.size, self.root, checkpoint.size, checkpoint.root, proof)
        epoch = Entry(b64(answer["epoch"]))
        need(epoch.kind == "epoch", "head: the last entry is no epoch")
        size = checkpoint.size
        inclusion(size - 1, size, epoch.leaf, hashes(answer["epoch_proof"]), checkpoint.root)
        need(epoch.time <= t + skew, "head: the epoch is later than t")
        self.size, self.root = size, checkpoint.root
        return answer, checkpoint, epoch

    def _since(self, with_since):
        return self.size if with_since and self.size else None

    def read_genesis(self):
        """[HEAD-6]"""
        answer, checkpoint, _ = self.head(self.fetch("GET", "v1/genesis"), ("entry", "inclusion"))
        genesis = Entry(b64(answer["entry"]))
        inclusion(0, checkpoint.size, genesis.leaf, hashes(answer["inclusion"]), checkpoint.root)
        self.genesis = genesis
        return genesis

    def _opened(self, of, version, entry, item):
        """[LOOKUP-5], [LOOKUP-6]"""
        key_set = b64(item["key_set"])
        made = commitment(b64(item["opening"], 16), of, version, key_set)
        need(made == entry.commitment, "commitment: another")
        found = KeySet(key_set)
        need(found.proven, "key set: not signed by itself")
        need(found.label == of and found.version == version, "key set: of another label or version")
        need(version > 0 or found.prev is None or self.genesis.predecessor, "key set: prev at version 0")
        return found

    def _rungs(self, of, answer):
        """[LOOKUP-1]: the indexes of the rungs."""
        latest = integer(answer["version"], 0, LIMIT) if "version" in answer else None
        rungs = ladder(latest)
        need(len(array(answer["vrf"])) == len(rungs), "vrf: one proof for each rung")
        found = []
        for (number, _), proof in zip(rungs, answer["vrf"]):
            found.append(vrf.index(vrf.verify(self.genesis.vrf_key, vrf_input(of, number), b64(proof, 80))))
        return latest, rungs, found

    @staticmethod
    def _presence(proof, rungs):
        """[LOOKUP-3], [QUERY-2]"""
        for at, (number, there) in enumerate(rungs):
            need((proof.present(at) is not None) == there, f"ladder: rung {number}")

    def _latest(self, of, answer, latest, rungs, indexes, proof, withheld=False):
        """[LOOKUP-4] to [LOOKUP-6]: the entry and the key set of the latest version."""
        at = [number for number, _ in rungs].index(latest)
        entry = Entry(b64(answer["entry"]))
        need(entry.kind == "key" and entry.index == indexes[at], "index: not the entry of the version")
        need(proof.present(at) == entry.leaf, "index: another entry")
        if withheld and "opening" not in answer and "key_set" not in answer:
            return entry, None
        return entry, self._opened(of, latest, entry, answer)

    def lookup(self, of, since=False, logged=False):
        """[LOOKUP-1] to [LOOKUP-7]: the key set, or None where absence is proved."""
        request = {"label": to_b64(label(of))}
        since = self._since(since)
        if since is not None:
            request["since"] = since
        if logged:
            request["logged"] = True
        there = ("version", "entry", "opening", "key_set", "logged")
        data = self.fetch("POST", "v1/lookup", request)
        answer, checkpoint, epoch = self.head(data, ("vrf", "index"), there, since)
        latest, rungs, indexes = self._rungs(of, answer)
        present = {name for name in there if name in answer}
        wanted = set(there if logged else there[:-1]) if latest is not None else set()
        need(present == wanted, f"look-up: members {sorted(present)}")
        proof = Proof(answer["index"], indexes)
        proof.verify(epoch.root)
        self._presence(proof, rungs)
        if latest is None:
            return None
        entry, key_set = self._latest(of, answer, latest, rungs, indexes, proof)
        if logged:
            of_log = members(answer["logged"], ("position", "inclusion", "epoch", "epoch_position",
                                                "epoch_inclusion"))
            position, later = integer(of_log["position"]), integer(of_log["epoch_position"])
            need(position < later, "logged: the epoch is not after the entry")
            inclusion(position, checkpoint.size, entry.leaf, hashes(of_log["inclusion"]), checkpoint.root)
            after = Entry(b64(of_log["epoch"]))
            need(after.kind == "epoch", "logged: no epoch")
            inclusion(later, checkpoint.size, after.leaf, hashes(of_log["epoch_inclusion"]), checkpoint.root)
        return key_set

    def history(self, of, start=0, since=False):
        """[HISTORY-1] to [HISTORY-3]: the key sets from a version on; a hole is refused."""
        request = {"label": to_b64(label(of)), "from": start}
        since = self._since(since)
        if since is not None:
            request["since"] = since
        there = ("version", "entry", "opening", "key_set", "versions")
        data = self.fetch("POST", "v1/history", request)
        answer, checkpoint, epoch = self.head(data, ("vrf", "index"), there, since)
        latest, rungs, indexes = self._rungs(of, answer)
        listed = array(answer["versions"]) if "versions" in answer else []
        numbers = []
        for item in listed:
            members(item, ("version", "vrf", "entry", "position", "inclusion"), ("opening", "key_set"))
            numbers.append(integer(item["version"], 0, LIMIT))
            alpha = vrf_input(of, numbers[-1])
            indexes.append(vrf.index(vrf.verify(self.genesis.vrf_key, alpha, b64(item["vrf"], 80))))
        proof = Proof(answer["index"], indexes)
        proof.verify(epoch.root)
        self._presence(proof, rungs)
        due = [] if latest is None else list(range(start, latest + 1))[:1000]
        need(numbers == due, f"history: a hole, {numbers} is not {due}")
        if latest is None:
            need("entry" not in answer, "history: an entry of nothing")
            return []
        self._latest(of, answer, latest, rungs, indexes[: len(rungs)], proof, withheld=True)
        found = []
        for at, (number, item) in enumerate(zip(numbers, listed), len(rungs)):
            entry = Entry(b64(item["entry"]))
            need(entry.kind == "key" and entry.index == indexes[at], "history: a decoy")
            need(proof.present(at) == entry.leaf, "history: another entry")
            path = hashes(item["inclusion"])
            inclusion(integer(item["position"]), checkpoint.size, entry.leaf, path, checkpoint.root)
            found.append(self._opened(of, number, entry, item) if "opening" in item else None)
        return found

    def stream(self, stream, version=None, digest=None, since=False):
        """[QUERY-1] to [QUERY-4]: the release, the yank and the latest statement."""
        request = {"stream": to_b64(stream)}
        since = self._since(since)
        if since is not None:
            request["since"] = since
        if version is not None:
            request["version"] = version
        if digest is not None:
            request["digest"] = digest.hex()
        there = ("entry", "yank", "latest")
        data = self.fetch("POST", "v1/stream", request)
        answer, _, epoch = self.head(data, ("index",), there, since)

        def statement(text):
            entry = Entry(b64(text))
            need(entry.kind == "statement" and entry.statement.stream == stream, "statement: of another stream")
            return entry

        release = statement(answer["entry"]) if "entry" in answer else None
        yank = statement(answer["yank"]) if "yank" in answer else None
        named = version
        if release is not None:
            need(release.statement.kind == "release", "statement: no release")
            named = version if version is not None else release.statement.version
            need(release.statement.version == named, "statement: of another version")
        searched = []
        if named is not None:
            searched.append(version_index(stream, named))
        if digest is not None:
            searched.append(digest_index(stream, digest))
        if named is not None:
            searched.append(yank_index(stream, named))
        latest = seq = None
        if "latest" in answer:
            members(answer["latest"], ("seq", "entry"))
            seq, latest = integer(answer["latest"]["seq"], 0, LIMIT), statement(answer["latest"]["entry"])
        rungs = ladder(seq)
        before = len(searched)
        proof = Proof(answer["index"], searched + [seq_index(stream, number) for number, _ in rungs])
        proof.verify(epoch.root)
        for at, (number, there) in enumerate(rungs, before):
            need((proof.present(at) is not None) == there, f"ladder: rung {number}")
            if number == seq:
                need(latest.statement.seq == seq and proof.present(at) == latest.leaf, "statement: the latest")
        if named is not None:
            need(proof.present(0) == (release.leaf if release else None), "statement: the release")
            need(proof.present(before - 1) == (yank.leaf if yank else None), "statement: the yank")
            if yank is not None:
                need(yank.statement.kind == "yank" and yank.statement.version == named, "statement: the yank")
        else:
            need(release is None and yank is None, "statement: nothing was asked for")
        if digest is not None:
            held = proof.present(before - 2 if named is not None else 0)
            if version is None:
                need(held == (release.leaf if release else None), "statement: first with the digest")
                need(release is None or digest in release.statement.digest_set, "statement: not the file")
        return release, yank, latest

    def artifact(self, digest, since=False):
        """[QUERY-6]: the first entry that listed the file, or None where absence is proved."""
        since = self._since(since)
        path = f"v1/artifact/{digest.hex()}" + (f"?since={since}" if since is not None else "")
        answer, _, epoch = self.head(self.fetch("GET", path), ("index",), ("entry",), since)
        proof = Proof(answer["index"], [artifact_index(digest)])
        proof.verify(epoch.root)
        if "entry" not in answer:
            need(proof.present(0) is None, "artifact: no entry")
            return None
        entry = Entry(b64(answer["entry"]))
        need(entry.kind == "statement" and entry.statement.kind == "release", "artifact: no release")
        need(proof.present(0) == entry.leaf and digest in entry.statement.digest_set, "artifact: another entry")
        return entry


def bundle(policy, data, now, skew, max_age=604_800):
    """[BUNDLE-1] to [BUNDLE-3]: the release."""
    value = members(json(data), ("format", "proof", "epoch", "entry", "index"))
    need(value["format"] == "plainsight-bundle/v1", "bundle: format")
    head, _, note = string(value["proof"]).partition("\n\n")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and len(lines) >= 2, "bundle: a tlog-proof")
    need(lines[1].startswith("index ") and len(lines) <= 65, "bundle: a tlog-proof")
    checkpoint = policy.verify(note)
    need(checkpoint.t is not None and now - checkpoint.t <= max_age, "bundle: not fresh")
    need((checkpoint.t - now) * 1000 <= skew, "bundle: ahead of the clock")
    epoch = Entry(b64(value["epoch"]))
    need(epoch.kind == "epoch" and epoch.time <= checkpoint.t * 1000 + skew, "bundle: epoch")
    need(lines[1] == f"index {checkpoint.size - 1}", "bundle: not the last leaf")
    path = [b64(line, 32) for line in lines[2:]]
    inclusion(checkpoint.size - 1, checkpoint.size, leaf_hash(epoch.bytes), path, checkpoint.root)
    entry = Entry(b64(value["entry"]))
    need(entry.kind == "statement" and entry.statement.kind == "release", "bundle: no release")
    s = entry.statement
    searched = [version_index(s.stream, s.version)] + [digest_index(s.stream, item) for item in s.digests]
    searched.append(yank_index(s.stream, s.version))
    number = len(array(members(value["index"], ("results", "elements"))["results"])) - len(searched)
    rungs = []
    if number:
        for latest in _with_rungs(number, s.seq):
            rungs = ladder(latest)
            proof = Proof(value["index"], searched + [seq_index(s.stream, rung) for rung, _ in rungs])
            if [proof.present(len(searched) + at) is not None for at in range(number)] == [r[1] for r in rungs]:
                break
        else:
            raise Refused("bundle: no ladder")
    proof = Proof(value["index"], searched + [seq_index(s.stream, rung) for rung, _ in rungs])
    proof.verify(epoch.root)
    need(proof.present(0) == entry.leaf, "bundle: another entry")
    need(all(proof.present(1 + at) is not None for at in range(len(s.digests))), "bundle: a digest is absent")
    need(proof.present(len(searched) - 1) is None, "bundle: yanked")
    return s


def _with_rungs(number, at_least):
    """Latest statements, not below one, whose ladder has that many rungs; of small streams only."""
    return (n for n in range(at_least, at_least + 4096) if len(ladder(n)) == number)
