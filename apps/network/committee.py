"""A pool's committee as the witnesses of its log: the port `data_pool.network.Witnesses` over HTTP."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from apps.network import beacon_api as api
from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkError
from apps.network.gathering import Gathering, Witness
from apps.network.network_file import NetworkFile
from apps.network.witness_client import WitnessClient
from audit_chain.beacon.state import is_supermajority
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from data_pool.network import Cosigned, ProveConsistency

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds in all
STRAGGLERS = 0.15  # seconds that those beyond the quorum get
FAILURES = 3  # in a row, after which a witness is not waited for

AskCommittee = Callable[[str], api.Committee]
"""From a pool's origin to the committee that it should ask now; NetworkError where nobody can say."""


class Committee:
    """Asks the committee side by side; remembers what each signed last, so that the next time one request does."""

    def __init__(
        self, witnesses: Sequence[Witness], ask: AskCommittee, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._witnesses = tuple(witnesses)
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._believed: dict[str, dict[str, int]] = {}

    @classmethod
    def of(cls, network: NetworkFile) -> "Committee":
        beacon = BeaconClient(network.beacon.url)
        return cls(
            [WitnessClient.of(node) for node in network.validators],
            lambda origin: beacon.committee(origin.rpartition("/")[2]),
        )

    def cosign(self, origin: str, note: bytes, prove_consistency: ProveConsistency) -> Cosigned:
        """Cosignatures of all who answered until the quorum was there, and a moment more; too few after a while.

        The committee is the one that the beacon names now; nobody is asked while it names none.
        """
        try:
            committee = self._ask(origin)
        except NetworkError as problem:
            logger.info("nobody is asked to cosign: %s", problem)
            return Cosigned(epoch=0, signatures=())
        members = [witness for witness in self._witnesses if witness.name in committee.validators]
        with self._lock:
            believed = self._believed.get(origin)
        gathering = Gathering(
            members, lambda old, _new: prove_consistency(old), believed_sizes=believed, clock=self._clock
        )
        try:
            return self._gather(gathering, Note.parse(note), committee)
        finally:
            gathering.close()
            with self._lock:
                self._believed[origin] = {**self._believed.get(origin, {}), **gathering.believed_sizes}

    def _gather(self, gathering: Gathering, note: Note, committee: api.Committee) -> Cosigned:
        gathering.aim(note.render(), LogCheckpoint.parse(note.text).size)
        signatures = []
        cosigners: set[str] = set()
        end = self._clock() + PATIENCE
        enough = False
        while not gathering.is_settled(failures=FAILURES) and (left := end - self._clock()) > 0:
            for cosigning in gathering.step(left):
                signatures.extend(cosigning.signatures)
                cosigners.add(cosigning.witness)
            if not enough and is_supermajority(len(cosigners), len(committee.validators)):
                enough = True
                end = min(end, self._clock() + STRAGGLERS)
        return Cosigned(epoch=committee.epoch, signatures=tuple(signatures))
