"""Boxes that open in one row only, and tokens that tell nothing without the key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.log.keys import NoteSigner
from audit_chain.testing import NETWORK, ed25519_key
from data_pool.errors import PoolError, RowDamaged
from data_pool.keys import PoolKeys, decrypt, encrypt
from data_pool.setup import Setup
from data_pool.storage.memory import MemoryStorage
from data_pool.storage.rows import BatchRow, DisclosureRow, ItemRow, OriginalRow
from tests.pool.cast import WRAPPING_KEY, pool_setup

SIGNER = NoteSigner(f"{NETWORK}/pool/northwind-parts", ed25519_key(300))
KEYS = PoolKeys(WRAPPING_KEY, SIGNER)
OTHER_KEYS = PoolKeys(bytes(32), SIGNER)
ONE, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BATCH = KEYS.close_row(BatchRow(id=ONE, created=NOON, files=3, wrapped=b""), b"secret")


def test_a_box_opens_in_its_row() -> None:
    assert KEYS.open_row(BATCH) == b"secret"
    assert b"secret" not in BATCH.wrapped


@pytest.mark.parametrize(
    "changes", [{"id": OTHER}, {"created": NOON + timedelta(microseconds=1)}, {"files": 2}, {"wrapped": b""}]
)
def test_a_box_does_not_open_in_a_changed_row(changes: dict[str, Any]) -> None:
    with pytest.raises(RowDamaged):
        KEYS.open_row(replace(BATCH, **changes))


def test_a_box_does_not_open_in_another_table_or_under_another_key() -> None:
    original = KEYS.close_row(OriginalRow(id=ONE, size=3, wrapped=b"", content=b""), b"secret")
    disclosure = DisclosureRow(id=ONE, record=OTHER, created=NOON, wrapped=original.wrapped)

    with pytest.raises(RowDamaged):
        KEYS.open_row(disclosure)
    with pytest.raises(RowDamaged):
        OTHER_KEYS.open_row(original)


def test_a_box_opens_whatever_time_zone_the_database_answers_in() -> None:
    assert KEYS.open_row(replace(BATCH, created=NOON.astimezone(timezone(timedelta(hours=5))))) == b"secret"


@given(bit=st.integers(0, 8 * len(BATCH.wrapped) - 1))
def test_any_flipped_bit_of_a_box_is_noticed(bit: int) -> None:
    damaged = bytearray(BATCH.wrapped)
    damaged[bit // 8] ^= 1 << bit % 8

    with pytest.raises(RowDamaged):
        KEYS.open_row(replace(BATCH, wrapped=bytes(damaged)))


def test_columns_cannot_lend_each_other_bytes() -> None:
    one = ItemRow(ONE, 1, None, done=False, parts=12, accepted=3, duplicates=4, refused=5, wrapped=b"")
    other = replace(one, parts=1, accepted=23)

    with pytest.raises(RowDamaged):
        KEYS.open_row(replace(other, wrapped=KEYS.close_row(one).wrapped))


def test_content_belongs_to_its_owner() -> None:
    content = encrypt(bytes(32), b"a file", owner=ONE)

    assert decrypt(bytes(32), content, owner=ONE) == b"a file"
    for key, data, owner in ((bytes(32), content, OTHER), (b"x" * 32, content, ONE), (bytes(32), content[:-1], ONE)):
        with pytest.raises(RowDamaged):
            decrypt(key, data, owner=owner)


@given(one=st.lists(st.text(), min_size=1, max_size=3), other=st.lists(st.text(), min_size=1, max_size=3))
def test_tokens_are_equal_for_equal_values_only(one: list[str], other: list[str]) -> None:
    assert (KEYS.token(*one) == KEYS.token(*other)) == (one == other)
    assert KEYS.token(*one) != OTHER_KEYS.token(*one)


def test_keys_of_another_size_or_log_are_refused() -> None:
    with pytest.raises(PoolError, match="expected 32, got 31"):
        PoolKeys(bytes(31), SIGNER)
    setup = pool_setup(MemoryStorage())
    with pytest.raises(PoolError, match="another log"):
        Setup(name="lotus", network=NETWORK, keys=KEYS, storage=setup.storage, policy=setup.policy)
