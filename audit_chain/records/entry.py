"""Entries of a pool's log: a commitment, the word that one record replaces another, and the seal of a batch.

    {"previous":null,"record":"019aac2c-…","root":"q83v…","size":24,"type":"record","v":1}
    {"index":41,"previous":17,"record":"019aac2c-…","type":"replacement","v":1}
    {"previous":38,"state":"n4bQ…","time":"2026-11-22T15:40:02Z","type":"seal","v":1}

See docs/spec/pool-log.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from audit_chain import canonical
from audit_chain.canonical import JSON
from audit_chain.encoding import from_time, to_base64
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
        return cls.from_json(_decode(data))

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, "record", ("previous", "record", "root", "size"))
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
        return cls.from_json(_decode(data))

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, "replacement", ("index", "previous", "record"))
        return cls(record=_record_id(shape), index=shape.integer("index"), previous=shape.integer("previous"))


@dataclass(frozen=True, slots=True)
class SealEntry:
    """A batch was closed at `time`; `state` is the root of the pool's state map, `previous` the seal before's index."""

    previous: int | None
    state: bytes
    time: str

    def encode(self) -> bytes:
        return canonical.encode(
            {
                "previous": self.previous,
                "state": to_base64(self.state),
                "time": self.time,
                "type": "seal",
                "v": VERSION,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The entry whose bytes these are; MalformedEntry for any other bytes."""
        return cls.from_json(_decode(data))

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, "seal", ("previous", "state", "time"))
        time = shape.text("time")
        try:
            from_time(time)
        except Malformed as error:
            raise MalformedEntry(f"a seal has a time ({error})") from None
        return cls(previous=shape.optional_integer("previous"), state=shape.digest("state", size=HASH_SIZE), time=time)


PoolEntry: TypeAlias = RecordEntry | ReplacementEntry | SealEntry


def parse_entry(data: bytes) -> PoolEntry:
    """The entry of a pool's log whose bytes these are; MalformedEntry for any other bytes."""
    value = _decode(data)
    match value:
        case {"type": "record"}:
            return RecordEntry.from_json(value)
        case {"type": "replacement"}:
            return ReplacementEntry.from_json(value)
        case {"type": "seal"}:
            return SealEntry.from_json(value)
    raise MalformedEntry("an entry of a pool's log", expected="record, replacement or seal", got="another type or none")


def is_record_id(text: str) -> bool:
    """Whether `text` is a UUID of version 7 in lowercase (RFC 9562, Section 5.7)."""
    return _UUID7.fullmatch(text) is not None


def _decode(data: bytes) -> JSON:
    try:
        return canonical.decode(data)
    except Malformed as error:
        raise MalformedEntry(f"an entry is canonical JSON ({error})") from None


def _shape(value: JSON, kind: str, members: Iterable[str]) -> Shape:
    shape = Shape(value, what=f"{kind} entry", members=(*members, "type", "v"), error=MalformedEntry)
    shape.constant("type", kind)
    shape.constant("v", VERSION)
    return shape


def _record_id(shape: Shape) -> str:
    record = shape.text("record")
    if not is_record_id(record):
        raise MalformedEntry("a record has a UUID of version 7 in lowercase", got=f"{len(record)} characters")
    return record
