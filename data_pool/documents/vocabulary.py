"""What a field's name says about its value, for formats whose values do not say it themselves (CSV, JSON).

    payable_amount, lines.0.net_amount    money, in minor units of the currency that applies
    issue_date, delivery.date             a day
    lines.0.quantity, tax.0.rate          an exact decimal number, as text
    anything else                         as it is

The last part of a dotted name decides.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from data_pool.documents.values import to_date, to_decimal, to_minor_units, to_printable

TAX_CURRENCY_AMOUNT: Final = "tax_currency_amount"  # the one amount that is in `tax_currency` (BT-111)
RESERVED: Final = frozenset({"source"})  # what the pool itself says about where a document came from

_DECIMALS: Final = frozenset(
    {
        "quantity",
        "price_quantity",
        "unit_price",
        "gross_price",
        "price_discount",
        "percent",
        "rate",
        "tax_rate",
    }
)


class ValueType(Enum):
    MONEY = "money"
    DATE = "date"
    DECIMAL = "decimal"
    TEXT = "text"


def to_value_type(name: str) -> ValueType:
    """What the last part of a dotted field name says; positions are no parts."""
    part = next((part for part in reversed(name.split(".")) if not part.isdecimal()), "")
    if part == "amount" or part.endswith("_amount"):
        return ValueType.MONEY
    if part == "date" or part.endswith("_date"):
        return ValueType.DATE
    return ValueType.DECIMAL if part in _DECIMALS else ValueType.TEXT


def to_value(name: str, text: str) -> str:
    """`text` as the field `name` holds it; for what is not money."""
    match to_value_type(name):
        case ValueType.DATE:
            return to_date(text)
        case ValueType.DECIMAL:
            return to_decimal(text)
        case _:
            return to_printable(text)


def money_fields(name: str, text: str, currency: str) -> Mapping[str, str | int]:
    """The amount as a field: `name` in minor units, or `name`_decimal as text where the currency has no such unit."""
    units = to_minor_units(text, currency)
    return {f"{name}_decimal": to_decimal(text)} if units is None else {name: units}
