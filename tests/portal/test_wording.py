"""How values, names and documents read."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from apps.portal.paper import paper
from apps.portal.search_form import minor_units
from apps.portal.templatetags import portal as tags
from apps.portal.wording import duration, field_label, groups, listed, money, reading_order


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (535_500, "EUR", "5,355.00 EUR"),
        (-31_000, "EUR", "-310.00 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1_250, "JPY", "1,250 JPY"),
        (1_234_567, "KWD", "1,234.567 KWD"),
        (100, None, "1.00"),
        (None, "EUR", ""),
    ],
)
def test_an_amount_is_written_as_its_currency_counts(amount: int | None, currency: str | None, text: str) -> None:
    assert money(amount, currency) == text


@given(st.integers(min_value=-(2**53), max_value=2**53), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_an_amount_that_is_copied_from_a_page_is_found(amount: int, currency: str) -> None:
    if abs(amount) < 10**13:
        assert minor_units(money(amount, currency)) == amount


@pytest.mark.parametrize("text", ["lots", "1.2.3.4", "1,2,3", "5 EURO", "12.345 EUR x", "1e5", "--1", "٣"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        minor_units(text)


@given(st.text(max_size=30))
def test_whatever_is_typed_as_an_amount_is_read_or_refused(text: str) -> None:
    with suppress(forms.ValidationError):
        minor_units(text)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("payable_amount", "Payable amount"),
        ("lines.0.net_amount", "Line 1: net amount"),
        ("lines.1.lines.4.name", "Line 2: Line 5: name"),
        ("seller.vat_id", "Seller: VAT number"),
        ("source.sha256", "Source: fingerprint (SHA-256)"),
        ("notes.0", "Note 1"),
    ],
)
def test_a_field_s_name_reads_like_words(name: str, label: str) -> None:
    assert field_label(name) == label


def test_fields_stand_in_the_order_in_which_people_look_for_them() -> None:
    names = [
        "type_code",
        "payable_amount",
        "number",
        "seller.address.city",
        "seller.name",
        "lines.10.name",
        "lines.2.name",
    ]

    assert sorted(names, key=reading_order) == [
        *("number", "payable_amount", "type_code"),
        *("lines.2.name", "lines.10.name", "seller.name", "seller.address.city"),
    ]


def test_no_field_is_left_out_of_the_groups() -> None:
    fields = {"number": "1", "seller.name": "A", "strange.thing": True, "lines.0.name": "x", "notes.0": "y"}

    assert {field.name for group in groups(fields) for field in group.fields} == fields.keys()


def test_times_say_their_zone() -> None:
    when = datetime(2026, 11, 3, 9, 14, 7, tzinfo=UTC)

    assert "3 November 2026, 09:14:07 UTC" in tags.moment(when)
    assert "09:14:07 UTC" in tags.moment_short("2026-11-03T09:14:07Z")
    assert 'datetime="2026-11-03T09:14:07Z"' in tags.moment("2026-11-03T10:14:07+01:00")
    assert tags.moment(None) == ""


@pytest.mark.parametrize(("value", "text"), [("2026-11-03", "3 Nov 2026"), ("soon", "soon"), (None, "")])
def test_a_day_that_is_none_is_shown_as_it_stands(value: str | None, text: str) -> None:
    assert tags.day(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (8, "8 s"), (300, "5 min"), (10_800, "3 h"), (1_036_800, "12 days")]
)
def test_a_span_of_time_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_words_are_listed_as_people_do(words: list[str], text: str) -> None:
    assert listed(words) == text


def test_a_bill_s_totals_do_not_repeat_themselves() -> None:
    bill = paper({"currency": "EUR", "lines_amount": 100, "net_amount": 100, "tax_amount": 19, "payable_amount": 119})

    assert [(total.label, total.amount) for total in bill.totals] == [
        ("Sum of the lines", "1.00"),
        ("VAT", "0.19"),
        ("Payable, EUR", "1.19"),
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [("41.2", "41.20"), ("0.00125", "0.00125"), ("-0.5", "-0.50"), ("1250", "1,250.00"), ("?", "?")],
)
def test_a_unit_price_keeps_its_decimals(written: str, read: str) -> None:
    bill = paper({"currency": "EUR", "lines.0.name": "x", "lines.0.unit_price": written})

    assert bill.lines[0].unit_price == read


def test_lines_that_detail_a_line_stand_below_it() -> None:
    bill = paper({"lines.0.name": "set", "lines.0.lines.0.name": "part", "lines.1.name": "freight"})

    assert [(line.name, line.depth) for line in bill.lines] == [("set", 0), ("part", 1), ("freight", 0)]


@given(
    st.dictionaries(
        st.from_regex(r"(lines|tax|seller|notes)(\.[0-9]{1,2})?(\.[a-z_]{1,12}){0,2}|[a-z_]{1,14}", fullmatch=True),
        st.one_of(st.text(max_size=10), st.integers(-(2**53), 2**53), st.booleans(), st.none()),
        max_size=12,
    )
)
def test_no_document_is_too_strange_to_be_shown(fields: dict[str, str | int | bool | None]) -> None:
    paper(fields)
    assert {field.name for group in groups(fields) for field in group.fields} == fields.keys()
