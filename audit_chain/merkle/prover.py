"""Roots and proofs of a Merkle tree, made from its complete subtrees (RFC 9162, Sections 2.1.1 to 2.1.4).

A node `(level, index)` is the root of the complete subtree over the entries
`index * 2**level` up to `(index + 1) * 2**level`. Every root and proof is a fold of such nodes.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from audit_chain.errors import NotInLog
from audit_chain.merkle.hashing import EMPTY_ROOT, node_hash

Node: TypeAlias = tuple[int, int]
"""(level, index) of a complete subtree."""

NodeReader: TypeAlias = Callable[[Sequence[Node]], Sequence[bytes]]
"""Hashes of the nodes asked for, in the same order, in one read."""

_Range: TypeAlias = tuple[int, int]


def root_hash(size: int, read: NodeReader) -> bytes:
    """Root of the tree over the first `size` entries."""
    if size == 0:
        return EMPTY_ROOT
    return _read_roots([(0, size)], read)[0]


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """Hashes from the leaf's sibling up to the root's child (RFC 9162, Section 2.1.3.1)."""
    if not 0 <= index < size:
        raise NotInLog("no such entry in the tree", expected=f"an index below {size}", got=index)
    siblings: list[_Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left_width(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return _read_roots(siblings[::-1], read)


def consistency_proof(old: int, new: int, read: NodeReader) -> list[bytes]:
    """Hashes that show the first `old` entries unchanged within `new` (RFC 9162, Section 2.1.4.1)."""
    if not 0 <= old <= new:
        raise NotInLog("no such older tree", expected=f"a size up to {new}", got=old)
    if old == 0:
        return []
    siblings: list[_Range] = []
    start, end = 0, new
    while end != old:
        middle = start + _left_width(end - start)
        if old <= middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    if start != 0:  # the verifier holds the old root, but not the root of this part of it
        siblings.append((start, end))
    return _read_roots(siblings[::-1], read)


def _left_width(width: int) -> int:
    """Largest power of two smaller than `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _read_roots(ranges: Sequence[_Range], read: NodeReader) -> list[bytes]:
    """Root of each range of entries, with one read for all."""
    nodes: list[Node] = []
    ends: list[int] = []
    for start, end in ranges:
        while start < end:  # complete subtrees from the largest, to which `start` is aligned
            level = (end - start).bit_length() - 1
            nodes.append((level, start >> level))
            start += 1 << level
        ends.append(len(nodes))
    hashes = read(nodes)
    roots: list[bytes] = []
    first = 0
    for last in ends:
        root = hashes[last - 1]
        for position in range(last - 2, first - 1, -1):
            root = node_hash(hashes[position], root)
        roots.append(root)
        first = last
    return roots
