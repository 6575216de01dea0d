"""The validators as the witnesses of a pool's log: the port `data_pool.network.Witnesses` over HTTP."""

import threading
import time
from collections.abc import Callable, Sequence

from apps.network.gathering import Gathering, Witness
from apps.network.network_file import NetworkFile
from apps.network.witness_client import WitnessClient
from audit_chain.errors import QuorumNotReached
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note, Signature
from audit_chain.log.policy import TrustPolicy
from data_pool.network import ProveConsistency

PATIENCE = 5.0  # seconds in all
STRAGGLERS = 0.15  # seconds that those beyond the quorum get
FAILURES = 3  # in a row, after which a witness is not waited for


class Committee:
    """Asks all witnesses side by side; remembers what each signed last, so that the next time one request does."""

    def __init__(
        self, witnesses: Sequence[Witness], policy: TrustPolicy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._witnesses = tuple(witnesses)
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._believed: dict[str, dict[str, int]] = {}

    @classmethod
    def of(cls, network: NetworkFile) -> "Committee":
        return cls([WitnessClient.of(node) for node in network.validators], network.policy())

    def cosign(self, origin: str, note: bytes, prove_consistency: ProveConsistency) -> list[Signature]:
        """Cosignatures of all who answered until the quorum was there, and a moment more; too few after a while."""
        with self._lock:
            believed = self._believed.get(origin)
        gathering = Gathering(
            self._witnesses, lambda old, _new: prove_consistency(old), believed_sizes=believed, clock=self._clock
        )
        try:
            return self._gather(gathering, Note.parse(note))
        finally:
            gathering.close()
            with self._lock:
                self._believed[origin] = gathering.believed_sizes

    def _gather(self, gathering: Gathering, note: Note) -> list[Signature]:
        gathering.aim(note.render(), LogCheckpoint.parse(note.text).size)
        signatures: list[Signature] = []
        end = self._clock() + PATIENCE
        enough = False
        while not gathering.is_settled(failures=FAILURES) and (left := end - self._clock()) > 0:
            for cosigning in gathering.step(left):
                signatures.extend(cosigning.signatures)
            if not enough and self._is_enough(note, signatures):
                enough = True
                end = min(end, self._clock() + STRAGGLERS)
        return signatures

    def _is_enough(self, note: Note, signatures: Sequence[Signature]) -> bool:
        try:
            self._policy.verify_cosignatures(Note(note.text, tuple(signatures)))
        except QuorumNotReached:
            return False
        return True
