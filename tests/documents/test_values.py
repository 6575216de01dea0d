from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pool.documents.currency import EXPONENTS
from data_pool.documents.errors import FieldRefused
from data_pool.documents.values import MAX_DIGITS, to_date, to_decimal, to_minor_units


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        ("12.500", "EUR", 1250),  # idle zeros are no decimals
        (".5", "EUR", 50),
        ("5.", "EUR", 500),
        ("+5", "EUR", 500),
        ("-782179.43", "DKK", -78217943),
        ("-0.00", "EUR", 0),
        ("1250", "JPY", 1250),
        ("1250.00", "JPY", 1250),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
    ],
)
def test_money_is_counted_in_the_minor_units_of_its_currency(text: str, currency: str, units: int) -> None:
    assert to_minor_units(text, currency) == units


def test_an_amount_finer_than_its_currency_but_within_two_decimals_has_no_minor_units() -> None:
    assert to_minor_units("1250.50", "JPY") is None


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.505", "EUR"),
        ("1.2345", "KWD"),
        ("1.005", "JPY"),
        ("1e3", "EUR"),
        ("1,50", "EUR"),
        ("NaN", "EUR"),
        ("INF", "EUR"),
        ("", "EUR"),
        (".", "EUR"),
        ("--1", "EUR"),
        ("1 000", "EUR"),
        ("١٢", "EUR"),
        ("90071992547409.92", "EUR"),
        ("9" * (MAX_DIGITS + 1), "EUR"),
        ("1.00", "XXX"),
        ("1.00", "eur"),
        ("1.00", ""),
    ],
)
def test_what_is_no_countable_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(FieldRefused):
        to_minor_units(text, currency)


def test_the_largest_amount_is_the_largest_integer_that_json_carries() -> None:
    assert to_minor_units("90071992547409.91", "EUR") == 2**53 - 1


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.sampled_from(sorted(EXPONENTS)))
def test_every_amount_of_every_currency_comes_back(units: int, currency: str) -> None:
    text = format(Decimal(units).scaleb(-EXPONENTS[currency]), "f")

    assert to_minor_units(text, currency) == units


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_a_decimal_keeps_its_value_and_has_one_text(number: Decimal) -> None:
    text = to_decimal(format(number, "f"))

    assert Decimal(text) == number
    assert to_decimal(text) == text


@pytest.mark.parametrize(
    ("text", "shortest"),
    [("0.0022", "0.0022"), ("10.00", "10"), ("007", "7"), ("-0", "0"), (".50", "0.5"), ("+1", "1"), ("-.5", "-0.5")],
)
def test_a_decimal_is_as_short_as_it_can_be(text: str, shortest: str) -> None:
    assert to_decimal(text) == shortest


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-13-01",
        "20261102",
        "2026-W45-1",
        "2026-11-02Z",
        "2026-11-2",
        "02.11.2026",
        "",
        "2026-11-02T10:00:00",
    ],
)
def test_what_is_no_day_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(FieldRefused):
        to_date(text)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(FieldRefused) as refused:
        to_date("canary-4711")

    assert "4711" not in str(refused.value)


def test_currencies_have_the_decimals_of_iso_4217() -> None:
    assert {code: EXPONENTS[code] for code in ("EUR", "JPY", "KWD", "CLF", "HUF", "ISK")} == {
        "EUR": 2,
        "JPY": 0,
        "KWD": 3,
        "CLF": 4,
        "HUF": 2,
        "ISK": 0,
    }
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
