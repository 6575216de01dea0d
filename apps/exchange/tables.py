"""What a table's owner has to say before it can be read: which column is what."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.accounts.errors import WrongInput
from apps.exchange.own_pool import sentence
from audit_chain.canonical import JSON
from data_pool.documents.csv_mapping import CsvMapping
from data_pool.documents.csv_table import looks_like_table, read_csv, read_table
from data_pool.documents.errors import DocumentRefused, MappingRefused
from data_pool.documents.headers import find_field
from data_pool.documents.json_document import looks_like_json
from data_pool.documents.limits import DEFAULT_LIMITS
from data_pool.documents.xml_source import looks_like_xml
from data_pool.staging import Upload

ENCODINGS = ("utf-8", "windows-1252")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its header, what stands in the first row, and the field that it seems to hold."""

    header: str
    sample: str
    field: str | None


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A table that cannot be read yet, and why."""

    reason: str
    encoding: str
    columns: tuple[Column, ...]


def table_question(files: Iterable[Upload], mapping: JSON) -> TableQuestion | None:
    """About the first of the files that is a table and cannot be read with this mapping; None if there is none.

    A table that cannot be read whatever is said about it is no question: its import is refused, with the reason.
    """
    for file in files:
        if looks_like_table(file.data) and not looks_like_xml(file.data) and not looks_like_json(file.data):
            question = _question(file.data, mapping_read(mapping))
            if question is not None:
                return question
    return None


def mapping_read(mapping: JSON) -> CsvMapping | None:
    """The mapping that a person or a program gave; WrongInput where it is none."""
    if mapping is None:
        return None
    try:
        return CsvMapping.from_json(mapping)
    except MappingRefused as error:
        raise WrongInput(sentence(error), where="mapping") from error


def _question(data: bytes, mapping: CsvMapping | None) -> TableQuestion | None:
    try:
        read_csv(data, mapping, DEFAULT_LIMITS)
    except DocumentRefused as error:
        return _ask(data, sentence(error))
    return None


def _ask(data: bytes, reason: str) -> TableQuestion | None:
    for encoding in ENCODINGS:
        try:
            table = read_table(data, CsvMapping(encoding=encoding), DEFAULT_LIMITS)
        except DocumentRefused:
            continue
        if not table.rows:
            return None
        cells = table.rows[0].cells
        columns = tuple(
            Column(header, cells[position] if position < len(cells) else "", find_field(header))
            for position, header in enumerate(table.header)
            if header
        )
        return TableQuestion(reason, encoding, columns)
    return None
