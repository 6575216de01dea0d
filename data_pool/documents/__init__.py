"""Documents in, the normal form out: see docs/spec/documents.md."""

from data_pool.documents.csv_mapping import CsvMapping
from data_pool.documents.document import KINDS, Attachment, Document, Fields, Node, Refusal, Value
from data_pool.documents.errors import DocumentRefused, MappingRefused, Place
from data_pool.documents.limits import DEFAULT_LIMITS, Limits
from data_pool.documents.reader import read_documents

__all__ = [
    "DEFAULT_LIMITS",
    "KINDS",
    "Attachment",
    "CsvMapping",
    "Document",
    "DocumentRefused",
    "Fields",
    "Limits",
    "MappingRefused",
    "Node",
    "Place",
    "Refusal",
    "Value",
    "read_documents",
]
