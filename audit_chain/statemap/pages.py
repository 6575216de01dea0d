"""The map's tree in pages, each with the whole subtree below a prefix of four-bit digits.

A page is named by that prefix in hex; the topmost one is "". A subtree of at most MAX_LEAVES leaves is a leaf page,
which lists them. A larger one is an inner page, which lists hash and number of leaves of its 16 subtrees; these are
pages themselves, and an empty one is not kept. So the pages too depend on what the map holds and on nothing else.

Leaf page, version 1: 0x01, then for each leaf in the order of the keys 32 bytes key, 32 bytes hash of the value.
Inner page, version 1: 0x02, then for each subtree 32 bytes hash, 4 bytes number of leaves, highest byte first.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from struct import Struct
from typing import Final, TypeVar

from audit_chain.errors import CorruptState
from audit_chain.statemap.hashing import EMPTY, leaf_hash, subtree_hash

MAX_LEAVES: Final = 32
"""Leaves of the largest leaf page: 2 KiB."""

FANOUT: Final = 16
DIGIT_BITS: Final = 4
"""Levels of the tree in one inner page."""

_LEAF_PAGE: Final = 1
_INNER_PAGE: Final = 2
_LEAF: Final = Struct("32s32s")
_SUBTREE: Final = Struct(">32sI")

T = TypeVar("T")

Leaf = tuple[bytes, bytes]
"""Hash of the value, hash of the leaf."""


def make_leaf(key: bytes, hashed_value: bytes) -> Leaf:
    """The leaf of a key."""
    return hashed_value, leaf_hash(key, hashed_value)


def digit(key: bytes, place: int) -> int:
    """The key's four-bit digit at that place."""
    byte = key[place >> 1]
    return byte & 15 if place & 1 else byte >> 4


def group_by_digit(by_key: Mapping[bytes, T], place: int) -> dict[int, dict[bytes, T]]:
    """What belongs to keys, by the key's digit at that place."""
    groups: dict[int, dict[bytes, T]] = {}
    index, shift = place >> 1, 0 if place & 1 else 4
    for key, what in by_key.items():
        groups.setdefault(key[index] >> shift & 15, {})[key] = what
    return groups


class LeafPage:
    """A subtree of few leaves. Never changed: a change makes another page."""

    __slots__ = ("count", "depth", "hash", "leaves")

    def __init__(self, depth: int, leaves: dict[bytes, Leaf]) -> None:
        self.depth = depth
        self.leaves = leaves
        self.count = len(leaves)
        keys = sorted(leaves)
        self.hash = subtree_hash(keys, [leaves[key][1] for key in keys], depth)

    def encode(self) -> bytes:
        """The bytes that are kept."""
        pack, leaves = _LEAF.pack, self.leaves
        return b"".join([bytes([_LEAF_PAGE]), *(pack(key, leaves[key][0]) for key in sorted(leaves))])

    def subtree_hash(self, prefix: bytes) -> bytes:
        """Hash of the subtree below a prefix of whole bytes, which is no shorter than the page's own."""
        keys = sorted(key for key in self.leaves if key.startswith(prefix))
        return subtree_hash(keys, [self.leaves[key][1] for key in keys], 8 * len(prefix))


class InnerPage:
    """A subtree of many leaves: four levels of the tree.

    `hashes` and `counts` hold its nodes from the top, node n above nodes 2n and 2n + 1; the 16 subtrees are 16 to 31.
    """

    __slots__ = ("counts", "hashes")

    def __init__(self, hashes: list[bytes], counts: list[int]) -> None:
        self.hashes = hashes
        self.counts = counts

    @classmethod
    def of(cls, subtrees: Mapping[int, tuple[bytes, int]]) -> "InnerPage":
        """The page over these subtrees: hash and number of leaves by digit."""
        page = cls([EMPTY] * (2 * FANOUT), [0] * (2 * FANOUT))
        page._set(subtrees)
        return page

    def with_subtrees(self, subtrees: Mapping[int, tuple[bytes, int]]) -> "InnerPage":
        """The page with other subtrees at these digits."""
        page = InnerPage(self.hashes.copy(), self.counts.copy())
        page._set(subtrees)
        return page

    @property
    def hash(self) -> bytes:
        return self.hashes[1]

    @property
    def count(self) -> int:
        return self.counts[1]

    def subtree(self, digit: int) -> tuple[bytes, int]:
        """Hash and number of leaves of the subtree at that digit."""
        return self.hashes[FANOUT + digit], self.counts[FANOUT + digit]

    def digits(self) -> Iterator[int]:
        """Those of the subtrees that have leaves."""
        counts = self.counts
        return (place for place in range(FANOUT) if counts[FANOUT + place])

    def encode(self) -> bytes:
        """The bytes that are kept."""
        pack, hashes, counts = _SUBTREE.pack, self.hashes, self.counts
        return b"".join([bytes([_INNER_PAGE]), *(pack(hashes[n], counts[n]) for n in range(FANOUT, 2 * FANOUT))])

    def _set(self, subtrees: Mapping[int, tuple[bytes, int]]) -> None:
        hashes, counts, hashed = self.hashes, self.counts, sha256
        for place, (node, count) in subtrees.items():
            hashes[FANOUT + place], counts[FANOUT + place] = node, count
        changed: Iterable[int] = {(FANOUT + place) >> 1 for place in subtrees}
        while changed:
            for node_above in changed:
                left = 2 * node_above
                of_left, of_right = counts[left], counts[left + 1]
                counts[node_above] = of_left + of_right
                if of_left + of_right > 1:
                    hashes[node_above] = hashed(b"\x03" + hashes[left] + hashes[left + 1]).digest()
                else:
                    hashes[node_above] = hashes[left] if of_left else hashes[left + 1]
            changed = {node >> 1 for node in changed if node > 1}


Page = LeafPage | InnerPage


def decode(path: str, data: bytes) -> Page:
    """The page at that path, of the bytes that were kept; CorruptState where they are not one."""
    kind, size = data[:1], len(data) - 1
    if kind == bytes([_INNER_PAGE]) and size == FANOUT * _SUBTREE.size:
        return _decode_inner(path, data)
    if kind == bytes([_LEAF_PAGE]) and 0 < size <= MAX_LEAVES * _LEAF.size and size % _LEAF.size == 0:
        return _decode_leaves(path, data)
    raise CorruptState(f"page {path!r} has no known shape", got=f"{len(data)} bytes")


def _decode_inner(path: str, data: bytes) -> InnerPage:
    page = InnerPage.of(dict(enumerate(_SUBTREE.iter_unpack(data[1:]))))
    if page.count <= MAX_LEAVES or len(path) >= 64:
        raise CorruptState(f"page {path!r} has too few leaves", expected=f"more than {MAX_LEAVES}", got=page.count)
    return page


def _decode_leaves(path: str, data: bytes) -> LeafPage:
    leaves: dict[bytes, Leaf] = {}
    last = b""
    for key, hashed_value in _LEAF.iter_unpack(data[1:]):
        if key <= last or not key.hex().startswith(path):
            raise CorruptState(f"page {path!r} has a leaf out of place", got=f"leaf {len(leaves)}")
        leaves[key] = make_leaf(key, hashed_value)
        last = key
    return LeafPage(DIGIT_BITS * len(path), leaves)
