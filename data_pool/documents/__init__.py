"""Documents in, the normal form out: see docs/spec/documents.md."""

from data_pool.documents.document import KINDS, Attachment, Document, Fields, Node, Refusal, Value
from data_pool.documents.errors import DocumentRefused, Place
from data_pool.documents.limits import DEFAULT_LIMITS, Limits
from data_pool.documents.reader import read_documents

__all__ = [
    "DEFAULT_LIMITS",
    "KINDS",
    "Attachment",
    "Document",
    "DocumentRefused",
    "Fields",
    "Limits",
    "Node",
    "Place",
    "Refusal",
    "Value",
    "read_documents",
]
