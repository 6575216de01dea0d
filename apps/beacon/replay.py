"""Replay: the log once more through the state transition, against the roots that its seals commit to."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.beacon.log import open_state_store, open_store
from audit_chain.beacon.entries import Seal, parse_entry
from audit_chain.beacon.state import State
from audit_chain.beacon.transition import process_parsed_entry
from audit_chain.errors import NotInLog, StateMismatch, UnknownVersion
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore

BATCH = 1024  # entries


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far the replay came, and, where a seal commits to another state, the sections that differ from ours."""

    start: int
    size: int
    blocks: int
    differing: tuple[str, ...] | None


def replay(start: int) -> Replayed:
    """Replays all entries from tree size `start`, whose state must be kept; 0 is the beginning. Changes nothing.

    Raises what the transition raises for an entry that does not hold.
    """
    state = State(_state_at(start))
    size, blocks = start, 0
    for index, entry in _entries(start):
        parsed = parse_entry(entry)
        try:
            process_parsed_entry(state, parsed, entry, index)
        except StateMismatch as mismatch:
            return Replayed(start, index + 1, blocks, _differing(mismatch, index + 1))
        if isinstance(parsed, Seal):
            size, blocks = index + 1, blocks + 1
    return Replayed(start, size, blocks, None)


def _state_at(size: int) -> StateMap:
    """A copy of the state of that size, in memory."""
    copy = StateMap(MemoryStateStore())
    if size:
        kept = StateMap(open_state_store(), version=size)
        if kept.version != size:
            raise UnknownVersion("no state of that size is kept", got=size)
        for name, value in kept.get_many(kept.names("")).items():
            copy.put(name, value)
        copy.commit(size)
    return copy


def _entries(start: int) -> Iterator[tuple[int, bytes]]:
    store = open_store()
    end = store.head().tree_size
    if start > end:
        raise NotInLog("the log is not that long", expected=f"at most {end}", got=start)
    for first in range(start, end, BATCH):
        yield from enumerate(store.read_entries(first, min(first + BATCH, end)), first)


def _differing(mismatch: StateMismatch, size: int) -> tuple[str, ...]:
    """Sections whose root after the replay is not the one that is kept; all of them where none is kept."""
    try:
        kept = StateMap(open_state_store(), version=size).subroots()
    except UnknownVersion:
        kept = {}
    replayed = dict(mismatch.subroots)
    return tuple(sorted(name for name in kept.keys() | replayed.keys() if kept.get(name) != replayed.get(name)))
