"""Request bodies: JSON as strict as the pool's own, and whole bodies kept as bytes."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from apps.api.errors import MalformedBody
from audit_chain.canonical import JSON
from data_pool.documents.errors import DocumentRefused
from data_pool.documents.json_document import parse_json
from data_pool.documents.limits import Limits

LIMITS = Limits(size=1024 * 1024)
"""A request that asks for something is small; documents come as files or as `RawJSON`."""


class StrictJSONParser(BaseParser):
    """No duplicate keys, no lone surrogates, no fractions, bounded nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> JSON:
        data = stream.read(LIMITS.size + 1)
        if len(data) > LIMITS.size:
            raise MalformedBody(f"The body has more than {LIMITS.size:,} bytes.")
        try:
            return parse_json(data, LIMITS)
        except DocumentRefused as error:
            raise MalformedBody(
                f"The body is not JSON that can be used: {error}.", where=error.where or None
            ) from error


class RawJSONParser(BaseParser):
    """The body as bytes, for what must not be changed by reading it: bundles and documents."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        data = stream.read()
        if not data:
            raise ParseError("The body is empty.")
        return data
