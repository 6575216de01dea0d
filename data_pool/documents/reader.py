"""Any file, read by the reader of the format that its content shows."""

from collections.abc import Iterator

from data_pool.documents.document import Document, Refusal
from data_pool.documents.errors import DocumentRefused
from data_pool.documents.limits import DEFAULT_LIMITS, Limits
from data_pool.documents.ubl import CREDIT_NOTE_TAG, INVOICE_TAG, read_ubl
from data_pool.documents.xml_source import local_name, looks_like_xml, parse_xml


def read_documents(
    data: bytes, *, name: str, media_type: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Document | Refusal]:
    if len(data) > limits.size:
        raise DocumentRefused("the file is too large", expected=f"at most {limits.size} bytes", got=len(data))
    if looks_like_xml(data):
        root = parse_xml(data, limits)
        if root.tag in (INVOICE_TAG, CREDIT_NOTE_TAG):
            return iter([read_ubl(root)])
        raise DocumentRefused("an XML document of an unknown type", got=local_name(root.tag))
    raise DocumentRefused("the file is of no known type")
