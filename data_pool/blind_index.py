"""The blind index: which tokens a record is found by, and which ones a question asks for.

A token is a keyed hash of a kind and a folded value, so equality can be asked and nothing else; whoever reads the
database without the key sees which records share a value, and not which value. There is no order to leak: a range of
dates is asked as the union of its days and months.
"""

import calendar
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from audit_chain import canonical
from audit_chain.canonical import JSON
from audit_chain.records.fields import Value
from data_pool.keys import PoolKeys
from data_pool.payload import encode_fields

SOURCE: Final = "source.sha256"
"""The field that ingest adds to a document: the SHA-256 of its file, in hex."""

PARTNERS: Final = ("seller", "buyer")
PARTNER_FIELDS: Final = tuple(
    f"{role}.{name}"
    for role in PARTNERS
    for name in ("name", "trading_name", "id", "vat_id", "legal_id", "tax_id", "endpoint_id")
)

MAX_WORDS: Final = 16
"""Words of one name that can be searched for; the whole name always can."""

FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2099, 12, 31)
"""Where a range of dates that is open on one side ends."""

_WORD: Final = re.compile(r"\w+")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@lru_cache(maxsize=8_192)
def fold(text: str) -> str:
    """The text without what people do not mean to distinguish: case, width, runs of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def compute_tokens(keys: PoolKeys, fields: Mapping[str, Value]) -> set[bytes]:
    """Every token that a record with these flat fields is found by, but for its reading's."""
    tokens = {kind_token(keys, _text(fields, "kind"))}
    number = fold(_text(fields, "number"))
    if number:
        tokens.add(keys.token("number", number))
        tokens.update(keys.token("number-part", term) for term in compute_terms(number) - {number})
    for name in PARTNER_FIELDS:
        tokens.update(keys.common_token("partner", term) for term in compute_terms(_text(fields, name)))
    amount = fields.get("payable_amount")
    if isinstance(amount, int):
        tokens.add(amount_token(keys, amount))
    day = _text(fields, "issue_date")
    if _DAY.fullmatch(day):
        tokens.add(keys.common_token("day", day))
        tokens.add(keys.common_token("month", day[:7]))
    twin = twin_token(keys, fields)
    if twin is not None:
        tokens.add(twin)
    source = _text(fields, SOURCE)
    if source:
        tokens.add(keys.common_token("source", source))
    return tokens


def content_token(keys: PoolKeys, fields: Mapping[str, Value]) -> bytes:
    """The token of the whole document, whatever file it came in."""
    return keys.content_token(encode_fields({name: value for name, value in fields.items() if name != SOURCE}))


def twin_token(keys: PoolKeys, fields: Mapping[str, Value]) -> bytes | None:
    """The token that documents with the same seller and number share; None where one of the two is missing."""
    seller = _text(fields, "seller.id") or _text(fields, "seller.name")
    number = _text(fields, "number")
    return keys.token("twin", fold(seller), fold(number)) if seller and number else None


def reading_token(keys: PoolKeys, *, source: str, mapping: JSON, part: int) -> bytes:
    """The token of one place in one file under one column mapping: read again, it is the same document, even after a
    newer reader has learnt to take more out of it."""
    return keys.token("reading", source, canonical.encode(mapping).decode(), str(part))


def amount_token(keys: PoolKeys, amount: int) -> bytes:
    return keys.token("amount", str(amount))


def number_token(keys: PoolKeys, number: str) -> bytes:
    return keys.token("number", fold(number))


def kind_token(keys: PoolKeys, kind: str) -> bytes:
    return keys.common_token("kind", kind)


def partner_groups(keys: PoolKeys, partner: str) -> Iterator[frozenset[bytes]]:
    """For each word of the question, the tokens of which a record needs one."""
    for word in fold(partner).split():
        yield frozenset({keys.token("partner", word)})


def text_groups(keys: PoolKeys, text: str) -> Iterator[frozenset[bytes]]:
    """As `partner_groups`, with numbers and file digests among the answers."""
    for word in fold(text).split():
        yield frozenset(keys.token(kind, word) for kind in ("number", "number-part", "partner", "source"))


def date_group(keys: PoolKeys, first: date | None, last: date | None) -> frozenset[bytes]:
    """The tokens of every day from `first` to `last`, whole months by their own."""
    return frozenset(
        keys.token(kind, value) for kind, value in _compute_days_and_months(first or FIRST_DAY, last or LAST_DAY)
    )


def _compute_days_and_months(first: date, last: date) -> Iterator[tuple[str, str]]:
    day = first
    while day <= last:
        end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        if day.day == 1 and end <= last:
            yield "month", f"{day:%Y-%m}"
            day = end
        else:
            yield "day", day.isoformat()
        day += timedelta(days=1)


@lru_cache(maxsize=8_192)
def compute_terms(text: str) -> frozenset[str]:
    """What the text is found by: the whole of it, its parts between white space, its words without punctuation."""
    folded = fold(text)
    parts, words = folded.split()[:MAX_WORDS], _WORD.findall(folded)[:MAX_WORDS]
    return frozenset({folded, *parts, *words} - {""})


def _text(fields: Mapping[str, Value], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
