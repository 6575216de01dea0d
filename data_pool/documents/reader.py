"""Any file, read by the reader of the format that its content shows.

A new format is one more line in `_FORMATS`; a new type of XML document one more line in `_XML_DOCUMENTS`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from audit_chain.errors import MalformedField
from audit_chain.records.fields import MAX_FIELDS, flatten
from data_pool.documents.content import describe_content, describe_root, find_announced
from data_pool.documents.csv_mapping import CsvMapping
from data_pool.documents.csv_table import looks_like_table, read_csv
from data_pool.documents.document import Document, Refusal
from data_pool.documents.errors import DocumentRefused
from data_pool.documents.json_document import looks_like_json, read_json
from data_pool.documents.limits import DEFAULT_LIMITS, Limits
from data_pool.documents.ubl import CREDIT_NOTE_TAG, INVOICE_TAG, read_ubl
from data_pool.documents.xml_source import Element, looks_like_xml, parse_xml

_READ_HERE: Final = "UBL 2.1 invoices and credit notes, CSV tables and JSON documents are"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    data: bytes
    mapping: CsvMapping | None
    limits: Limits


def read_documents(
    data: bytes,
    *,
    name: str = "",
    media_type: str | None = None,
    mapping: CsvMapping | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Document | Refusal]:
    """The documents of a file in their order, and a refusal in the place of each row that is none.

    Raises DocumentRefused for the file as a whole, always before the first document. The content alone says what
    the file is; `name` and `media_type` only help to say what is wrong with one of no known format.
    """
    if not data:
        raise DocumentRefused("the file is empty")
    if len(data) > limits.size:
        raise DocumentRefused("the file is too large", expected=f"at most {limits.size} bytes", got=len(data))
    file = _File(data=data, mapping=mapping, limits=limits)
    if find_announced(data) is None:
        for looks_like, read in _FORMATS:
            if looks_like(data):
                return read(file)
    raise DocumentRefused(f"{describe_content(data, name=name, media_type=media_type)} is not read; {_READ_HERE}")


def _read_xml(file: _File) -> Iterator[Document]:
    root = parse_xml(file.data, file.limits)
    read = _XML_DOCUMENTS.get(root.tag)
    if read is None:
        raise DocumentRefused(f"{describe_root(root.tag)} is not read; {_READ_HERE}")
    document = read(root)
    if len(file.data) > 2 * MAX_FIELDS:  # too short for as many fields otherwise
        _check_fields(document)
    return iter([document])


def _check_fields(document: Document) -> None:
    try:
        flatten(document.fields)
    except MalformedField as error:
        raise DocumentRefused(str(error)) from None


def _read_json(file: _File) -> Iterator[Document | Refusal]:
    return read_json(file.data, file.limits)


def _read_csv(file: _File) -> Iterator[Document | Refusal]:
    return read_csv(file.data, file.mapping, file.limits)


_XML_DOCUMENTS: Final[dict[str, Callable[[Element], Document]]] = {
    INVOICE_TAG: read_ubl,
    CREDIT_NOTE_TAG: read_ubl,
}
# Asked in this order, unless the first bytes announce something else.
_FORMATS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[_File], Iterator[Document | Refusal]]], ...]] = (
    (looks_like_xml, _read_xml),
    (looks_like_json, _read_json),
    (looks_like_table, _read_csv),
)
