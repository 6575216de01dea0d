"""The log's storage: one suite over memory and PostgreSQL, and a log that comes out the same over both."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import psycopg
import pytest

from audit_chain.encoding import to_time
from audit_chain.errors import NotInLog
from audit_chain.log.keys import NoteSigner
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import EMPTY_HEAD, LogHead, LogStore, MemoryLogStore, Seal
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from audit_chain.testing import START, ed25519_key
from data_pool.findings import Findings
from data_pool.log_check import check_log
from data_pool.storage.postgres_log import LOG_SCHEMA_SQL, PostgresLogStore

SIGNER = NoteSigner("tallystick.example/pool/log", ed25519_key(1))


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[LogStore]:
    if request.param == "memory":
        yield MemoryLogStore()
        return
    with psycopg.connect(request.getfixturevalue("pool_database")) as connection:
        connection.execute(LOG_SCHEMA_SQL.encode())
        yield PostgresLogStore(connection)


def seal(size: int) -> Seal:
    return Seal(size, bytes([size]) * 32, to_time(START + size), b"a note")


def test_an_empty_log_has_the_empty_head(store: LogStore) -> None:
    assert store.head() == store.lock() == EMPTY_HEAD
    assert (store.latest_seal(), store.seal_covering(0), store.seal_at(1)) == (None, None, None)
    assert store.seals(0, 10) == []
    assert store.read_tiles([(0, 0)]) == {}


def test_entries_come_back_in_order(store: LogStore) -> None:
    store.append_entries(0, [b"a", b"", b"c"])
    store.append_entries(3, [b"d"])

    assert store.read_entries(0, 4) == [b"a", b"", b"c", b"d"]
    assert store.read_entries(1, 2) == [b""]
    assert store.read_entries(2, 2) == []


def test_entries_that_are_not_there_are_an_error(store: LogStore) -> None:
    store.append_entries(0, [b"a"])

    for start, stop in ((0, 2), (1, 2), (5, 9)):
        with pytest.raises(NotInLog):
            store.read_entries(start, stop)


def test_tiles_are_replaced_whole_and_missing_ones_left_out(store: LogStore) -> None:
    store.write_tiles({(0, 0): b"x" * 32, (1, 0): b"y" * 32})
    store.write_tiles({(0, 0): b"x" * 64})
    store.write_tiles({})

    assert store.read_tiles([(0, 0), (0, 1), (1, 0)]) == {(0, 0): b"x" * 64, (1, 0): b"y" * 32}
    assert store.read_tiles([]) == {}


def test_seals_are_found_by_size_and_by_what_they_cover(store: LogStore) -> None:
    for size in (2, 5, 9):
        store.write_seal(seal(size))

    assert store.latest_seal() == seal(9)
    assert [store.seal_covering(index) for index in (0, 1, 2, 4, 8, 9)] == [
        seal(2),
        seal(2),
        seal(5),
        seal(5),
        seal(9),
        None,
    ]
    assert (store.seal_at(5), store.seal_at(4)) == (seal(5), None)
    assert store.seals(2, 1) == [seal(5)]
    assert store.seals(2, 9) == [seal(5), seal(9)]


def test_the_head_is_replaced(store: LogStore) -> None:
    head = LogHead(next_index=7, tree_size=5, root=bytes(32))
    store.write_head(head)

    assert store.head() == head


def test_a_sealed_log_has_the_roots_and_proofs_of_a_plain_one(store: LogStore) -> None:
    log, plain = SealedLog(store, SIGNER), MemoryLog()
    sizes = []
    for batch in (1, 254, 3, 700, 1):
        log.append([b"entry %d" % (len(plain) + place) for place in range(batch)])
        sealed = log.seal(to_time(START))
        assert sealed is not None
        plain.extend(map(leaf_hash, store.read_entries(len(plain), sealed.size)))
        sizes.append(sealed.size)
        assert sealed.root == plain.root()

    for size in sizes:
        assert log.root(size) == plain.root(size)
        assert log.inclusion_proof(size // 2, size) == plain.inclusion_proof(size // 2, size)
        assert log.consistency_proof(size, sizes[-1]) == plain.consistency_proof(size, sizes[-1])
    findings = Findings()
    check_log(store, SIGNER.verifier_key, findings)
    assert findings.problems == []


class Databases(Protocol):
    def __call__(self) -> AbstractContextManager[psycopg.Connection]: ...


@pytest.fixture
def connect(pool_database: str) -> Databases:
    with psycopg.connect(pool_database) as connection:
        connection.execute(LOG_SCHEMA_SQL.encode())

    @contextmanager
    def connect() -> Iterator[psycopg.Connection]:
        with psycopg.connect(pool_database) as connection:
            connection.execute("SET lock_timeout = '200ms'")
            yield connection

    return connect


def test_only_one_transaction_at_a_time_has_the_lock(connect: Databases) -> None:
    with connect() as first, connect() as second:
        PostgresLogStore(first).lock()
        PostgresLogStore(second).head()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            PostgresLogStore(second).lock()
        first.commit()
        second.rollback()
        PostgresLogStore(second).lock()


def test_what_was_not_committed_leaves_nothing(connect: Databases) -> None:
    with connect() as connection:
        log = SealedLog(PostgresLogStore(connection), SIGNER)
        log.append([b"a"])
        log.seal(to_time(START))
        connection.rollback()

        assert PostgresLogStore(connection).head() == EMPTY_HEAD
        assert PostgresLogStore(connection).latest_seal() is None
