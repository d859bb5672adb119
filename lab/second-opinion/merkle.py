"""Proofs about the log's tree and its tiles, after specs/merkle.md and specs/tile.md."""
from codec import EMPTY_ROOT, need, node_hash


def inclusion_root(index, size, leaf, proof):
    """[MERKLE-2] to [MERKLE-4]"""
    need(0 <= index < size < 1 << 63, "inclusion: the index is not below the size")
    fn, sn, root = index, size - 1, leaf
    inner = (index ^ sn).bit_length()
    need(len(proof) == inner + (index >> inner).bit_count(), "inclusion: length of the proof")
    for item in proof:
        if fn & 1 or fn == sn:
            root = node_hash(item, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, item)
        fn, sn = fn >> 1, sn >> 1
    return root


def inclusion(index, size, leaf, proof, root):
    need(inclusion_root(index, size, leaf, proof) == root, "inclusion: the root differs")


def consistency(older, older_root, newer, newer_root, proof):
    """[MERKLE-5] to [MERKLE-7]"""
    need(0 <= older <= newer < 1 << 63, "consistency: the older size is larger")
    if older == 0:
        need(not proof and older_root == EMPTY_ROOT, "consistency: from size 0")
        return
    if older == newer:
        need(not proof and older_root == newer_root, "consistency: equal sizes")
        return
    last = older - 1
    inner = (last ^ (newer - 1)).bit_length()
    length = inner + (last >> inner).bit_count()
    length -= (older & -older).bit_length() - 1
    power = older & (older - 1) == 0
    need(len(proof) == length + (not power), "consistency: length of the proof")
    proof = list(proof)
    if power:
        proof.insert(0, older_root)
    fn, sn = last, newer - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for item in proof[1:]:
        need(sn != 0, "consistency: too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(item, fr), node_hash(item, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, item)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "consistency: too short")
    need(fr == older_root and sr == newer_root, "consistency: a root differs")


class Frontier:
    """The roots of the full subtrees of a tree, the largest first."""

    def __init__(self, size=0, hashes=()):
        need(len(hashes) == size.bit_count(), "frontier: number of hashes")
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf):
        size = self.size
        while size & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            size >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self):
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for item in reversed(self.hashes[:-1]):
            root = node_hash(item, root)
        return root


def tree_root(hashes):
    frontier = Frontier()
    for item in hashes:
        frontier.append(item)
    return frontier.root()


def number_path(number):
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts)


def tile_path(level, number, width):
    path = f"tile/{level}/{number_path(number)}"
    return path if width == 256 else f"{path}.p/{width}"


def tiles(count):
    """(number, width) of the tiles of a level with that many hashes."""
    for number in range((count + 255) // 256):
        yield number, min(256, count - number * 256)


def parse_bundle(data, width):
    """[TILE-5], [TILE-6]"""
    need(len(data) <= 256 * 65537, "bundle: too large")
    at, entries = 0, []
    for _ in range(width):
        need(at + 2 <= len(data), "bundle: too short")
        length = int.from_bytes(data[at : at + 2], "big")
        at += 2
        need(at + length <= len(data), "bundle: too short")
        entries.append(data[at : at + length])
        at += length
    need(at == len(data), "bundle: something after the entries")
    return entries
