"""How a table's columns become fields.

{"columns": {"Invoice no.": "number", "Date": "issue_date", "Total": "payable_amount"},
 "defaults": {"currency": "EUR", "seller.name": "Northwind Parts"},
 "date_format": "DD.MM.YYYY", "decimal_separator": ","}
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from audit_chain.records.fields import is_name
from data_pool.documents.document import INVOICE, KINDS
from data_pool.documents.errors import FieldRefused, MappingRefused
from data_pool.documents.vocabulary import RESERVED

DELIMITERS: Final = ",;\t|"
ENCODINGS: Final = ("utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15")
DECIMAL_SEPARATORS: Final = (".", ",")
THOUSANDS_SEPARATORS: Final = ("", ".", ",", " ", "'", "\u00a0", "\u202f")  # the last two: spaces that do not break

_DATE_PATTERNS: Final = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{1,2})",
}
_DATE_PART: Final = re.compile("YYYY|MM|DD")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvMapping:
    """Which column is which field, and how its values are written; raises MappingRefused if that cannot be.

    A column that `columns` does not name is kept under `other`. Without any columns they are found by their headers:
    names of the normal form and their common synonyms.
    """

    columns: Mapping[str, str] = field(default_factory=dict)  # header -> field name
    defaults: Mapping[str, str] = field(default_factory=dict)  # field name -> value where no cell gives one
    kind: str = INVOICE  # of every row, unless a column says it
    delimiter: str | None = None  # one of `DELIMITERS`; None: the one that the header row has most of
    decimal_separator: str = "."
    thousands_separator: str = ""
    date_format: str = "YYYY-MM-DD"  # YYYY, MM and DD in any order, with anything between
    encoding: str = "utf-8"  # one of `ENCODINGS`; a byte order mark overrides it

    def __post_init__(self) -> None:
        self._check_types()
        self._check_names()
        _check_choice("kind", self.kind, tuple(sorted(KINDS)))
        _check_choice("delimiter", self.delimiter, (None, *DELIMITERS))
        _check_choice("decimal_separator", self.decimal_separator, DECIMAL_SEPARATORS)
        _check_choice("thousands_separator", self.thousands_separator, THOUSANDS_SEPARATORS)
        _check_choice("encoding", self.encoding, ENCODINGS)
        if self.decimal_separator == self.thousands_separator:
            raise MappingRefused("the decimal and the thousands separator are the same")
        if sorted(_DATE_PART.findall(self.date_format)) != sorted(_DATE_PATTERNS):
            raise MappingRefused("the date format is incomplete", expected="YYYY, MM and DD, each once")

    def _check_types(self) -> None:
        for name in ("columns", "defaults"):
            if not _is_text_by_text(getattr(self, name)):
                raise MappingRefused(f"{name} is not an object of texts")
        for name in ("kind", "decimal_separator", "thousands_separator", "date_format", "encoding"):
            if not isinstance(getattr(self, name), str):
                raise MappingRefused(f"{name} is not a text")

    def _check_names(self) -> None:
        for name in (*self.columns.values(), *self.defaults):
            if not is_name(name) or name.split(".")[0] in RESERVED:
                raise MappingRefused("not the name of a field that a table can set", expected="such as seller.name")
        if len(set(self.columns.values())) < len(self.columns):
            raise MappingRefused("two columns become the same field")

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `from_json` takes back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> "CsvMapping":
        """The mapping that a JSON object describes; a member left out has its default."""
        known = [member.name for member in fields(cls)]
        if not isinstance(value, dict) or not value.keys() <= set(known):
            raise MappingRefused("not a mapping", expected=f"an object with any of {', '.join(known)}")
        return cls(**value)

    def to_point(self, text: str) -> str:
        """The number with a decimal point and nothing between thousands."""
        if self.thousands_separator and self.thousands_separator in text:
            text = self._ungroup(text)
        if self.decimal_separator != "." and "." in text:
            raise FieldRefused("a point in a number", expected=f"{self.decimal_separator!r} before the decimals")
        return text.replace(self.decimal_separator, ".")

    def _ungroup(self, text: str) -> str:
        """Only groups of three: 1.250,50 is a number, 12.50,00 is a slip."""
        whole, point, fraction = text.partition(self.decimal_separator)
        first, *groups = whole.lstrip("+-").split(self.thousands_separator)
        if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups) or self.thousands_separator in fraction:
            raise FieldRefused("thousands are not grouped by three")
        sign = "-" if whole.startswith("-") else ""
        return f"{sign}{first}{''.join(groups)}{point}{fraction}"

    def to_iso_date(self, text: str) -> str:
        """The day as YYYY-MM-DD; that it is one of the calendar remains to be seen."""
        match = self._date_pattern().fullmatch(text)
        if match is None:
            raise FieldRefused(
                "not a date", expected=f"{self.date_format}, as the mapping says", got=f"{len(text)} characters"
            )
        return f"{match['year']}-{match['month']:0>2}-{match['day']:0>2}"

    def _date_pattern(self) -> re.Pattern[str]:
        parts = _DATE_PART.split(self.date_format)
        names = _DATE_PART.findall(self.date_format)
        pattern = re.escape(parts[0])
        for name, between in zip(names, parts[1:], strict=True):
            pattern += _DATE_PATTERNS[name] + re.escape(between)
        return re.compile(pattern)  # `re` remembers the patterns it has compiled


def _check_choice(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise MappingRefused(f"unknown {what}", expected=f"one of {', '.join(map(repr, choices))}")


def _is_text_by_text(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)
