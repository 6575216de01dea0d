"""Reading how an import went: batches, their files, what became of each document."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from data_pool.errors import UnknownBatch
from data_pool.keys import PoolKeys
from data_pool.setup import Setup
from data_pool.storage.rows import BatchRow, ItemRow, OutcomeKind, OutcomeRow, Tally

Outcome: TypeAlias = OutcomeKind | Literal["pending"]
Position: TypeAlias = tuple[int, int]
"""(file in its batch, document in its file), both from 0."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`total` counts files and `pending` those not read to their end; the others count documents."""

    id: UUID
    created: datetime
    by: str
    total: int
    accepted: int
    duplicates: int
    refused: int
    pending: int

    @property
    def done(self) -> bool:
        return self.pending == 0


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one document; `reason` and `where` say why it was refused. Pending ones are whole files."""

    position: Position
    name: str
    outcome: Outcome
    record_id: UUID | None
    reason: str
    where: str


def read_batch(setup: Setup, batch: UUID) -> Batch:
    with setup.storage.transaction() as rows:
        row = rows.batch(batch)
        if row is None:
            raise UnknownBatch("no such import in this pool", got=str(batch))
        return _batch(setup.keys, row, rows.tallies([batch])[batch])


def list_batches(setup: Setup, *, limit: int, before: UUID | None) -> list[Batch]:
    """Newest first, from the one older than `before` on."""
    with setup.storage.transaction() as rows:
        found = rows.batches(before, limit)
        tallies = rows.tallies([row.id for row in found])
        return [_batch(setup.keys, row, tallies[row.id]) for row in found]


def list_items(setup: Setup, batch: UUID, *, outcome: Outcome | None, after: Position | None, limit: int) -> list[Item]:
    """Documents with an outcome, by position, past `after`; then, or with `pending` alone, files still to be read."""
    position = after or (-1, -1)
    items = list[Item]()
    with setup.storage.transaction() as rows:
        if outcome != "pending":
            found = rows.outcomes(batch, kind=outcome, after=position, limit=limit)
            items = [_item(setup.keys, item, row) for item, row in found]
        if outcome in (None, "pending") and len(items) < limit:
            waiting = [item for item in rows.items(batch, done=False) if (item.position, item.parts) > position]
            items += [_pending(setup.keys, item) for item in waiting[: limit - len(items)]]
    return items


def every_item(setup: Setup, batch: UUID, *, outcome: Outcome | None = None) -> Iterator[Item]:
    """All items of a batch, read page by page."""
    after: Position | None = None
    while page := list_items(setup, batch, outcome=outcome, after=after, limit=1_000):
        yield from page
        after = page[-1].position


def _batch(keys: PoolKeys, row: BatchRow, tally: Tally) -> Batch:
    return Batch(
        id=row.id,
        created=row.created,
        by=keys.open_members(row)["by"],
        total=row.files,
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        refused=tally.refused,
        pending=tally.pending,
    )


def _item(keys: PoolKeys, item: ItemRow, row: OutcomeRow) -> Item:
    name = keys.open_members(item)["name"]
    members = keys.open_members(row) if row.outcome == "refused" else {}
    position = (row.position, row.part)
    return Item(position, name, row.outcome, row.record, members.get("reason", ""), members.get("where", ""))


def _pending(keys: PoolKeys, item: ItemRow) -> Item:
    name = keys.open_members(item)["name"]
    return Item((item.position, item.parts), name, "pending", None, "", "")
