"""Versions: the word that one record replaces another, which makes lines of records, oldest to newest."""

from collections.abc import Sequence
from uuid import UUID

from audit_chain.log.sealed_log import SealedLog
from audit_chain.records.entry import ReplacementEntry
from data_pool.errors import ReplacementRefused, UnknownRecord
from data_pool.setup import Setup
from data_pool.storage.ports import Transaction
from data_pool.storage.rows import RecordRow, ReplacementRow


def declare_replacement(setup: Setup, *, newer: UUID, older: UUID, by: str) -> None:
    """Says in the log that `newer` replaces `older`; ReplacementRefused where the two cannot be so."""
    with setup.storage.transaction() as rows:
        rows.log.lock()
        newer_row, older_row = get_record(rows, newer), get_record(rows, older)
        _check_newer(rows, newer=newer, older=older)
        check_replaceable(rows, older)
        entry = ReplacementEntry(record=str(newer), index=newer_row.index, previous=older_row.index)
        index = SealedLog(rows.log, setup.keys.signer).append([entry.encode()])
        row = ReplacementRow(index=index, newer=newer, older=older, created=setup.now(), wrapped=b"")
        rows.insert([setup.keys.close_members(row, by=by)])


def get_record(rows: Transaction, record: UUID) -> RecordRow:
    row = rows.record(record)
    if row is None:
        raise UnknownRecord("no such record in this pool", got=str(record))
    return row


def check_replaceable(rows: Transaction, older: UUID, *, also: Sequence[ReplacementRow] = ()) -> None:
    """Nothing, where the record is the newest of its line, counting replacements that are about to be stored.

    Decisive while the log is locked.
    """
    if any(row.older == older for row in [*rows.replacements_of([older]), *also]):
        raise ReplacementRefused("the record is replaced already; replace its newest version", got=str(older))


def get_line(rows: Transaction, record: UUID) -> list[UUID]:
    """The versions that the record is one of, oldest first."""
    line, replacements = [record], rows.replacements_of([record])
    while earlier := [row.older for row in replacements if row.newer == line[0]]:
        line = earlier + line
        replacements = rows.replacements_of(earlier)
    replacements = rows.replacements_of([record])
    while later := [row.newer for row in replacements if row.older == line[-1]]:
        line = line + later
        replacements = rows.replacements_of(later)
    return line


def _check_newer(rows: Transaction, *, newer: UUID, older: UUID) -> None:
    if any(row.newer == newer for row in rows.replacements_of([newer])):
        raise ReplacementRefused("the record replaces another one already", got=str(newer))
    if newer in get_line(rows, older):
        raise ReplacementRefused("the record is a version of the other one already", got=str(newer))
