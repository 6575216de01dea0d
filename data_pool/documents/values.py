"""Values as text, read exactly: money, decimals, dates, truth values. No floating point, no rounding.

Every function raises FieldRefused and nothing else.
"""

import re
from datetime import date
from typing import Final

from audit_chain.canonical import MAX_INTEGER
from audit_chain.records.fields import MAX_VALUE_LENGTH
from data_pool.documents.currency import EXPONENTS
from data_pool.documents.errors import FieldRefused

MAX_DIGITS: Final = 40  # on each side of the decimal point; enough for any price, too few to blow up
EN16931_DECIMALS: Final = 2  # EN 16931-1, 6.5.2: an amount has at most two

_DECIMAL: Final = re.compile(rf"([+-]?)([0-9]{{0,{MAX_DIGITS}}})(?:\.([0-9]{{0,{MAX_DIGITS}}}))?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


def to_exponent(currency: str) -> int:
    """How many decimals `currency` counts."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise FieldRefused("unknown currency", expected="an ISO 4217 code", got=_shape(currency)) from None


def to_minor_units(text: str, currency: str) -> int | None:
    """The amount in the smallest unit that `currency` counts; None if it is finer than that but EN 16931 allows it.

    12.50 EUR is 1250, 12.5 KWD is 12500, 12.5 JPY is None, 12.505 EUR is refused.
    """
    exponent = to_exponent(currency)
    sign, whole, fraction = _split(text)
    if len(fraction) > exponent:
        if len(fraction) <= EN16931_DECIMALS:
            return None
        raise FieldRefused(
            "an amount has too many decimals",
            expected=f"at most {max(exponent, EN16931_DECIMALS)}",
            got=len(fraction),
        )
    units = int(whole + fraction.ljust(exponent, "0") or "0")
    if units > MAX_INTEGER:
        raise FieldRefused("an amount is too large", expected="at most 2^53-1 minor units")
    return -units if sign == "-" else units


def to_decimal(text: str) -> str:
    """The shortest text of the same number: no plus sign, no idle zeros, never "-0"."""
    sign, whole, fraction = _split(text)
    digits = f"{whole or '0'}.{fraction}" if fraction else whole or "0"
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def to_date(text: str) -> str:
    """The same text, if it is a day of the calendar."""
    if not _DATE.fullmatch(text):
        raise FieldRefused("not a date", expected="YYYY-MM-DD", got=_shape(text))
    try:
        date.fromisoformat(text)
    except ValueError:
        raise FieldRefused("not a day of the calendar", expected="YYYY-MM-DD") from None
    return text


def to_truth(text: str) -> bool:
    try:
        return _TRUTH[text]
    except KeyError:
        raise FieldRefused("not a truth value", expected="true or false", got=_shape(text)) from None


def to_text(text: str) -> str:
    """The same text, if a field can carry it."""
    if len(text) > MAX_VALUE_LENGTH:
        raise FieldRefused("a text is too long", expected=f"at most {MAX_VALUE_LENGTH} characters", got=len(text))
    return text


def to_printable(text: str) -> str:
    """The same text, if it has no control characters but tab and line ends: what XML could not carry either."""
    if _CONTROLS.search(text):
        raise FieldRefused("a text has control characters")
    return to_text(text)


def _split(text: str) -> tuple[str, str, str]:
    """Sign, whole digits without leading zeros, fraction digits without trailing zeros."""
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise FieldRefused("not a decimal number", expected="digits, with one point at most", got=_shape(text))
    return match[1], match[2].lstrip("0"), (match[3] or "").rstrip("0")


def _shape(text: str) -> str:
    return f"{len(text)} other character{'' if len(text) == 1 else 's'}"
