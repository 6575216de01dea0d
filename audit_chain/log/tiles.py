"""Tiles: a log's tree as immutable files of up to 256 hashes (C2SP tlog-tiles).

    tile/0/x001/x234/067          256 leaf hashes, from entry 1234067 * 256
    tile/1/000.p/17               the roots of the first 17 full tiles below
    tile/entries/273.p/112        112 entries, each after its length in two bytes

A tile at level L holds roots of complete subtrees of 256**L entries. It grows to the right until it is
full, and never changes on the left.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from audit_chain.encoding import MAX_UINT63
from audit_chain.errors import CorruptLog, MalformedEntry, MalformedTile
from audit_chain.merkle.hashing import HASH_SIZE, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_SIZE = TILE_WIDTH * HASH_SIZE
"""Bytes of a full tile: 256 * 32."""

ENTRIES = -1
"""The level that stands for entry bundles in a TileIndex."""

MAX_ENTRY_SIZE = 2**16 - 1
"""Bytes; an entry bundle counts an entry's length in two bytes."""

TileKey: TypeAlias = tuple[int, int]
"""(level, index) of a tile, whatever its width."""

TileReader: TypeAlias = Callable[[Sequence[TileKey]], Mapping[TileKey, bytes]]
"""Whole content of those tiles that exist, in one read."""

_PATH = re.compile(
    r"tile/(entries|[1-5]?[0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class TileIndex:
    """One tile, or entry bundle (level ENTRIES), at one width."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def end(self) -> int:
        """The number of entries that a log must hold before this tile exists."""
        return (self.index * TILE_WIDTH + self.width) << TILE_HEIGHT * max(self.level, 0)


def tile_at(level: int, index: int, *, size: int) -> TileIndex:
    """The tile at its width in the tree of `size` entries."""
    width = min(TILE_WIDTH, (size >> TILE_HEIGHT * max(level, 0)) - index * TILE_WIDTH)
    if width < 1:
        raise MalformedTile("no such tile in the tree", expected=f"within {size} entries", got=f"tile {level}/{index}")
    return TileIndex(level, index, width)


def tile_path(tile: TileIndex) -> str:
    """The path under a log's prefix, without a leading slash."""
    level = "entries" if tile.level == ENTRIES else str(tile.level)
    digits = f"{tile.index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    number = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
    partial = "" if tile.width == TILE_WIDTH else f".p/{tile.width}"
    return f"tile/{level}/{number}{partial}"


def parse_tile_path(path: str) -> TileIndex:
    """The tile of a path in its one spelling."""
    match = _PATH.fullmatch(path)
    if not match:
        raise MalformedTile(
            "not a tile path", expected="tile/<level>/<index>[.p/<width>]", got=f"{len(path)} characters"
        )
    level, number, width = match.groups()
    tile = TileIndex(
        level=ENTRIES if level == "entries" else int(level),
        index=int(number.replace("x", "").replace("/", "")),
        width=int(width) if width else TILE_WIDTH,
    )
    if width and tile.width >= TILE_WIDTH:
        raise MalformedTile("width of a partial tile", expected="1 to 255", got=tile.width)
    if tile.end > MAX_UINT63 or tile_path(tile) != path:
        raise MalformedTile("not the one spelling of a tile path", got=f"{len(path)} characters")
    return tile


def encode_entry_bundle(entries: Iterable[bytes]) -> bytes:
    """The entries one after another, each behind its length in two bytes, big-endian."""
    return b"".join(check_entry_size(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_entry_bundle(data: bytes, *, width: int) -> list[bytes]:
    """The `width` entries of a bundle."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or position > len(data):
            raise MalformedTile("entry bundle ends within an entry", got=f"{len(data)} bytes")
        entries.append(data[start:position])
    if len(entries) != width:
        raise MalformedTile("entry bundle has the wrong width", expected=width, got=len(entries))
    return entries


def check_entry_size(entry: bytes) -> int:
    """The length of an entry, where a log can hold it."""
    if len(entry) > MAX_ENTRY_SIZE:
        raise MalformedEntry("entry is too large for a log", expected=f"at most {MAX_ENTRY_SIZE} bytes", got=len(entry))
    return len(entry)


def parse_tile(data: bytes, *, width: int) -> list[bytes]:
    """The `width` hashes of a tile."""
    if len(data) != width * HASH_SIZE:
        raise MalformedTile("tile has the wrong length", expected=width * HASH_SIZE, got=len(data))
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def grow(old_size: int, new_leaf_hashes: Sequence[bytes], read_tiles: TileReader) -> dict[TileKey, bytes]:
    """Whole new content of every tile that these leaves touch, in a tree of `old_size` entries before.

    Reads, at once, the partial tiles on the right edge that are about to grow; CorruptLog where one of
    them is not as wide as `old_size` says.
    """
    edge = _growing_edge(old_size, old_size + len(new_leaf_hashes))
    present = read_tiles(list(edge))
    grown: dict[TileKey, bytes] = {}
    hashes, level = new_leaf_hashes, 0
    while hashes:
        index, width = divmod(old_size >> TILE_HEIGHT * level, TILE_WIDTH)
        row = b"".join([_exactly(present.get((level, index), b""), width, (level, index)), *hashes])
        full: list[bytes] = []
        for start in range(0, len(row), TILE_SIZE):
            content = row[start : start + TILE_SIZE]
            grown[level, index] = content
            index += 1
            if len(content) == TILE_SIZE:
                full.append(_root(content))
        hashes, level = full, level + 1
    return grown


class TileNodes:
    """Reads nodes of the tree of `size` entries out of its tiles; a NodeReader for `audit_chain.merkle.prover`.

    One call reads every tile it needs at once: at most two for each tile level. CorruptLog where a tile
    is missing, or narrower than `size` demands.
    """

    __slots__ = ("_read_tiles", "_size")

    def __init__(self, read_tiles: TileReader, size: int) -> None:
        self._read_tiles = read_tiles
        self._size = size

    def __call__(self, nodes: Sequence[tuple[int, int]]) -> list[bytes]:
        spans = [_span(level, index) for level, index in nodes]
        tiles = self._read_tiles(list(dict.fromkeys(key for key, _, _ in spans)))
        return [self._node(key, start, stop, tiles) for key, start, stop in spans]

    def _node(self, key: TileKey, start: int, stop: int, tiles: Mapping[TileKey, bytes]) -> bytes:
        needed = tile_at(*key, size=self._size).width
        content = tiles.get(key, b"")
        if len(content) < needed * HASH_SIZE or stop > needed:
            raise CorruptLog(
                f"tile {key[0]}/{key[1]} is too narrow for {self._size} entries",
                expected=max(needed, stop),
                got=len(content) // HASH_SIZE,
            )
        return _root(content[start * HASH_SIZE : stop * HASH_SIZE])


def _span(level: int, index: int) -> tuple[TileKey, int, int]:
    """The tile that holds a node's subtree, and the first and last-but-one of its hashes there."""
    tile_level, height = divmod(level, TILE_HEIGHT)
    tile_index, start = divmod(index << height, TILE_WIDTH)
    return (tile_level, tile_index), start, start + (1 << height)


def _root(hashes: bytes) -> bytes:
    """Root over a power of two of hashes, which stand one after another."""
    while len(hashes) > HASH_SIZE:
        pairs = range(0, len(hashes), 2 * HASH_SIZE)
        hashes = b"".join(
            [node_hash(hashes[i : i + HASH_SIZE], hashes[i + HASH_SIZE : i + 2 * HASH_SIZE]) for i in pairs]
        )
    return hashes


def _growing_edge(old_size: int, new_size: int) -> Iterable[TileKey]:
    """Partial tiles of the old tree that gain hashes in the new one."""
    level = 0
    while new_size >> TILE_HEIGHT * level > old_size >> TILE_HEIGHT * level:
        index, width = divmod(old_size >> TILE_HEIGHT * level, TILE_WIDTH)
        if width:
            yield level, index
        level += 1


def _exactly(content: bytes, width: int, key: TileKey) -> bytes:
    if len(content) != width * HASH_SIZE:
        raise CorruptLog(f"tile {key[0]}/{key[1]} has the wrong width", expected=width, got=len(content) // HASH_SIZE)
    return content
