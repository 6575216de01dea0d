"""The sequencer: the beacon's single writer. Seals blocks and gathers the validators' cosignatures on them."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from django.db import connection

from apps.beacon.finality import cosignatures_record, final_size
from apps.beacon.log import open_store
from apps.beacon.sealing import Sealing
from apps.network.gathering import Cosigning, Gathering
from apps.network.network_file import NetworkFile
from apps.network.witness_client import WitnessClient
from audit_chain.log.store import Seal

logger = logging.getLogger(__name__)

WRITER_LOCK = 0x7A11_0001  # an advisory lock of the beacon's database; its holder may write
LOCK_RETRY = 0.5  # seconds
POLL = 1.0  # seconds; submissions wake the sequencer, this is for the wake-up that got lost
HEARTBEAT = 300.0  # seconds without a block before an empty one shows that the beacon lives
FIRST_PATIENCE = 1.0  # seconds that a block gets to become final before the next is sealed; doubles while none does
LAST_PATIENCE = 16.0  # seconds


class Sequencer:
    """Seals a block when something waits and the block before is final, or has had its time to become so.

    Waiting for finality batches what arrives meanwhile, and gives validators one checkpoint to agree on. Validators
    that stay away do not stop the log: it grows on, unfinal, and the first checkpoint that reaches the quorum makes
    everything before it final at once.
    """

    def __init__(
        self,
        sealing: Sealing,
        gathering: Gathering,
        witnesses: Sequence[WitnessClient],
        network: NetworkFile,
        *,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._sealing = sealing
        self._gathering = gathering
        self._witnesses = witnesses
        self._network = network
        self._policy = network.policy()
        self._wall_clock = wall_clock
        self._clock = clock
        self._heartbeat = heartbeat
        self._patience = FIRST_PATIENCE
        self._sealed_size = 0
        self._sealed_at = clock()
        self._final_size = 0

    def run(self, stop: Event) -> None:
        """Works until `stop` is set; call `wake` of the gathering after setting it."""
        self._sealing.refuse_lost_history(self._witnesses)
        self._sealing.begin(now=int(self._wall_clock()))
        self._go_on_from_the_database()
        while not stop.is_set():
            if self._may_seal():
                self._seal()
            for cosigning in self._gathering.step(self._pause()):
                self._record(cosigning)

    def _go_on_from_the_database(self) -> None:
        """Whatever a stop has left: the latest block is asked for again, also if it is final already."""
        self._final_size = final_size()
        if latest := open_store().latest_seal():
            self._aim(latest)

    def _may_seal(self) -> bool:
        return self._sealed_size <= self._final_size or self._age() >= self._patience

    def _seal(self) -> None:
        seal = self._sealing.seal_block(now=int(self._wall_clock()), heartbeat=self._age() >= self._heartbeat)
        if seal:
            is_held_up = self._sealed_size > self._final_size
            self._patience = min(LAST_PATIENCE, 2 * self._patience) if is_held_up else FIRST_PATIENCE
            self._aim(seal)

    def _aim(self, seal: Seal) -> None:
        self._sealed_size, self._sealed_at = seal.size, self._clock()
        self._gathering.aim(seal.note, seal.size)

    def _record(self, cosigning: Cosigning) -> None:
        became_final = cosignatures_record(
            size=cosigning.size,
            validator=cosigning.witness,
            signatures=cosigning.signatures,
            network=self._network,
            policy=self._policy,
        )
        if became_final:
            self._final_size = max(self._final_size, cosigning.size)
            logger.info("final up to tree size %d", cosigning.size)

    def _age(self) -> float:
        """Seconds since the latest block."""
        return self._clock() - self._sealed_at

    def _pause(self) -> float:
        if self._may_seal():
            return POLL
        return min(POLL, max(0.0, self._patience - self._age()))


@contextmanager
def only_writer(stop: Event) -> Iterator[bool]:
    """Waits to be the one sequencer of this database; False when stopped first.

    The lock belongs to this thread's connection: who loses the connection loses the lock, and cannot write either.
    """
    held = False
    told = False
    while not stop.is_set() and not (held := _try_lock()):
        if not told:
            logger.info("another sequencer is at work; standing by")
            told = True
        stop.wait(LOCK_RETRY)
    try:
        yield held
    finally:
        connection.close()


def is_at_work() -> bool:
    """Whether some sequencer holds the writer's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [WRITER_LOCK],
        )
        (found,) = cursor.fetchone()
    return bool(found)


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [WRITER_LOCK])
        (held,) = cursor.fetchone()
    return bool(held)
