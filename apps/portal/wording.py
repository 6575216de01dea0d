"""What things are called on pages: kinds, fields, amounts, spans of time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from data_pool.documents.currency import EXPONENTS
from data_pool.life import Life, Stage

KIND_NAMES = {
    "invoice": "Invoice",
    "credit-note": "Credit note",
    "order": "Order",
    "despatch-advice": "Delivery note",
    "contract": "Contract",
    "receivable": "Receivable",
    "payment": "Payment",
    "warehouse-receipt": "Warehouse receipt",
    "device-reading": "Device reading",
    "file": "File",
}

LIFE_NAMES = {"stored": "Stored", "sealed": "Sealed", "anchored": "Anchored", "final": "Final"}

# Words that the dotted names of fields are made of, where the plain reading of the name would not do.
_WORDS = {
    "id": "identifier",
    "vat_id": "VAT number",
    "tax_id": "tax number",
    "legal_id": "registration number",
    "sha256": "fingerprint (SHA-256)",
    "bic": "BIC",
    "iban": "IBAN",
    "lei": "LEI",
    "media_type": "type of file",
    "endpoint_id": "electronic address",
    "endpoint_id_scheme": "kind of electronic address",
    "postcode": "postcode",
}
_SINGULAR = {
    "lines": "Line",
    "tax": "Tax",
    "attachments": "Attachment",
    "allowances": "Allowance",
    "charges": "Charge",
    "identifiers": "Identifier",
    "notes": "Note",
}


def kind_name(kind: str) -> str:
    return KIND_NAMES.get(kind, kind.replace("-", " ").capitalize())


def money(amount: int | None, currency: str | None) -> str:
    """5,355.00 EUR, from minor units; nothing where there is no amount."""
    if amount is None:
        return ""
    if not isinstance(amount, int):
        return str(amount)
    exponent = EXPONENTS.get(currency or "", 2)
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), 10**exponent)
    digits = f"{whole:,}" + (f".{fraction:0{exponent}d}" if exponent else "")
    return f"{sign}{digits} {currency}" if currency else f"{sign}{digits}"


def duration(seconds: float) -> str:
    """8 s, 5 min, 3 h, 12 days"""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} days"


def sentence_case(text: str) -> str:
    """The same with a capital at the beginning."""
    return text[:1].upper() + text[1:]


def field_label(name: str) -> str:
    """lines.0.net_amount -> Line 1: net amount; seller.vat_id -> Seller: VAT number"""
    parts = name.split(".")
    labels: list[str] = []
    position = 0
    while position < len(parts):
        part = parts[position]
        following = parts[position + 1] if position + 1 < len(parts) else ""
        if following.isdigit():
            labels.append(f"{_SINGULAR.get(part, _words(part))} {int(following) + 1}")
            position += 2
        else:
            labels.append(_words(part))
            position += 1
    return sentence_case(": ".join(labels))


def _words(part: str) -> str:
    return _WORDS.get(part, part.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record as a page shows it."""

    name: str
    label: str
    short: str  # the label under a heading that says the rest
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together, under one heading."""

    title: str
    fields: tuple[Field, ...]


_GROUPS = (
    ("The document", None),
    ("Seller", "seller"),
    ("Buyer", "buyer"),
    ("Payment", "payment"),
    ("Lines", "lines"),
    ("Tax", "tax"),
    ("Attachments", "attachments"),
    ("The original file", "source"),
)


def groups(fields: Mapping[str, str | int | bool | None]) -> tuple[Group, ...]:
    """All fields under headings, in the order in which people read a bill; what fits no heading stands at the end."""
    by_head: dict[str | None, list[Field]] = {}
    known = {head for _, head in _GROUPS}
    for name in sorted(fields, key=reading_order):
        head = name.partition(".")[0] if "." in name else None
        by_head.setdefault(head if head in known else "", []).append(field(name, fields))
    named = [Group(title, tuple(by_head[head])) for title, head in _GROUPS if head in by_head]
    rest = by_head.get("")
    return (*named, Group("Further details", tuple(rest))) if rest else tuple(named)


def field(name: str, fields: Mapping[str, str | int | bool | None]) -> Field:
    return Field(name, field_label(name), _short_label(name), value_text(name, fields))


def _short_label(name: str) -> str:
    """seller.address.city -> City, under the heading Seller"""
    _, _, rest = name.partition(".")
    if not rest or rest[0].isdigit():
        return field_label(name)
    return field_label(rest.removeprefix("address."))


_FIRST = {
    name: place
    for place, name in enumerate(
        [
            "kind",
            "number",
            "issue_date",
            "due_date",
            "currency",
            "payable_amount",
            "net_amount",
            "tax_amount",
            "gross_amount",
            "lines_amount",
            "order_reference",
            "contract_reference",
            "buyer_reference",
            "name",
            "id",
            "vat_id",
            "legal_id",
            "tax_id",
            "trading_name",
        ]
    )
}


def reading_order(name: str) -> tuple[object, ...]:
    """Sorts fields as people look for them: the number before the type code, a party's name before its address."""
    head, _, rest = name.partition(".")
    key = rest if head in {"seller", "buyer"} else name
    return (head if rest else "", _FIRST.get(key, len(_FIRST)), natural(name))


def value_text(name: str, fields: Mapping[str, str | int | bool | None]) -> str:
    """The value as people write it: amounts with their currency, yes and no, the rest as it is."""
    value = fields[name]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and is_amount(name):
        currency = fields.get("currency")
        return money(value, currency if isinstance(currency, str) else None)
    return "" if value is None else str(value)


def is_amount(name: str) -> bool:
    """Whether the field of this name is money in minor units."""
    return name.rpartition(".")[2].endswith("amount")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts lines.2 before lines.10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split("."))


def listed(words: Iterable[str]) -> str:
    """a, b and c"""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True, slots=True)
class StageLine:
    """One notch of the stick: its word, whether it is reached or next, and when it was reached."""

    word: str
    mark: str  # "done", "now" or ""
    time: datetime | None
    waiting: str


def stages(life: Life) -> tuple[StageLine, ...]:
    """The four notches of a record's life."""
    times = (life.stored, life.sealed, life.anchored, life.final)
    waiting = ("", "in a moment", "on its way to the shared chain", "validators are signing, usually a few seconds")
    reached = tuple(Stage).index(life.stage)
    lines = []
    for position, stage in enumerate(Stage):
        mark = "done" if position <= reached else "now" if position == reached + 1 else ""
        lines.append(
            StageLine(
                LIFE_NAMES[stage],
                mark,
                times[position] if mark == "done" else None,
                waiting[position] if mark == "now" else "",
            )
        )
    return tuple(lines)
