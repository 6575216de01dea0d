"""The log's storage on PostgreSQL: used by every pool on its own database, and by the beacon on its own."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from audit_chain.errors import NotInLog
from audit_chain.log.store import LogHead, Seal

LOG_SCHEMA_SQL = files(__package__).joinpath("log.sql").read_text(encoding="utf-8")

_SEAL = "SELECT size, root, time, note FROM log_seal"


class PostgresLogStore:
    """An `audit_chain.log.store.LogStore` over the tables of `LOG_SCHEMA_SQL`.

    Runs in whatever transaction the connection is in and never commits: what a stop leaves is the caller's choice.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def head(self) -> LogHead:
        return self._head("SELECT next_index, tree_size, root FROM log_head")

    def lock(self) -> LogHead:
        return self._head("SELECT next_index, tree_size, root FROM log_head FOR UPDATE")

    def append_entries(self, first: int, entries: Sequence[bytes]) -> None:
        with self._cursor() as cursor, cursor.copy("COPY log_entry (index, data) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea"])
            for index, data in enumerate(entries, first):
                copy.write_row((index, data))

    def read_entries(self, start: int, stop: int) -> list[bytes]:
        rows = self._rows("SELECT data FROM log_entry WHERE index >= %s AND index < %s ORDER BY index", (start, stop))
        if not 0 <= start <= stop or len(rows) != stop - start:
            raise NotInLog("entries are missing", expected=f"all of [{start}, {stop})", got=len(rows))
        return [data for (data,) in rows]

    def read_tiles(self, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        rows = self._rows(
            "SELECT level, index, data FROM log_tile"
            " JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, index) USING (level, index)",
            ([level for level, _ in keys], [index for _, index in keys]),
        )
        return {(level, index): data for level, index, data in rows}

    def write_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO log_tile (level, index, data)"
                " SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"
                " ON CONFLICT (level, index) DO UPDATE SET data = excluded.data",
                ([level for level, _ in tiles], [index for _, index in tiles], list(tiles.values())),
                binary=True,
            )

    def write_head(self, head: LogHead) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "UPDATE log_head SET next_index = %s, tree_size = %s, root = %s",
                (head.next_index, head.tree_size, head.root),
            )

    def write_seal(self, seal: Seal) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO log_seal (size, root, time, note) VALUES (%s, %s, %s, %s)",
                (seal.size, seal.root, seal.time, seal.note),
            )

    def latest_seal(self) -> Seal | None:
        return self._seal(f"{_SEAL} ORDER BY size DESC LIMIT 1")

    def seal_covering(self, index: int) -> Seal | None:
        return self._seal(f"{_SEAL} WHERE size > %s ORDER BY size LIMIT 1", (index,))

    def seal_at(self, size: int) -> Seal | None:
        return self._seal(f"{_SEAL} WHERE size = %s", (size,))

    def seals(self, after_size: int, limit: int) -> list[Seal]:
        rows = self._rows(f"{_SEAL} WHERE size > %s ORDER BY size LIMIT %s", (after_size, limit))
        return [Seal(*row) for row in rows]

    def _cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.cursor(row_factory=tuple_row)

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            return cursor.execute(query, parameters, binary=True).fetchall()

    def _head(self, query: str) -> LogHead:
        (row,) = self._rows(query)
        return LogHead(*row)

    def _seal(self, query: str, parameters: Sequence[object] = ()) -> Seal | None:
        for row in self._rows(query, parameters):
            return Seal(*row)
        return None
