"""A state map's storage on PostgreSQL: used by every pool on its own database, and by the beacon on its own."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from audit_chain.statemap.store import PageRow, StateVersion, ValueRow

STATE_SCHEMA_SQL: Final = files(__package__).joinpath("state.sql").read_text(encoding="utf-8")

SCAN_ROWS: Final = 10_000  # fetched at a time from a server-side cursor

_VERSION: Final = "SELECT version, root, size FROM state_version"

# Newest row first and no further, however many versions a page has.
_PAGES: Final = (
    "SELECT wanted.path, newest.data FROM unnest(%s::text[]) AS wanted (path) CROSS JOIN LATERAL ("
    "SELECT data FROM state_page WHERE path = wanted.path AND version <= %s ORDER BY version DESC LIMIT 1"
    ") AS newest WHERE newest.data IS NOT NULL"
)
_VALUES: Final = (
    "SELECT wanted.name, newest.data FROM unnest(%s::text[], %s::text[]) AS wanted (section, name) CROSS JOIN LATERAL ("
    "SELECT data FROM state_value WHERE section = wanted.section AND name = wanted.name AND version <= %s"
    " ORDER BY version DESC LIMIT 1) AS newest WHERE newest.data IS NOT NULL"
)
_NAMES: Final = (
    "SELECT name FROM state_value AS value WHERE section >= %s AND section < %s AND name >= %s AND name < %s"
    " AND version <= %s AND data IS NOT NULL AND NOT EXISTS ("
    "SELECT FROM state_value AS newer WHERE newer.section = value.section AND newer.name = value.name"
    " AND newer.version > value.version AND newer.version <= %s) ORDER BY name"
)
# From one section straight to the next, past all its names.
_SECTIONS: Final = (
    "WITH RECURSIVE known (section) AS ((SELECT section FROM state_value ORDER BY section LIMIT 1) UNION ALL"
    " SELECT (SELECT section FROM state_value WHERE section > known.section ORDER BY section LIMIT 1)"
    " FROM known WHERE known.section IS NOT NULL) SELECT section FROM known WHERE section IS NOT NULL ORDER BY section"
)
# Only what came after the oldest version can have taken a row's place, so a pruning costs what was written since the
# last one.
_FORGET_BEFORE: Final = (
    "DELETE FROM state_page AS old USING state_page AS newer WHERE newer.path = old.path"
    " AND newer.version > old.version AND newer.version > %(oldest)s AND newer.version <= %(kept)s",
    "DELETE FROM state_page WHERE data IS NULL AND version >= %(oldest)s AND version <= %(kept)s",
    "DELETE FROM state_value AS old USING state_value AS newer WHERE newer.section = old.section"
    " AND newer.name = old.name AND newer.version > old.version"
    " AND newer.version > %(oldest)s AND newer.version <= %(kept)s",
    "DELETE FROM state_value WHERE data IS NULL AND version >= %(oldest)s AND version <= %(kept)s",
    "DELETE FROM state_version WHERE version < %(kept)s",
)
_FORGET_AFTER: Final = (
    "DELETE FROM state_page WHERE version > %s",
    "DELETE FROM state_value WHERE version > %s",
    "DELETE FROM state_version WHERE version > %s",
)
_AFTER_ALL: Final = "\x7f"
"""Greater than every character of a name."""


class PostgresStateStore:
    """An `audit_chain.statemap.store.StateStore` over the tables of `STATE_SCHEMA_SQL`.

    Runs in whatever transaction the connection is in and never commits: what a stop leaves is the caller's choice.
    """

    __slots__ = ("_connection", "_scans")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._scans = count()

    def latest(self) -> StateVersion | None:
        return self._version(f"{_VERSION} ORDER BY version DESC LIMIT 1")

    def in_force(self, version: int) -> StateVersion | None:
        return self._version(f"{_VERSION} WHERE version <= %s ORDER BY version DESC LIMIT 1", (version,))

    def versions(self) -> list[StateVersion]:
        return [StateVersion(*row) for row in self._rows(f"{_VERSION} ORDER BY version")]

    def read_pages(self, paths: Sequence[str], version: int) -> dict[str, bytes]:
        return dict(self._rows(_PAGES, (list(paths), version)))

    def read_values(self, names: Sequence[str], version: int) -> dict[str, bytes]:
        return dict(self._rows(_VALUES, ([_section(name) for name in names], list(names), version)))

    def names(self, prefix: str, version: int) -> list[str]:
        section, slash, _ = prefix.partition("/")
        last_section = section + (" " if slash else _AFTER_ALL)
        bounds = (section, last_section, prefix, prefix + _AFTER_ALL, version, version)
        return [name for (name,) in self._rows(_NAMES, bounds)]

    def sections(self, version: int) -> list[str]:
        return [section for (section,) in self._rows(_SECTIONS)]

    def write(
        self, version: StateVersion, pages: Mapping[str, bytes | None], values: Mapping[str, bytes | None]
    ) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO state_version (version, root, size) VALUES (%s, %s, %s)",
                (version.version, version.root, version.size),
            )
            if pages:
                with cursor.copy("COPY state_page (path, version, data) FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["text", "int8", "bytea"])
                    for path, data in pages.items():
                        copy.write_row((path, version.version, data))
            if values:
                with cursor.copy("COPY state_value (section, name, version, data) FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["text", "text", "int8", "bytea"])
                    for name, data in values.items():
                        copy.write_row((_section(name), name, version.version, data))

    def forget_before(self, version: int) -> None:
        with self._cursor() as cursor:
            for (oldest,) in self._rows("SELECT min(version) FROM state_version HAVING min(version) IS NOT NULL"):
                for query in _FORGET_BEFORE:
                    cursor.execute(query, {"oldest": oldest, "kept": version})

    def forget_after(self, version: int) -> None:
        with self._cursor() as cursor:
            for query in _FORGET_AFTER:
                cursor.execute(query, (version,))

    def page_rows(self, above: int, upto: int) -> Iterator[PageRow]:
        return self._scan("SELECT path, version, data FROM state_page", "path, version", above, upto)

    def value_rows(self, above: int, upto: int) -> Iterator[ValueRow]:
        return self._scan("SELECT name, version, data FROM state_value", "section, name, version", above, upto)

    def _scan(self, select: str, order: str, above: int, upto: int) -> Iterator[tuple[str, int, bytes | None]]:
        """The rows, some at a time, through a cursor that the server keeps while the transaction lasts."""
        name = f"state_scan_{id(self)}_{next(self._scans)}"
        bounds = f"version > {int(above)} AND version <= {int(upto)}"
        with self._cursor() as cursor:
            cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {select} WHERE {bounds} ORDER BY {order}")
            while rows := cursor.execute(f"FETCH {SCAN_ROWS} FROM {name}", binary=True).fetchall():
                yield from rows
            cursor.execute(f"CLOSE {name}")

    def _cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.cursor(row_factory=tuple_row)

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        with self._cursor() as cursor:
            return cursor.execute(query, parameters, binary=True).fetchall()

    def _version(self, query: str, parameters: Sequence[object] = ()) -> StateVersion | None:
        for row in self._rows(query, parameters):
            return StateVersion(*row)
        return None


def _section(name: str) -> str:
    return name.partition("/")[0]
