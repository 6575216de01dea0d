"""Bytes, numbers and times as text, strictly: every value has exactly one spelling, and no other is read."""

import base64
import binascii
import re
from datetime import UTC, datetime

from audit_chain.errors import MalformedEncoding

MAX_UINT63 = 2**63 - 1
"""Largest index, size or timestamp: it fits a signed 64-bit integer everywhere (databases, Go, Java)."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


def to_base64(data: bytes) -> str:
    """Standard padded base64 (RFC 4648, Section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_base64(text: str) -> bytes:
    """Bytes of standard padded base64; refuses white space, missing padding and stray trailing bits."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise MalformedEncoding("not standard base64", got=_shape(text)) from None
    if to_base64(data) != text:
        raise MalformedEncoding("base64 is not in canonical form", got=_shape(text))
    return data


def to_base64url(data: bytes) -> str:
    """Unpadded URL-safe base64 (RFC 4648, Section 5)."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def from_base64url(text: str) -> bytes:
    """Bytes of unpadded URL-safe base64; refuses padding, white space and stray trailing bits."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise MalformedEncoding("not URL-safe base64", got=_shape(text)) from None
    if to_base64url(data) != text:
        raise MalformedEncoding("URL-safe base64 is not in canonical form", got=_shape(text))
    return data


def to_hex(data: bytes) -> str:
    """Lowercase hex."""
    return data.hex()


def from_hex(text: str) -> bytes:
    """Bytes of lowercase hex; refuses capitals and white space."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise MalformedEncoding("not hex", got=_shape(text)) from None
    if data.hex() != text:
        raise MalformedEncoding("hex is not lowercase without spaces", got=_shape(text))
    return data


def from_decimal(text: str) -> int:
    """Number from 0 to 2**63-1 of ASCII digits without leading zeros."""
    if not _DECIMAL.fullmatch(text):
        raise MalformedEncoding("not a decimal number without leading zeros", got=_shape(text))
    number = int(text)
    if number > MAX_UINT63:
        raise MalformedEncoding("number too large", expected="less than 2**63", got="more")
    return number


def to_time(seconds: int) -> str:
    """RFC 3339 time in UTC with whole seconds, as in `2026-11-22T15:40:00Z`, of POSIX seconds."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat() + "Z"


def from_time(text: str) -> int:
    """POSIX seconds of an RFC 3339 time in UTC with whole seconds; no other offset, fraction or spelling."""
    if not _TIME.fullmatch(text):
        raise MalformedEncoding("not a time like 2026-11-22T15:40:00Z", got=_shape(text))
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise MalformedEncoding("no such day or hour", got=_shape(text)) from None


def _shape(text: str) -> str:
    return f"{len(text)} characters"
