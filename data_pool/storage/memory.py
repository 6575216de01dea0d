"""A pool's storage in memory: for tests, and the shortest account of what a storage has to do."""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Any, TypeVar
from uuid import UUID

from audit_chain.log.store import MemoryLogStore
from audit_chain.statemap.store import MemoryStateStore
from data_pool.errors import PoolError
from data_pool.storage.ports import Selection
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


def _key(row: Row) -> Any:
    """The row's primary key."""
    match row:
        case OriginalRow() | BatchRow() | DisclosureRow():
            return row.id
        case ItemRow():
            return (row.batch, row.position)
        case OutcomeRow():
            return (row.batch, row.position, row.part)
        case RecordRow() | ReplacementRow():
            return row.index
        case AnchorRow():
            return row.size
        case RegistrationRow():
            return True


@dataclass(slots=True)
class _State:
    log: MemoryLogStore = field(default_factory=MemoryLogStore)
    state: MemoryStateStore = field(default_factory=MemoryStateStore)
    tables: dict[type[Any], dict[Any, Any]] = field(default_factory=dict)
    tokens: dict[bytes, set[int]] = field(default_factory=dict)

    def copy(self) -> "_State":
        return _State(
            copy.deepcopy(self.log),
            self.state.copy(),
            {table: dict(rows) for table, rows in self.tables.items()},
            {token: set(indexes) for token, indexes in self.tokens.items()},
        )


class MemoryTransaction:
    def __init__(self, state: _State) -> None:
        self._state = state
        self.log = state.log
        self.state = state.state

    def insert(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._check_unique(row)
            self._table(type(row))[_key(row)] = row

    def insert_tokens(self, tokens: Mapping[int, Collection[bytes]]) -> None:
        for index, own in tokens.items():
            for token in own:
                self._state.tokens.setdefault(token, set()).add(index)

    def scan(self, table: type[R]) -> Iterator[R]:
        rows = self._table(table)
        return iter([rows[key] for key in sorted(rows)])

    def scan_tokens(self) -> Iterator[Token]:
        pairs = ((index, token) for token, indexes in self._state.tokens.items() for index in indexes)
        return iter([Token(token, index) for index, token in sorted(pairs)])

    def batch(self, batch: UUID) -> BatchRow | None:
        return self._table(BatchRow).get(batch)

    def batches(self, before: UUID | None, limit: int) -> list[BatchRow]:
        rows = [row for row in self.scan(BatchRow) if before is None or row.id < before]
        return rows[::-1][:limit]

    def has_staged(self) -> bool:
        return any(not item.done for item in self.scan(ItemRow))

    def tallies(self, batches: Collection[UUID]) -> dict[UUID, Tally]:
        return {batch: self._tally(self.items(batch)) for batch in batches}

    def _tally(self, items: Sequence[ItemRow]) -> Tally:
        return Tally(
            files=len(items),
            pending=sum(not item.done for item in items),
            accepted=sum(item.accepted for item in items),
            duplicates=sum(item.duplicates for item in items),
            refused=sum(item.refused for item in items),
        )

    def items(self, batch: UUID, *, done: bool | None = None) -> list[ItemRow]:
        return [item for item in self.scan(ItemRow) if item.batch == batch and done in (None, item.done)]

    def outcomes(
        self, batch: UUID, *, kind: OutcomeKind | None, after: tuple[int, int], limit: int
    ) -> list[tuple[ItemRow, OutcomeRow]]:
        items = self._table(ItemRow)
        chosen = [
            (items[row.batch, row.position], row)
            for row in self.scan(OutcomeRow)
            if row.batch == batch and kind in (None, row.outcome) and (row.position, row.part) > after
        ]
        return chosen[:limit]

    def advance_items(self, changes: Sequence[tuple[ItemRow, ItemRow]]) -> bool:
        table = self._table(ItemRow)
        for before, after in changes:
            stored = table.get(_key(before))
            if stored is None or stored.done or stored.parts != before.parts:
                return False
            table[_key(after)] = after
        return True

    def originals(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]:
        table = self._table(OriginalRow)
        return {original: table[original] for original in originals if original in table}

    def original_boxes(self, originals: Collection[UUID]) -> dict[UUID, OriginalRow]:
        found = self.originals(originals).values()
        return {row.id: OriginalRow(row.id, row.size, row.wrapped, b"") for row in found}

    def drop_originals(self, originals: Sequence[UUID]) -> None:
        for original in originals:
            del self._table(OriginalRow)[original]

    def record(self, record: UUID) -> RecordRow | None:
        return next((row for row in self._table(RecordRow).values() if row.id == record), None)

    def records_at(self, indexes: Collection[int]) -> dict[int, RecordRow]:
        table = self._table(RecordRow)
        return {index: table[index] for index in indexes if index in table}

    def last_ordinal(self) -> int:
        return len(self._table(RecordRow))

    def records_with_content(self, content_tokens: Collection[bytes]) -> dict[bytes, UUID]:
        wanted = set(content_tokens)
        return {row.content_token: row.id for row in self.scan(RecordRow) if row.content_token in wanted}

    def holders(self, tokens: Collection[bytes]) -> dict[bytes, list[Holder]]:
        known, records = self._state.tokens, self._table(RecordRow)
        return {
            token: [Holder(index, records[index].id) for index in sorted(known[token])]
            for token in tokens
            if token in known
        }

    def select(self, selection: Selection, *, limit: int) -> list[RecordRow]:
        return sorted(self._chosen(selection), key=lambda row: -row.index)[:limit]

    def count(self, selection: Selection, *, at_most: int) -> int:
        return min(at_most, sum(1 for _ in self._chosen(selection)))

    def replacements_of(self, records: Collection[UUID]) -> list[ReplacementRow]:
        wanted = set(records)
        return [row for row in self.scan(ReplacementRow) if row.newer in wanted or row.older in wanted]

    def disclosures_of(self, record: UUID) -> list[DisclosureRow]:
        return [row for row in self.scan(DisclosureRow) if row.record == record]

    def anchor(self, size: int) -> AnchorRow | None:
        return self._table(AnchorRow).get(size)

    def latest_anchor(self) -> AnchorRow | None:
        return max(self.scan(AnchorRow), key=lambda row: row.size, default=None)

    def anchor_covering(self, index: int, *, final: bool) -> AnchorRow | None:
        return next((row for row in self._on_beacon(final) if row.size > index), None)

    def anchored_size(self, *, final: bool) -> int:
        return max((row.size for row in self._on_beacon(final)), default=0)

    def unfinished_anchors(self) -> list[AnchorRow]:
        return [row for row in self.scan(AnchorRow) if row.final is None]

    def save_anchor(self, row: AnchorRow) -> None:
        in_flight = {other.size for other in self.scan(AnchorRow) if other.beacon_index is None} - {row.size}
        if row.beacon_index is None and in_flight:
            raise PoolError("two crosslinks under way", expected="one at a time", got=f"{len(in_flight) + 1}")
        self._table(AnchorRow)[row.size] = row

    def drop_anchor(self, size: int) -> None:
        del self._table(AnchorRow)[size]

    def registration(self) -> RegistrationRow | None:
        return self._table(RegistrationRow).get(True)

    def _table(self, table: type[R]) -> dict[Any, R]:
        return self._state.tables.setdefault(table, {})

    def _on_beacon(self, final: bool) -> Iterable[AnchorRow]:
        return (row for row in self.scan(AnchorRow) if (row.final if final else row.anchored) is not None)

    def _chosen(self, selection: Selection) -> Iterator[RecordRow]:
        tokens = self._state.tokens
        groups = [set().union(*(tokens.get(token, ()) for token in group)) for group in selection.groups]
        for row in self.scan(RecordRow):
            in_range = selection.start <= row.index and (selection.stop is None or row.index < selection.stop)
            if in_range and all(row.index in group for group in groups):
                yield row

    def _check_unique(self, row: Row) -> None:
        taken = _key(row) in self._table(type(row))
        if isinstance(row, RecordRow):
            taken = taken or bool(self.records_with_content([row.content_token])) or self.record(row.id) is not None
        elif isinstance(row, ReplacementRow):
            others = self.scan(ReplacementRow)
            taken = taken or any(other.newer == row.newer or other.older == row.older for other in others)
        if taken:
            raise PoolError(f"{type(row).__name__} is there already", expected="a new one", got="one of the same key")


class MemoryStorage:
    """One lock around each transaction, which works on a copy that takes the place of the whole when it ends well."""

    def __init__(self) -> None:
        self._state = _State()
        self._transactions = RLock()
        self._claims = Lock()
        self._claimed: set[tuple[UUID, int]] = set()
        self._turns: set[str] = set()

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        with self._transactions:
            state = self._state.copy()
            yield MemoryTransaction(state)
            self._state = state

    @contextmanager
    def snapshot(self) -> Iterator[MemoryTransaction]:
        with self._transactions:
            yield MemoryTransaction(self._state.copy())

    @contextmanager
    def claim(self, *, limit: int, batch: UUID | None = None) -> Iterator[Sequence[ItemRow]]:
        with self._claims, self.snapshot() as rows:
            free = [
                item
                for item in rows.scan(ItemRow)
                if not item.done and batch in (None, item.batch) and (item.batch, item.position) not in self._claimed
            ][:limit]
            self._claimed |= {(item.batch, item.position) for item in free}
        try:
            yield free
        finally:
            with self._claims:
                self._claimed -= {(item.batch, item.position) for item in free}

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        with self._claims:
            ours = name not in self._turns
            self._turns.add(name)
        try:
            yield ours
        finally:
            if ours:
                with self._claims:
                    self._turns.discard(name)

    def learn(self) -> None:
        """Nothing is planned here."""

    def schema_problem(self) -> None:
        """There is no schema."""

    def close(self) -> None:
        """Nothing is held open."""
