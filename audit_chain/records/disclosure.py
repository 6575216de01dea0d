"""Disclosure: one field's salt, name and value in the text that the record tree commits to.

    WyJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRIiwibnVtYmVyIiwiMjAyNi0wMTczIl0

is the unpadded URL-safe base64 of

    ["AQEBAQEBAQEBAQEBAQEBAQ","number","2026-0173"]

which is an object-property disclosure of RFC 9901, Section 4.2.1. That text itself, in ASCII, is the leaf data.
See docs/spec/field-disclosure.md.
"""

from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

from audit_chain import canonical
from audit_chain.encoding import from_base64url
from audit_chain.errors import Malformed, MalformedDisclosure, MalformedField
from audit_chain.records.fields import MAX_NAME_LENGTH, MAX_VALUE_LENGTH, Value, is_name, is_value, no_such_value

SALT_SIZE: Final = 16
"""Bytes: the 128 bits that RFC 9901, Section 9.3 recommends."""

_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Disclosure:
    salt: bytes
    name: str
    value: Value


def encode(salt: bytes, name: str, value: Value) -> str:
    """The disclosure of one field; MalformedField where no field can have that name or value."""
    if len(salt) != SALT_SIZE:
        raise MalformedField("the salt has another size", expected=SALT_SIZE, got=len(salt))
    return encode_all([salt], {name: value})[0]


def encode_all(salts: Sequence[bytes], fields: Mapping[str, Value]) -> list[str]:
    """One disclosure per field, in the mapping's order, each under the salt of its place."""
    salt_texts = _to_base64url_each(salts)
    arrays = [_array(salt, name, value) for salt, (name, value) in zip(salt_texts, fields.items(), strict=True)]
    return _to_base64url_each(arrays)


def parse(text: str) -> Disclosure:
    """The field that a disclosure shows; MalformedDisclosure unless `encode` gives exactly this text for it."""
    try:
        array = canonical.decode(from_base64url(text))
    except Malformed:
        raise MalformedDisclosure("a disclosure is the URL-safe base64 of canonical JSON", got=_shape(text)) from None
    match array:
        case [str(salt), str(name), value] if is_name(name) and is_value(value):
            return Disclosure(_salt(salt), name, value)  # type: ignore[arg-type]  # is_value has just narrowed it
    raise MalformedDisclosure("a disclosure holds a salt, a name and a value", got=_shape(text))


def _array(salt: str, name: str, value: Value) -> bytes:
    """The canonical JSON of the three; spelled out here because commitments are made by the million."""
    try:
        return f'["{salt}",{_name_literal(name)},{_literal(name, value)}]'.encode()
    except UnicodeEncodeError:
        raise no_such_value(name) from None


@lru_cache(maxsize=4096)
def _name_literal(name: str) -> str:
    if not is_name(name):
        expected = f"dotted parts, at most {MAX_NAME_LENGTH} characters"
        raise MalformedField("no field can have this name", expected=expected, got=_shape(name))
    return encode_basestring(name)


def _literal(name: str, value: Value) -> str:
    if isinstance(value, str):
        if len(value) <= MAX_VALUE_LENGTH:
            return encode_basestring(value)
    elif value is None:
        return "null"
    elif value is True:
        return "true"
    elif value is False:
        return "false"
    elif is_value(value):
        return str(value)
    raise no_such_value(name)


def _salt(text: str) -> bytes:
    try:
        salt = from_base64url(text)
    except Malformed:
        raise MalformedDisclosure("the salt is not URL-safe base64", got=_shape(text)) from None
    if len(salt) != SALT_SIZE:
        raise MalformedDisclosure("the salt has another size", expected=SALT_SIZE, got=len(salt))
    return salt


def _to_base64url_each(items: Iterable[bytes]) -> list[str]:
    """`to_base64url` of every item, translated in one pass."""
    return b"".join(map(b2a_base64, items)).translate(_TO_URL_SAFE, b"=").decode("ascii").splitlines()


def _shape(text: str) -> str:
    return f"{len(text)} characters"
