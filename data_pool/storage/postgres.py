"""A pool's storage on PostgreSQL 15 or later: one database and role for each pool.

Rows go in by COPY, in the transaction that also appends to the log. Files and turns are reserved by session-level
advisory locks, which end with the connection: a killed worker leaves nothing to clean up. So a pooler in front of the
database has to run in session mode.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from hashlib import sha256
from importlib.resources import files
from itertools import count
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from data_pool.storage.ports import Selection
from data_pool.storage.postgres_log import LOG_SCHEMA_SQL, PostgresLogStore
from data_pool.storage.postgres_state import STATE_SCHEMA_SQL, PostgresStateStore
from data_pool.storage.rows import (
    TOKEN_SIZE,
    AnchorRow,
    BatchRow,
    DisclosureRow,
    Holder,
    ItemRow,
    OriginalRow,
    OutcomeKind,
    OutcomeRow,
    RecordRow,
    RegistrationRow,
    ReplacementRow,
    Row,
    Tally,
    Token,
)

Connection = psycopg.Connection[tuple[Any, ...]]
R = TypeVar("R", bound=Row)

MIGRATIONS: Final = (
    LOG_SCHEMA_SQL,
    STATE_SCHEMA_SQL,
    files(__package__).joinpath("pool.sql").read_text(encoding="utf-8"),
)
"""Version n of the schema is what the first n of these make, in order. They are only ever added to."""

WAIT: Final = 10.0  # seconds for a connection
SCAN_ROWS: Final = 1_000  # fetched at a time from a server-side cursor
SCAN_FILES: Final = 4  # the same where a row holds a whole file
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, flags, length of no extension
COPY_TRAILER: Final = b"\xff\xff"
TOKEN_LENGTH: Final = (2).to_bytes(2, "big") + TOKEN_SIZE.to_bytes(4, "big")  # columns of the row, bytes of the first
INDEX_LENGTH: Final = (8).to_bytes(4, "big")
"""PostgreSQL, COPY, "Binary Format": lengths before values, all big-endian."""
CANDIDATES: Final = 4  # times the limit: how many files are looked at to find enough that nobody else has


@dataclass(frozen=True, slots=True)
class _Table:
    """A row class's table, its primary key, and its columns' types as COPY needs them."""

    name: str
    key: tuple[str, ...]
    types: tuple[str, ...]


_TABLES: Final[dict[type[Any], _Table]] = {
    OriginalRow: _Table("original", ("id",), ("uuid", "int8", "bytea", "bytea")),
    BatchRow: _Table("import_batch", ("id",), ("uuid", "timestamptz", "int4", "bytea")),
    ItemRow: _Table(
        "import_item",
        ("batch", "position"),
        ("uuid", "int4", "uuid", "bool", "int4", "int4", "int4", "int4", "bytea"),
    ),
    OutcomeRow: _Table(
        "import_outcome", ("batch", "position", "part"), ("uuid", "int4", "int4", "text", "uuid", "bytea")
    ),
    RecordRow: _Table(
        "record",
        ("index",),
        ("int8", "int8", "uuid", "timestamptz", "uuid", "int4", "bytea", "int4", "bytea", "bytea", "bytea"),
    ),
    ReplacementRow: _Table("replacement", ("index",), ("int8", "uuid", "uuid", "timestamptz", "bytea")),
    DisclosureRow: _Table("disclosure", ("id",), ("uuid", "uuid", "timestamptz", "bytea")),
    AnchorRow: _Table(
        "anchor",
        ("size",),
        (
            "int8",
            "int8",
            "bytea",
            "int8",
            "bytea",
            "timestamptz",
            "int8",
            "timestamptz",
            "timestamptz",
            "bytea",
            "bytea",
            "bytea",
            "bytea",
        ),
    ),
    RegistrationRow: _Table("registration", ("singleton",), ("bytea", "bytea", "bytea", "bytea")),
}


def _columns(table: type[Row]) -> list[str]:
    return [column.name for column in fields(table)]


def _select(table: type[Row]) -> str:
    return f"SELECT {', '.join(_columns(table))} FROM {_TABLES[table].name}"  # noqa: S608  # names of our own


_COPY: Final[dict[type[Any], str]] = {
    table: f"COPY {_TABLES[table].name} ({', '.join(_columns(table))}) FROM STDIN (FORMAT BINARY)" for table in _TABLES
}
_SELECT: Final[dict[type[Any], str]] = {table: _select(table) for table in _TABLES}
_ITEM_IN_OUTCOME: Final = ", ".join(f"i.{name}" for name in _columns(ItemRow))
_OUTCOME_IN_OUTCOME: Final = ", ".join(f"o.{name}" for name in _columns(OutcomeRow))


class PostgresTransaction:
    """The pool's rows inside the connection's current transaction; see `storage.ports.Transaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._scans = count()
        self.log = PostgresLogStore(connection)
        self.state = PostgresStateStore(connection)

    def insert(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        table = type(rows[0])
        with self._cursor() as cursor, cursor.copy(_COPY[table]) as copy:
            copy.set_types(_TABLES[table].types)
            names = _columns(table)
            for row in rows:
                copy.write_row([getattr(row, name) for name in names])

    def insert_tokens(self, tokens: Mapping[int, Collection[bytes]]) -> None:
        # Some twenty tiny rows for each record: written as PostgreSQL reads them, they take a tenth of the time.
        command = "COPY record_token (token, index) FROM STDIN (FORMAT BINARY)"
        with self._cursor() as cursor, cursor.copy(command) as copy:
            copy.write(COPY_HEADER)
            for index, own in tokens.items():
                end = INDEX_LENGTH + index.to_bytes(8, "big")
                copy.write(b"".join([TOKEN_LENGTH + token + end for token in own]))
            copy.write(COPY_TRAILER)

    def scan(self, table: type[R]) -> Iterator[R]:
        order = ", ".join(_TABLES[table].key)
        rows_at_a_time = SCAN_FILES if table is OriginalRow else SCAN_ROWS
        for row in self._stream(f"{_SELECT[table]} ORDER BY {order}", rows_at_a_time):
            yield table(*row)

    def scan_tokens(self) -> Iterator[Token]:
        for row in self._stream("SELECT token, index FROM record_token ORDER BY index, token"):
            yield Token(*row)

    def batch(self, batch: UUID) -> BatchRow | None:
        return self._one(BatchRow, "WHERE id = %s", batch)

    def batches(self, before: UUID | None, limit: int) -> list[BatchRow]:
        where = "WHERE %s::uuid IS NULL OR id < %s ORDER BY id DESC LIMIT %s"
        return self._many(BatchRow, where, before, before, limit)

    def has_staged(self) -> bool:
        return bool(self._rows("SELECT EXISTS (SELECT FROM import_item WHERE NOT done)")[0][0])

    def tallies(self, batches: Collection[UUID]) -> dict[UUID, Tally]:
        found = self._rows(
            "SELECT batch, count(*), count(*) FILTER (WHERE NOT done), sum(accepted)::bigint,"
            " sum(duplicates)::bigint, sum(refused)::bigint"
            " FROM import_item WHERE batch = ANY(%s) GROUP BY batch",
            (list(batches),),
        )
        return {batch: Tally(*counts) for batch, *counts in found}

    def items(self, batch: UUID, *, done: bool | None = None) -> list[ItemRow]:
        where = "WHERE batch = %s AND (%s::bool IS NULL OR done = %s) ORDER BY position"
        return self._many(ItemRow, where, batch, done, done)

    def outcomes(
        self, batch: UUID, *, kind: OutcomeKind | None, after: tuple[int, int], limit: int
    ) -> list[tuple[ItemRow, OutcomeRow]]:
        rows = self._rows(
            f"SELECT {_ITEM_IN_OUTCOME}, {_OUTCOME_IN_OUTCOME}"  # noqa: S608  # names of our own
            " FROM import_outcome o JOIN import_item i USING (batch, position)"
            " WHERE batch = %s AND (%s::text IS NULL OR outcome = %s) AND (position, part) > (%s, %s)"
            " ORDER BY o.position, o.part LIMIT %s",
            (batch, kind, kind, *after, limit),
        )
        width = len(_columns(ItemRow))
        return [(ItemRow(*row[:width]), OutcomeRow(*row[width:])) for row in rows]

    def advance_items(self, changes: Sequence[tuple[ItemRow, ItemRow]]) -> bool:
        with self._cursor() as cursor:
            cursor.executemany(
                "UPDATE import_item SET original = %s, done = %s, parts = %s, accepted = %s, duplicates = %s,"
                " refused = %s, wrapped = %s WHERE batch = %s AND position = %s AND NOT done AND parts = %s",
                [(*astuple(after)[2:], before.batch, before.position, before.parts) for before, after in changes],
            )
            return cursor.rowcount == len(changes)

    def originals(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]:
        return {row.id: row for row in self._many(OriginalRow, "WHERE id = ANY(%s)", list(originals))}

    def original_boxes(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]:
        rows = self._rows("SELECT id, size, wrapped FROM original WHERE id = ANY(%s)", (list(originals),))
        return {original: OriginalRow(original, size, wrapped, b"") for original, size, wrapped in rows}

    def drop_originals(self, originals: Sequence[UUID]) -> None:
        self._execute("DELETE FROM original WHERE id = ANY(%s)", (list(originals),))

    def record(self, record: UUID) -> RecordRow | None:
        return self._one(RecordRow, "WHERE id = %s", record)

    def records_at(self, indexes: Collection[int]) -> dict[int, RecordRow]:
        rows = self._many(RecordRow, "WHERE index = ANY(%s::bigint[])", list(indexes))
        return {row.index: row for row in rows}

    def last_ordinal(self) -> int:
        rows = self._rows("SELECT ordinal FROM record ORDER BY index DESC LIMIT 1")
        return cast(int, rows[0][0]) if rows else 0

    def records_with_content(self, content_tokens: Collection[bytes]) -> dict[bytes, UUID]:
        query = "SELECT content_token, id FROM record WHERE content_token = ANY(%s::bytea[])"
        return dict(self._rows(query, (list(content_tokens),)))

    def holders(self, tokens: Collection[bytes]) -> dict[bytes, list[Holder]]:
        found: dict[bytes, list[Holder]] = {}
        query = (
            "SELECT token, index, id FROM record_token JOIN record USING (index)"
            " WHERE token = ANY(%s::bytea[]) ORDER BY token, index"
        )
        for token, *holder in self._rows(query, (list(tokens),)):
            found.setdefault(token, []).append(Holder(*holder))
        return found

    def select(self, selection: Selection, *, limit: int) -> list[RecordRow]:
        where, parameters = _chosen(selection)
        return self._many(RecordRow, f"AS r WHERE {where} ORDER BY r.index DESC LIMIT %s", *parameters, limit)

    def count(self, selection: Selection, *, at_most: int) -> int:
        where, parameters = _chosen(selection)
        query = f"SELECT count(*) FROM (SELECT FROM record AS r WHERE {where} LIMIT %s) AS chosen"  # noqa: S608
        return cast(int, self._rows(query, (*parameters, at_most))[0][0])

    def replacements_of(self, records: Collection[UUID]) -> list[ReplacementRow]:
        wanted = list(records)
        return self._many(ReplacementRow, "WHERE newer = ANY(%s) OR older = ANY(%s) ORDER BY index", wanted, wanted)

    def disclosures_of(self, record: UUID) -> list[DisclosureRow]:
        return self._many(DisclosureRow, "WHERE record = %s ORDER BY id", record)

    def anchor(self, size: int) -> AnchorRow | None:
        return self._one(AnchorRow, "WHERE size = %s", size)

    def latest_anchor(self) -> AnchorRow | None:
        return self._one(AnchorRow, "ORDER BY size DESC LIMIT 1")

    def anchor_covering(self, index: int, *, final: bool) -> AnchorRow | None:
        column = "final" if final else "anchored"
        return self._one(AnchorRow, f"WHERE size > %s AND {column} IS NOT NULL ORDER BY size LIMIT 1", index)

    def anchored_size(self, *, final: bool) -> int:
        column = "final" if final else "anchored"
        query = f"SELECT size FROM anchor WHERE {column} IS NOT NULL ORDER BY size DESC LIMIT 1"  # noqa: S608
        rows = self._rows(query)
        return cast(int, rows[0][0]) if rows else 0

    def unfinished_anchors(self) -> list[AnchorRow]:
        return self._many(AnchorRow, "WHERE final IS NULL ORDER BY size")

    def save_anchor(self, row: AnchorRow) -> None:
        self._execute("DELETE FROM anchor WHERE size = %s", (row.size,))
        self.insert([row])

    def drop_anchor(self, size: int) -> None:
        self._execute("DELETE FROM anchor WHERE size = %s", (size,))

    def registration(self) -> RegistrationRow | None:
        return self._one(RegistrationRow, "")

    def _cursor(self) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.cursor(row_factory=tuple_row)

    def _execute(self, query: str, parameters: Sequence[object]) -> None:
        with self._cursor() as cursor:
            cursor.execute(query, parameters)

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            return cursor.execute(query, parameters, binary=True).fetchall()

    def _many(self, table: type[R], tail: str, *parameters: object) -> list[R]:
        return [table(*row) for row in self._rows(f"{_SELECT[table]} {tail}", parameters)]

    def _one(self, table: type[R], tail: str, *parameters: object) -> R | None:
        return next(iter(self._many(table, tail, *parameters)), None)

    def _stream(self, query: str, rows_at_a_time: int = SCAN_ROWS) -> Iterator[tuple[Any, ...]]:
        name = f"scan_{next(self._scans)}"
        with self._connection.cursor(name, row_factory=tuple_row) as cursor:
            cursor.itersize = rows_at_a_time
            yield from cursor.execute(query, binary=True)


def _chosen(selection: Selection) -> tuple[str, list[object]]:
    """The condition on `record AS r`, and its parameters.

    Each token of a group is a range of the blind index, so records come out of it in the order that pages need.
    """
    conditions, parameters = ["r.index >= %s"], list[object]([selection.start])
    if selection.stop is not None:
        conditions.append("r.index < %s")
        parameters.append(selection.stop)
    for group in selection.groups:
        conditions.append("EXISTS (SELECT FROM record_token t WHERE t.token = ANY(%s::bytea[]) AND t.index = r.index)")
        parameters.append(sorted(group))
    return " AND ".join(conditions), parameters


class PostgresStorage:
    """A pool's database. Threads share it; connections are opened as needed and kept."""

    def __init__(self, url: str, *, connections: int = 10) -> None:
        self._pool = ConnectionPool(
            url,
            kwargs={"options": "-c timezone=UTC", "application_name": "tallystick-pool"},
            min_size=0,
            max_size=connections,
            timeout=WAIT,
            check=ConnectionPool.check_connection,  # The server may have been started anew since.
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        with self._pool.connection() as connection:  # Commits at its end, rolls back on any error.
            yield PostgresTransaction(connection)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresTransaction]:
        with self._pool.connection() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield PostgresTransaction(connection)

    @contextmanager
    def claim(self, *, limit: int, batch: UUID | None = None) -> Iterator[Sequence[ItemRow]]:
        with self._session() as connection:
            rows = PostgresTransaction(connection)
            where = "WHERE NOT done AND (%s::uuid IS NULL OR batch = %s)"
            seen = rows._many(ItemRow, f"{where} ORDER BY batch, position LIMIT %s", batch, batch, limit * CANDIDATES)
            ours = self._lock_some(connection, [_item_lock(item) for item in seen], limit)
            # Another worker may have finished some of them between our reading and our locking.
            positions = [(item.batch, item.position) for item in seen if _item_lock(item) in ours]
            yield rows._many(
                ItemRow,
                "WHERE NOT done AND (batch, position) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))"
                " ORDER BY batch, position",
                [batch for batch, _ in positions],
                [position for _, position in positions],
            )

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        with self._session() as connection:
            yield bool(self._lock_some(connection, [_lock_number(name.encode())], 1))

    def migrate(self) -> None:
        """Brings the schema to its newest version; several at once wait for one another."""
        with self._pool.connection() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_number(b"migrate"),))
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)")
            versions = schema_versions(connection)
            for version, statements in enumerate(MIGRATIONS, 1):
                if version not in versions:
                    connection.execute(cast("Any", statements))
                    connection.execute("INSERT INTO schema_version VALUES (%s)", (version,))

    def learn(self) -> None:
        # The server does so too, but up to a minute later, and until then takes every token for a common one.
        with self._pool.connection() as connection:
            connection.execute("ANALYZE record, record_token")

    def schema_problem(self) -> str | None:
        """How the recorded versions differ from those this code knows; None where they do not."""
        with self._pool.connection() as connection:
            versions = schema_versions(connection)
        expected = set(range(1, len(MIGRATIONS) + 1))
        return None if versions == expected else f"expected {sorted(expected)}, got {sorted(versions)}"

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """A connection of its own, each statement its own transaction, whose advisory locks end with the block."""
        with self._pool.connection() as connection:
            connection.autocommit = True
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.execute("SELECT pg_advisory_unlock_all()")
                    connection.autocommit = False

    @staticmethod
    def _lock_some(connection: Connection, numbers: Sequence[int], limit: int) -> set[int]:
        """Which of the advisory locks are now ours: the first `limit` that nobody else has."""
        query = "SELECT number FROM unnest(%s::bigint[]) AS number WHERE pg_try_advisory_lock(number) LIMIT %s"
        return {number for (number,) in connection.execute(query, (list(numbers), limit)).fetchall()}


def schema_versions(connection: Connection) -> set[int]:
    return {version for (version,) in connection.execute("SELECT version FROM schema_version").fetchall()}


def _item_lock(item: ItemRow) -> int:
    return _lock_number(item.batch.bytes + item.position.to_bytes(4, "big"))


def _lock_number(name: bytes) -> int:
    """A 64-bit number for an advisory lock. Two names that shared one would at worst wait for each other."""
    return int.from_bytes(sha256(name).digest()[:8], "big", signed=True)
