"""Reading records: one with everything that belongs to it, its original, and what a list shows of many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit_chain.records.fields import Value
from audit_chain.records.tree import RecordKey, cipher_key
from data_pool.blind_index import twin_token
from data_pool.keys import PoolKeys, decrypt
from data_pool.life import Life, Reach, Stage, read_life
from data_pool.payload import decode_fields
from data_pool.replacements import get_line, get_record
from data_pool.setup import Setup
from data_pool.storage.ports import Transaction
from data_pool.storage.rows import RecordRow


@dataclass(frozen=True, slots=True)
class DisclosureMade:
    """A bundle that was made of a record: when, by whom, for whom, showing which fields."""

    id: UUID
    created: datetime
    by: str
    recipient: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record and what belongs to it.

    `fields` are flat and dotted. `versions` are the ids of its line, oldest first, this one among them; `twins` are
    other records with the same seller and number that are not of its line.
    """

    id: UUID
    kind: str
    fields: Mapping[str, Value]
    index: int
    created: datetime
    life: Life
    replaces: UUID | None
    superseded_by: UUID | None
    versions: tuple[UUID, ...]
    twins: tuple[UUID, ...]
    original_name: str
    original_size: int
    disclosures: tuple[DisclosureMade, ...]


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """A record in a list. `amount` is in minor units of `currency`; `flagged` means that it has twins."""

    id: UUID
    index: int
    created: datetime
    kind: str
    number: str
    seller: str
    buyer: str
    issue_date: str
    amount: int | None
    currency: str
    life: Stage
    superseded: bool
    flagged: bool

    @property
    def partner(self) -> str:
        """Both sides in one line: a pool does not know which of them is its owner."""
        return " → ".join(name for name in (self.seller, self.buyer) if name)


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it came."""

    name: str
    media_type: str | None
    data: bytes


def open_record(keys: PoolKeys, row: RecordRow) -> tuple[RecordKey, dict[str, Value]]:
    """The record's key and its flat fields."""
    key = RecordKey(keys.open_row(row))
    return key, decode_fields(decrypt(cipher_key(key), row.payload, owner=row.id))


def read_record(setup: Setup, record: UUID) -> Record:
    keys = setup.keys
    with setup.storage.snapshot() as rows:
        row = get_record(rows, record)
        _, fields = open_record(keys, row)
        line = get_line(rows, record)
        place = line.index(record)
        original = rows.original_boxes([row.original])[row.original]
        return Record(
            id=row.id,
            kind=_text(fields, "kind"),
            fields=fields,
            index=row.index,
            created=row.created,
            life=read_life(rows, row.index, row.created),
            replaces=line[place - 1] if place > 0 else None,
            superseded_by=line[place + 1] if place + 1 < len(line) else None,
            versions=tuple(line),
            twins=_read_twins(keys, rows, fields, line),
            original_name=keys.open_members(original)["name"],
            original_size=original.size,
            disclosures=_read_disclosures(keys, rows, record),
        )


def read_original(setup: Setup, record: UUID) -> Original:
    with setup.storage.snapshot() as rows:
        original = get_record(rows, record).original
        row = rows.originals([original])[original]
    secret = setup.keys.open_members(row)
    data = decrypt(bytes.fromhex(secret["key"]), row.content, owner=row.id)
    return Original(secret["name"], secret["media_type"], data)


def summarise(setup: Setup, rows: Transaction, found: Sequence[RecordRow], reach: Reach) -> list[RecordSummary]:
    """What a list shows of these records, in their order."""
    opened = [(row, open_record(setup.keys, row)[1]) for row in found]
    superseded = {replacement.older for replacement in rows.replacements_of([row.id for row in found])}
    flagged = _find_flagged(setup.keys, rows, opened)
    return [
        RecordSummary(
            id=row.id,
            index=row.index,
            created=row.created,
            kind=_text(fields, "kind"),
            number=_text(fields, "number"),
            seller=_text(fields, "seller.name") or _text(fields, "seller.id"),
            buyer=_text(fields, "buyer.name") or _text(fields, "buyer.id"),
            issue_date=_text(fields, "issue_date"),
            amount=_amount(fields),
            currency=_text(fields, "currency"),
            life=reach.stage_of(row.index),
            superseded=row.id in superseded,
            flagged=row.id in flagged,
        )
        for row, fields in opened
    ]


def _find_flagged(
    keys: PoolKeys, rows: Transaction, opened: Sequence[tuple[RecordRow, Mapping[str, Value]]]
) -> set[UUID]:
    """Those that share seller and number with a record outside their line."""
    token_of = {row.id: token for row, fields in opened if (token := twin_token(keys, fields)) is not None}
    holders = rows.holders(list(token_of.values()))
    return {
        record
        for record, token in token_of.items()
        if len(holders[token]) > 1 and {holder.id for holder in holders[token]} - set(get_line(rows, record))
    }


def _read_twins(
    keys: PoolKeys, rows: Transaction, fields: Mapping[str, Value], line: Sequence[UUID]
) -> tuple[UUID, ...]:
    token = twin_token(keys, fields)
    if token is None:
        return ()
    return tuple(holder.id for holder in rows.holders([token])[token] if holder.id not in line)


def _read_disclosures(keys: PoolKeys, rows: Transaction, record: UUID) -> tuple[DisclosureMade, ...]:
    made = []
    for row in rows.disclosures_of(record):
        secret = keys.open_members(row)
        names = tuple(secret["names"])
        made.append(DisclosureMade(row.id, row.created, secret["by"], secret["recipient"], names))
    return tuple(made)


def _text(fields: Mapping[str, Value], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _amount(fields: Mapping[str, Value]) -> int | None:
    amount = fields.get("payable_amount")
    return amount if isinstance(amount, int) else None
