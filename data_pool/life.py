"""A record's life in the words that users see: stored, sealed, anchored, final.

Nothing of it is kept with the record: it follows from the record's log index and from how far seals and crosslinks
have come, so it cannot contradict them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from audit_chain.encoding import from_time
from data_pool.storage.ports import Transaction


class Stage(StrEnum):
    """In order: each includes those before it."""

    STORED = "stored"
    """Kept, encrypted, with its place in the log."""
    SEALED = "sealed"
    """Part of a tree that the pool has signed."""
    ANCHORED = "anchored"
    """That tree stands on the beacon, as the beacon says."""
    FINAL = "final"
    """The pool has verified that enough validators signed the beacon's log with that tree in it."""


@dataclass(frozen=True, slots=True)
class Life:
    """How far a record has come, and when it got there."""

    stage: Stage
    stored: datetime
    sealed: datetime | None
    anchored: datetime | None
    final: datetime | None


@dataclass(frozen=True, slots=True)
class Reach:
    """The tree sizes that the stages have come to; a record at a lower log index has reached the stage."""

    sealed: int
    anchored: int
    final: int

    @classmethod
    def read(cls, rows: Transaction) -> Self:
        return cls(
            sealed=rows.log.head().tree_size,
            anchored=rows.anchored_size(final=False),
            final=rows.anchored_size(final=True),
        )

    def stage_of(self, index: int) -> Stage:
        if index < self.final:
            return Stage.FINAL
        if index < self.anchored:
            return Stage.ANCHORED
        return Stage.SEALED if index < self.sealed else Stage.STORED

    def range_of(self, stage: Stage) -> tuple[int, int | None]:
        """First log index, and the one after the last, of records that are at `stage` and no further."""
        match stage:
            case Stage.STORED:
                return self.sealed, None
            case Stage.SEALED:
                return max(self.anchored, self.final), self.sealed
            case Stage.ANCHORED:
                return self.final, self.anchored
            case Stage.FINAL:
                return 0, self.final


def read_life(rows: Transaction, index: int, stored: datetime) -> Life:
    seal = rows.log.seal_covering(index)
    anchored, final = rows.anchor_covering(index, final=False), rows.anchor_covering(index, final=True)
    return Life(
        stage=Reach.read(rows).stage_of(index),
        stored=stored,
        sealed=datetime.fromtimestamp(from_time(seal.time), UTC) if seal else None,
        anchored=anchored.anchored if anchored else None,
        final=final.final if final else None,
    )
