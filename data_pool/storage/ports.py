"""What a pool asks of its storage. One test suite runs over every implementation.

Everything happens in a `Transaction`: all that was written in it stays when its block ends well, and nothing of it
otherwise, also when the process is killed at any line. What it reads, others may change until it locks the log.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from audit_chain.log.store import LogStore
from audit_chain.statemap.store import StateStore
from data_pool.storage.rows import (
    AnchorRow,
    BatchRow,
    DisclosureRow,
    Holder,
    ItemRow,
    OriginalRow,
    OutcomeKind,
    OutcomeRow,
    RecordRow,
    RegistrationRow,
    ReplacementRow,
    Row,
    Tally,
    Token,
)

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records to find.

    A record is chosen when it has, for every group, at least one of the group's tokens, and its log index lies in
    [`start`, `stop`); None is open.
    """

    groups: tuple[frozenset[bytes], ...] = ()
    start: int = 0
    stop: int | None = None


class Transaction(Protocol):
    """The pool's rows inside one transaction."""

    @property
    def log(self) -> LogStore:
        """The pool's log, in this transaction. Its lock also guards content tokens, replacements and the state."""
        ...

    @property
    def state(self) -> StateStore:
        """The state map beside the log, in this transaction."""
        ...

    def insert(self, rows: Sequence[Row]) -> None:
        """Keeps rows of one table, all new."""
        ...

    def insert_tokens(self, tokens: Mapping[int, Collection[bytes]]) -> None:
        """Keeps the blind-index tokens (16 bytes each) of new records, by log index."""
        ...

    def scan(self, table: type[R]) -> Iterator[R]:
        """Every row of a table in the order of its primary key; records and replacements so by log index. Streams."""
        ...

    def scan_tokens(self) -> Iterator[Token]:
        """The whole blind index, by log index, then token. Streams."""
        ...

    # Imports

    def batch(self, batch: UUID) -> BatchRow | None: ...

    def batches(self, before: UUID | None, limit: int) -> list[BatchRow]:
        """The newest batches, newest first, that are older than `before`."""
        ...

    def has_staged(self) -> bool:
        """Whether any file waits to be read."""
        ...

    def tallies(self, batches: Collection[UUID]) -> dict[UUID, Tally]: ...

    def items(self, batch: UUID, *, done: bool | None = None) -> list[ItemRow]:
        """A batch's files by position."""
        ...

    def outcomes(
        self, batch: UUID, *, kind: OutcomeKind | None, after: tuple[int, int], limit: int
    ) -> list[tuple[ItemRow, OutcomeRow]]:
        """Outcomes past (position, part), in that order, each with its file."""
        ...

    def advance_items(self, changes: Sequence[tuple[ItemRow, ItemRow]]) -> bool:
        """Replaces each item's row, given as (read before, to be now).

        False, and the caller must roll back, where one is no longer as it was read.
        """
        ...

    def originals(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]: ...

    def original_boxes(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]:
        """The originals without their content (empty bytes stand for it)."""
        ...

    def drop_originals(self, originals: Sequence[UUID]) -> None: ...

    # Records

    def record(self, record: UUID) -> RecordRow | None: ...

    def records_at(self, indexes: Collection[int]) -> dict[int, RecordRow]: ...

    def last_ordinal(self) -> int:
        """How many records there are."""
        ...

    def records_with_content(self, content_tokens: Collection[bytes]) -> dict[bytes, UUID]:
        """Record ids by content token. Decisive while the log is locked."""
        ...

    def holders(self, tokens: Collection[bytes]) -> dict[bytes, list[Holder]]:
        """Records by token of the blind index, oldest first; a token without any is left out."""
        ...

    def select(self, selection: Selection, *, limit: int) -> list[RecordRow]:
        """The chosen records of the greatest log indexes, descending."""
        ...

    def count(self, selection: Selection, *, at_most: int) -> int:
        """How many are chosen, counted no further than `at_most`."""
        ...

    def replacements_of(self, records: Collection[UUID]) -> list[ReplacementRow]:
        """Every replacement that has one of the records as its newer or older."""
        ...

    def disclosures_of(self, record: UUID) -> list[DisclosureRow]:
        """Oldest first."""
        ...

    # Anchors

    def anchor(self, size: int) -> AnchorRow | None: ...

    def latest_anchor(self) -> AnchorRow | None: ...

    def anchor_covering(self, index: int, *, final: bool) -> AnchorRow | None:
        """The first anchor on the beacon whose size exceeds `index`; with `final`, the first final one."""
        ...

    def anchored_size(self, *, final: bool) -> int:
        """The greatest size among anchors on the beacon, or among final ones; 0 before the first."""
        ...

    def unfinished_anchors(self) -> list[AnchorRow]:
        """Anchors that are not final, by size."""
        ...

    def save_anchor(self, row: AnchorRow) -> None:
        """Keeps the row, in place of an earlier one of that size."""
        ...

    def drop_anchor(self, size: int) -> None: ...

    def registration(self) -> RegistrationRow | None: ...


class PoolStorage(Protocol):
    """A pool's rows, shared by any number of threads, processes and machines."""

    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one moment from beginning to end, and only reads."""
        ...

    def claim(self, *, limit: int, batch: UUID | None = None) -> AbstractContextManager[Sequence[ItemRow]]:
        """Up to `limit` files that are not done and that nobody else has, oldest first.

        They are ours until the block ends or the process dies. A claim saves double work and no more: what keeps a
        document from entering twice is the log's lock.
        """
        ...

    def turn(self, name: str) -> AbstractContextManager[bool]:
        """Whether the turn of that name is ours, until the block ends or the process dies."""
        ...

    def learn(self) -> None:
        """Tells the storage that much has come in, so that it plans its reading anew."""
        ...

    def schema_problem(self) -> str | None:
        """How the stored schema version differs from the one this code knows; None where it does not."""
        ...

    def close(self) -> None: ...
