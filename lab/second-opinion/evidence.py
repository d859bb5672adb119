"""Evidence files, after specs/evidence.md."""
from codec import Refused, array, b64, hashes, integer, json, leaf_hash, members, need, string
from entries import Entry
from index import EMPTY, Proof, smallest
from merkle import Frontier, consistency, inclusion
from notes import Checkpoint, VerifierKey
from rules import Interval, Unproven, parse

_COMMON = ("format", "kind", "rule", "log_key")


def verify(data):
    """(kind, rule, origin) of what the file proves; everything else is refused."""
    need(len(data) <= 64 << 20, "evidence: too large")
    value = json(data)
    need(isinstance(value, dict) and value.get("format") == "plainsight-evidence/v1", "evidence: format")
    key = VerifierKey(string(value.get("log_key")))
    need(key.type == 1, "evidence: type of the log's key")
    kinds = {"fork": _fork, "extension": _extension, "end": _end, "interval": _interval}
    need(value.get("kind") in kinds, "evidence: kind")

    def checkpoint(name):
        found = Checkpoint(string(value[name]))
        need(found.origin == key.name, "evidence: the key's name is not the origin")
        found.signed_by([key])
        return found

    rule = kinds[value["kind"]](value, checkpoint)
    need(rule is not None, "evidence: no rule is broken")
    need(rule == value.get("rule"), f"evidence: proves {rule}, not {value.get('rule')}")
    return value["kind"], rule, key.name


def _fork(value, checkpoint):
    members(value, _COMMON + ("first", "second"))
    first, second = checkpoint("first"), checkpoint("second")
    return "fork" if first.size == second.size and first.root != second.root else None


def _extension(value, checkpoint):
    members(value, _COMMON + ("older", "newer", "root", "consistency"))
    older, newer, root = checkpoint("older"), checkpoint("newer"), b64(value["root"], 32)
    need(0 < older.size <= newer.size and root != older.root, "evidence: extension")
    consistency(older.size, root, newer.size, newer.root, hashes(value["consistency"]))
    return "extension"


def _end(value, checkpoint):
    members(value, _COMMON + ("checkpoint",), ("entry", "inclusion"))
    head = checkpoint("checkpoint")
    if head.size < 2:
        need("entry" not in value and "inclusion" not in value, "evidence: end of a short log")
        return "end"
    entry = b64(value.get("entry"))
    inclusion(head.size - 1, head.size, leaf_hash(entry), hashes(value.get("inclusion")), head.root)
    parsed = parse(entry, head.origin)
    return "end" if parsed is None or parsed.kind != "epoch" else None


def _interval(value, checkpoint):
    members(
        value,
        _COMMON + ("checkpoint", "start", "before", "entries", "consistency"),
        ("from", "genesis", "known", "searched", "proof", "transition"),
    )
    head = checkpoint("checkpoint")
    start = integer(value["start"])
    entries = [b64(item) for item in array(value["entries"])]
    need(entries, "evidence: no entries")
    frontier = Frontier(start, hashes(value["before"]))
    for data in entries:
        frontier.append(leaf_hash(data))
    consistency(frontier.size, frontier.root(), head.size, head.root, hashes(value["consistency"]))
    last = start + len(entries) - 1
    state = Interval(head.origin)
    begin = start
    for data in array(value.get("known", [])):
        entry = Entry(b64(data))
        state.known[entry.leaf] = entry
    if "from" not in value:
        need(start == 0 and "searched" not in value and "proof" not in value, "evidence: without from")
        need("transition" not in value, "evidence: transition without from")
    else:
        begin = integer(value["from"], start, last - 1) + 1
        epoch = parse(entries[begin - 1 - start], head.origin)
        need(epoch is not None and epoch.kind == "epoch", "evidence: from is no epoch")
        state.time, state.base_size, state.base_root = epoch.time, epoch.size, epoch.root
        if begin - 2 >= start:
            before = parse(entries[begin - 2 - start], head.origin)
            state.closed = state.ended = before is not None and before.kind == "close"
        searched = hashes(value.get("searched"))
        need(all(a < b for a, b in zip(searched, searched[1:])), "evidence: searched does not ascend")
        proof = Proof(value.get("proof"), searched)
        proof.verify(epoch.root)
        state.base = {index: proof.present(at) for at, index in enumerate(searched)}
        state.base_genesis = "missing"
        if "genesis" in value:
            members(value["genesis"], ("entry", "inclusion"))
            data = b64(value["genesis"]["entry"])
            inclusion(0, head.size, leaf_hash(data), hashes(value["genesis"]["inclusion"]), head.root)
            genesis = parse(data, head.origin)
            good = genesis is not None and genesis.kind == "genesis" and genesis.origin == head.origin
            state.base_genesis = genesis if good else None
    rule = None
    for position in range(begin, last + 1):
        entry = parse(entries[position - start], head.origin)
        if entry is not None and entry.kind == "epoch":
            if state.base is None:
                state.root_now = lambda: smallest(sorted(state.new.items()), 0) if state.new else EMPTY
            elif position < last:
                raise Unproven("evidence: an epoch between from and the offender")
            else:
                state.root_now = lambda: _transition(value, state)
        rule = state.push(position, entry)
    offender = parse(entries[-1], head.origin)
    is_epoch = offender is not None and offender.kind == "epoch"
    need(("transition" in value) == ("from" in value and is_epoch), "evidence: transition")
    return rule


def _transition(value, state):
    # The flat form of the chapter on the index; the chapter on evidence writes {proof, values}.
    transition = members(value.get("transition"), ("results", "elements", "values"))
    indexes = sorted(state.new)
    values = hashes(transition["values"])
    if values != [state.new[index] for index in indexes]:
        raise Refused("evidence: the values of the transition")
    proof = {name: transition[name] for name in ("results", "elements")}
    return Proof(proof, indexes, 262_144).after(state.base_root, values)
