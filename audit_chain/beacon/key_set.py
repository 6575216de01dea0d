"""Key set: a validator's cosigner keys, and from when until when they speak for it.

{"keys":["…kind 4…","…kind 6…"],"not_after":"2028-11-22T00:00:00Z","not_before":"2026-11-22T00:00:00Z"}
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from audit_chain.canonical import JSON
from audit_chain.encoding import from_time
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, KeyKind, VerifierKey
from audit_chain.shapes import Shape

MEMBERS = ("keys", "not_after", "not_before")


@dataclass(frozen=True, slots=True)
class KeySet:
    """One Ed25519 cosigner key and at most one ML-DSA-44 one; both moments (RFC 3339) lie within the validity."""

    keys: tuple[VerifierKey, ...]
    not_before: str
    not_after: str

    @property
    def ed25519(self) -> VerifierKey:
        return self.keys[0]

    def is_valid_at(self, timestamp: int) -> bool:
        """Whether a cosignature of that time (POSIX seconds) speaks for the validator."""
        return _seconds(self.not_before) <= timestamp <= _seconds(self.not_after)

    def to_json(self) -> dict[str, JSON]:
        return {"keys": [str(key) for key in self.keys], "not_after": self.not_after, "not_before": self.not_before}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        return cls.from_shape(Shape(value, what="key set", members=MEMBERS, error=MalformedEntry))

    @classmethod
    def from_shape(cls, shape: Shape) -> Self:
        keys = cls(
            keys=tuple(parse_key(text) for text in shape.texts("keys")),
            not_before=parse_time(shape, "not_before"),
            not_after=parse_time(shape, "not_after"),
        )
        kinds = [key.kind for key in keys.keys]
        if kinds not in ([COSIGN_ED25519], [COSIGN_ED25519, COSIGN_MLDSA44]):
            raise MalformedEntry("a validator has one key of kind 4, then at most one of 6", expected="4, 6", got=kinds)
        if len({key.name for key in keys.keys}) > 1 or len({key.public for key in keys.keys}) < len(kinds):
            raise MalformedEntry("keys of one set have one name and are distinct", got=f"{len(kinds)} keys")
        if from_time(keys.not_before) > from_time(keys.not_after):
            raise MalformedEntry("a key set's validity ends before it begins", got=keys.not_after)
        return keys


_seconds = lru_cache(maxsize=4096)(from_time)


@lru_cache(maxsize=32768)
def parse_key(text: str) -> VerifierKey:
    """The verifier key of a vkey text, read once for each of the same few keys; MalformedEntry for any other text."""
    try:
        return VerifierKey.parse(text)
    except Malformed as error:
        raise MalformedEntry(str(error)) from None


def parse_key_of(shape: Shape, member: str, kind: KeyKind) -> VerifierKey:
    key = parse_key(shape.text(member))
    if key.kind != kind:
        raise MalformedEntry("a key of another kind is registered", expected=kind, got=key.kind)
    return key


def parse_time(shape: Shape, member: str) -> str:
    """RFC 3339 in UTC with whole seconds."""
    text = shape.text(member)
    try:
        from_time(text)
    except Malformed as error:
        raise MalformedEntry(f"{member} is a time ({error})") from None
    return text


def check_distinct(what: str, values: Iterable[str | bytes]) -> None:
    values = list(values)
    if len(set(values)) != len(values):
        raise MalformedEntry(f"each has its own {what}", expected=len(values), got=len(set(values)))
