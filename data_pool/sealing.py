"""Sealing: what was appended to the pool's log becomes a signed tree, and the state map beside it a new version."""

from datetime import datetime

from audit_chain.encoding import to_time
from audit_chain.log.sealed_log import Seal, SealedLog
from audit_chain.records.entry import SealEntry
from data_pool.setup import Setup
from data_pool.state import load_sealing


def seal(setup: Setup, now: datetime) -> Seal | None:
    """The seal over everything appended so far; None where nothing was appended since the last one."""
    time = to_time(int(now.timestamp()))
    with setup.storage.transaction() as rows:
        head = rows.log.head()
        if head.next_index == head.tree_size:  # Told without taking the log's lock: sweeps ask this every second.
            return None
        rows.log.lock()
        state = load_sealing(rows)
        made = SealedLog(rows.log, setup.keys.signer).seal(
            time, make_entry=lambda previous, _index: SealEntry(previous, state.root(), time).encode()
        )
        if made is not None:  # Else somebody was faster.
            state.commit(made.size)
        return made
