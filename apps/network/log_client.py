"""A log read over HTTP as tiles (C2SP tlog-tiles). What it returns is unverified: hold it against a signed root."""

from collections.abc import Mapping, Sequence

from apps.network.errors import Declined, Unreachable
from apps.network.transport import Transport
from audit_chain.errors import MalformedTile
from audit_chain.log.note import MAX_NOTE_SIZE
from audit_chain.log.tiles import (
    ENTRIES,
    MAX_ENTRY_SIZE,
    TILE_SIZE,
    TILE_WIDTH,
    TileKey,
    TileReader,
    parse_entry_bundle,
    tile_at,
    tile_path,
)

BUNDLE_LIMIT = (2 + MAX_ENTRY_SIZE) * TILE_WIDTH  # bytes


class LogClient:
    """Reads the log under `<URL><prefix>`. Raises `Unreachable`, or `Declined` for what the log does not have."""

    def __init__(self, transport: Transport, prefix: str = "/log/") -> None:
        self._transport = transport
        self._prefix = prefix

    def checkpoint(self) -> bytes:
        """The latest signed note that the log publishes."""
        return self._get("checkpoint", limit=MAX_NOTE_SIZE)

    def bundle(self, index: int, *, size: int) -> list[bytes]:
        """Entries `256 * index` and onwards, up to 256 of them, as far as the tree of `size` goes."""
        tile = tile_at(ENTRIES, index, size=size)
        try:
            return parse_entry_bundle(self._get(tile_path(tile), limit=BUNDLE_LIMIT), width=tile.width)
        except MalformedTile as problem:
            raise Unreachable(f"entry bundle {index}: {problem}") from None

    def tile_reader(self, size: int) -> TileReader:
        """Reads hash tiles as they stand in the tree of `size`."""

        def read(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
            return {key: self._get(tile_path(tile_at(*key, size=size)), limit=TILE_SIZE) for key in keys}

        return read

    def _get(self, path: str, *, limit: int) -> bytes:
        answer = self._transport.exchange("GET", self._prefix + path, limit=limit)
        if answer.status == 404:
            raise Declined(404, "not_found", f"the log has no {path}")
        if answer.status != 200:
            raise Unreachable(f"reading {path}: status {answer.status}")
        return answer.body
