"""A state map's storage in the validator's own database (SQLite)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection as default_connection

from audit_chain.statemap.store import PageRow, StateVersion, ValueRow

STATE_SCHEMA = (
    """
    CREATE TABLE state_version (
        version integer NOT NULL PRIMARY KEY CHECK (version >= 0),
        root    blob    NOT NULL CHECK (length(root) = 32),
        size    integer NOT NULL CHECK (size >= 0)
    )
    """,
    """
    CREATE TABLE state_page (
        path    text    NOT NULL,
        version integer NOT NULL,
        data    blob,
        PRIMARY KEY (path, version)
    )
    """,
    "CREATE INDEX state_page_version ON state_page (version)",
    """
    CREATE TABLE state_value (
        section text    NOT NULL,
        name    text    NOT NULL,
        version integer NOT NULL,
        data    blob,
        PRIMARY KEY (section, name, version)
    )
    """,
    "CREATE INDEX state_value_version ON state_value (version)",
)
"""The statements that make the tables, which are those of `data_pool/storage/state.sql`."""

SCAN_ROWS = 1_000  # fetched at a time

_VERSION = "SELECT version, root, size FROM state_version"
_PAGES = (
    "SELECT page.path, page.data FROM json_each(%s) AS wanted JOIN state_page AS page ON page.path = wanted.value"
    " AND page.version = (SELECT max(version) FROM state_page WHERE path = wanted.value AND version <= %s)"
    " WHERE page.data IS NOT NULL"
)
_VALUES = (
    "SELECT value.name, value.data FROM json_each(%s) AS wanted JOIN state_value AS value"
    " ON value.section = json_extract(wanted.value, '$[0]') AND value.name = json_extract(wanted.value, '$[1]')"
    " AND value.version = (SELECT max(version) FROM state_value WHERE section = json_extract(wanted.value, '$[0]')"
    " AND name = json_extract(wanted.value, '$[1]') AND version <= %s) WHERE value.data IS NOT NULL"
)
_NAMES = (
    "SELECT name FROM state_value AS value WHERE section >= %s AND section < %s AND name >= %s AND name < %s"
    " AND version <= %s AND data IS NOT NULL AND NOT EXISTS ("
    "SELECT 1 FROM state_value AS newer WHERE newer.section = value.section AND newer.name = value.name"
    " AND newer.version > value.version AND newer.version <= %s) ORDER BY name"
)
# From one section straight to the next, past all its names.
_SECTIONS = (
    "WITH RECURSIVE known (section) AS (SELECT min(section) FROM state_value UNION ALL"
    " SELECT (SELECT min(section) FROM state_value WHERE section > known.section) FROM known"
    " WHERE known.section IS NOT NULL) SELECT section FROM known WHERE section IS NOT NULL ORDER BY section"
)
# Only what came after the oldest version can have taken a row's place.
_FORGET_BEFORE = (
    "DELETE FROM state_page WHERE rowid IN (SELECT old.rowid FROM state_page AS newer JOIN state_page AS old"
    " ON old.path = newer.path AND old.version < newer.version"
    " WHERE newer.version > %(oldest)s AND newer.version <= %(kept)s)",
    "DELETE FROM state_page WHERE data IS NULL AND version >= %(oldest)s AND version <= %(kept)s",
    "DELETE FROM state_value WHERE rowid IN (SELECT old.rowid FROM state_value AS newer JOIN state_value AS old"
    " ON old.section = newer.section AND old.name = newer.name AND old.version < newer.version"
    " WHERE newer.version > %(oldest)s AND newer.version <= %(kept)s)",
    "DELETE FROM state_value WHERE data IS NULL AND version >= %(oldest)s AND version <= %(kept)s",
    "DELETE FROM state_version WHERE version < %(kept)s",
)
_FORGET_AFTER = (
    "DELETE FROM state_page WHERE version > %s",
    "DELETE FROM state_value WHERE version > %s",
    "DELETE FROM state_version WHERE version > %s",
)
_AFTER_ALL = "\x7f"  # greater than every character of a name


class SqliteStateStore:
    """An `audit_chain.statemap.store.StateStore` over the tables of `STATE_SCHEMA`, within Django's transaction."""

    def __init__(self, connection: Any = default_connection) -> None:
        self._connection = connection

    def latest(self) -> StateVersion | None:
        return self._version(f"{_VERSION} ORDER BY version DESC LIMIT 1")

    def in_force(self, version: int) -> StateVersion | None:
        return self._version(f"{_VERSION} WHERE version <= %s ORDER BY version DESC LIMIT 1", [version])

    def versions(self) -> list[StateVersion]:
        return [StateVersion(*row) for row in self._rows(f"{_VERSION} ORDER BY version")]

    def read_pages(self, paths: Sequence[str], version: int) -> dict[str, bytes]:
        return dict(self._rows(_PAGES, [json.dumps(list(paths)), version]))

    def read_values(self, names: Sequence[str], version: int) -> dict[str, bytes]:
        return dict(self._rows(_VALUES, [json.dumps([(_section(name), name) for name in names]), version]))

    def names(self, prefix: str, version: int) -> list[str]:
        section, slash, _ = prefix.partition("/")
        last_section = section + (" " if slash else _AFTER_ALL)
        bounds = [section, last_section, prefix, prefix + _AFTER_ALL, version, version]
        return [name for (name,) in self._rows(_NAMES, bounds)]

    def sections(self, version: int) -> list[str]:
        return [section for (section,) in self._rows(_SECTIONS)]

    def write(
        self, version: StateVersion, pages: Mapping[str, bytes | None], values: Mapping[str, bytes | None]
    ) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO state_version (version, root, size) VALUES (%s, %s, %s)",
                [version.version, version.root, version.size],
            )
            cursor.executemany(
                "INSERT INTO state_page (path, version, data) VALUES (%s, %s, %s)",
                [(path, version.version, data) for path, data in pages.items()],
            )
            cursor.executemany(
                "INSERT INTO state_value (section, name, version, data) VALUES (%s, %s, %s, %s)",
                [(_section(name), name, version.version, data) for name, data in values.items()],
            )

    def forget_before(self, version: int) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT min(version) FROM state_version")
            (oldest,) = cursor.fetchone()
            for query in _FORGET_BEFORE if oldest is not None else ():
                cursor.execute(query, {"oldest": oldest, "kept": version})

    def forget_after(self, version: int) -> None:
        with self._connection.cursor() as cursor:
            for query in _FORGET_AFTER:
                cursor.execute(query, [version])

    def page_rows(self, above: int, upto: int) -> Iterator[PageRow]:
        return self._scan("SELECT path, version, data FROM state_page", "path, version", above, upto)

    def value_rows(self, above: int, upto: int) -> Iterator[ValueRow]:
        return self._scan("SELECT name, version, data FROM state_value", "section, name, version", above, upto)

    def _scan(self, select: str, order: str, above: int, upto: int) -> Iterator[tuple[str, int, bytes | None]]:
        with self._connection.cursor() as cursor:
            cursor.execute(f"{select} WHERE version > %s AND version <= %s ORDER BY {order}", [above, upto])
            while rows := cursor.fetchmany(SCAN_ROWS):
                yield from rows

    def _rows(self, query: str, parameters: Iterable[object] = ()) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, list(parameters))
            return list(cursor.fetchall())

    def _version(self, query: str, parameters: Iterable[object] = ()) -> StateVersion | None:
        for row in self._rows(query, parameters):
            return StateVersion(*row)
        return None


def _section(name: str) -> str:
    return name.partition("/")[0]
