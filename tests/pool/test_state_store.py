"""The state map's storage: one suite over memory, PostgreSQL and SQLite, and a check that finds every changed row."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from apps.validator.state_store import STATE_SCHEMA, SqliteStateStore
from audit_chain.errors import CorruptState, OldVersion, UnknownVersion
from audit_chain.statemap.check import check_state
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore, StateStore, StateVersion, prune, roll_back
from data_pool.findings import Findings, TooManyProblems
from data_pool.storage.postgres_state import STATE_SCHEMA_SQL, PostgresStateStore
from tests.core.state_model import Table, assert_same, change

Execute = Callable[[str, list[object]], None]
"""Runs a statement on the tables, with %s for each parameter."""


@pytest.fixture
def postgres(pool_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pool_database) as connection:
        connection.execute(STATE_SCHEMA_SQL.encode())
        yield connection


@pytest.fixture
def sqlite(tmp_path: Path, django_db_blocker: object) -> Iterator[BaseDatabaseWrapper]:
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "state.sqlite3"}
    connection = ConnectionHandler({"default": settings})["default"]
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # Safe against all but a power cut.
            cursor.execute("PRAGMA journal_mode = MEMORY")
            for statement in STATE_SCHEMA:
                cursor.execute(statement)
        yield connection
        connection.close()


@pytest.fixture(params=["memory", "postgres", "sqlite"])
def store(request: pytest.FixtureRequest) -> StateStore:
    match request.param:
        case "postgres":
            return PostgresStateStore(request.getfixturevalue("postgres"))
        case "sqlite":
            return SqliteStateStore(request.getfixturevalue("sqlite"))
    return MemoryStateStore()


def history(store: StateStore, *, names: int = 150) -> list[Table]:
    """Seven versions, 10 apart; in the fifth most names go, in the last they come back."""
    table, tables = Table(), list[Table]()
    for number in range(7):
        state = StateMap(store)
        many = number in (4, 6)
        changes, removals = (800, 0.8 if number == 4 else 0.1) if many else (60, 0.2)
        change(state, table, number, names=names, changes=changes, removals=removals)
        state.commit(10 * number)
        tables.append(dict(table))
    return tables


def findings(store: StateStore) -> list[str]:
    found = Findings()
    check_state(store, found)
    return [str(problem) for problem in found.problems]


def test_an_empty_store_has_nothing(store: StateStore) -> None:
    assert (store.latest(), store.in_force(5), store.versions()) == (None, None, [])
    assert store.read_pages(["", "0"], 5) == store.read_values(["a"], 5) == {}
    assert store.names("", 5) == store.sections(5) == []
    prune(store, 5)
    roll_back(store, 5)
    assert findings(store) == []


def test_rows_are_in_force_until_the_next(store: StateStore) -> None:
    first, second = StateVersion(3, b"1" * 32, 2), StateVersion(2**40, b"2" * 32, 1)
    store.write(first, {"": b"top", "0a": b"page"}, {"pool/a": b"1", "pool/b": b"", "pool": b"p"})
    store.write(second, {"": b"new", "0a": None}, {"pool/b": None, "pool/a": b"2"})

    assert store.versions() == [first, second]
    assert (store.latest(), store.in_force(2), store.in_force(2**40 - 1)) == (second, None, first)
    assert store.read_pages(["", "0a", "ff"], 3) == {"": b"top", "0a": b"page"}
    assert store.read_pages(["", "0a", "ff"], 2**50) == {"": b"new"}
    assert store.read_pages([], 3) == store.read_pages([""], 2) == {}
    assert store.read_values(["pool/a", "pool/b", "x"], 4) == {"pool/a": b"1", "pool/b": b""}
    assert store.read_values(["pool/a", "pool/b", "x"], 2**41) == {"pool/a": b"2"}
    assert list(store.page_rows(3, 2**41)) == [("", 2**40, b"new"), ("0a", 2**40, None)]
    assert list(store.value_rows(-1, 3)) == [("pool", 3, b"p"), ("pool/a", 3, b"1"), ("pool/b", 3, b"")]


def test_names_are_found_by_their_beginning(store: StateStore) -> None:
    names = ["pool", "pool-x", "pool-x/1", "pool/a", "pool/ab", "pool/b", "poolside", "~/%", "A/_"]
    store.write(StateVersion(1, bytes(32), 9), {}, dict.fromkeys(names, b""))
    store.write(StateVersion(2, bytes(32), 8), {}, {"pool/ab": None})
    for prefix in ["", "p", "pool", "pool/", "pool/a", "pool-", "pool/ab", "A", "~/", "z", "pool/a/"]:
        assert store.names(prefix, 1) == sorted(name for name in names if name.startswith(prefix))
    assert store.names("pool/a", 2) == ["pool/a"]
    assert store.sections(2) == ["A", "pool", "pool-x", "poolside", "~"]


def test_a_version_is_written_once(store: StateStore, request: pytest.FixtureRequest) -> None:
    version = StateVersion(1, bytes(32), 0)
    store.write(version, {}, {})
    with pytest.raises(Exception, match=r"(?i)only grow|unique|duplicate"):
        store.write(version, {}, {})
    if isinstance(store, PostgresStateStore):
        request.getfixturevalue("postgres").rollback()


def test_every_version_is_the_table_at_that_time(store: StateStore) -> None:
    tables = history(store)
    for number, table in enumerate(tables):
        assert_same(StateMap(store, version=10 * number), table)
    assert findings(store) == []


def test_what_was_pruned_is_gone_and_the_rest_stays(store: StateStore) -> None:
    tables = history(store)
    whole = len(list(store.page_rows(-1, 100)))
    for keep_from, oldest in ((25, 2), (30, 3), (50, 5), (1_000, 6)):
        prune(store, keep_from)
        assert [version.version for version in store.versions()] == [10 * number for number in range(oldest, 7)]
        for number in range(oldest, 7):
            assert_same(StateMap(store, version=10 * number), tables[number])
        with pytest.raises(UnknownVersion):
            StateMap(store, version=10 * oldest - 1)
        assert findings(store) == []
    assert len(list(store.value_rows(-1, 100))) == len(tables[-1])
    assert len(list(store.page_rows(-1, 100))) < whole / 2


def test_a_map_goes_back_and_on_another_way(store: StateStore) -> None:
    tables = history(store)
    roll_back(store, 35)
    assert_same(StateMap(store), tables[3])
    state, table = StateMap(store), dict(tables[3])
    change(state, table, 99, names=150, changes=50, removals=0.5)
    state.commit(36)
    assert_same(StateMap(store), table)
    assert findings(store) == []
    prune(store, 36)
    with pytest.raises(UnknownVersion):
        roll_back(store, 35)


def test_two_maps_cannot_both_commit(store: StateStore) -> None:
    first, second = StateMap(store), StateMap(store)
    first.put("a", b"1")
    second.put("a", b"2")
    first.commit(1)
    with pytest.raises(OldVersion):
        second.commit(2)


def test_all_stores_keep_the_same_rows(store: StateStore) -> None:
    memory = MemoryStateStore()
    history(memory)
    history(store)
    for version in (20, 50):
        assert store.versions() == memory.versions()
        assert list(store.page_rows(-1, 100)) == list(memory.page_rows(-1, 100))
        assert list(store.value_rows(-1, 100)) == list(memory.value_rows(-1, 100))
        prune(store, version)
        prune(memory, version)


def test_a_proof_asks_the_database_at_most_twice(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateMap(store)
    for n in range(3_000):
        state.put(f"record/{n}", b"")
    state.commit(1)
    asked = []
    read = type(store).read_pages
    monkeypatch.setattr(type(store), "read_pages", lambda *arguments: (asked.append(1), read(*arguments))[1])
    most = 0
    for n in range(0, 6_000, 100):
        asked.clear()
        StateMap(store).prove(f"record/{n}").verify(f"record/{n}", b"" if n < 3_000 else None, state.root())
        most = max(most, len(asked))
    assert most <= 2


def test_a_rolled_back_transaction_leaves_nothing(postgres: psycopg.Connection) -> None:
    store = PostgresStateStore(postgres)
    tables = history(store)
    postgres.commit()
    state = StateMap(store)
    state.put("a/1", b"lost")
    state.commit(1_000)
    postgres.rollback()
    assert_same(StateMap(store), tables[-1])


def test_a_change_in_djangos_transaction_goes_with_it(sqlite: BaseDatabaseWrapper) -> None:
    store = SqliteStateStore(sqlite)
    tables = history(store)
    sqlite.set_autocommit(False)
    state = StateMap(store)
    state.put("a/1", b"lost")
    state.commit(1_000)
    sqlite.rollback()
    sqlite.set_autocommit(True)
    assert_same(StateMap(store), tables[-1])


# The check


@pytest.fixture(params=["postgres", "sqlite"])
def tables_of(request: pytest.FixtureRequest) -> tuple[StateStore, Execute]:
    """A store that keeps its rows in tables, and a way to change them by hand."""
    connection = request.getfixturevalue(request.param)

    def execute(statement: str, parameters: list[object]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    store = PostgresStateStore(connection) if request.param == "postgres" else SqliteStateStore(connection)
    return store, execute


def test_the_check_shows_every_value(store: StateStore) -> None:
    tables = history(store)
    prune(store, 60)
    shown: dict[str, bytes | None] = {}
    found = Findings()
    check_state(store, found, lambda name, _, value: shown.update({name: value}))
    assert shown == tables[-1]
    assert found.counts["state_version"] == 1
    assert found.counts["state_value"] == len(tables[-1])
    assert found.counts["state_page"] == len(list(store.page_rows(-1, 100)))


@pytest.mark.parametrize("pruned", [False, True])
def test_a_changed_missing_or_foreign_row_is_found(tables_of: tuple[StateStore, Execute], pruned: bool) -> None:
    store, execute = tables_of
    history(store)
    if pruned:
        prune(store, 20)
    random = Random(1)
    pages, values = list(store.page_rows(-1, 100)), list(store.value_rows(-1, 100))
    for path, version, data in random.sample(pages, 8):
        row = [path, version]
        at = "path = %s AND version = %s"
        named = f"state_page {path or 'top'} of version {version}"
        spoilt = b"\x01" + bytes(64) if data is None else data[:-1] + bytes([data[-1] ^ 1])
        for statement, parameters in (
            (f"UPDATE state_page SET data = %s WHERE {at}", [spoilt, *row]),
            (f"DELETE FROM state_page WHERE {at}", row),
            ("INSERT INTO state_page (path, version, data) VALUES (%s, %s, %s)", ["7" + path, 999, data]),
        ):
            execute(statement, parameters)
            problems = findings(store)
            assert any(named in problem or "version 999: belongs to no" in problem for problem in problems), problems
            assert len(problems) <= 2
            execute("DELETE FROM state_page WHERE version = 999 OR path = %s AND version = %s", row)
            execute("INSERT INTO state_page (path, version, data) VALUES (%s, %s, %s)", [path, version, data])
    for name, version, value in random.sample(values, 8):
        row = [name, version]
        at = "name = %s AND version = %s"
        for statement, parameters in (
            (f"UPDATE state_value SET data = %s WHERE {at}", [(value or b"") + b"x", *row]),
            (f"UPDATE state_value SET section = 'a', name = 'a/other' WHERE {at}", row),
            (f"DELETE FROM state_value WHERE {at}", row),
            ("INSERT INTO state_value (section, name, version, data) VALUES ('z', 'z/1', %s, %s)", [version, b""]),
        ):
            execute(statement, parameters)
            problems = findings(store)
            assert any(problem.startswith("state_value") for problem in problems), problems
            if "SET data" in statement:
                assert f"state_value {name} of version {version}: is not" in problems[0]
            if "'z/1'" in statement:
                assert f"state_value z/1 of version {version}: is not in the tree" in problems[0]
            assert len(problems) <= 2, problems
            execute("DELETE FROM state_value WHERE version = %s AND name IN (%s, 'a/other', 'z/1')", [version, name])
            row_again = [name[0], name, version, value]
            execute("INSERT INTO state_value (section, name, version, data) VALUES (%s, %s, %s, %s)", row_again)
    for version in store.versions():
        execute("UPDATE state_version SET root = %s WHERE version = %s", [b"x" * 32, version.version])
        assert [problem.split(":")[0] for problem in findings(store)] == [f"state_version {version.version}"]
        execute("UPDATE state_version SET root = %s WHERE version = %s", [version.root, version.version])
    assert findings(store) == []


def touched(store: StateStore, name: str) -> bool:
    """Whether the name was changed in the second or third version."""
    return any(row[0] == name for row in store.value_rows(0, 20))


def test_a_row_of_a_version_that_was_never_committed_is_found(tables_of: tuple[StateStore, Execute]) -> None:
    store, execute = tables_of
    history(store)
    for version, foreign in ((15, b""), (999, b"")):
        row: list[object] = ["q", "q/1", version, foreign]
        execute("INSERT INTO state_value (section, name, version, data) VALUES (%s, %s, %s, %s)", row)
        assert any(f"state_value q/1 of version {version}: belongs to no version" in one for one in findings(store))
        execute("DELETE FROM state_value WHERE version = %s", [version])
    unchanged = next(name for name, _, _ in store.value_rows(-1, 0) if not touched(store, name))
    again: list[object] = [unchanged[0], unchanged, 20, StateMap(store, version=20).get(unchanged)]
    execute("INSERT INTO state_value (section, name, version, data) VALUES (%s, %s, %s, %s)", again)
    assert any("changes nothing" in one for one in findings(store))
    execute("DELETE FROM state_value WHERE name = %s AND version = %s", [unchanged, 20])
    assert findings(store) == []
    execute("INSERT INTO state_value (section, name, version, data) VALUES ('ä', 'ä', 10, %s)", [b""])
    assert any("has no name" in one for one in findings(store))
    execute("DELETE FROM state_value WHERE section = %s", ["ä"])
    execute("DELETE FROM state_version WHERE version > %s", [-1])
    with pytest.raises(TooManyProblems):
        findings(store)


def test_a_proof_from_a_spoilt_store_is_refused(tables_of: tuple[StateStore, Execute]) -> None:
    store, execute = tables_of
    tables = history(store)
    root = StateMap(store).root()
    rows = [(path, data) for path, version, data in store.page_rows(-1, 100) if version == 60 and data]
    for path, data in rows[::5]:
        execute("UPDATE state_page SET data = %s WHERE path = %s AND version = 60", [data[:-1] + b"?", path])
        refused = []
        for name in sorted(tables[-1])[::2]:
            try:
                StateMap(store).prove(name).verify(name, tables[-1][name], root)
            except CorruptState as error:
                refused.append(str(error))
        assert refused
        assert all(repr(path) in one for one in refused)
        execute("UPDATE state_page SET data = %s WHERE path = %s AND version = 60", [data, path])
