"""What a pool's state map says of a record: where it was committed, and whether it still stands.

    record/019aac2c-1000-7000-8000-000000000001   {"index":17,"replaced_by":41,"void":false}

The map knows the record by its number, which nobody guesses, and says nothing of what is in it. See
docs/spec/pool-log.md.
"""

from dataclasses import dataclass
from typing import Self

from audit_chain import canonical
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.shapes import Shape


def record_name(record: str) -> str:
    """The name under which the state map knows the record of that number."""
    return f"record/{record}"


@dataclass(frozen=True, slots=True)
class RecordStatus:
    """The record committed at `index` was replaced by the one committed at `replaced_by`, or by none.

    A void one has no successor and counts no more.
    """

    index: int
    replaced_by: int | None = None
    void: bool = False

    @property
    def is_current(self) -> bool:
        """Whether this is the latest version and is not void."""
        return self.replaced_by is None and not self.void

    def encode(self) -> bytes:
        return canonical.encode({"index": self.index, "replaced_by": self.replaced_by, "void": self.void})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The status whose bytes these are; MalformedEntry for any other bytes."""
        try:
            value = canonical.decode(data)
        except Malformed as error:
            raise MalformedEntry(f"a record's status is canonical JSON ({error})") from None
        shape = Shape(value, what="record status", members=("index", "replaced_by", "void"), error=MalformedEntry)
        return cls(
            index=shape.integer("index"),
            replaced_by=shape.optional_integer("replaced_by"),
            void=shape.boolean("void"),
        )
