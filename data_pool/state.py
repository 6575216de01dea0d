"""The pool's state map: of every record in the log, whether it is the latest version and still stands.

It follows from the log's entries alone, is brought up to date under the log's lock when a batch is sealed, and each
seal holds its root. A version of the map has the size of the tree that the seal ends.
"""

from collections.abc import Callable, Iterator
from typing import Final

from audit_chain.errors import CorruptLog, MalformedEntry
from audit_chain.log.store import LogStore
from audit_chain.records.entry import PoolEntry, RecordEntry, ReplacementEntry, SealEntry, parse_entry
from audit_chain.records.status import RecordStatus, record_name
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import prune
from data_pool.storage.ports import Transaction

READ_ENTRIES: Final = 4_096
"""Read from the log at a time."""

Put = Callable[[str, bytes], None]
"""Gives a name its value."""

FindRecord = Callable[[int], str]
"""From an index of the log to the number of the record committed there."""


def process_entry(put: Put, index: int, entry: PoolEntry, find_record: FindRecord) -> None:
    """Puts what the entry at that index of the log changes: a record's status, and that of one it replaces."""
    match entry:
        case RecordEntry():
            put(record_name(entry.record), RecordStatus(index).encode())
            if entry.previous is not None:
                older = find_record(entry.previous)
                put(record_name(older), RecordStatus(entry.previous, replaced_by=index).encode())
        case ReplacementEntry():
            older = find_record(entry.previous)
            put(record_name(older), RecordStatus(entry.previous, replaced_by=entry.index).encode())
        case SealEntry():
            pass  # It says what the map is, and changes nothing in it.


def load_sealing(rows: Transaction) -> StateMap:
    """The map with all entries that wait for a seal, not committed yet. The log has to be locked.

    CorruptLog where one of them is none of a pool's.
    """
    head, state = rows.log.head(), StateMap(rows.state)
    for index, data in enumerate(_read_entries(rows.log, head.tree_size, head.next_index), head.tree_size):
        try:
            entry = parse_entry(data)
        except MalformedEntry as error:
            raise CorruptLog(f"entry {index} of the log is none of a pool's ({error})") from None
        process_entry(state.put, index, entry, lambda earlier: find_record(rows.log, earlier))
    return state


def find_record(log: LogStore, index: int) -> str:
    """The number of the record committed at that index of the log; CorruptLog where there is none."""
    (data,) = log.read_entries(index, index + 1)
    try:
        return RecordEntry.parse(data).record
    except MalformedEntry as error:
        raise CorruptLog(f"entry {index} of the log is no record ({error})") from None


def prune_state(rows: Transaction, size: int) -> None:
    """Forgets what the map was before the tree of that size, which is final: nothing proves the past but the newest."""
    prune(rows.state, size)


def _read_entries(log: LogStore, start: int, stop: int) -> Iterator[bytes]:
    for first in range(start, stop, READ_ENTRIES):
        yield from log.read_entries(first, min(first + READ_ENTRIES, stop))
