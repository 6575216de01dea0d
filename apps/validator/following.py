"""Following the beacon: its log is replayed when it asks for a vote, and when an unknown pool wants a cosignature."""

import logging
import threading
import time
from functools import lru_cache

from django.db import Error, transaction

from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined, NetworkError
from apps.validator.errors import BeaconUnread, Disbelieved
from apps.validator.heads import WitnessedLog, found_problem, keep_head, latest_checkpoint, note_problem
from apps.validator.identity import Identity
from apps.validator.known_logs import find_log, pool_of
from apps.validator.models import Replica as ReplicaRow
from apps.validator.replica import Replica, replayed_size
from audit_chain.errors import Invalid, InvalidSignature, LogError, Malformed
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.note import Note, verified_signatures

logger = logging.getLogger(__name__)

REPLAY = "look with `manage.py replay --to {}`, go on with `manage.py clear_problem`"
PAUSE = 0.2  # seconds between two replays, however many unknown origins are asked about


class Follower:
    """One beacon's log as this process follows it; safe to share between threads."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._beacon = BeaconClient(identity.network.beacon.url)
        self._log = self._beacon.log
        self.replica = Replica(identity.network, identity.node.name, self._log)
        self._one_at_a_time = threading.Lock()
        self._ended = -PAUSE
        self._recalled = False

    def find(self, origin: str) -> WitnessedLog | None:
        """A log that this validator witnesses besides the beacon's; the beacon is read for a pool unknown so far."""
        return find_log(origin, self._identity, self.replica.reader()) or self._learn(origin)

    def recall(self) -> None:
        """Holds the store against our own latest published cosignature, once in each process.

        A store that was put back from an older copy learns here that it has signed more than it remembers. BeaconUnread
        where the beacon cannot be asked: then it has nothing to sign either.
        """
        if self._recalled:
            return
        try:
            published = Note.parse(self._log.checkpoint())
        except Declined as answer:
            if answer.status != 404:
                raise BeaconUnread(f"the beacon does not show its checkpoint: {answer}") from None
        except (NetworkError, Malformed) as problem:
            raise BeaconUnread(f"the beacon does not show its checkpoint: {problem}") from None
        else:
            self._compare(published)
        self._recalled = True

    def stop(self, problem: Disbelieved) -> None:
        """Notes why this validator signs nothing of this network any more, and what its operator can do."""
        lines = [str(problem)]
        if problem.subroots:
            lines.append(self._differing(problem.at, problem.subroots))
        lines.append(REPLAY.format(problem.at))
        logger.error("stopped: %s", "; ".join(lines))
        note_problem("; ".join(lines))

    def _differing(self, size: int, own: dict[str, bytes]) -> str:
        """Which sections of the state are others on the beacon, as far as it says."""
        try:
            theirs = {section.name: section.root for section in self._beacon.state_sections(size).sections}
        except NetworkError:
            return "the beacon does not say which sub-roots it has"
        names = sorted(name for name in own.keys() | theirs.keys() if own.get(name) != theirs.get(name))
        return f"sub-roots that differ: {', '.join(names) or 'none'}"

    def _compare(self, published: Note) -> None:
        own = self._identity
        key = own.network.beacon.key
        try:
            verified_signatures(published, [key])
            signatures = [line for _, line in verified_signatures(published, own.node.all_keys)]
            checkpoint = LogCheckpoint.parse(published.text)
        except (InvalidSignature, Malformed):
            return  # nothing of ours
        head = latest_checkpoint(key.name)
        if head and head.size == checkpoint.size and head.root != checkpoint.root:
            note_problem(f"the beacon shows our cosignature on another tree of size {head.size} than we remember")
        elif head is None or head.size < checkpoint.size:
            logger.error("this validator has signed up to %s and remembers less", checkpoint.size)
            with transaction.atomic():
                keep_head(published, key, signatures, timestamp_of(signatures[0]))
                ReplicaRow.objects.update_or_create(pk=1, defaults={"is_amnesic": True})

    def _learn(self, origin: str) -> WitnessedLog | None:
        """The pool's log, if the beacon's final state knows it.

        Replays for one request at a time and not more often than once in a while: asking about pools that do not exist
        costs the beacon little, and a beacon that hangs does not take all our threads with it.
        """
        if pool_of(origin, self._identity) is None or not self._one_at_a_time.acquire(timeout=PAUSE):
            return None
        try:
            if time.monotonic() - self._ended >= PAUSE and found_problem() is None:
                self._catch_up()
                self._ended = time.monotonic()
        finally:
            self._one_at_a_time.release()
        return find_log(origin, self._identity, self.replica.reader())

    def _catch_up(self) -> None:
        """Replays up to the beacon's latest final checkpoint."""
        try:
            checkpoint = self._identity.network.policy().verify(self._log.checkpoint()).checkpoint
            if checkpoint.size <= replayed_size() or checkpoint.origin != self._identity.network.beacon.key.name:
                return
            with self.replica.turn(patience=PAUSE):
                self.replica.advance(checkpoint)
                with transaction.atomic():
                    self.replica.commit(checkpoint.size)
        except Disbelieved as problem:
            self.stop(problem)
        except (NetworkError, Invalid, Malformed, LogError) as problem:
            logger.info("could not follow the beacon's log: %s", problem)
        except Error as problem:
            logger.error("could not keep the beacon's log: %s", type(problem).__name__)


@lru_cache(maxsize=1)
def _follower(identity: Identity) -> Follower:
    return Follower(identity)


_starting = threading.Lock()


def follower(identity: Identity) -> Follower:
    """This process's follower."""
    with _starting:
        return _follower(identity)
