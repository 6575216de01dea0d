"""A record's payload: its flat fields as the bytes that are encrypted."""

import json
from collections.abc import Mapping

from audit_chain.records.fields import Value


def encode_fields(fields: Mapping[str, Value]) -> bytes:
    """The fields as JSON with sorted names: the same bytes for the same fields.

    Not the canonical JSON of the formats: nobody else reads it, and the library's own order and speed do.
    """
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def decode_fields(payload: bytes) -> dict[str, Value]:
    fields: dict[str, Value] = json.loads(payload)
    return fields
