"""The pool's keys: one wrapping key, from which everything secret follows, and the key that signs the pool's log.

A *box* is `nonce (12 bytes) || AES-256-GCM ciphertext || tag (16 bytes)` under a key derived from the wrapping key. Its
associated data names the table and the row's other columns, so a box opens only in the row it was made for, and only
while that row is as it was written: whoever can write to the database but lacks the key changes nothing unnoticed.
"""

import hmac
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from audit_chain import canonical
from audit_chain.canonical import JSON
from audit_chain.log.keys import NoteSigner
from data_pool.errors import PoolError, RowDamaged
from data_pool.storage.rows import TOKEN_SIZE, Row

R = TypeVar("R", bound=Row)

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
"""Random for every box. One key may close 2**32 boxes before two are likely to share one (NIST SP 800-38D, 8.3)."""

COMMON_TOKENS: Final = 16_384
"""Kept in memory, beside the keys; one takes some 300 bytes."""


class PoolKeys:
    """What the enterprise holds: with it the pool's rows can be read, searched and added to; without it not."""

    __slots__ = ("_boxes", "_content", "_index", "common_token", "signer")

    def __init__(self, wrapping_key: bytes, signer: NoteSigner) -> None:
        if len(wrapping_key) != KEY_SIZE:
            raise PoolError("wrapping key has the wrong length", expected=KEY_SIZE, got=len(wrapping_key))
        self.signer = signer
        self._boxes = AESGCM(_derive(wrapping_key, b"boxes"))
        self._index = hmac.new(_derive(wrapping_key, b"blind-index"), digestmod="sha256")
        self._content = hmac.new(_derive(wrapping_key, b"content"), digestmod="sha256")
        self.common_token = lru_cache(COMMON_TOKENS)(self.token)
        """`token`, for values that come again and again: kinds, partners, days."""

    def close_row(self, row: R, secret: bytes = b"") -> R:
        """The row with its box closed over `secret` and over the row's bound columns."""
        nonce = os.urandom(NONCE_SIZE)
        return replace(row, wrapped=nonce + self._boxes.encrypt(nonce, secret, _associated_data(row)))

    def open_row(self, row: Row) -> bytes:
        """What is in the row's box; RowDamaged where box or bound columns are not as they were written."""
        return _open(self._boxes, row.wrapped, _associated_data(row), type(row).__name__)

    def close_members(self, row: R, **members: JSON) -> R:
        """The row with its box closed over these members, as canonical JSON."""
        return self.close_row(row, canonical.encode(members))

    def open_members(self, row: Row) -> dict[str, Any]:
        """The members in the row's box."""
        members: dict[str, Any] = json.loads(self.open_row(row))
        return members

    def token(self, kind: str, *values: str) -> bytes:
        """The blind-index token of these values: the same for the same ones, and telling nothing without the key."""
        keyed = self._index.copy()
        keyed.update(_lengths_and_texts(kind, values))
        return keyed.digest()[:TOKEN_SIZE]

    def content_token(self, content: bytes) -> bytes:
        """The token of a whole document, by which it is in the pool once. 32 bytes: a clash would lose a document."""
        keyed = self._content.copy()
        keyed.update(content)
        return keyed.digest()


def encrypt(key: bytes, content: bytes, *, owner: UUID) -> bytes:
    """`content` of the record or original `owner` under its own key, in the layout of a box."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, content, owner.bytes)


def decrypt(key: bytes, content: bytes, *, owner: UUID) -> bytes:
    """What `encrypt` was given; RowDamaged where a byte has changed."""
    return _open(AESGCM(key), content, owner.bytes, "encrypted content")


def _open(cipher: AESGCM, data: bytes, associated_data: bytes, what: str) -> bytes:
    try:
        return cipher.decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], associated_data)
    except (InvalidTag, ValueError):
        raise RowDamaged(
            f"{what} does not authenticate", expected="as it was written under this key", got=f"{len(data)} bytes"
        ) from None


def _lengths_and_texts(kind: str, values: tuple[str, ...]) -> bytes:
    """Each text behind its length, so that no two lists of texts give the same bytes."""
    if len(values) == 1:  # Nearly always.
        return f"{len(kind)}:{kind}{len(values[0])}:{values[0]}".encode()
    return "".join([f"{len(text)}:{text}" for text in (kind, *values)]).encode()


def _derive(wrapping_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=b"tallystick/v1/pool/" + purpose).derive(wrapping_key)


def _associated_data(row: Row) -> bytes:
    """Unambiguous bytes: the table, then each bound column behind its kind and length."""
    pieces = [type(row).__name__.encode()]
    for column in row.bound():
        tag, to_bytes = _COLUMNS[type(column)]
        data = to_bytes(column)
        pieces.append(b"%b%d:%b" % (tag, len(data), data))
    return b"\0".join(pieces)


def _time_to_bytes(time: datetime) -> bytes:
    return time.astimezone(UTC).isoformat(timespec="microseconds").encode()


_COLUMNS: Final[dict[type[Any], tuple[bytes, Callable[[Any], bytes]]]] = {
    type(None): (b"n", lambda _: b""),
    bool: (b"l", lambda flag: b"%d" % flag),
    bytes: (b"b", bytes),
    int: (b"i", lambda number: b"%d" % number),
    str: (b"s", str.encode),
    UUID: (b"u", attrgetter("bytes")),
    datetime: (b"t", _time_to_bytes),
}
"""What each kind of column is tagged with, and as what bytes it is authenticated."""
