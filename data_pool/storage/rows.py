"""The pool's rows, one class for each table, columns in order.

Every row has a box, `wrapped`, and names in `bound()` the columns that the box authenticates: a changed byte in any of
them makes it unreadable under the pool's keys (`data_pool.keys`). Columns left out are checked against the log.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, Self, TypeAlias
from uuid import UUID

Column: TypeAlias = bool | int | str | bytes | datetime | UUID | None
OutcomeKind: TypeAlias = Literal["accepted", "duplicate", "refused"]

TOKEN_SIZE: Final = 16
"""Bytes of a blind-index token: two of 2**32 different ones agree with a chance of 2**-65."""


@dataclass(frozen=True, slots=True)
class OriginalRow:
    """A file as it came, encrypted under a key of its own. In the box: that key, the file's name, type and digest."""

    id: UUID
    size: int
    wrapped: bytes
    content: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.id, self.size)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Files that came in together. In the box: who brought them, and the record that they replace."""

    id: UUID
    created: datetime
    files: int
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.id, self.created, self.files)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One file of a batch and how far its documents have been read. In the box: its name.

    `parts` documents have an outcome; `original` is None once the file was dropped, as nothing was accepted from it.
    """

    batch: UUID
    position: int
    original: UUID | None
    done: bool
    parts: int
    accepted: int
    duplicates: int
    refused: int
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (
            self.batch,
            self.position,
            self.original,
            self.done,
            self.parts,
            self.accepted,
            self.duplicates,
            self.refused,
        )


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one document of a file. In the box: why and where it was refused."""

    batch: UUID
    position: int
    part: int
    outcome: OutcomeKind
    record: UUID | None
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.batch, self.position, self.part, self.outcome, self.record)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record. In the box: its record key, which decrypts the payload and opens the commitment.

    `index` and `ordinal` are given under the log's lock, after the box was closed: the log's entry at `index` names
    the record's id, and ordinals count 1, 2, 3 ... in the order of the indexes. `part` is the document's place in its
    original.
    """

    index: int
    ordinal: int
    id: UUID
    created: datetime
    original: UUID
    part: int
    root: bytes
    size: int
    content_token: bytes
    wrapped: bytes
    payload: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.id, self.created, self.original, self.part, self.root, self.size, self.content_token)

    def at(self, index: int, ordinal: int) -> Self:
        """The row with its place in the log."""
        return replace(self, index=index, ordinal=ordinal)


@dataclass(frozen=True, slots=True)
class ReplacementRow:
    """The newer of two records replaces the older. In the box: who said so.

    `index` is the log entry that says it: the newer record's own, or a later one where it was declared afterwards.
    """

    index: int
    newer: UUID
    older: UUID
    created: datetime
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.index, self.newer, self.older, self.created)


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    """A bundle made for somebody. In the box: the recipient, who made it, the fields' names, the bundle's digest."""

    id: UUID
    record: UUID
    created: datetime
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.id, self.record, self.created)


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """One seal's way onto the beacon: cosigned, then anchored at `beacon_index`, then final with entry and proofs.

    `note` is the pool's checkpoint with all cosignatures it got from the committee of `epoch`. The box is empty and
    only authenticates the columns.
    """

    size: int
    parent_size: int
    parent_root: bytes
    epoch: int
    note: bytes
    created: datetime
    beacon_index: int | None
    anchored: datetime | None
    final: datetime | None
    entry: bytes | None
    proof: bytes | None
    finality: bytes | None
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (
            self.size,
            self.parent_size,
            self.parent_root,
            self.epoch,
            self.note,
            self.created,
            self.beacon_index,
            self.anchored,
            self.final,
            self.entry,
            self.proof,
            self.finality,
        )


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """The beacon's entry that registers this pool, and its proofs. The box is empty."""

    entry: bytes
    proof: bytes
    finality: bytes
    wrapped: bytes

    def bound(self) -> tuple[Column, ...]:
        return (self.entry, self.proof, self.finality)


Row: TypeAlias = (
    OriginalRow
    | BatchRow
    | ItemRow
    | OutcomeRow
    | RecordRow
    | ReplacementRow
    | DisclosureRow
    | AnchorRow
    | RegistrationRow
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A record as the blind index knows it: log index and id."""

    index: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of the blind index: the record at log index `index` answers to `token`."""

    token: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a batch is: files in it, files still to be read, and outcomes by kind."""

    files: int
    pending: int
    accepted: int
    duplicates: int
    refused: int
