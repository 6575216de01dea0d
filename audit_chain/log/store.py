"""Where a log keeps its entries, tiles, head and seals.

Every method runs inside a transaction that the caller began and ends: either all that was written in it
stays, or none. A stop at any point leaves the state of the last transaction that ended well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from audit_chain.errors import NotInLog
from audit_chain.log.tiles import TileKey
from audit_chain.merkle.hashing import EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class LogHead:
    """How far the log has come: entries from `tree_size` up to `next_index` wait for the next seal."""

    next_index: int
    tree_size: int
    root: bytes


EMPTY_HEAD = LogHead(next_index=0, tree_size=0, root=EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class Seal:
    """A closed batch: the tree it ends at, when it was closed, and the signed checkpoint of that tree.

    Its seal entry is the last entry of the tree, at index `size - 1`.
    """

    size: int
    root: bytes
    time: str
    note: bytes


class LogStore(Protocol):
    """What a log asks of its storage."""

    def head(self) -> LogHead:
        """The head; EMPTY_HEAD before the first write."""

    def lock(self) -> LogHead:
        """The head; nobody else gets past this call until the transaction ends."""

    def append_entries(self, first: int, entries: Sequence[bytes]) -> None:
        """Keeps the entries at `first` and onwards. `first` is the head's next index; the head is written apart."""

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        """All entries of [start, stop) in order; NotInLog where one is missing."""

    def read_tiles(self, keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
        """Whole content of those tiles that exist, in one read; others are left out."""

    def write_tiles(self, tiles: Mapping[TileKey, bytes]) -> None:
        """Keeps or replaces tiles; a replaced tile is a prefix of the new one."""

    def write_head(self, head: LogHead) -> None:
        """Replaces the head."""

    def write_seal(self, seal: Seal) -> None:
        """Keeps a seal; its size exceeds all earlier ones'."""

    def latest_seal(self) -> Seal | None:
        """The seal of the greatest size."""

    def seal_covering(self, index: int) -> Seal | None:
        """The first seal whose tree holds the entry at `index`: the smallest size above it."""

    def seal_at(self, size: int) -> Seal | None:
        """The seal of exactly that size."""

    def seals(self, after_size: int, limit: int) -> list[Seal]:
        """Up to `limit` seals with a greater size, smallest first."""


class MemoryLogStore:
    """A LogStore in memory, for tests and for logs that need not outlive their process.

    It has one user and no rollback: an error in the middle of a change leaves what was written before it.
    """

    def __init__(self) -> None:
        self._head = EMPTY_HEAD
        self._entries: list[bytes] = []
        self._tiles: dict[TileKey, bytes] = {}
        self._seals: dict[int, Seal] = {}

    def head(self) -> LogHead:
        return self._head

    def lock(self) -> LogHead:
        return self._head

    def append_entries(self, first: int, entries: Sequence[bytes]) -> None:
        if first != len(self._entries):
            raise NotInLog("entries do not follow one another", expected=len(self._entries), got=first)
        self._entries.extend(entries)

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        if not 0 <= start <= stop <= len(self._entries):
            raise NotInLog("no such entries", expected=f"up to {len(self._entries)}", got=f"{start} to {stop}")
        return self._entries[start:stop]

    def read_tiles(self, keys: Sequence[TileKey]) -> dict[TileKey, bytes]:
        return {key: self._tiles[key] for key in keys if key in self._tiles}

    def write_tiles(self, tiles: Mapping[TileKey, bytes]) -> None:
        self._tiles.update(tiles)

    def write_head(self, head: LogHead) -> None:
        self._head = head

    def write_seal(self, seal: Seal) -> None:
        self._seals[seal.size] = seal

    def latest_seal(self) -> Seal | None:
        return self._seals[max(self._seals)] if self._seals else None

    def seal_covering(self, index: int) -> Seal | None:
        return next((seal for seal in self.seals(index, limit=1)), None)

    def seal_at(self, size: int) -> Seal | None:
        return self._seals.get(size)

    def seals(self, after_size: int, limit: int) -> list[Seal]:
        later = sorted(size for size in self._seals if size > after_size)
        return [self._seals[size] for size in later[:limit]]
