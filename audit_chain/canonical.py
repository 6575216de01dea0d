"""Canonical JSON: one value, one sequence of bytes (RFC 8785, without fractions).

    {"previous":null,"time":"2026-11-22T15:40:00Z","type":"seal","v":1}

The domain is objects, arrays, strings without lone surrogates, integers within +-(2**53 - 1), booleans
and null. Departs from RFC 8785 because fractions have no place here: money is counted in minor units.
"""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import TypeAlias

from audit_chain.errors import MalformedJSON

JSON: TypeAlias = "bool | int | str | Sequence[JSON] | Mapping[str, JSON] | None"

MAX_INTEGER = 2**53 - 1
"""Largest magnitude that a double, and so every JSON reader, holds exactly."""

MAX_DEPTH = 32
"""Objects and arrays within one another; entries and bundles use a handful."""


def encode(value: JSON) -> bytes:
    """The canonical bytes of a value; MalformedJSON where the value is outside the domain."""
    pieces: list[str] = []
    _write(value, pieces, MAX_DEPTH)
    try:
        return "".join(pieces).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedJSON("a string holds a lone surrogate") from None


def decode(data: bytes) -> JSON:
    """The value whose canonical bytes these are; MalformedJSON for any other spelling of it."""
    try:
        value: JSON = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise MalformedJSON("not JSON in UTF-8", got=f"{len(data)} bytes") from None
    # A repeated key, white space, a fraction, another order or escape: all end here.
    if encode(value) != data:
        raise MalformedJSON("JSON is not in canonical form", got=f"{len(data)} bytes")
    return value


def _write(value: JSON, pieces: list[str], depth: int) -> None:
    if isinstance(value, str):
        pieces.append(encode_basestring(value))
    elif value is None:
        pieces.append("null")
    elif value is True:
        pieces.append("true")
    elif value is False:
        pieces.append("false")
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise MalformedJSON("integer out of range", expected="magnitude below 2**53", got="more")
        pieces.append(int.__repr__(value))
    elif depth == 0:
        raise MalformedJSON("nested too deeply", expected=f"at most {MAX_DEPTH} levels", got="more")
    elif isinstance(value, (dict, Mapping)):  # dict first: it answers without asking the abstract class
        _write_object(value, pieces, depth)
    elif isinstance(value, (list, tuple)):
        _write_array(value, pieces, depth)
    else:
        raise MalformedJSON(
            "no canonical JSON", expected="object, array, string, integer, bool or null", got=type(value).__name__
        )


def _write_object(value: Mapping[str, JSON], pieces: list[str], depth: int) -> None:
    separator = "{"
    for name in _sorted_names(value):
        pieces.append(f"{separator}{encode_basestring(name)}:")
        _write(value[name], pieces, depth - 1)
        separator = ","
    pieces.append("}" if separator == "," else "{}")


def _write_array(value: Sequence[JSON], pieces: list[str], depth: int) -> None:
    separator = "["
    for item in value:
        pieces.append(separator)
        _write(item, pieces, depth - 1)
        separator = ","
    pieces.append("]" if separator == "," else "[]")


def _sorted_names(value: Mapping[str, JSON]) -> list[str]:
    """Names ordered by UTF-16 code units (RFC 8785, Section 3.2.3)."""
    for name in value:
        if not isinstance(name, str):
            raise MalformedJSON("object name is not a string", got=type(name).__name__)
    if all(map(str.isascii, value)):
        return sorted(value)
    # Code units and code points order alike until surrogate pairs meet U+E000..U+FFFF.
    return sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
