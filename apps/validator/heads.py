"""What this validator has signed last of each log, and whether it may sign at all."""

import hashlib
from dataclasses import dataclass

from apps.validator.errors import Stopped
from apps.validator.models import Replica as ReplicaRow
from apps.validator.models import SignedHead
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature, verified_signatures


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log that this validator witnesses: its key, and the tree that its first checkpoint must extend, if any."""

    key: VerifierKey
    start: LogCheckpoint | None = None


def found_problem() -> str | None:
    """Why this validator signs nothing any more; None where it does."""
    row = ReplicaRow.objects.filter(pk=1).first()
    return row.problem if row else None


def check_running() -> None:
    """Stopped, once the beacon was found wrong and until the operator has cleared it."""
    problem = found_problem()
    if problem is not None:
        raise Stopped(f"this validator has stopped: {problem}")


def note_problem(problem: str) -> None:
    """From now on nothing of this network is signed."""
    ReplicaRow.objects.update_or_create(pk=1, defaults={"problem": problem})


def latest_checkpoint(origin: str) -> LogCheckpoint | None:
    """What was cosigned last of this log; None before the first."""
    head = SignedHead.objects.filter(origin=origin).first()
    return LogCheckpoint(origin, head.size, bytes(head.root)) if head else None


def keep_head(note: Note, key: VerifierKey, own: list[Signature], now: int) -> None:
    """Makes this the head that the log's next checkpoint is held against."""
    checkpoint = LogCheckpoint.parse(note.text)
    SignedHead.objects.update_or_create(
        origin=checkpoint.origin,
        defaults={
            "origin_hash": hashlib.sha256(checkpoint.origin.encode()).hexdigest(),
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": _own_copy(note, key, own).render(),
            "signed_at": now,
        },
    )


def _own_copy(note: Note, key: VerifierKey, cosignatures: list[Signature]) -> Note:
    """The checkpoint with the log's verified signature and ours; whatever else was on it is not our word."""
    by_log = tuple(signature for _, signature in verified_signatures(note, [key]))
    return Note(note.text, (*by_log, *cosignatures))
