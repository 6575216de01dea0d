"""Sealing: what waits becomes a block, in one transaction.

The transaction takes submissions, lets each through the state transition, appends those that hold, seals and signs the
tree, and writes state and block. A stop before the commit leaves everything as it was, submissions included, and the
signature has not left the process. A stop after it leaves a sealed block whose cosignatures are still to be gathered.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from apps.beacon.history import refuse_lost_history
from apps.beacon.log import open_store
from apps.beacon.models import Block, StateItem
from apps.beacon.ordering import Ordering
from apps.network.state_rows import StateRows
from apps.network.witness_client import WitnessClient
from audit_chain.beacon.state import get_latest_seal
from audit_chain.beacon.transition import process_entry
from audit_chain.encoding import from_time, to_time
from audit_chain.errors import Invalid, LogError, Malformed
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import LogStore, Seal

logger = logging.getLogger(__name__)

BLOCK_LIMIT = 500  # submissions in a block; crosslinks take about half a millisecond each


class ForeignLog(LogError):
    """The database holds the log of another network or key."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Makes blocks of the log that begins with this genesis entry and is signed by this signer."""

    signer: NoteSigner
    ordering: Ordering
    genesis: bytes

    def begin(self, *, now: int) -> None:
        """Seals the genesis block of an empty log; ForeignLog where the log is not this network's."""
        with transaction.atomic():
            store = open_store()
            if store.lock().next_index == 0:
                self._seal(store, [self.genesis], now)
            else:
                self._refuse_foreign(store)

    def refuse_lost_history(self, witnesses: Sequence[WitnessClient]) -> None:
        """Nothing, where the database has every tree that the witnesses show; HistoryLost else."""
        store = open_store()
        refuse_lost_history(
            SealedLog(store, self.signer),
            size=store.head().tree_size,
            key=self.signer.verifier_key,
            witnesses=witnesses,
        )

    def seal_block(self, *, now: int, heartbeat: bool) -> Seal | None:
        """The seal of a block of what waits; None where nothing waits that holds, unless a heartbeat is due.

        `now` is in POSIX seconds; a clock that went back does not take the log's time back with it.
        """
        with transaction.atomic():
            waiting = self.ordering.take(BLOCK_LIMIT)
            if not waiting and not heartbeat:
                return None
            return self._seal(open_store(), waiting, now, heartbeat=heartbeat)

    def _seal(self, store: LogStore, waiting: list[bytes], now: int, *, heartbeat: bool = False) -> Seal | None:
        head = store.lock()
        state = StateRows(StateItem.objects)
        entries = _admit(state, waiting, first=head.next_index)
        if not entries and not heartbeat:
            return None
        latest = get_latest_seal(state)
        slot = latest.slot + 1
        time = to_time(max(now, from_time(latest.time) if latest.time else now))
        log = SealedLog(store, self.signer)
        log.append(entries)
        seal = log.seal(time, heartbeat=True, extra={"slot": slot})
        if seal is None:
            raise LogError("the log did not seal the block")
        process_entry(state, *store.read_entries(seal.size - 1, seal.size), seal.size - 1)
        state.write()
        Block.objects.create(number=slot, first=head.next_index, size=seal.size)
        logger.info("block %d: %d entries, tree size %d", slot, seal.size - head.next_index, seal.size)
        return seal

    def _refuse_foreign(self, store: LogStore) -> None:
        if store.read_entries(0, 1) != [self.genesis]:
            raise ForeignLog("the database's log begins with another genesis than the network file's")
        if seal := store.latest_seal():
            verified_signatures(Note.parse(seal.note), [self.signer.verifier_key])


def _admit(state: StateRows, waiting: list[bytes], *, first: int) -> list[bytes]:
    """The entries that hold, in order, each having changed the state; the others are dropped with a line in the log."""
    entries: list[bytes] = []
    for entry in waiting:
        try:
            process_entry(state, entry, first + len(entries))
        except (Malformed, Invalid) as refusal:
            logger.info("refused a submission: %s", type(refusal).__name__)
        else:
            entries.append(entry)
    return entries
