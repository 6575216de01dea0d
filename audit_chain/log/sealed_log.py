"""A log that is written in batches: append entries, then seal them into a signed tree.

Entries are kept at once and get their index at once; the tree takes them in when a seal closes the
batch. Each step runs inside the caller's transaction on the store, so a stop anywhere leaves either the
state before the step or the one after it, and the next seal picks up whatever was appended.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from audit_chain import canonical
from audit_chain.encoding import from_time
from audit_chain.errors import CorruptLog, NotInLog
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.store import LogHead, LogStore, Seal
from audit_chain.log.tiles import TileNodes, check_entry_size, grow
from audit_chain.merkle import prover
from audit_chain.merkle.hashing import leaf_hash

__all__ = ["LogHead", "Seal", "SealedLog", "seal_entry"]

_READ_BATCH = 4096
"""Entries read at a time while sealing, so that a large batch is never held at once."""


MakeEntry: TypeAlias = Callable[[int | None, int], bytes]
"""From the index of the previous seal and that of this one to the seal entry."""


class SealedLog:
    """The log whose origin is the signer's name, over a store."""

    __slots__ = ("_signer", "_store")

    def __init__(self, store: LogStore, signer: NoteSigner) -> None:
        self._store = store
        self._signer = signer

    @property
    def origin(self) -> str:
        return self._signer.name

    def append(self, entries: Sequence[bytes]) -> int:
        """Index of the first of these entries, which wait for the next seal."""
        for entry in entries:
            check_entry_size(entry)
        head = self._store.lock()
        if entries:
            self._store.append_entries(head.next_index, entries)
            self._store.write_head(replace(head, next_index=head.next_index + len(entries)))
        return head.next_index

    def seal(
        self,
        time: str,
        *,
        heartbeat: bool = False,
        make_entry: MakeEntry | None = None,
    ) -> Seal | None:
        """The seal that closes what was appended since the last one; None where that is nothing.

        `time` is RFC 3339 in UTC with whole seconds. `heartbeat` seals an empty batch too, and `make_entry`
        makes another seal entry than `seal_entry`, as one that commits to a state. CorruptLog, with nothing
        written, where the store's tiles no longer give the root that was signed last.
        """
        from_time(time)
        head = self._store.lock()
        if head.next_index == head.tree_size and not heartbeat:
            return None
        previous = self._store.latest_seal()
        index = previous.size - 1 if previous else None
        entry = make_entry(index, head.next_index) if make_entry else seal_entry(previous=index, time=time)
        check_entry_size(entry)
        self._check_root(head)

        self._store.append_entries(head.next_index, [entry])
        size = head.next_index + 1
        tiles = grow(head.tree_size, self._leaf_hashes(head.tree_size, size), self._store.read_tiles)
        self._store.write_tiles(tiles)
        root = prover.root_hash(size, TileNodes(self._store.read_tiles, size))
        seal = Seal(size, root, time, self._sign(size, root))
        self._store.write_head(LogHead(next_index=size, tree_size=size, root=root))
        self._store.write_seal(seal)
        return seal

    def root(self, size: int) -> bytes:
        """Root of the tree over the first `size` entries, which must be sealed."""
        return prover.root_hash(size, self._nodes(size))

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Proof that the entry at `index` stands in the tree of `size` entries."""
        return prover.inclusion_proof(index, size, self._nodes(size))

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of `new` entries begins with the `old` ones."""
        return prover.consistency_proof(old, new, self._nodes(new))

    def note(self, size: int) -> bytes:
        """The checkpoint that was signed at that size."""
        seal = self._store.seal_at(size)
        if seal is None:
            raise NotInLog("no checkpoint of that size", got=size)
        return seal.note

    def _nodes(self, size: int) -> TileNodes:
        sealed = self._store.head().tree_size
        if not 0 <= size <= sealed:
            raise NotInLog("no tree of that size yet", expected=f"at most {sealed}", got=size)
        return TileNodes(self._store.read_tiles, size)

    def _check_root(self, head: LogHead) -> None:
        """A log that signed twice different histories is worth nothing; better it stops."""
        root = prover.root_hash(head.tree_size, TileNodes(self._store.read_tiles, head.tree_size))
        if root != head.root:
            raise CorruptLog(
                f"tiles contradict the root of {head.tree_size} entries", expected=head.root.hex(), got=root.hex()
            )

    def _leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        hashes: list[bytes] = []
        for first in range(start, stop, _READ_BATCH):
            hashes.extend(map(leaf_hash, self._store.read_entries(first, min(first + _READ_BATCH, stop))))
        return hashes

    def _sign(self, size: int, root: bytes) -> bytes:
        text = LogCheckpoint(self.origin, size, root).text()
        return Note(text, (self._signer.sign(text),)).render()


def seal_entry(*, previous: int | None, time: str) -> bytes:
    """The last entry of a batch, which chains it to the seal before: its index, or None for the first."""
    return canonical.encode({"previous": previous, "time": time, "type": "seal", "v": 1})
