"""Every column of every row, changed by one byte behind the programs' back: `fsck` names the row."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, sql
from psycopg.conninfo import conninfo_to_dict

from apps.beacon.fsck import check_beacon
from apps.network.network_file import load
from data_pool.findings import Report
from data_pool.pool import Pool
from data_pool.storage.postgres import MIGRATIONS, PostgresTransaction, schema_versions
from tests.e2e.enterprise import Enterprise
from tests.e2e.invoices import invoice, numbered
from tests.stack import Stack

Connection = psycopg.Connection[tuple[Any, ...]]

TABLE = b"number,issue_date,currency,payable_amount,seller.name,buyer.name\n" + b"".join(
    b"%b,2026-11-02,EUR,%d.50,Elder Tools,Atlas Motors\n" % (number.encode(), row)
    for row, number in enumerate(islice(numbered("CSV"), 3))
)
ROWS = 2  # of each column
FRAMEWORK = {"django_migrations"}  # What Django keeps about its own tables says nothing about the log.
NOTES = {"monitor_alert", "monitor_evidence", "monitor_measure", "monitor_seenhead"}  # No proof rests on them.

# By what a row is named, where that is not the primary key.
NAMED_BY: dict[str, tuple[str, ...]] = {
    "log_head": (),
    "record_token": ("index",),
    "registration": (),
    "schema_version": (),
    "state_value": ("name", "version"),
}

# A new value for a column: its old one with one byte changed, at a place drawn at random.
CHANGES = {
    "bytea": "set_byte({c}, {place}, get_byte({c}, {place}) # {mask})",
    "text": "overlay({c} placing translate(substr({c}, {place} + 1, 1), 'aA0-1/+', 'bBx_2+/') || '' from {place} + 1)",
    "boolean": "NOT {c}",
    "bigint": "{c} # {mask}::bigint",
    "integer": "{c} # {mask}::integer",
    "smallint": "{c} # {mask}::smallint",
    "timestamp with time zone": "{c} + {mask} * interval '1 microsecond'",
    "uuid": "overlay({c}::text placing translate(substr({c}::text, {place} + 1, 1),"
    " '0123456789abcdef', '1032547698badcfe') from {place} + 1)::uuid",
}
LENGTHS = {"bytea": "octet_length({c})", "text": "char_length({c})", "uuid": "8"}


@dataclass(frozen=True, slots=True)
class Column:
    table: str
    name: str
    type: str
    keys: tuple[str, ...]


def columns(connection: Connection) -> list[Column]:
    """Every column of every table of the database, and by what a row of its table is named."""
    found = connection.execute(
        "SELECT c.table_name, c.column_name, c.data_type, array(SELECT k.column_name::text"
        " FROM information_schema.key_column_usage k"
        " JOIN information_schema.table_constraints t USING (constraint_name)"
        " WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = c.table_name ORDER BY k.ordinal_position)"
        " FROM information_schema.columns c JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position"
    )
    return [Column(table, name, kind, NAMED_BY.get(table, tuple(keys))) for table, name, kind, keys in found]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of one row. `ctid` is where the row lies, `key` what it is named by."""

    column: Column
    ctid: str
    key: tuple[Any, ...]


def cells(connection: Connection, column: Column) -> list[Cell]:
    """The values of the column that have a byte to change."""
    length = LENGTHS.get(column.type, "1").format(c=f'"{column.name}"')
    names = sql.SQL(", ").join(map(sql.Identifier, ("ctid", *column.keys)))
    query = sql.SQL("SELECT {} FROM {} WHERE {} IS NOT NULL AND {} > 0").format(
        names, sql.Identifier(column.table), sql.Identifier(column.name), sql.SQL(length)
    )
    return [Cell(column, ctid, tuple(key)) for ctid, *key in connection.execute(query)]


def spoil(connection: Connection, cell: Cell, draw: random.Random) -> bool:
    """Changes one byte of the cell; False where the database itself does not have it so."""
    column = cell.column
    name = f'"{column.name}"'
    length = LENGTHS.get(column.type, "1").format(c=name)
    values = {"c": name, "place": f"(floor({draw.random()} * {length}))::int", "mask": draw.randrange(1, 128)}
    change = sql.SQL("UPDATE {} SET {} = {} WHERE ctid = %s AND {} IS DISTINCT FROM {}").format(
        sql.Identifier(column.table),
        sql.Identifier(column.name),
        sql.SQL(CHANGES[column.type].format(**values)),
        sql.Identifier(column.name),
        sql.SQL(CHANGES[column.type].format(**values)),
    )
    try:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # No foreign key is in the way.
            return connection.execute(change, (cell.ctid,)).rowcount == 1
    except psycopg.IntegrityError:
        return False


def is_named(report: Report, cell: Cell) -> bool:
    """Whether one of the problems names the row or, where what it is named by was changed, its table."""
    places = [problem.where for problem in report.problems]
    if not cell.column.keys or cell.column.name in cell.column.keys:
        return any(place.split()[0] == cell.column.table for place in places)
    key = [str(part) or "top" for part in cell.key]
    return any(f"{cell.column.table} {by.join(key)}".strip() in places for by in (" ", "/", " of version "))


@dataclass(slots=True)
class Outcome:
    """How many cells of each table were spoiled, and which of them the check did not name."""

    tried: Counter[str] = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)


def spoil_each_column(
    connection: Connection, chosen: Sequence[Column], check: Callable[[], Report], *, seed: int
) -> Outcome:
    """Spoils each column in some of its rows, one after the other, and has each looked for."""
    draw, outcome = random.Random(seed), Outcome()
    assert check().problems == []
    for column in chosen:
        found = cells(connection, column)
        for cell in draw.sample(found, min(ROWS, len(found))):
            with undone(connection):
                if spoil(connection, cell, draw):
                    outcome.tried[column.table] += 1
                    if not is_named(check(), cell):
                        outcome.unnamed.append(f"{column.table}.{column.name} of {cell.key}")
    assert check().problems == []
    return outcome


class Changed(Exception):
    """Ends a transaction whose changes nobody else must ever see."""


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Whatever is changed in the block is back afterwards, and was never visible to anybody else."""
    try:
        with connection.transaction():
            yield
            raise Changed
    except Changed:
        pass


@dataclass(frozen=True, slots=True)
class OneTransaction:
    """A pool's rows as one open transaction sees them, its own changes among them."""

    connection: Connection

    def schema_problem(self) -> str | None:
        versions = schema_versions(self.connection)
        return None if versions == set(range(1, len(MIGRATIONS) + 1)) else f"got {sorted(versions)}"

    @contextmanager
    def snapshot(self) -> Iterator[PostgresTransaction]:
        with self.connection.transaction():
            yield PostgresTransaction(self.connection)


@contextmanager
def superuser(stack: Stack, database: str) -> Iterator[Connection]:
    with psycopg.connect(stack.superuser_url(database)) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        yield connection
        connection.rollback()


def database_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


@pytest.fixture(scope="module")
def pool(inspected: Enterprise) -> Pool:
    """Few records, and something in every table: versions, twins, refusals, duplicates, a disclosure, two anchors."""
    numbers = list(islice(numbered("FSCK"), 3))
    first = inspected.bring_one(invoice(numbers[0]))
    inspected.bring_one(invoice(numbers[0], note="corrected"), replaces=first)
    inspected.wait_until_final(first)
    inspected.bring({"table.csv": TABLE, "again.xml": invoice(numbers[0]), "broken.xml": b"<Invoice>", "x": b"\x00"})
    twin = inspected.bring_one(invoice(numbers[1], note="a twin"))
    older = inspected.bring_one(invoice(numbers[1]))
    assert inspected.http.post(f"records/{twin}/replacement", json={"replaces": older}).status_code == 204
    inspected.disclose(first, ["number"])
    pool = inspected.pool()
    inspected.wait_until_settled(pool)
    return pool


def test_what_the_running_network_has_stored_is_sound(stack: Stack, pool: Pool) -> None:
    done = stack.manage("fsck", "--json", check=False)

    reports = json.loads(done.stdout)
    assert {name: report["problems"] for name, report in reports.items() if not report["sound"]} == {}
    assert done.returncode == 0
    assert {"beacon", f"pool {pool.name}", "pool northwind-parts"} <= reports.keys()
    assert reports[f"pool {pool.name}"]["counts"]["record"] == pool.status().records


def test_one_byte_changed_anywhere_in_a_pool_is_named(stack: Stack, inspected: Enterprise, pool: Pool) -> None:
    with superuser(stack, database_of(inspected.database_url())) as connection:
        spoiled = Pool(replace(pool.setup, storage=OneTransaction(connection)))
        outcome = spoil_each_column(connection, columns(connection), spoiled.fsck, seed=3)

        assert outcome.unnamed == []
        assert outcome.tried.keys() == {column.table for column in columns(connection)}
        assert outcome.tried.total() > 100


def test_one_byte_changed_anywhere_on_the_beacon_is_named(stack: Stack, pool: Pool) -> None:
    network = load(stack.var_dir / "network.json")
    with superuser(stack, database_of(stack.setting("BEACON_DATABASE_URL"))) as connection:
        chosen = [column for column in columns(connection) if column.table not in FRAMEWORK | NOTES]
        outcome = spoil_each_column(connection, chosen, lambda: check_beacon(connection, network), seed=4)

        assert outcome.unnamed == []
        assert {"log_entry", "log_tile", "log_head", "log_seal", "state_page", "beacon_block"} <= outcome.tried.keys()
        assert outcome.tried.total() >= 20


def test_the_command_names_a_spoiled_row_of_a_pool_and_fails(stack: Stack, inspected: Enterprise, pool: Pool) -> None:
    with psycopg.connect(stack.superuser_url(database_of(inspected.database_url())), autocommit=True) as connection:
        query = "UPDATE disclosure SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) RETURNING id"
        ((disclosure,),) = connection.execute(query).fetchall()
        try:
            as_json = stack.manage("fsck", "--pool", pool.name, "--json", check=False)
            in_words = stack.manage("fsck", "--pool", pool.name, check=False)
        finally:
            connection.execute(query)

    assert (as_json.returncode, in_words.returncode) == (1, 1)
    (problem,) = json.loads(as_json.stdout)[f"pool {pool.name}"]["problems"]
    assert problem["where"] == f"disclosure {disclosure}"
    assert f"disclosure {disclosure}: " in in_words.stdout
    assert stack.manage("fsck", "--pool", pool.name, check=False).returncode == 0


def test_the_command_names_a_spoiled_row_of_the_beacon_and_fails(stack: Stack, pool: Pool) -> None:
    database = database_of(stack.setting("BEACON_DATABASE_URL"))
    with psycopg.connect(stack.superuser_url(database), autocommit=True) as connection:
        first = "SELECT size, validator, kind FROM beacon_cosignature ORDER BY size, validator, kind LIMIT 1"
        query = f"UPDATE beacon_cosignature SET signed_at = signed_at # 1 WHERE (size, validator, kind) = ({first})"
        connection.execute(query)
        try:
            done = stack.manage("fsck", "--beacon", "--json", check=False)
        finally:
            connection.execute(query)

    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["beacon"]["problems"]
    assert problem["where"].startswith("beacon_cosignature ")
    assert stack.manage("fsck", "--beacon", check=False).returncode == 0
