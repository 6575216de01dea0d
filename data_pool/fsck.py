"""Checks every stored row of a pool against the pool's keys, its log and what the validators signed.

What vouches for what:

    log_entry, log_tile, log_head, log_seal   the signed checkpoints (`data_pool.log_check`)
    record                                    its box; its payload's tag; the commitment, derived again; its log entry
    record_token                              derived again from the record's fields
    state_page, state_value, state_version    derived again from the log (`data_pool.state_check`)
    original                                  its box; its content's tag, size and digest
    replacement                               its box; its log entry
    import_batch, import_item, import_outcome their boxes; that they count one another
    disclosure, anchor, registration          their boxes; an anchor's and the registration's proofs

A box authenticates the columns of its row, so a changed byte in any row of any table shows. Reads one moment of the
database, in streams.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from audit_chain import canonical
from audit_chain.errors import AuditChainError
from audit_chain.records.entry import RecordEntry, ReplacementEntry
from audit_chain.records.fields import Value
from audit_chain.records.tree import commit
from data_pool.anchoring import verify_crosslink, verify_registration
from data_pool.blind_index import SOURCE, compute_tokens, content_token, reading_token
from data_pool.errors import RowDamaged
from data_pool.findings import Findings, Report, TooManyProblems
from data_pool.keys import decrypt
from data_pool.log_check import check_log
from data_pool.network import ProvenEntry
from data_pool.records import open_record
from data_pool.setup import Setup
from data_pool.state_check import StateCheck
from data_pool.storage.ports import Transaction
from data_pool.storage.rows import (
    AnchorRow,
    BatchRow,
    DisclosureRow,
    ItemRow,
    OriginalRow,
    OutcomeRow,
    RecordRow,
    RegistrationRow,
    ReplacementRow,
    Row,
)


class _Indexed(Protocol):
    @property
    def index(self) -> int: ...


R = TypeVar("R", bound=_Indexed)

READ_RECORDS: Final = 500
"""Records for which the originals are looked up at a time."""


def check_pool(setup: Setup) -> Report:
    """The report on one moment of the pool's rows."""
    findings = Findings()
    schema_problem = setup.storage.schema_problem()
    try:
        if schema_problem is not None:
            findings.add("schema_version", f"is not what this version knows: {schema_problem}")
        with setup.storage.snapshot() as rows:
            _check_rows(setup, rows, findings)
    except TooManyProblems:
        return Report(findings.counts, findings.problems, complete=False)
    return Report(findings.counts, findings.problems)


def _check_rows(setup: Setup, rows: Transaction, findings: Findings) -> None:
    records, state = _RecordCheck(setup, rows, findings), StateCheck(rows.log, rows.state, findings)

    def visit(index: int, entry: bytes) -> None:
        records.visit(index, entry)
        state.visit(index, entry)

    check_log(rows.log, setup.keys.signer.verifier_key, findings, visit)
    records.finish()
    state.finish(final=rows.anchored_size(final=True))
    _check_originals(setup, rows, findings)
    _check_imports(setup, rows, findings)
    for disclosure in rows.scan(DisclosureRow):
        _open(setup, findings, disclosure, f"disclosure {disclosure.id}")
    _check_anchors(setup, rows, findings)


def _open(setup: Setup, findings: Findings, row: Row, where: str, *, checkpoint: int | None = None) -> bytes | None:
    """What is in the row's box; None, and a problem, where it does not open."""
    findings.count(where.split()[0])
    try:
        return setup.keys.open_row(row)
    except RowDamaged:
        findings.add(where, "a column is not as it was written", checkpoint=checkpoint)
        return None


# Records: a walk along the log, beside it the rows that belong to each entry.


class _ByIndex(Generic[R]):
    """Rows in the order of their log indexes, taken one index at a time."""

    def __init__(self, rows: Iterator[R]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def take_below(self, index: int | None) -> Iterator[R]:
        """The rows below `index`, or all that are left."""
        while (row := self._next) is not None and (index is None or row.index < index):
            self._next = next(self._rows, None)
            yield row


@dataclass(frozen=True, slots=True)
class _Found:
    """A record, and what the row of its original says about its source; None where that cannot be opened."""

    row: RecordRow
    source: dict[str, Any] | None

    @property
    def index(self) -> int:
        return self.row.index


class _RecordCheck:
    def __init__(self, setup: Setup, rows: Transaction, findings: Findings) -> None:
        self._setup = setup
        self._rows = rows
        self._findings = findings
        self._records = _ByIndex(self._scan_records())
        self._replacements = _ByIndex(rows.scan(ReplacementRow))
        self._tokens = _ByIndex(rows.scan_tokens())
        self._ordinal = 0

    def visit(self, index: int, entry: bytes) -> None:
        self._name_strays(index)
        record = next(self._records.take_below(index + 1), None)
        replacement = next(self._replacements.take_below(index + 1), None)
        tokens = {token.token for token in self._tokens.take_below(index + 1)}
        if replacement is not None:
            self._check_replacement(replacement, index)
        if record is not None:
            self._check_record(record, replacement, tokens, entry)
        elif replacement is not None:
            self._check_entry(index, entry, self._replacement_entry(replacement), f"replacement {index}")
        else:
            self._check_alone(index, entry)
        if record is None and tokens:
            self._add(f"record_token {index}", "belongs to no record", index)

    def finish(self) -> None:
        self._name_strays(None)

    def _scan_records(self) -> Iterator[_Found]:
        rows = self._rows.scan(RecordRow)
        while page := list(islice(rows, READ_RECORDS)):
            boxes = self._rows.original_boxes({row.original for row in page})
            sources = {original: self._open_source(box) for original, box in boxes.items()}
            for row in page:
                yield _Found(row, sources.get(row.original))

    def _open_source(self, box: OriginalRow) -> dict[str, Any] | None:
        try:
            return self._setup.keys.open_members(box)
        except RowDamaged:
            return None  # Named when the originals are checked.

    def _name_strays(self, below: int | None) -> None:
        for record in self._records.take_below(below):
            self._add(f"record {record.index}", "has no entry in the log", record.index)
        for replacement in self._replacements.take_below(below):
            self._add(f"replacement {replacement.index}", "has no entry in the log", replacement.index)
        for index in sorted({token.index for token in self._tokens.take_below(below)}):
            self._add(f"record_token {index}", "belongs to no record", index)

    def _check_record(
        self, found: _Found, replacement: ReplacementRow | None, tokens: set[bytes], entry: bytes
    ) -> None:
        row, where = found.row, f"record {found.index}"
        self._ordinal += 1
        if row.ordinal != self._ordinal:
            self._add(where, "its ordinal is not its place", row.index, expected=self._ordinal, got=row.ordinal)
        fields = self._open_fields(row, where)
        if fields is None:
            return
        if content_token(self._setup.keys, fields) != row.content_token:
            self._add(where, "its content token is another document's", row.index)
        previous = self._index_of(replacement.older) if replacement else None
        derived = RecordEntry(str(row.id), row.root, row.size, previous)
        self._check_entry(row.index, entry, derived, where)
        self._check_source(found, fields, tokens, where)

    def _open_fields(self, row: RecordRow, where: str) -> dict[str, Value] | None:
        """The record's fields, where row and payload are as written and lead to the root that was committed to."""
        if _open(self._setup, self._findings, row, where, checkpoint=self._checkpoint(row.index)) is None:
            return None
        try:
            key, fields = open_record(self._setup.keys, row)
        except RowDamaged:
            self._add(where, "its payload is not as it was written", row.index)
            return None
        commitment = commit(fields, key)
        if (commitment.root, commitment.size) != (row.root, row.size):
            expected, got = row.root.hex(), commitment.root.hex()
            self._add(where, "its fields do not lead to its root", row.index, expected=expected, got=got)
        return fields

    def _check_source(self, found: _Found, fields: dict[str, Value], tokens: set[bytes], where: str) -> None:
        row, source = found.row, found.source
        if source is None:
            return
        if fields.get(SOURCE) != source["sha256"]:
            self._add(where, "its source is not its original", row.index)
        keys = self._setup.keys
        reading = reading_token(keys, source=source["sha256"], mapping=source["mapping"], part=row.part)
        derived = compute_tokens(keys, fields) | {reading}
        self._findings.count("record_token", len(tokens))
        for token in sorted(derived - tokens):
            self._add(f"record_token {row.index}", f"token {token.hex()} is missing", row.index)
        for token in sorted(tokens - derived):
            self._add(f"record_token {row.index}", f"token {token.hex()} is not the record's", row.index)

    def _check_replacement(self, row: ReplacementRow, index: int) -> None:
        _open(self._setup, self._findings, row, f"replacement {index}", checkpoint=self._checkpoint(index))

    def _replacement_entry(self, row: ReplacementRow) -> ReplacementEntry:
        newer, older = self._index_of(row.newer), self._index_of(row.older)
        return ReplacementEntry(str(row.newer), index=newer, previous=older)

    def _check_entry(self, index: int, entry: bytes, derived: RecordEntry | ReplacementEntry, where: str) -> None:
        """The entry at `index` is the one that the row leads to; the row's box has already vouched for the row."""
        if entry == derived.encode():
            return
        if _decode(entry).get("record") not in (None, derived.record):
            self._add(where, "stands at another record's place in the log", index)
        else:
            self._add(f"log_entry {index}", "is not the one that its row leads to", index)

    def _check_alone(self, index: int, entry: bytes) -> None:
        """An entry without a row beside it has to be a seal."""
        match _decode(entry).get("type"):
            case "seal":
                pass
            case "record" | "replacement" as table:
                self._add(f"{table} {index}", "is missing", index)
            case _:
                self._add(f"log_entry {index}", "is of no known type", index)

    def _index_of(self, record: UUID) -> int:
        row = self._rows.record(record)
        return row.index if row else -1

    def _checkpoint(self, index: int) -> int | None:
        seal = self._rows.log.seal_covering(index)
        return seal.size if seal else None

    def _add(self, where: str, what: str, index: int, *, expected: object = "", got: object = "") -> None:
        self._findings.add(where, what, expected=expected, got=got, checkpoint=self._checkpoint(index))


def _decode(entry: bytes) -> dict[str, Any]:
    try:
        value = canonical.decode(entry)
    except AuditChainError:
        return {}
    return value if isinstance(value, dict) else {}


# Files and imports


def _check_originals(setup: Setup, rows: Transaction, findings: Findings) -> None:
    for row in rows.scan(OriginalRow):
        where = f"original {row.id}"
        if _open(setup, findings, row, where) is None:
            continue
        secret = setup.keys.open_members(row)
        try:
            data = decrypt(bytes.fromhex(secret["key"]), row.content, owner=row.id)
        except RowDamaged:
            findings.add(where, "its content is not as it was written")
            continue
        if (len(data), sha256(data).hexdigest()) != (row.size, secret["sha256"]):
            findings.add(where, "its content is another file's")


def _check_imports(setup: Setup, rows: Transaction, findings: Findings) -> None:
    files: Counter[UUID] = Counter()
    outcomes = _ByItem(rows.scan(OutcomeRow))
    for item in rows.scan(ItemRow):
        where = f"import_item {item.batch} {item.position}"
        _open(setup, findings, item, where)
        kinds: Counter[str] = Counter()
        for outcome in outcomes.take_to(item):
            _open(setup, findings, outcome, f"import_outcome {outcome.batch} {outcome.position} {outcome.part}")
            kinds[outcome.outcome] += 1
        counts = (kinds["accepted"], kinds["duplicate"], kinds["refused"])
        if counts != (item.accepted, item.duplicates, item.refused):
            findings.add(where, "does not count its outcomes", expected=counts, got="others")
        if item.position != files[item.batch]:
            findings.add(where, "is not the next file", expected=files[item.batch], got=item.position)
        files[item.batch] += 1
    for outcome in outcomes.take_to(None):
        findings.add(f"import_outcome {outcome.batch} {outcome.position} {outcome.part}", "belongs to no file")
    for batch in rows.scan(BatchRow):
        _open(setup, findings, batch, f"import_batch {batch.id}")
        if files[batch.id] != batch.files:
            expected, got = f"{batch.files} files", files[batch.id]
            findings.add(f"import_batch {batch.id}", "has another number of files", expected=expected, got=got)


class _ByItem:
    """Outcomes in order, taken one file at a time."""

    def __init__(self, outcomes: Iterator[OutcomeRow]) -> None:
        self._outcomes = outcomes
        self._next = next(outcomes, None)

    def take_to(self, item: ItemRow | None) -> Iterator[OutcomeRow]:
        """The outcomes up to this file's last, or all that are left."""
        while (row := self._next) and (item is None or (row.batch, row.position) <= (item.batch, item.position)):
            self._next = next(self._outcomes, None)
            yield row


# The beacon's word


def _check_anchors(setup: Setup, rows: Transaction, findings: Findings) -> None:
    for row in rows.scan(AnchorRow):
        where = f"anchor {row.size}"
        if _open(setup, findings, row, where, checkpoint=row.size) is None:
            continue
        if row.entry is not None and row.proof is not None and row.finality is not None:
            try:
                verify_crosslink(setup, row, ProvenEntry(row.entry, row.proof, row.finality))
            except AuditChainError as error:
                findings.add(where, f"its proof does not hold ({error})", checkpoint=row.size)
    for registration in rows.scan(RegistrationRow):
        if _open(setup, findings, registration, "registration 1") is None:
            continue
        try:
            verify_registration(setup, ProvenEntry(registration.entry, registration.proof, registration.finality))
        except AuditChainError as error:
            findings.add("registration 1", f"its proof does not hold ({error})")
