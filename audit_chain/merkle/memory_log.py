"""A Merkle tree that keeps every node in memory: for tests, small trees, and whoever follows a log."""

from collections.abc import Iterable, Sequence

from audit_chain.errors import NotInLog
from audit_chain.merkle import prover
from audit_chain.merkle.hashing import node_hash


class MemoryLog:
    """An append-only tree of leaf hashes; `len` is its size."""

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaf_hashes)

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, leaf_hash: bytes) -> int:
        """Index of the new leaf."""
        levels = self._levels
        index = len(levels[0])
        levels[0].append(leaf_hash)
        node, position, level = leaf_hash, index, 0
        while position & 1:
            node = node_hash(levels[level][-2], node)
            position >>= 1
            level += 1
            if level == len(levels):
                levels.append([])
            levels[level].append(node)
        return index

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Appends all, level by level, which is faster than one by one."""
        self._levels[0].extend(leaf_hashes)
        level = 0
        while len(self._levels[level]) >= 2:
            if level + 1 == len(self._levels):
                self._levels.append([])
            below, above = self._levels[level], self._levels[level + 1]
            start, stop = 2 * len(above), len(below) - 1
            above.extend([node_hash(below[i], below[i + 1]) for i in range(start, stop, 2)])
            level += 1

    def leaf_hash(self, index: int) -> bytes:
        """Leaf hash at `index`."""
        if not 0 <= index < len(self):
            raise NotInLog("no such entry in the tree", expected=f"an index below {len(self)}", got=index)
        return self._levels[0][index]

    def root(self, size: int | None = None) -> bytes:
        """Root over the first `size` leaves, or over all."""
        return prover.root_hash(self._checked(size), self._read)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Proof that the leaf at `index` stands in the tree of `size` leaves, or of all."""
        return prover.inclusion_proof(index, self._checked(size), self._read)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the tree of `new` leaves, or of all, begins with the `old` ones."""
        return prover.consistency_proof(old, self._checked(new), self._read)

    def _read(self, nodes: Sequence[prover.Node]) -> list[bytes]:
        return [self._levels[level][index] for level, index in nodes]

    def _checked(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise NotInLog("no tree of that size yet", expected=f"at most {len(self)}", got=size)
        return size
