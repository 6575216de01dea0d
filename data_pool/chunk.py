"""One chunk of an import, stored in one transaction under the log's lock."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from audit_chain.log.sealed_log import SealedLog
from audit_chain.records.entry import RecordEntry
from data_pool.errors import PoolError, ReplacementRefused, RowDamaged
from data_pool.replacements import check_replaceable, get_record
from data_pool.setup import Setup
from data_pool.storage.ports import Transaction
from data_pool.storage.rows import ItemRow, OutcomeKind, OutcomeRow, RecordRow, ReplacementRow


@dataclass(frozen=True, slots=True)
class Refused:
    """A document, or the rest of a file, that is not taken."""

    reason: str
    where: str = ""
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Replaces:
    """The record that a document replaces, and who says so."""

    older: UUID
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document ready to be stored, but for its place in the log."""

    row: RecordRow
    entry: RecordEntry
    reading: bytes
    tokens: set[bytes]
    replaces: Replaces | None

    @property
    def weight(self) -> int:
        """Bytes of its payload."""
        return len(self.row.payload)


@dataclass(slots=True)
class Reading:
    """A file on its way: as it is stored, what has been read of it since, and whether that is its end."""

    item: ItemRow
    results: list[Prepared | Refused] = field(default_factory=list)
    ended: bool = False


class Overtaken(PoolError):
    """Another worker has moved one of the files on; nothing of the chunk was stored."""


def store_chunk(setup: Setup, readings: Sequence[Reading]) -> None:
    """Stores what was read and moves the files on; raises Overtaken, with nothing stored, where somebody else has."""
    touched = [reading for reading in readings if reading.results or reading.ended]
    if not touched:
        return
    with setup.storage.transaction() as rows:
        after = _Chunk(setup, rows, touched).store()
    for reading, item in zip(touched, after, strict=True):
        reading.item = item
        reading.results = []


class _Chunk:
    """The chunk while the log is locked: what is known, what is new, and what became of each document."""

    def __init__(self, setup: Setup, rows: Transaction, readings: Sequence[Reading]) -> None:
        self._setup = setup
        self._rows = rows
        self._readings = readings
        self._head = rows.log.lock()
        prepared = [result for reading in readings for result in reading.results if isinstance(result, Prepared)]
        self._by_content = rows.records_with_content([result.row.content_token for result in prepared])
        self._by_reading = {
            token: holders[0].id for token, holders in rows.holders([result.reading for result in prepared]).items()
        }
        self._new: list[Prepared] = []
        self._replacements: list[ReplacementRow] = []
        self._outcomes: list[OutcomeRow] = []

    def store(self) -> list[ItemRow]:
        """The files' rows as they now stand, in the order of the readings."""
        after = [self._settle(reading) for reading in self._readings]
        before = [reading.item for reading in self._readings]
        if not self._rows.advance_items(list(zip(before, after, strict=True))):
            raise Overtaken("a file was moved on meanwhile")
        if self._new:
            self._insert_records()
        self._rows.insert(self._replacements)
        self._rows.insert(self._outcomes)
        dropped = [old.original for old, new in zip(before, after, strict=True) if old.original and not new.original]
        if dropped:
            self._rows.drop_originals(dropped)
        return after

    def _settle(self, reading: Reading) -> ItemRow:
        """Decides about each document of the file, and gives the file's row as it will be."""
        item = reading.item
        counts = {"accepted": item.accepted, "duplicate": item.duplicates, "refused": item.refused}
        for part, result in enumerate(reading.results, item.parts):
            outcome = self._decide(item, part, result)
            counts[outcome.outcome] += 1
            self._outcomes.append(outcome)
        worthless = reading.ended and counts["accepted"] == 0
        after = replace(
            item,
            original=None if worthless else item.original,
            done=reading.ended,
            parts=item.parts + len(reading.results),
            accepted=counts["accepted"],
            duplicates=counts["duplicate"],
            refused=counts["refused"],
        )
        try:
            secret = self._setup.keys.open_row(item)
        except RowDamaged:  # Its reading has refused it for that; here it must not hold up the others.
            return self._setup.keys.close_members(after, name="")
        return self._setup.keys.close_row(after, secret)

    def _decide(self, item: ItemRow, part: int, result: Prepared | Refused) -> OutcomeRow:
        if isinstance(result, Refused):
            return self._outcome(item, part, "refused", reason=result.reason, where=result.where)
        known = self._by_content.get(result.row.content_token) or self._by_reading.get(result.reading)
        if known is not None:
            return self._outcome(item, part, "duplicate", record=known)
        if result.replaces is not None:
            try:
                result = self._replace(result, result.replaces)
            except ReplacementRefused as refused:
                return self._outcome(item, part, "refused", reason=str(refused))
        self._new.append(result)
        self._by_content[result.row.content_token] = result.row.id
        self._by_reading[result.reading] = result.row.id
        return self._outcome(item, part, "accepted", record=result.row.id)

    def _replace(self, result: Prepared, replaces: Replaces) -> Prepared:
        older = replaces.older
        check_replaceable(self._rows, older, also=self._replacements)
        row = ReplacementRow(
            index=self._head.next_index + len(self._new),
            newer=result.row.id,
            older=older,
            created=result.row.created,
            wrapped=b"",
        )
        self._replacements.append(self._setup.keys.close_members(row, by=replaces.by))
        return replace(result, entry=replace(result.entry, previous=get_record(self._rows, older).index))

    def _outcome(
        self, item: ItemRow, part: int, kind: OutcomeKind, *, record: UUID | None = None, **members: str
    ) -> OutcomeRow:
        row = OutcomeRow(item.batch, item.position, part, kind, record, b"")
        keys = self._setup.keys
        return keys.close_members(row, **members) if members else keys.close_row(row)

    def _insert_records(self) -> None:
        first = SealedLog(self._rows.log, self._setup.keys.signer).append([new.entry.encode() for new in self._new])
        ordinal = self._rows.last_ordinal() + 1
        self._rows.insert([new.row.at(first + place, ordinal + place) for place, new in enumerate(self._new)])
        self._rows.insert_tokens({index: new.tokens for index, new in enumerate(self._new, first)})
