"""The rules of specs/rules.md. One judge, over whatever knows the state before an entry."""
from codec import Refused
from entries import Entry, seq_index, version_index
from index import Tree

ORDER = ("malformed", "genesis", "after-close", "namespace", "duplicate-index", "epoch-size", "epoch-root",
         "time", "signature", "seq", "prev", "version-conflict", "yank")


def parse(data, origin):
    """The entry, or None where it is malformed. [RULE-3]"""
    try:
        entry = Entry(data)
    except Refused:
        return None
    if entry.kind == "close" and entry.next == origin:
        return None
    return entry


def judge(state, position, entry):
    """The rules that an entry breaks, in the order of their ids."""
    if entry is None:
        yield "malformed"
    if position == 0:
        if entry is None or entry.kind != "genesis" or entry.origin != state.origin:
            yield "genesis"
    elif entry is not None and entry.kind == "genesis":
        yield "genesis"
    if state.closed and (state.ended or entry is None or entry.kind != "epoch"):
        yield "after-close"
    if entry is None:
        return
    if entry.kind == "key":
        if entry.index[0] & 0x80:
            yield "namespace"
        if state.get(entry.index) is not None:
            yield "duplicate-index"
    if entry.kind == "epoch":
        if entry.size != state.index_size():
            yield "epoch-size"
        if entry.root != state.index_root():
            yield "epoch-root"
        if state.time is not None and entry.time < state.time:
            yield "time"
    if entry.kind == "statement":
        yield from judge_statement(state, entry.statement)


def judge_statement(state, s):
    if not signed(state, s):
        yield "signature"
    if not state.is_next(s.stream, s.seq):
        yield "seq"
    elif s.prev != state.due(s.stream, s.seq):
        yield "prev"
    if s.kind in ("release", "yank"):
        there = state.get(version_index(s.stream, s.version))
        digests = None if there is None else state.digests(there)
        if s.kind == "release" and there is not None and digests != s.digest_set:
            yield "version-conflict"
        if s.kind == "yank" and (there is None or digests != s.digest_set):
            yield "yank"


def signed(state, s):
    """[RULE-11]"""
    roles = state.roles()
    if roles is None:
        return False
    threshold, keys = roles[s.role]
    if len(s.envelope.signers(keys)) < threshold:
        return False
    if s.kind == "publisher-keys" and s.changes == "root":
        threshold, keys = s.state
        return len(s.envelope.signers(keys)) >= threshold
    return True


class State:
    """What entries that are not void change. [RULE-1], [RULE-2]"""

    def __init__(self, origin):
        self.origin = origin
        self.closed = self.ended = False
        self.time = None
        self.streams = {}
        self.in_force = None
        self.releases = {}
        self.genesis = None

    def roles(self):
        return self.in_force

    def digests(self, leaf):
        return self.releases[leaf]

    def apply(self, entry):
        """The (index, value) pairs that an entry which is not void inserts."""
        inserted = []
        if entry.kind == "genesis":
            self.genesis = entry
            self.in_force = dict(entry.roles)
        elif entry.kind == "epoch":
            self.time = entry.time
            if self.closed:
                self.ended = True
        elif entry.kind == "close":
            self.closed = True
        elif entry.kind == "key":
            inserted.append((entry.index, entry.leaf))
        else:
            s = entry.statement
            for index in s.indexes():
                if self.get(index) is None and all(index != other for other, _ in inserted):
                    inserted.append((index, entry.leaf))
            self.streams[s.stream] = (s.seq, entry.leaf)
            if s.kind == "release":
                self.releases[entry.leaf] = s.digest_set
            if s.kind == "publisher-keys":
                self.in_force = dict(self.roles(), **{s.changes: s.state})
        return inserted


class Replay(State):
    """A log from its first entry on, with its own prefix tree."""

    def __init__(self, origin):
        super().__init__(origin)
        self.tree = Tree()
        self.position = 0
        self.by_leaf = {}
        self.counts = {}
        self.voids = []

    def get(self, index):
        return self.tree.values.get(index)

    def index_size(self):
        return len(self.tree)

    def index_root(self):
        return self.tree.root()

    def is_next(self, stream, seq):
        last = self.streams.get(stream)
        return seq == (0 if last is None else last[0] + 1)

    def due(self, stream, seq):
        return self.streams[stream][1] if seq else None

    def push(self, data):
        """The entry and every rule that it breaks."""
        entry = parse(data, self.origin)
        broken = list(judge(self, self.position, entry))
        assert broken == sorted(broken, key=ORDER.index)
        if broken:
            self.voids.append((self.position, broken))
        else:
            for index, value in self.apply(entry):
                self.tree.insert(index, value)
            self.by_leaf.setdefault(entry.leaf, entry)
            self.counts[entry.kind] = self.counts.get(entry.kind, 0) + 1
        self.position += 1
        return entry, broken


class Unproven(Refused):
    """A look-up that an evidence file does not cover."""


class Interval(State):
    """The state at an epoch, of which an index proof shows a part, and the entries after it."""

    def __init__(self, origin):
        super().__init__(origin)
        self.base = None
        self.base_size = 0
        self.base_root = None
        self.new = {}
        self.known = {}
        self.base_genesis = None
        self.root_now = None

    def get(self, index):
        if index in self.new:
            return self.new[index]
        return self.at_from(index)

    def at_from(self, index):
        if self.base is None:
            return None
        if index not in self.base:
            raise Unproven("evidence: a look-up is not covered")
        return self.base[index]

    def index_size(self):
        return self.base_size + len(self.new)

    def index_root(self):
        if self.root_now is None:
            raise Unproven("evidence: an epoch that cannot be judged")
        return self.root_now()

    def is_next(self, stream, seq):
        """[EV-8]"""
        if stream in self.streams:
            return seq == self.streams[stream][0] + 1
        if self.base is None:
            return seq == 0
        if self.at_from(seq_index(stream, seq)) is not None:
            return False
        return seq == 0 or self.at_from(seq_index(stream, seq - 1)) is not None

    def due(self, stream, seq):
        if seq == 0:
            return None
        if stream in self.streams:
            return self.streams[stream][1]
        return self.at_from(seq_index(stream, seq - 1))

    def digests(self, leaf):
        """[EV-9]"""
        if leaf in self.releases:
            return self.releases[leaf]
        entry = self.known.get(leaf)
        if entry is None or entry.kind != "statement" or entry.statement.kind != "release":
            raise Unproven("evidence: a release is not given")
        return entry.statement.digest_set

    def roles(self):
        """[EV-10]"""
        if self.in_force is None and self.base is not None:
            entry = self.base_genesis
            if entry == "missing":
                raise Unproven("evidence: the genesis is not given")
            if entry is None:
                return None
            found, seq = dict(entry.roles), 0
            while (value := self.at_from(seq_index(b"publisher-keys", seq))) is not None:
                change = self.known.get(value)
                if change is None or change.kind != "statement" or change.statement.kind != "publisher-keys":
                    raise Unproven("evidence: a publisher-keys statement is not given")
                found[change.statement.changes] = change.statement.state
                seq += 1
            self.in_force = found
        return self.in_force

    def push(self, position, entry):
        """The first rule that an entry breaks, or None."""
        # All of them, so that all that they look up is looked up. [EV-7]
        broken = list(judge(self, position, entry))
        rule = broken[0] if broken else None
        if rule is None:
            for index, value in self.apply(entry):
                self.new[index] = value
        return rule
