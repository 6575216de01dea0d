"""Gathering cosignatures: every witness of one log is brought up to its newest checkpoint, each at its own pace.

One request at most is under way per witness, on a thread of its own; everything else, proofs included, happens in the
thread that calls `step`. So a witness that is slow or gone costs the others nothing, and the log's store is only ever
read by its owner.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from apps.network.witness_client import AnotherSize, Cosigned, NotSigned, WitnessAnswer
from audit_chain.log.note import Signature
from audit_chain.log.witness import AddCheckpointRequest

logger = logging.getLogger(__name__)

FIRST_RETRY = 0.25  # seconds; doubles with every failure in a row
LAST_RETRY = 10.0  # seconds
DOUBLINGS = 10  # more than it takes to get there; without a bound a witness away for hours ends in numbers too large
TOLD_AFTER = 1  # failures in a row; a validator may just be learning of the log
CORRECTIONS = 3  # answers in a row that only name another size, before they count as a failure

ProveConsistency = Callable[[int, int], list[bytes]]
"""From an old and a new size of the log to the consistency proof between them."""


class Witness(Protocol):
    name: str

    def add_checkpoint(self, request: AddCheckpointRequest) -> WitnessAnswer: ...


@dataclass(frozen=True, slots=True)
class Cosigning:
    """One witness's verified signatures on the checkpoint of this size."""

    witness: str
    size: int
    signatures: tuple[Signature, ...]


@dataclass(slots=True)
class _Seat:
    witness: Witness
    believed_size: int  # what it signed last, as far as we know; 0 costs one more request
    signed_size: int = -1
    asking: bool = False
    corrections: int = 0
    failures: int = 0
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reply:
    seat: _Seat
    size: int
    answer: WitnessAnswer


class Gathering:
    def __init__(
        self,
        witnesses: Sequence[Witness],
        prove: ProveConsistency,
        *,
        believed_sizes: dict[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        believed = believed_sizes or {}
        self._seats = [_Seat(witness, believed.get(witness.name, 0)) for witness in witnesses]
        self._prove = prove
        self._clock = clock
        self._note = b""
        self._size = -1
        self._events: SimpleQueue[_Reply | None] = SimpleQueue()
        self._executor = ThreadPoolExecutor(max_workers=max(1, len(self._seats)), thread_name_prefix="witness")

    @property
    def believed_sizes(self) -> dict[str, int]:
        """What each witness signed last, as far as known: a later gathering for the same log may start from it."""
        return {seat.witness.name: seat.believed_size for seat in self._seats}

    def aim(self, note: bytes, size: int) -> None:
        """From now on ask for this checkpoint; requests under way for an earlier one run to their end.

        Whoever refused an earlier one is asked at once: what was wrong with that need not be wrong with this.
        """
        self._note, self._size = note, size
        for seat in self._seats:
            seat.not_before = 0.0

    def wake(self) -> None:
        """Makes the current or next `step` return at once; may be called from any thread."""
        self._events.put(None)

    def step(self, timeout: float) -> list[Cosigning]:
        """Cosignatures that came in, after waiting up to `timeout` seconds for any answer, wake-up or due retry."""
        self._ask_whoever_is_free()
        return [cosigning for reply in self._replies(self._patience(timeout)) if (cosigning := self._take(reply))]

    def is_settled(self, *, failures: int) -> bool:
        """Whether every witness has signed the newest checkpoint or failed so many times in a row."""
        return all(seat.signed_size == self._size or seat.failures >= failures for seat in self._seats)

    def close(self) -> None:
        """Asks nobody any more; requests under way end by their own time limit and are not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _ask_whoever_is_free(self) -> None:
        now = self._clock()
        for seat in self._seats:
            if not seat.asking and seat.signed_size != self._size and seat.not_before <= now:
                self._ask(seat)

    def _ask(self, seat: _Seat) -> None:
        old = seat.believed_size
        if old > self._size:
            # It signed more than we have: our log lost its end, or somebody else has its key. Ask all the same, to
            # learn of a change.
            old = 0
        proof = self._prove(old, self._size) if 0 < old < self._size else []
        request = AddCheckpointRequest(old_size=old, proof=tuple(proof), note=self._note)
        size = self._size
        seat.asking = True
        future = self._executor.submit(seat.witness.add_checkpoint, request)
        future.add_done_callback(lambda done: self._events.put(_Reply(seat, size, _answer(done))))

    def _patience(self, timeout: float) -> float:
        """Seconds until something has to be done, at most `timeout`."""
        now = self._clock()
        retries = [seat.not_before - now for seat in self._seats if not seat.asking and seat.signed_size != self._size]
        return max(0.0, min([timeout, *retries]))

    def _replies(self, patience: float) -> list[_Reply]:
        events: list[_Reply | None] = []
        try:
            events.append(self._events.get(timeout=patience) if patience else self._events.get_nowait())
            while True:
                events.append(self._events.get_nowait())
        except Empty:
            return [event for event in events if event is not None]

    def _take(self, reply: _Reply) -> Cosigning | None:
        seat, answer = reply.seat, reply.answer
        seat.asking = False
        if isinstance(answer, Cosigned):
            if seat.failures > TOLD_AFTER:
                logger.info("%s cosigns again", seat.witness.name)
            seat.believed_size = seat.signed_size = reply.size
            seat.failures = seat.corrections = 0
            return Cosigning(seat.witness.name, reply.size, answer.signatures)
        if isinstance(answer, AnotherSize):
            self._correct(seat, answer.size)
        else:
            self._fail(seat, answer.reason)
        return None

    def _correct(self, seat: _Seat, size: int) -> None:
        seat.believed_size = size
        seat.corrections += 1
        if size > self._size:
            self._fail(seat, f"has signed a tree of size {size}, ours is {self._size}")
        elif seat.corrections > CORRECTIONS:
            self._fail(seat, "keeps naming another size")

    def _fail(self, seat: _Seat, reason: str) -> None:
        if seat.failures == TOLD_AFTER:
            logger.warning("%s does not cosign: %s", seat.witness.name, reason)
        seat.not_before = self._clock() + min(LAST_RETRY, FIRST_RETRY * 2 ** min(seat.failures, DOUBLINGS))
        seat.failures += 1
        seat.corrections = 0


def _answer(done: Future[WitnessAnswer]) -> WitnessAnswer:
    if done.cancelled():
        return NotSigned(None, "not asked any more")
    problem = done.exception()
    return NotSigned(None, type(problem).__name__) if problem else done.result()
