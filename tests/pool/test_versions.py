"""Versions and twins: what replaces what, and what only looks alike."""

import pytest

from audit_chain.records.entry import RecordEntry, ReplacementEntry
from data_pool.errors import ReplacementRefused, UnknownRecord, UploadRefused
from data_pool.pool import Pool
from data_pool.search import RecordQuery
from tests.pool.cast import STAFF, bring_in, invoice, record_of, upload


def flags(pool: Pool) -> dict[str, tuple[bool, bool]]:
    """(superseded, flagged) by currency, which the tests tell documents of one number apart by."""
    return {item.currency: (item.superseded, item.flagged) for item in pool.search(RecordQuery()).items}


def test_a_document_brought_as_a_replacement_is_the_next_version(pool: Pool) -> None:
    older = record_of(pool, invoice())
    newer = record_of(pool, invoice(payable_amount=1), replaces=older)

    record, before = pool.record(newer), pool.record(older)
    assert (record.replaces, record.superseded_by, record.versions) == (older, None, (older, newer))
    assert (before.replaces, before.superseded_by, before.versions) == (None, newer, (older, newer))
    with pool.setup.storage.transaction() as rows:
        (entry,) = rows.log.read_entries(record.index, record.index + 1)
    assert RecordEntry.parse(entry).previous == before.index


def test_a_replacement_declared_later_stands_in_the_log(pool: Pool) -> None:
    older, newer = record_of(pool, invoice()), record_of(pool, invoice(currency="USD"))

    pool.declare_replacement(newer, replaces=older, by=STAFF)

    assert pool.record(newer).versions == (older, newer)
    with pool.setup.storage.transaction() as rows:
        (entry,) = rows.log.read_entries(2, 3)
    assert ReplacementEntry.parse(entry) == ReplacementEntry(str(newer), index=1, previous=0)


def test_the_newer_version_may_have_come_in_first(pool: Pool) -> None:
    newer, older = record_of(pool, invoice()), record_of(pool, invoice(currency="USD"))

    pool.declare_replacement(newer, replaces=older, by=STAFF)

    assert pool.record(older).superseded_by == newer
    pool.seal()
    assert pool.fsck().problems == []


def test_versions_form_a_line(pool: Pool) -> None:
    first = record_of(pool, invoice(payable_amount=1))
    second = record_of(pool, invoice(payable_amount=2), replaces=first)
    third = record_of(pool, invoice(payable_amount=3))

    with pytest.raises(ReplacementRefused):
        pool.declare_replacement(third, replaces=first, by=STAFF)
    with pytest.raises(ReplacementRefused):
        pool.declare_replacement(first, replaces=second, by=STAFF)
    with pytest.raises(ReplacementRefused):
        pool.stage([upload(invoice(payable_amount=4))], by=STAFF, replaces=first)
    pool.declare_replacement(third, replaces=second, by=STAFF)
    with pytest.raises(ReplacementRefused):
        pool.declare_replacement(third, replaces=first, by=STAFF)

    assert pool.record(second).versions == (first, second, third)


def test_a_record_does_not_replace_itself_or_one_that_is_not_there(pool: Pool) -> None:
    record = record_of(pool, invoice())

    with pytest.raises(ReplacementRefused):
        pool.declare_replacement(record, replaces=record, by=STAFF)
    with pytest.raises(UnknownRecord):
        pool.stage([upload(invoice("NP-2"))], by=STAFF, replaces=pool.batches()[0].id)


def test_two_imports_that_replace_the_same_record_leave_one_version(pool: Pool) -> None:
    first = record_of(pool, invoice())
    for amount in (1, 2):
        pool.stage([upload(invoice(payable_amount=amount))], by=STAFF, replaces=first)

    pool.process()

    later, earlier = pool.batches(limit=2)
    assert (earlier.accepted, later.refused) == (1, 1)
    (refused,) = pool.items(later.id)
    assert "replaced already" in refused.reason


def test_a_replacement_that_is_the_same_document_replaces_nothing(pool: Pool) -> None:
    first = record_of(pool, invoice())

    batch = bring_in(pool, upload(invoice()), replaces=first)

    assert batch.duplicates == 1
    assert pool.record(first).versions == (first,)


def test_a_record_is_replaced_by_one_document_in_one_file(pool: Pool) -> None:
    first = record_of(pool, invoice())

    with pytest.raises(UploadRefused):
        pool.stage([upload(invoice("A")), upload(invoice("B"))], by=STAFF, replaces=first)
    batch = bring_in(pool, upload(invoice("A"), invoice("B")), replaces=first)

    assert (batch.accepted, batch.refused) == (0, 1)


def test_another_document_with_seller_and_number_flags_both(pool: Pool) -> None:
    one = record_of(pool, invoice(currency="EUR"))
    other = record_of(pool, invoice(currency="USD"))
    record_of(pool, invoice("NP-2", currency="CHF"))
    record_of(pool, invoice(currency="GBP", seller={"id": "HRB 1", "name": "Northwind Parts GmbH"}))

    assert (pool.record(one).twins, pool.record(other).twins) == ((other,), (one,))
    assert flags(pool) == {"EUR": (False, True), "USD": (False, True), "CHF": (False, False), "GBP": (False, False)}


def test_versions_are_no_twins(pool: Pool) -> None:
    one = record_of(pool, invoice(currency="EUR"))
    other = record_of(pool, invoice(currency="USD"))

    pool.declare_replacement(other, replaces=one, by=STAFF)

    assert pool.record(one).twins == ()
    assert flags(pool) == {"EUR": (True, False), "USD": (False, False)}
