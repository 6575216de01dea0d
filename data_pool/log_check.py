"""Checks a stored log against what it signed: every root, tile, seal and the head, derived again from the entries.

For a pool's log and the beacon's alike. The signed checkpoints are the measure: where an entry and the tile over it
disagree, the one that leads to the signed root is right, and the other is named.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from audit_chain import canonical
from audit_chain.errors import AuditChainError, NotInLog
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.store import LogHead, LogStore, Seal
from audit_chain.log.tiles import TILE_HEIGHT, TILE_WIDTH, TileKey
from audit_chain.merkle.hashing import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash
from data_pool.findings import Findings

READ_ENTRIES: Final = 16 * TILE_WIDTH
READ_SEALS: Final = 1_000

Visit = Callable[[int, bytes], None]
"""Is shown the index and bytes of every entry that is there, in order."""


def check_log(
    store: LogStore,
    key: VerifierKey,
    findings: Findings,
    visit: Visit | None = None,
    *,
    earlier: Sequence[VerifierKey] = (),
) -> None:
    """Adds to `findings` what is wrong with the log that `key` signs, and before it, under other origins, `earlier`."""
    _LogCheck(store, (key, *earlier), findings, visit or (lambda _index, _entry: None)).run()


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One entry's leaf hash, as it follows from the entry, and as its tile has it; None where that is missing."""

    index: int
    by_entry: bytes | None
    by_tile: bytes | None


class _LogCheck:
    def __init__(self, store: LogStore, keys: Sequence[VerifierKey], findings: Findings, visit: Visit) -> None:
        self._store = store
        self._keys = keys
        self._findings = findings
        self._visit = visit
        self._tree = _Tree()
        self._roots_hold = True

    def run(self) -> None:
        head, previous = self._store.head(), None
        for seal in self._seals():
            self._findings.count("log_seal")
            self._check_batch(previous, seal)
            previous = seal
        self._check_tiles(self._tree.edge())
        sealed = previous.size if previous else 0
        self._check_head(head, previous)
        for _ in self._leaves(sealed, max(sealed, head.next_index), checkpoint=None):
            pass  # Entries that wait for a seal are only shown to the visitor.

    def _seals(self) -> Iterator[Seal]:
        after = 0
        while page := self._store.seals(after, READ_SEALS):
            yield from page
            after = page[-1].size

    def _check_batch(self, previous: Seal | None, seal: Seal) -> None:
        """The entries that one seal closed, and the seal."""
        where, start = f"log_seal {seal.size}", previous.size if previous else 0
        signed = self._check_note(seal, where)
        self._check_seal_entry(previous, seal, where)
        leaves = list(self._leaves(start, seal.size, checkpoint=seal.size))
        before = self._tree
        self._tree = before.extended(leaf.by_entry or leaf.by_tile or b"" for leaf in leaves)
        if self._tree.root() != signed and self._roots_hold:
            by_tiles = before.extended(leaf.by_tile or leaf.by_entry or b"" for leaf in leaves)
            if by_tiles.root() == signed:
                self._blame_entries(leaves, seal)
                self._tree = by_tiles
        if self._tree.root() != signed and self._roots_hold:
            self._roots_hold = False  # Said once: it is in every later root too.
            expected, got = signed.hex(), self._tree.root().hex()
            what = "the tree over the entries is not the one that was signed"
            self._findings.add(where, what, expected=expected, got=got, checkpoint=seal.size)
            self._blame_entries(leaves, seal)
        self._check_tiles(self._tree.take_full())

    def _blame_entries(self, leaves: Sequence[_Leaf], seal: Seal) -> None:
        for leaf in leaves:
            if leaf.by_entry and leaf.by_tile and leaf.by_entry != leaf.by_tile:
                self._findings.add(
                    f"log_entry {leaf.index}",
                    "the entry is not the one in the tree",
                    expected=f"leaf hash {leaf.by_tile.hex()}",
                    got=leaf.by_entry.hex(),
                    checkpoint=seal.size,
                )

    def _check_note(self, seal: Seal, where: str) -> bytes:
        """The root that was signed at that size; the seal's own where its note does not hold."""
        try:
            note = Note.parse(seal.note)
            key = self._key_of(note)
            verified_signatures(note, [key])
            signed = LogCheckpoint.parse(note.text)
        except AuditChainError as error:
            self._findings.add(where, f"its note does not hold ({error})", checkpoint=seal.size)
            return seal.root
        if len(note.signatures) != 1 or note.render() != seal.note:
            self._findings.add(where, "its note has other lines than the log's signature", checkpoint=seal.size)
        if signed != LogCheckpoint(key.name, seal.size, seal.root):
            expected, got = f"{signed.size} {signed.root.hex()}", f"{seal.size} {seal.root.hex()}"
            what = "size or root is not the signed one"
            self._findings.add(where, what, expected=expected, got=got, checkpoint=seal.size)
        return signed.root

    def _key_of(self, note: Note) -> VerifierKey:
        origin = note.text.partition("\n")[0]
        return next((key for key in self._keys if key.name == origin), self._keys[0])

    def _check_seal_entry(self, previous: Seal | None, seal: Seal, where: str) -> None:
        try:
            (entry,) = self._store.read_entries(seal.size - 1, seal.size)
            value = canonical.decode(entry)
        except AuditChainError:
            value = None  # Named as an entry when the batch is read.
        if not isinstance(value, Mapping) or value.get("type") != "seal":
            self._findings.add(where, "its last entry is no seal", checkpoint=seal.size)
            return
        expected = (previous.size - 1 if previous else None, seal.time)
        if (value.get("previous"), value.get("time")) != expected:
            self._findings.add(where, "time or predecessor is not the seal entry's", checkpoint=seal.size)

    def _check_head(self, head: LogHead, last: Seal | None) -> None:
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if (head.tree_size, head.root) != (size, root):
            expected, got = f"{size} {root.hex()}", f"{head.tree_size} {head.root.hex()}"
            self._findings.add("log_head", "is not where the last seal ends", expected=expected, got=got)
        if self._read(head.next_index, head.next_index + 1)[0] is not None:
            self._findings.add("log_head", "does not count every entry", expected="more", got=head.next_index)
        if head.next_index > size and self._read(head.next_index - 1, head.next_index)[0] is None:
            self._findings.add("log_head", "counts entries that are not there", expected="fewer", got=head.next_index)

    def _check_tiles(self, tiles: Mapping[TileKey, bytes]) -> None:
        keys = list(tiles)
        for first in range(0, len(keys), READ_SEALS):
            page = keys[first : first + READ_SEALS]
            stored = self._store.read_tiles(page)
            for key in page:
                self._findings.count("log_tile")
                if stored.get(key) != tiles[key]:
                    self._blame_tile(key, tiles[key], stored.get(key, b""))

    def _blame_tile(self, key: TileKey, derived: bytes, stored: bytes) -> None:
        level, index = key
        place = _first_difference(derived, stored) // HASH_SIZE
        last_below = ((index * TILE_WIDTH + place + 1) << TILE_HEIGHT * level) - 1
        seal = self._store.seal_covering(last_below)
        self._findings.add(
            f"log_tile {level}/{index}",
            f"hash {place} is not that of its entries",
            expected=f"{len(derived)} bytes as derived",
            got=f"{len(stored)} bytes",
            checkpoint=seal.size if seal else None,
        )

    def _leaves(self, start: int, stop: int, *, checkpoint: int | None) -> Iterator[_Leaf]:
        """Each entry's leaf hashes; shows the entries to the visitor on the way."""
        for first in range(start, stop, READ_ENTRIES):
            last = min(first + READ_ENTRIES, stop)
            by_tile = self._tile_hashes(first, last) if checkpoint is not None else {}
            for index, entry in enumerate(self._read(first, last), first):
                self._findings.count("log_entry")
                if entry is None:
                    self._findings.add(f"log_entry {index}", "is missing", checkpoint=checkpoint)
                    yield _Leaf(index, None, by_tile.get(index))
                else:
                    self._visit(index, entry)
                    yield _Leaf(index, leaf_hash(entry), by_tile.get(index))

    def _read(self, first: int, last: int) -> Sequence[bytes | None]:
        try:
            return self._store.read_entries(first, last)
        except NotInLog:
            if last - first == 1:
                return [None]
            middle = (first + last) // 2
            return [*self._read(first, middle), *self._read(middle, last)]

    def _tile_hashes(self, first: int, last: int) -> dict[int, bytes]:
        tiles = self._store.read_tiles([(0, tile) for tile in range(first // TILE_WIDTH, -(-last // TILE_WIDTH))])
        return {
            tile * TILE_WIDTH + place: content[place * HASH_SIZE : (place + 1) * HASH_SIZE]
            for (_, tile), content in tiles.items()
            for place in range(len(content) // HASH_SIZE)
            if first <= tile * TILE_WIDTH + place < last
        }


@dataclass(slots=True)
class _Tree:
    """A Merkle tree that only grows: roots of its complete subtrees, and its tiles as they fill."""

    size: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)
    """(height, root) of each complete subtree, from the left."""
    rows: list[list[bytes]] = field(default_factory=list)
    """For each tile level, the hashes of the tile that is filling."""
    full: dict[TileKey, bytes] = field(default_factory=dict)
    """Tiles that have filled since they were last taken."""

    def extended(self, leaf_hashes: Iterable[bytes]) -> "_Tree":
        tree = _Tree(self.size, list(self.peaks), [list(row) for row in self.rows], dict(self.full))
        for leaf in leaf_hashes:
            tree.append(leaf)
        return tree

    def append(self, leaf: bytes) -> None:
        self.size += 1
        height, node = 0, leaf
        self._add_to_tile(height, node)
        while self.peaks and self.peaks[-1][0] == height:
            height, node = height + 1, node_hash(self.peaks.pop()[1], node)
            self._add_to_tile(height, node)
        self.peaks.append((height, node))

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        _, root = self.peaks[-1]
        for _, peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def take_full(self) -> dict[TileKey, bytes]:
        full, self.full = self.full, {}
        return full

    def edge(self) -> dict[TileKey, bytes]:
        """The tiles that are not full."""
        return {self._key(level): b"".join(row) for level, row in enumerate(self.rows) if row}

    def _add_to_tile(self, height: int, node: bytes) -> None:
        level, rest = divmod(height, TILE_HEIGHT)
        if rest:
            return
        if level == len(self.rows):
            self.rows.append([])
        self.rows[level].append(node)
        if len(self.rows[level]) == TILE_WIDTH:
            # Its key counts the subtrees of its level before the last of them was added.
            subtrees = self.size >> TILE_HEIGHT * level
            self.full[level, subtrees // TILE_WIDTH - 1] = b"".join(self.rows[level])
            self.rows[level] = []

    def _key(self, level: int) -> TileKey:
        return level, (self.size >> TILE_HEIGHT * level) // TILE_WIDTH


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
