"""Finding records through the blind index, page by page."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_chain.testing import ExampleNetwork
from data_pool import search
from data_pool.blind_index import MAX_WORDS, compute_terms, compute_tokens, date_group, text_groups
from data_pool.keys import PoolKeys
from data_pool.life import Stage
from data_pool.pool import Pool
from data_pool.search import RecordQuery
from data_pool.storage.memory import MemoryStorage
from tests.pool.cast import ExampleBeacon, ExampleWitnesses, bring_in, finish, invoice, pool_setup, record_of, upload


def party(name: str, identifier: str) -> dict[str, str]:
    return {"id": identifier, "name": name}


DOCUMENTS = [
    invoice("NP-1", issue_date="2026-10-31", payable_amount=100),
    invoice("NP-2", issue_date="2026-11-01", payable_amount=200, buyer=party("Müller-Lüdenscheid & Söhne", "DE 77")),
    invoice("NP 3", issue_date="2026-11-30", payable_amount=200),
    invoice("NP-4", issue_date="2026-12-01", payable_amount=300, kind="credit-note"),
    invoice("NP-5", issue_date="2027-01-15", payable_amount=400, buyer=party("ATLAS Shipping", "HRB 9")),
]


@pytest.fixture
def filled(pool: Pool) -> Pool:
    bring_in(pool, upload(*DOCUMENTS))
    return pool


def found(pool: Pool, **query: Any) -> list[str]:
    page = pool.search(RecordQuery(**query))
    assert page.total == len(page.items)
    return [item.number for item in page.items]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["NP-5", "NP-4", "NP 3", "NP-2", "NP-1"]),
        ({"number": "np-2"}, ["NP-2"]),
        ({"number": "NP  3"}, ["NP 3"]),
        ({"number": "NP"}, []),
        ({"text": "np 3"}, ["NP 3"]),
        ({"partner": "müller-lüdenscheid"}, ["NP-2"]),
        ({"partner": "LÜDENSCHEID söhne"}, ["NP-2"]),
        ({"partner": "Müller-Lüdenscheid & Söhne"}, ["NP-2"]),
        ({"partner": "atlas"}, ["NP-5", "NP-4", "NP 3", "NP-1"]),
        ({"partner": "atlas shipping"}, ["NP-5"]),
        ({"partner": "hrb 9"}, ["NP-5"]),
        ({"partner": "nobody"}, []),
        ({"amount": 200}, ["NP 3", "NP-2"]),
        ({"kind": "credit-note"}, ["NP-4"]),
        ({"date_from": date(2026, 11, 1), "date_to": date(2026, 11, 30)}, ["NP 3", "NP-2"]),
        ({"date_from": date(2026, 11, 30)}, ["NP-5", "NP-4", "NP 3"]),
        ({"date_to": date(2026, 11, 1)}, ["NP-2", "NP-1"]),
        ({"date_from": date(2026, 11, 2), "date_to": date(2026, 11, 1)}, []),
        ({"text": "np-4"}, ["NP-4"]),
        ({"text": "atlas motors np-1"}, ["NP-1"]),
        ({"text": "northwind", "amount": 200, "kind": "invoice"}, ["NP 3", "NP-2"]),
        ({"life": Stage.STORED}, ["NP-5", "NP-4", "NP 3", "NP-2", "NP-1"]),
        ({"life": Stage.FINAL}, []),
    ],
)
def test_a_filter_finds_what_it_should(filled: Pool, query: dict[str, Any], expected: list[str]) -> None:
    assert found(filled, **query) == expected


def test_a_record_is_found_by_its_id_and_by_its_files_digest(filled: Pool) -> None:
    (item,) = filled.search(RecordQuery(number="NP-2")).items
    digest = str(filled.record(item.id).fields["source.sha256"])

    assert found(filled, text=f" {item.id} ") == ["NP-2"]
    assert found(filled, text=str(item.id), kind="credit-note") == []
    assert found(filled, text="019aac2c-1000-7000-8000-00000000ffff") == []
    assert len(found(filled, text=digest.upper())) == 5


def test_pages_follow_one_another_without_gap_or_repetition(pool: Pool) -> None:
    bring_in(pool, upload(*(invoice(f"NP-{number}") for number in range(25))))
    bring_in(pool, upload(*(invoice(f"X-{number}", kind="credit-note") for number in range(3))))

    numbers, before = list[str](), None
    while True:
        page = pool.search(RecordQuery(kind="invoice"), before=before, limit=10)
        assert page.total == 25
        numbers += [item.number for item in page.items]
        if page.next is None:
            break
        before = page.next

    assert numbers == [f"NP-{number}" for number in reversed(range(25))]


def test_a_page_counts_no_further_than_its_limit(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_COUNT", 3)
    bring_in(pool, upload(*(invoice(f"NP-{number}") for number in range(5))))

    page = pool.search(RecordQuery(partner="atlas"), limit=2)
    assert (page.total, page.more) == (3, True)
    page = pool.search(RecordQuery(), limit=2)
    assert (page.total, page.more) == (5, False)


def test_the_life_filter_follows_seals_and_crosslinks(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record_of(pool, invoice("NP-1"))
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-2"))
    pool.seal()
    pool.anchor(witnesses, beacon)
    beacon.make_block(final=False)
    pool.follow(beacon)
    record_of(pool, invoice("NP-3"))
    pool.seal()
    record_of(pool, invoice("NP-4"))

    assert [found(pool, life=stage) for stage in Stage] == [["NP-4"], ["NP-3"], ["NP-2"], ["NP-1"]]
    assert [str(item.life) for item in pool.search(RecordQuery()).items] == ["stored", "sealed", "anchored", "final"]
    assert found(pool, life=Stage.FINAL, number="NP-2") == []


def test_a_summary_shows_what_a_list_needs(filled: Pool) -> None:
    (item,) = filled.search(RecordQuery(number="NP-2")).items

    assert (item.kind, item.issue_date, item.amount, item.currency) == ("invoice", "2026-11-01", 200, "EUR")
    assert item.partner == "Northwind Parts GmbH → Müller-Lüdenscheid & Söhne"
    assert (item.superseded, item.flagged) == (False, False)


def keys() -> PoolKeys:
    return pool_setup(MemoryStorage(), ExampleNetwork()).keys


KEYS = keys()
days = st.dates(date(1999, 12, 1), date(2002, 2, 1))


@settings(deadline=None)
@given(first=days, length=st.integers(0, 500), day=days)
def test_a_range_of_dates_finds_exactly_its_days(first: date, length: int, day: date) -> None:
    last = first + timedelta(days=length)
    tokens = compute_tokens(KEYS, {"issue_date": day.isoformat()})

    assert (not tokens.isdisjoint(date_group(KEYS, first, last))) == (first <= day <= last)


@given(name=st.text(max_size=60))
def test_every_word_of_a_name_finds_it(name: str) -> None:
    tokens = compute_tokens(KEYS, {"buyer.name": name})

    groups = list(text_groups(KEYS, name))[:MAX_WORDS]
    assert all(not tokens.isdisjoint(group) for group in groups)


def test_terms_are_the_whole_its_parts_and_its_words() -> None:
    assert compute_terms("ACME  Müller-Söhne, Inc.") == {
        "acme müller-söhne, inc.",
        "acme",
        "müller-söhne,",
        "inc.",
        "müller",
        "söhne",
        "inc",
    }
