"""A bill as people read one: who to whom, what is billed, what is to be paid. Made from a record's flat fields."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.portal.wording import money, natural
from data_pool.documents.currency import EXPONENTS

Fields = Mapping[str, str | int | bool | None]

# UN/ECE Recommendation 20 and 21, the units that bills mostly use.
_UNITS = {
    "C62": "", "H87": "pcs", "EA": "pcs", "XPP": "pcs", "NAR": "pcs", "PCE": "pcs", "SET": "sets", "PR": "pairs",
    "HUR": "h", "MIN": "min", "DAY": "days", "WEE": "weeks", "MON": "months", "ANN": "years",
    "KGM": "kg", "GRM": "g", "TNE": "t", "MTR": "m", "KMT": "km", "MTK": "m²", "MTQ": "m³", "LTR": "l", "KWH": "kWh",
    "XBX": "boxes", "XCT": "cartons", "XPX": "pallets", "LS": "lump sum", "P1": "%",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill; `depth` is 1 and more for lines that detail the one above."""

    name: str
    description: str
    quantity: str
    unit_price: str
    net: str
    depth: int


@dataclass(frozen=True, slots=True)
class Total:
    label: str
    amount: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    role: str
    name: str
    identifier: str
    address: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """Empty parts are parts that the document does not have."""

    parties: tuple[Party, ...]
    references: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    notes: tuple[str, ...]

    @property
    def is_bill(self) -> bool:
        return bool(self.lines or self.totals)


def paper(fields: Fields) -> Paper:
    currency = _text(fields, "currency")
    return Paper(
        parties=tuple(_party(fields, role) for role in ("seller", "buyer") if _text(fields, f"{role}.name")),
        references=_references(fields),
        lines=_lines(fields, currency),
        totals=_totals(fields, currency),
        notes=tuple(_text(fields, name) for name in sorted(fields, key=natural) if _is_note(name)),
    )


def _is_note(name: str) -> bool:
    head, _, rest = name.partition(".")
    return head == "notes" and rest.isdigit()


def _party(fields: Fields, role: str) -> Party:
    street, city = _text(fields, f"{role}.address.street"), _text(fields, f"{role}.address.city")
    place = " ".join(part for part in (_text(fields, f"{role}.address.postal_code"), city) if part)
    country = _text(fields, f"{role}.address.country") or _text(fields, f"{role}.country")
    return Party(
        role=role,
        name=_text(fields, f"{role}.name"),
        identifier=_text(fields, f"{role}.id"),
        address=tuple(part for part in (street, place, country) if part),
    )


_REFERENCES = (
    ("order_reference", "Order"),
    ("contract_reference", "Contract"),
    ("despatch_reference", "Delivery note"),
    ("buyer_reference", "Buyer's reference"),
    ("delivery.date", "Delivered"),
    ("payment.terms", "Payment terms"),
    ("payment.means.0.account.id", "Pay to account"),
)


def _references(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((label, _text(fields, name)) for name, label in _REFERENCES if _text(fields, name))


def _lines(fields: Fields, currency: str) -> tuple[Line, ...]:
    places = {place for name in fields if (place := _line_place(name)) is not None}
    return tuple(_line(fields, place, currency) for place in sorted(places, key=natural))


def _line_place(name: str) -> str | None:
    """lines.0.lines.2.name -> lines.0.lines.2"""
    parts = name.split(".")
    end = 0
    while end + 2 < len(parts) and parts[end] == "lines" and parts[end + 1].isdigit():
        end += 2
    return ".".join(parts[:end]) if end else None


def _line(fields: Fields, place: str, currency: str) -> Line:
    unit = _text(fields, f"{place}.unit")
    quantity = " ".join(part for part in (_text(fields, f"{place}.quantity"), _UNITS.get(unit, unit)) if part)
    return Line(
        name=_text(fields, f"{place}.name") or _text(fields, f"{place}.id"),
        description=_text(fields, f"{place}.description"),
        quantity=quantity,
        unit_price=_price(_text(fields, f"{place}.unit_price"), currency),
        net=_money(fields, f"{place}.net_amount", currency),
        depth=place.count("lines") - 1,
    )


def _totals(fields: Fields, currency: str) -> tuple[Total, ...]:
    totals = [
        Total(label, _money(fields, name, currency))
        for name, label in (
            ("lines_amount", "Sum of the lines"),
            ("allowances_amount", "Allowances"),
            ("charges_amount", "Charges"),
            ("net_amount", "Net"),
        )
        if fields.get(name)
    ]
    totals += _taxes(fields, currency)
    totals += [
        Total(label, _money(fields, name, currency))
        for name, label in (
            ("gross_amount", "Total with tax"),
            ("prepaid_amount", "Already paid"),
            ("rounding_amount", "Rounding"),
        )
        if fields.get(name)
    ]
    if "payable_amount" in fields:
        payable = _money(fields, "payable_amount", currency)
        totals.append(Total(f"Payable, {currency}" if currency else "Payable", payable, strong=True))
    return tuple(_without_repetition(totals))


def _taxes(fields: Fields, currency: str) -> list[Total]:
    places = sorted({name.rpartition(".")[0] for name in fields if _is_tax_amount(name)}, key=natural)
    taxes = []
    for place in places:
        rate = _text(fields, f"{place}.rate")
        taxes.append(Total(f"VAT {rate}%" if rate else "VAT", _money(fields, f"{place}.amount", currency)))
    if not taxes and "tax_amount" in fields:
        taxes.append(Total("VAT", _money(fields, "tax_amount", currency)))
    return taxes


def _is_tax_amount(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "tax" and parts[2] == "amount"


def _without_repetition(totals: list[Total]) -> list[Total]:
    """Leaves out a sum that only repeats the one before it, as on most bills without allowances."""
    kept: list[Total] = []
    for total in totals:
        if kept and not total.strong and kept[-1].amount == total.amount:
            continue
        kept.append(total)
    return kept


def _money(fields: Fields, name: str, currency: str) -> str:
    """The amount without its currency, which stands beside the payable amount."""
    text = money(_int(fields, name), currency)
    return text.removesuffix(f" {currency}") if currency else text


def _price(text: str, currency: str) -> str:
    """A unit price keeps all its decimals, and has at least those of its currency: 41.2 -> 41.20, 0.00125 as it is."""
    sign = "-" if text.startswith("-") else ""
    whole, _, fraction = text.removeprefix("-").partition(".")
    if not whole.isdecimal():
        return text
    digits = fraction.ljust(EXPONENTS.get(currency, 2), "0")
    return f"{sign}{int(whole):,}.{digits}" if digits else f"{sign}{int(whole):,}"


def _int(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
