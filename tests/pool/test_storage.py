"""What every storage promises: reserving, taking turns, whole transactions, streams."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from data_pool.errors import PoolError
from data_pool.pool import Pool
from data_pool.storage.ports import PoolStorage
from data_pool.storage.postgres import MIGRATIONS, PostgresStorage
from data_pool.storage.rows import BatchRow, ItemRow, OriginalRow
from tests.pool.cast import STAFF, invoice, record_of, upload

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BATCH = UUID(int=1)


def items(count: int) -> list[ItemRow]:
    return [
        ItemRow(
            BATCH, position, UUID(int=position), done=False, parts=0, accepted=0, duplicates=0, refused=0, wrapped=b""
        )
        for position in range(count)
    ]


def keep(storage: PoolStorage, count: int) -> None:
    with storage.transaction() as rows:
        rows.insert([OriginalRow(UUID(int=position), 0, b"", b"") for position in range(count)])
        rows.insert([BatchRow(BATCH, NOON, count, b"")])
        rows.insert(items(count))


def positions(claimed: object) -> list[int]:
    return [item.position for item in claimed]  # type: ignore[attr-defined]


def test_what_one_has_claimed_nobody_else_gets(storage: PoolStorage) -> None:
    keep(storage, 5)

    with storage.claim(limit=2) as first, storage.claim(limit=2) as second, storage.claim(limit=9) as rest:
        assert [positions(claimed) for claimed in (first, second, rest)] == [[0, 1], [2, 3], [4]]
        with storage.claim(limit=9) as none:
            assert positions(none) == []
    with storage.claim(limit=9) as again:
        assert positions(again) == [0, 1, 2, 3, 4]


def test_a_claim_passes_over_what_is_done_and_other_batches(storage: PoolStorage) -> None:
    keep(storage, 3)
    with storage.transaction() as rows:
        first = items(3)[0]
        assert rows.advance_items([(first, replace(first, done=True, parts=1, refused=1))])

    with storage.claim(limit=9) as claimed:
        assert positions(claimed) == [1, 2]
    with storage.claim(limit=9, batch=UUID(int=9)) as claimed:
        assert positions(claimed) == []


def test_an_item_moves_on_from_where_it_was_read_only(storage: PoolStorage) -> None:
    keep(storage, 2)
    first, second = items(2)
    with storage.transaction() as rows:
        assert rows.advance_items([(first, replace(first, parts=1, refused=1))])
    with storage.transaction() as rows:
        assert not rows.advance_items(
            [(second, replace(second, parts=1, refused=1)), (first, replace(first, parts=1, refused=1))]
        )


def test_one_at_a_time_has_the_turn(storage: PoolStorage) -> None:
    with storage.turn("anchor") as first, storage.turn("anchor") as second, storage.turn("follow") as other:
        assert (first, second, other) == (True, False, True)
    with storage.turn("anchor") as again:
        assert again


def test_an_error_takes_everything_back(storage: PoolStorage) -> None:
    def fail() -> None:
        with storage.transaction() as rows:
            rows.insert([BatchRow(BATCH, NOON, 1, b"")])
            rows.log.append_entries(0, [b"entry"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with storage.transaction() as rows:
        assert rows.batch(BATCH) is None
        rows.log.append_entries(0, [b"entry"])


def test_the_same_document_twice_is_stopped_by_the_storage_too(pool: Pool) -> None:
    record_of(pool, invoice())
    with pool.setup.storage.transaction() as rows:
        (row,) = rows.scan(type(rows.records_at([0])[0]))

    twin = replace(row, index=1, ordinal=2, id=UUID(int=7))
    with pytest.raises((PoolError, psycopg.errors.UniqueViolation)), pool.setup.storage.transaction() as rows:
        rows.insert([twin])


def test_scans_stream_in_order_side_by_side(pool: Pool) -> None:
    for number in range(3):
        pool.stage([upload(invoice(f"NP-{number}"))], by=STAFF)
    pool.process()

    with pool.setup.storage.snapshot() as rows:
        batches, staged, tokens = rows.scan(BatchRow), rows.scan(ItemRow), rows.scan_tokens()
        pairs = [(batch.id, item.batch) for batch, item in zip(batches, staged, strict=True)]
        indexes = [token.index for token in tokens]
    assert all(batch == item for batch, item in pairs)
    assert indexes == sorted(indexes)
    assert set(indexes) == {0, 1, 2}


def test_a_snapshot_sees_one_moment(postgres_storage: PostgresStorage) -> None:
    with postgres_storage.snapshot() as rows:
        assert rows.batch(BATCH) is None
        keep(postgres_storage, 1)
        assert rows.batch(BATCH) is None
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), postgres_storage.snapshot() as rows:
        rows.insert([BatchRow(UUID(int=2), NOON, 1, b"")])


def test_a_connection_that_the_server_closed_is_not_used_again(
    own_storage: PostgresStorage, pool_database: str
) -> None:
    keep(own_storage, 1)
    with psycopg.connect(pool_database) as connection:
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tallystick-pool' AND datname = current_database()"
        )
        assert (True,) in connection.execute(query).fetchall()

    with own_storage.transaction() as rows:
        assert rows.batch(BATCH) is not None


def test_several_may_migrate_at_once(pool_database: str) -> None:
    storages = [PostgresStorage(pool_database, connections=1) for _ in range(3)]
    with ThreadPoolExecutor() as executor:
        list(executor.map(lambda storage: storage.migrate(), storages))

    assert storages[0].schema_problem() is None
    with psycopg.connect(pool_database) as connection:
        connection.execute("UPDATE schema_version SET version = 9 WHERE version = 1")
    assert "got [2, 3, 9]" in str(storages[0].schema_problem())
    assert len(MIGRATIONS) == 3
    for storage in storages:
        storage.close()
