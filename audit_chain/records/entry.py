"""Entries of a pool's log about records: a commitment, and the word that one record replaces another.

    {"previous":null,"record":"019aac2c-…","root":"q83v…","size":24,"type":"record","v":1}
    {"index":41,"previous":17,"record":"019aac2c-…","type":"replacement","v":1}

The third type, the seal, belongs to every log. See docs/spec/entries.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from audit_chain import canonical
from audit_chain.encoding import to_base64
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.records.fields import MAX_FIELDS
from audit_chain.shapes import Shape

VERSION: Final = 1
_UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record was committed; `previous` is the index of the record entry that it replaces from birth."""

    record: str
    root: bytes
    size: int
    previous: int | None = None

    def encode(self) -> bytes:
        return canonical.encode(
            {
                "previous": self.previous,
                "record": self.record,
                "root": to_base64(self.root),
                "size": self.size,
                "type": "record",
                "v": VERSION,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The entry whose bytes these are; MalformedEntry for any other bytes."""
        shape = _shape(data, "record", ("previous", "record", "root", "size"))
        size = shape.integer("size", minimum=1)
        if size > MAX_FIELDS:
            raise MalformedEntry("a record has too many leaves", expected=f"at most {MAX_FIELDS}", got=size)
        return cls(
            record=_record_id(shape),
            root=shape.digest("root", size=HASH_SIZE),
            size=size,
            previous=shape.optional_integer("previous"),
        )


@dataclass(frozen=True, slots=True)
class ReplacementEntry:
    """The record committed at `index` replaces the one committed at `previous`, as was said later."""

    record: str
    index: int
    previous: int

    def encode(self) -> bytes:
        return canonical.encode(
            {
                "index": self.index,
                "previous": self.previous,
                "record": self.record,
                "type": "replacement",
                "v": VERSION,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The entry whose bytes these are; MalformedEntry for any other bytes."""
        shape = _shape(data, "replacement", ("index", "previous", "record"))
        return cls(record=_record_id(shape), index=shape.integer("index"), previous=shape.integer("previous"))


PoolEntry: TypeAlias = RecordEntry | ReplacementEntry


def is_record_id(text: str) -> bool:
    """Whether `text` is a UUID of version 7 in lowercase (RFC 9562, Section 5.7)."""
    return _UUID7.fullmatch(text) is not None


def _shape(data: bytes, kind: str, members: Iterable[str]) -> Shape:
    try:
        value = canonical.decode(data)
    except Malformed as error:
        raise MalformedEntry(f"an entry is canonical JSON ({error})") from None
    shape = Shape(value, what=f"{kind} entry", members=(*members, "type", "v"), error=MalformedEntry)
    shape.constant("type", kind)
    shape.constant("v", VERSION)
    return shape


def _record_id(shape: Shape) -> str:
    record = shape.text("record")
    if not is_record_id(record):
        raise MalformedEntry("a record has a UUID of version 7 in lowercase", got=f"{len(record)} characters")
    return record
