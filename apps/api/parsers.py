"""Bodies, read strictly and no further than the view allows."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import parsers

from apps.api.errors import Malformed, TooLarge
from apps.exchange.own_pool import sentence
from audit_chain.canonical import JSON
from data_pool.documents.errors import DocumentRefused
from data_pool.documents.json_document import parse_json
from data_pool.documents.limits import DEFAULT_LIMITS


def json_read(body: bytes, *, where: str | None = None) -> JSON:
    """The value: in UTF-8, no name twice in an object, no fraction, no half of a surrogate pair."""
    try:
        return parse_json(body, DEFAULT_LIMITS)
    except DocumentRefused as error:
        raise Malformed(sentence(error), where=where or error.where or None) from None


class RawJSONParser(parsers.BaseParser):
    """The bytes themselves, at most the view's `body_limit` of them: a bundle or a document spelt otherwise is another.

    The server in front has held the body to the length that the request names.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        context = parser_context or {}
        _check_length(context, context["view"].body_limit)
        return stream.read()


class StrictJSONParser(RawJSONParser):
    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> JSON:
        return json_read(super().parse(stream, media_type, parser_context))


class MultiPartParser(parsers.MultiPartParser):
    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> parsers.DataAndFiles:
        _check_length(parser_context or {}, settings.MAX_UPLOAD_BYTES)
        return super().parse(stream, media_type, parser_context)


def _check_length(context: Mapping[str, Any], limit: int) -> None:
    if int(context["request"].META.get("CONTENT_LENGTH") or 0) > limit:
        raise TooLarge(f"The request has more than the {limit:,} bytes that are taken here.")
