"""The sequencer: the beacon's single writer. Seals blocks, and gathers the validators' votes on each epoch's first."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from django.db import connection

from apps.beacon.finality import cosignatures_record
from apps.beacon.models import Cosignature
from apps.beacon.sealing import Sealing, Standing
from apps.network.gathering import Cosigning, Gathering
from apps.network.network_file import NetworkFile
from apps.network.witness_client import WitnessClient
from audit_chain.beacon.state import is_supermajority
from audit_chain.log.keys import COSIGN_ED25519

logger = logging.getLogger(__name__)

WRITER_LOCK = 0x7A11_0001  # an advisory lock of the beacon's database; its holder may write
LOCK_RETRY = 0.5  # seconds
POLL = 1.0  # seconds; submissions wake the sequencer, this is for the wake-up that got lost
HEARTBEAT = 300.0  # seconds without a block before an empty one shows that the beacon lives
FIRST_PATIENCE = 1.0  # seconds that votes on a boundary get; doubles while nothing becomes justified
LAST_PATIENCE = 16.0  # seconds
STRAGGLERS = 0.1  # seconds that votes beyond two thirds of the weight get


class Sequencer:
    """Seals a block when something waits, or when something that was handed in is not final yet.

    The last block of an epoch waits for the votes on the first one, so that it justifies the epoch: two thirds of the
    weight and a moment for the others. Without two thirds it is sealed when patience has run out, later each time:
    the log grows on, slowly and unfinal, and the state sees who is missing. When all is final, only heartbeats follow.
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
        self._wall_clock = wall_clock
        self._clock = clock
        self._heartbeat = heartbeat
        self._patience = FIRST_PATIENCE
        self._sealed_at = clock()
        self._aimed_at = clock()
        self._aimed_size = 0
        self._not_before = self._aimed_at
        self._enough_at: float | None = None
        self._voted: set[str] = set()

    def run(self, stop: Event) -> None:
        """Works until `stop` is set; call `wake` of the gathering after setting it."""
        self._sealing.refuse_lost_history(self._witnesses)
        self._sealing.begin(now=int(self._wall_clock()))
        standing = self._look()
        while not stop.is_set():
            if self._may_seal(standing):
                standing = self._seal(standing)
            if cosignings := self._gathering.step(self._pause(standing)):
                self._record(cosignings, standing)

    def _look(self) -> Standing:
        """Where things stand; the latest boundary is asked for, also again after a stop."""
        standing = self._sealing.standing()
        if self._network is not self._sealing.network:
            self._network = self._sealing.network
            for witness in self._witnesses:
                witness.trust(self._network.validator(witness.name).all_keys)
        boundary = standing.boundary
        if boundary and boundary.size != self._aimed_size:
            self._aimed_at, self._aimed_size, self._enough_at = self._clock(), boundary.size, None
            self._gathering.aim(boundary.note, boundary.size)
            kept = Cosignature.objects.filter(size=boundary.size, kind=COSIGN_ED25519)
            self._voted = {*standing.voted, *kept.values_list("validator", flat=True)}
            self._weigh(standing)
        return standing

    def _may_seal(self, standing: Standing) -> bool:
        """Whether the next block would not come too early."""
        now = self._clock()
        if not standing.ends_epoch:
            return now >= self._not_before
        if self._enough_at is not None and (now >= self._enough_at + STRAGGLERS or self._has_all(standing)):
            return True
        return now >= self._aimed_at + self._patience

    def _seal(self, standing: Standing) -> Standing:
        is_due = standing.is_pending or self._age() >= self._heartbeat
        if not self._sealing.seal_block(now=int(self._wall_clock()), even_empty=is_due):
            return standing
        self._sealed_at = self._clock()
        after = self._look()
        if standing.ends_epoch:
            # Nothing can be justified in the first two epochs.
            is_held_up = after.justified <= standing.justified and standing.epoch > 1
            if is_held_up:
                self._not_before = self._aimed_at + self._patience  # Votes may be there that do not count.
            self._patience = min(LAST_PATIENCE, 2 * self._patience) if is_held_up else FIRST_PATIENCE
        return after

    def _record(self, cosignings: Sequence[Cosigning], standing: Standing) -> None:
        cosignatures_record(cosignings, self._network)
        self._voted.update(cosigning.witness for cosigning in cosignings if cosigning.size == self._aimed_size)
        self._weigh(standing)

    def _weigh(self, standing: Standing) -> None:
        weight = sum(standing.weights.get(name, 0) for name in self._voted)
        if self._enough_at is None and is_supermajority(weight, sum(standing.weights.values())):
            self._enough_at = self._clock()

    def _has_all(self, standing: Standing) -> bool:
        return self._voted >= standing.weights.keys()

    def _age(self) -> float:
        """Seconds since the latest block."""
        return self._clock() - self._sealed_at

    def _pause(self, standing: Standing) -> float:
        """Seconds until something has to be done, unless something comes in."""
        now = self._clock()
        if self._may_seal(standing):
            return 0.0 if standing.is_pending else POLL
        ends = [self._aimed_at + self._patience if standing.ends_epoch else self._not_before, now + POLL]
        if standing.ends_epoch and self._enough_at is not None:
            ends.append(self._enough_at + STRAGGLERS)
        return max(0.0, min(ends) - now)


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
