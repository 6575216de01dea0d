"""Sealing: what was appended to the pool's log becomes a signed tree."""

from datetime import datetime

from audit_chain.encoding import to_time
from audit_chain.log.sealed_log import Seal, SealedLog
from data_pool.setup import Setup


def seal(setup: Setup, now: datetime) -> Seal | None:
    """The seal over everything appended so far; None where nothing was appended since the last one."""
    with setup.storage.transaction() as rows:
        head = rows.log.head()
        if head.next_index == head.tree_size:  # Told without taking the log's lock: sweeps ask this every second.
            return None
        return SealedLog(rows.log, setup.keys.signer).seal(to_time(int(now.timestamp())))
