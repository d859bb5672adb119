"""The prefix tree over everything logged, and the proofs about it, after specs/index.md."""
from codec import array, b64, bit, hashes, integer, members, need, sha256

EMPTY = bytes(32)


def leaf(index, value):
    return sha256(b"\x02" + index + value)


def inner(left, right):
    return sha256(b"\x03" + left + right)


class Tree:
    """The whole tree; only what an insertion touched is hashed again."""

    def __init__(self):
        self.values = {}
        self._root = None

    def __len__(self):
        return len(self.values)

    def insert(self, index, value):
        need(index not in self.values, "index: inserted twice")
        self.values[index] = value
        if self._root is None:
            self._root = [index, value, None]
            return
        node, path, depth = self._root, [], 0
        while len(node) == 4:
            node[3] = None
            path.append(node)
            node = node[1 + bit(index, depth)]
            depth += 1
            if node is None:
                break
        new = [index, value, None]
        if node is not None:
            other, top = node[0], depth
            while bit(other, depth) == bit(index, depth):
                depth += 1
            new = self._fork(depth, node, new, index)
            while depth > top:
                depth -= 1
                new = self._chain(new, bit(index, depth))
            depth = top
        if not path:
            self._root = new
        else:
            path[-1][1 + bit(index, depth - 1)] = new

    @staticmethod
    def _fork(depth, old, new, index):
        pair = (old, new) if bit(index, depth) else (new, old)
        return ["inner", pair[0], pair[1], None]

    @staticmethod
    def _chain(child, side):
        return ["inner", None, child, None] if side else ["inner", child, None, None]

    def root(self):
        return self._hash(self._root)

    def _hash(self, node):
        if node is None:
            return EMPTY
        if len(node) == 3:
            if node[2] is None:
                node[2] = leaf(node[0], node[1])
            return node[2]
        if node[3] is None:
            node[3] = inner(self._hash(node[1]), self._hash(node[2]))
        return node[3]


def smallest(leaves, depth):
    """The hash of the minimal tree over (index, value), below that depth."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaf(*leaves[0])
    sides = ([], [])
    for item in leaves:
        sides[bit(item[0], depth)].append(item)
    return inner(smallest(sides[0], depth + 1), smallest(sides[1], depth + 1))


def parse_result(value):
    """[INDEX-5]: (depth, kind, index or None, value or None)"""
    need(isinstance(value, dict) and "type" in value, "index proof: a result")
    kind = value["type"]
    depth = integer(value.get("depth"), 0, 256)
    if kind == "inclusion":
        members(value, ("type", "depth", "value"))
        return depth, kind, None, b64(value["value"], 32)
    if kind == "leaf":
        members(value, ("type", "depth", "leaf"))
        members(value["leaf"], ("index", "value"))
        return depth, kind, b64(value["leaf"]["index"], 32), b64(value["leaf"]["value"], 32)
    need(kind == "empty", "index proof: type of a result")
    members(value, ("type", "depth"))
    return depth, kind, None, None


class Proof:
    """[INDEX-5] to [INDEX-13], and [INDEX-14] to [INDEX-17] with values."""

    def __init__(self, value, searches, at_most=4096):
        members(value, ("results", "elements"))
        need(len(array(value["results"])) <= at_most, "index proof: too many results")
        self.results = [parse_result(item) for item in value["results"]]
        need(len(self.results) == len(searches), "index proof: one result for each search")
        need(len(array(value["elements"])) <= sum(r[0] for r in self.results), "index proof: too many elements")
        self.elements = hashes(value["elements"])
        self.searches = list(searches)
        self.searched = []
        for index, (depth, kind, other, held) in zip(searches, self.results):
            if kind == "leaf":
                need(other != index, "index proof: the leaf is the searched one")
                need(all(bit(other, i) == bit(index, i) for i in range(depth)), "index proof: prefix of a leaf")
            found = None
            if kind != "empty":
                found = (index if kind == "inclusion" else other, held)
            self.searched.append((index, depth, found))

    def present(self, at):
        """The value of a search, or None."""
        return self.results[at][3] if self.results[at][1] == "inclusion" else None

    def verify(self, root):
        """[INDEX-7] to [INDEX-12]"""
        if not self.searched:
            need(not self.elements, "index proof: elements without a search")
            return
        need(self._walk(None)[0] == root, "index proof: the root differs")

    def after(self, root, values):
        """[INDEX-14] to [INDEX-17]: the root once the searched indexes are inserted."""
        self.verify(root)
        need(len(values) == len(self.searches), "transition: one value for each result")
        need(all(a < b for a, b in zip(self.searches, self.searches[1:])), "transition: not ascending")
        need(all(result[1] != "inclusion" for result in self.results), "transition: an index that is present")
        if not self.searches:
            return root
        return self._walk(dict(zip(self.searches, values)))[1]

    def _walk(self, values):
        elements = iter(self.elements)

        def step(depth, group):
            """(hash, hash after the insertion, state): state is empty, leaf or other."""
            if not group:
                element = next(elements, None)
                need(element is not None, "index proof: an element is missing")
                return element, element, "empty" if element == EMPTY else "other"
            if any(item[1] == depth for item in group):
                found = group[0][2]
                need(all(item[1:] == (depth, found) for item in group), "index proof: results disagree")
                old = EMPTY if found is None else leaf(*found)
                new = old
                if values is not None:
                    leaves = [(item[0], values[item[0]]) for item in group]
                    new = smallest(leaves + ([found] if found else []), depth)
                return old, new, "empty" if found is None else "leaf"
            sides = ([], [])
            for item in group:
                sides[bit(item[0], depth)].append(item)
            left, right = step(depth + 1, sides[0]), step(depth + 1, sides[1])
            states = {left[2], right[2]}
            need(states not in ({"empty"}, {"empty", "leaf"}), "index proof: not a minimal tree")
            return inner(left[0], right[0]), inner(left[1], right[1]), "other"

        found = step(0, self.searched)
        need(next(elements, None) is None, "index proof: an element is left over")
        return found
