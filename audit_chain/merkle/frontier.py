"""Frontier: the least of a log's tree that suffices to append to it and to know its root."""

from collections.abc import Sequence

from audit_chain.merkle.hashing import EMPTY_ROOT, node_hash


class Frontier:
    """Roots of the complete subtrees that the first `size` entries fall into, the largest first: one for each 1 bit."""

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Adds one entry by its leaf hash; costs two hashes on average."""
        merged = self.size
        while merged & 1:
            leaf_hash = node_hash(self._hashes.pop(), leaf_hash)
            merged >>= 1
        self._hashes.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """Root of the tree (RFC 9162, Section 2.1.1)."""
        if not self._hashes:
            return EMPTY_ROOT
        root = self._hashes[-1]
        for left in self._hashes[-2::-1]:
            root = node_hash(left, root)
        return root
