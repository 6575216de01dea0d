"""Witnessing: a checkpoint is cosigned if it extends what was cosigned before (C2SP tlog-witness, "add-checkpoint")."""

import hashlib

from django.db import transaction

from apps.validator.identity import Identity
from apps.validator.models import SignedHead
from audit_chain.errors import MalformedRequest
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature, verified_signatures
from audit_chain.log.witness import AddCheckpointRequest, check_request

NO_SIGNATURE = Signature("nobody", bytes(4), bytes(1)).line().encode() + b"\n"


def read_request(body: bytes) -> AddCheckpointRequest:
    """The request of a body; MalformedRequest for what is none.

    Signature lines that cannot be read count as no signatures, which tlog-witness answers with 403 and not with 400.
    """
    try:
        return AddCheckpointRequest.parse(body)
    except MalformedRequest:
        text, separator, _ = body.rpartition(b"\n\n")
        return AddCheckpointRequest.parse(text + separator + NO_SIGNATURE)


def cosign(request: AddCheckpointRequest, *, key: VerifierKey, identity: Identity, now: int) -> list[Signature]:
    """Our cosignatures on the request's checkpoint, kept on the disk before they are returned.

    Raises `audit_chain.errors.Refused`. Most refusals end with the first check, which takes no lock. A stop before the
    commit leaves the earlier head and no signature outside; a stop after it leaves a head whose signature the log asks
    for again, with the size that a 409 tells it.
    """
    check_request(request, log_keys={key.name: key}, latest=latest_checkpoint(key.name))
    # The write lock is taken before the head is read (BEGIN IMMEDIATE), so no other request comes between.
    with transaction.atomic():
        checkpoint = check_request(request, log_keys={key.name: key}, latest=latest_checkpoint(key.name))
        note = Note.parse(request.note)
        cosignatures = identity.cosign(note.text, now)
        _keep(checkpoint, _own_copy(note, key, cosignatures), now)
    return cosignatures


def latest_checkpoint(origin: str) -> LogCheckpoint | None:
    """What the next checkpoint of this log is held against: the one cosigned last; None before the first."""
    head = SignedHead.objects.filter(origin=origin).first()
    return LogCheckpoint(origin, head.size, bytes(head.root)) if head else None


def _own_copy(note: Note, key: VerifierKey, cosignatures: list[Signature]) -> Note:
    """The checkpoint with the log's verified signature and ours; whatever else was on it is not our word."""
    by_log = tuple(signature for _, signature in verified_signatures(note, [key]))
    return Note(note.text, (*by_log, *cosignatures))


def _keep(checkpoint: LogCheckpoint, note: Note, now: int) -> None:
    SignedHead.objects.update_or_create(
        origin=checkpoint.origin,
        defaults={
            "origin_hash": hashlib.sha256(checkpoint.origin.encode()).hexdigest(),
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": note.render(),
            "signed_at": now,
        },
    )
