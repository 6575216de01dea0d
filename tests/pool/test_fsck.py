"""A changed byte in any stored row is named, with the first checkpoint over it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from audit_chain.testing import ExampleNetwork
from data_pool.findings import Report
from data_pool.pool import Pool
from data_pool.storage.postgres import PostgresStorage
from tests.pool.cast import (
    STAFF,
    ExampleBeacon,
    ExampleWitnesses,
    bring_in,
    finish,
    invoice,
    pool_setup,
    record_of,
    upload,
)

pytestmark = pytest.mark.xdist_group("fsck")  # One worker fills one pool.

Query = sql.SQL | sql.Composed

MUTATIONS = {
    "bytea": "set_byte({0}, length({0}) / 2, get_byte({0}, length({0}) / 2) # 1)",
    "bigint": "{0} # 1",
    "integer": "{0} # 1",
    "smallint": "({0} # 1)::smallint",
    "boolean": "NOT {0}",
    "uuid": "encode(set_byte(uuid_send({0}), 15, get_byte(uuid_send({0}), 15) # 1), 'hex')::uuid",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "text": "overlay({0} placing chr(ascii(substr({0}, 3, 1)) # 1) from 3 for 1)",
}
"""One bit of a column, by its type, in SQL."""

COLUMNS = [
    ("log_entry", ("index", "data")),
    ("log_tile", ("level", "index", "data")),
    ("log_head", ("singleton", "next_index", "tree_size", "root")),
    ("log_seal", ("size", "root", "time", "note")),
    ("state_version", ("version", "root", "size")),
    ("state_page", ("path", "version", "data")),
    ("state_value", ("section", "name", "version", "data")),
    ("original", ("id", "size", "wrapped", "content")),
    ("import_batch", ("id", "created", "files", "wrapped")),
    (
        "import_item",
        ("batch", "position", "original", "done", "parts", "accepted", "duplicates", "refused", "wrapped"),
    ),
    ("import_outcome", ("batch", "position", "part", "outcome", "record", "wrapped")),
    (
        "record",
        (
            "index",
            "ordinal",
            "id",
            "created",
            "original",
            "part",
            "root",
            "size",
            "content_token",
            "wrapped",
            "payload",
        ),
    ),
    ("record_token", ("token", "index")),
    ("replacement", ("index", "newer", "older", "created", "wrapped")),
    ("disclosure", ("id", "record", "created", "wrapped")),
    (
        "anchor",
        (
            "size",
            "parent_size",
            "parent_root",
            "epoch",
            "note",
            "created",
            "beacon_index",
            "anchored",
            "final",
            "entry",
            "proof",
            "finality",
            "wrapped",
        ),
    ),
    ("registration", ("singleton", "entry", "proof", "finality", "wrapped")),
    ("schema_version", ("version",)),
]


@dataclass(frozen=True, slots=True)
class Stored:
    """A pool with rows in every table, and a superuser's connection to its database."""

    pool: Pool
    connection: psycopg.Connection[Any]

    def change(self, statement: Query) -> Report:
        """What the check finds after this change, which is then taken back."""
        tables = self._copy()
        self.connection.execute("SET session_replication_role = replica")  # Foreign keys look away.
        try:
            assert self.connection.execute(statement).rowcount >= 1
            return self.pool.fsck()
        finally:
            self._restore(tables)

    def _copy(self) -> list[str]:
        names = [name for name, _ in COLUMNS]
        for name in names:
            copy = sql.Identifier(f"kept_{name}")
            self.connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS TABLE {}").format(copy, sql.Identifier(name)))
        return names

    def _restore(self, names: list[str]) -> None:
        for name in names:
            table, copy = sql.Identifier(name), sql.Identifier(f"kept_{name}")
            self.connection.execute(sql.SQL("DELETE FROM {}").format(table))
            self.connection.execute(sql.SQL("INSERT INTO {} TABLE {}").format(table, copy))
            self.connection.execute(sql.SQL("DROP TABLE {}").format(copy))


@pytest.fixture(scope="module")
def stored(postgres_url: str) -> Iterator[Stored]:
    name = f"test_fsck_{secrets.token_hex(6)}"
    url = psycopg.conninfo.make_conninfo(postgres_url, dbname=name)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
    storage = PostgresStorage(url)
    storage.migrate()
    network = ExampleNetwork()
    pool = Pool(pool_setup(storage, network))
    _fill(pool, ExampleWitnesses(network), ExampleBeacon(network))
    with psycopg.connect(url, autocommit=True) as connection:
        yield Stored(pool, connection)
    storage.close()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fill(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    first = record_of(pool, invoice("NP-1"))
    bring_in(pool, upload(*(invoice(f"NP-{number}") for number in range(2, 20))))
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-1", payable_amount=1), replaces=first)
    earlier, later = record_of(pool, invoice("NP-30")), record_of(pool, invoice("NP-30", note="corrected"))
    pool.declare_replacement(later, replaces=earlier, by=STAFF)
    bring_in(pool, upload(invoice("NP-1")), upload(invoice("NP-31"), {"kind": "nonsense"}))
    pool.disclose(first, ["number"], recipient="meridian-bank", by=STAFF)
    finish(pool, witnesses, beacon)
    bring_in(pool, upload(invoice("NP-40")))
    pool.stage([upload(invoice("NP-41"))], by=STAFF)


def test_an_untouched_pool_is_sound(stored: Stored) -> None:
    report = stored.pool.fsck()

    assert report.problems == []
    assert set(report.counts) == {name for name, _ in COLUMNS} - {"log_head", "schema_version"}


def test_every_column_of_every_table_is_tried(stored: Stored) -> None:
    rows = stored.connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    assert set(rows) == {(table, column) for table, columns in COLUMNS for column in columns}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in COLUMNS for column in columns])
def test_one_changed_bit_is_named(stored: Stored, table: str, column: str) -> None:
    ((kind,),) = stored.connection.execute(
        "SELECT data_type FROM information_schema.columns WHERE (table_name, column_name) = (%s, %s)", (table, column)
    )
    mutation = "NULL" if column == "singleton" else MUTATIONS[kind].replace("{0}", column)
    for order in ("ASC", "DESC"):
        statement = sql.SQL(
            f"UPDATE {table} SET {column} = {mutation}"
            f" WHERE ctid = (SELECT ctid FROM {table} WHERE {column} IS NOT NULL ORDER BY ctid {order} LIMIT 1)"
        )
        try:
            report = stored.change(statement)
        except (errors.CheckViolation, errors.NotNullViolation, errors.UniqueViolation):
            continue  # The database itself does not let the row be so.
        assert not report.sound
        assert table in {problem.where.split()[0] for problem in report.problems}, report.problems


def test_a_removed_row_is_named(stored: Stored) -> None:
    for table, where in (("log_entry", "index = 3"), ("record", "index = 3"), ("record_token", "index = 3")):
        report = stored.change(sql.SQL(f"DELETE FROM {table} WHERE {where}"))
        assert f"{table} 3" in {problem.where for problem in report.problems}


@pytest.mark.parametrize(("table", "key"), [("state_page", "path"), ("state_value", "name")])
def test_a_row_of_the_state_older_than_all_versions_kept_is_named_where_its_own_is_another(
    own_storage: PostgresStorage, pool_database: str, table: str, key: str
) -> None:
    """No root rests on that number any more."""
    network = ExampleNetwork()
    pool, witnesses, beacon = Pool(pool_setup(own_storage, network)), ExampleWitnesses(network), ExampleBeacon(network)
    bring_in(pool, upload(*(invoice(f"NP-{number}") for number in range(200))))
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-200"))
    finish(pool, witnesses, beacon)
    assert pool.fsck().problems == []

    with psycopg.connect(pool_database) as connection:
        older = f"SELECT {key}, version FROM {table} WHERE version < (SELECT min(version) FROM state_version) LIMIT 1"
        ((name, version),) = connection.execute(older).fetchall()
        changed = connection.execute(
            f"UPDATE {table} SET version = version - 1 WHERE ({key}, version) = (%s, %s)", (name, version)
        )
        assert changed.rowcount == 1

    assert [problem.where for problem in pool.fsck().problems] == [f"{table} {name} of version {version - 1}"]


def test_a_removed_version_of_the_state_is_named(stored: Stored) -> None:
    report = stored.change(
        sql.SQL("DELETE FROM state_version WHERE version = (SELECT max(version) FROM state_version)")
    )

    assert "state_version" in {problem.where.split()[0] for problem in report.problems}


def test_a_problem_tells_the_first_checkpoint_over_it(stored: Stored) -> None:
    report = stored.change(sql.SQL("UPDATE log_entry SET data = 'forged' WHERE index = 5"))

    assert {problem.checkpoint for problem in report.problems if problem.where == "log_entry 5"} == {20}


def test_a_record_moved_over_another_one_is_named(stored: Stored) -> None:
    report = stored.change(
        sql.SQL(
            "UPDATE record SET (wrapped, payload) = (SELECT wrapped, payload FROM record WHERE index = 2)"
            " WHERE index = 1"
        )
    )

    assert "record 1" in {problem.where for problem in report.problems}


def test_a_forged_entry_and_tile_together_are_named(stored: Stored) -> None:
    report = stored.change(
        sql.SQL(
            "WITH forged AS (UPDATE log_entry SET data = 'forged' WHERE index = 5)"
            " UPDATE log_tile SET data = overlay(data placing sha256('\\x00'::bytea || 'forged'::bytea) from 161)"
            " WHERE (level, index) = (0, 0)"
        )
    )

    assert "log_seal 20" in {problem.where for problem in report.problems}
