"""Witnessing: a checkpoint is cosigned if it extends what was cosigned before (C2SP tlog-witness, "add-checkpoint").

A cosignature on the beacon's log is a vote besides: given at the boundary of an epoch, after the log was replayed, and
never against an earlier vote.
"""

import logging

from django.db import transaction

from apps.validator import protection
from apps.validator.errors import BeaconUnread, Disbelieved
from apps.validator.following import Follower
from apps.validator.heads import WitnessedLog, check_running, keep_head, latest_checkpoint
from apps.validator.identity import Identity
from apps.validator.models import Replica as ReplicaRow
from apps.validator.replica import Position, Replica
from audit_chain.beacon.slashing_protection import SignedVote, check_vote
from audit_chain.encoding import from_time
from audit_chain.errors import MalformedRequest, OldVersion, RefusedHistory, RefusedVote
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.log.witness import AddCheckpointRequest, check_request

logger = logging.getLogger(__name__)

NO_SIGNATURE = Signature("nobody", bytes(4), bytes(1)).line().encode() + b"\n"
ATTEMPTS = 2  # a second one when another process of this validator has kept something meanwhile


def read_request(body: bytes) -> AddCheckpointRequest:
    """The request of a body; MalformedRequest for what is none.

    Signature lines that cannot be read count as no signatures, which tlog-witness answers with 403 and not with 400.
    """
    try:
        return AddCheckpointRequest.parse(body)
    except MalformedRequest:
        text, separator, _ = body.rpartition(b"\n\n")
        return AddCheckpointRequest.parse(text + separator + NO_SIGNATURE)


def cosign(request: AddCheckpointRequest, *, log: WitnessedLog, identity: Identity, now: int) -> list[Signature]:
    """Our cosignatures on the request's checkpoint of a log that is not the beacon's.

    They are kept on the disk before they are returned. Raises `audit_chain.errors.Refused`. Most refusals end with the
    first check, which takes no lock. A stop before the commit leaves the earlier head and no signature outside; a stop
    after it leaves a head whose signature the log asks for again, with the size that a 409 tells it.
    """
    _check(request, log)
    # The write lock is taken before the head is read (BEGIN IMMEDIATE), so no other request comes between.
    with transaction.atomic():
        checkpoint = _check(request, log)
        return _sign_and_keep(request, checkpoint, log.key, identity, now)


def cosign_beacon(
    request: AddCheckpointRequest, *, follower: Follower, identity: Identity, now: int, tolerance: int
) -> list[Signature]:
    """Our cosignatures on a checkpoint of the beacon's log, which is our vote for it.

    What was replayed, the vote and the head are kept in one transaction before the signatures are returned. A stop
    before its commit leaves all three as they were; a stop after it leaves a vote that may be signed again.
    Raises Refused; where the beacon broke the rules, it is noted first, and every later request is refused.
    """
    check_running()
    log = WitnessedLog(identity.network.beacon.key)
    checkpoint = _check(request, log)
    replica = follower.replica
    with replica.turn():
        follower.recall()
        for attempt in range(ATTEMPTS):
            try:
                position = replica.advance(checkpoint)
                if latest_checkpoint(checkpoint.origin) != checkpoint:  # What was cosigned then is cosigned again.
                    check_time(position, now=now, tolerance=tolerance)
                vote = _vote(position, checkpoint)
                return _vote_and_keep(request, checkpoint, vote, replica, identity, now)
            except Disbelieved as problem:
                follower.stop(problem)
                raise
            except OldVersion:
                replica.forget()
                if attempt + 1 == ATTEMPTS:
                    break
    raise BeaconUnread("another process of this validator keeps replaying the beacon's log")


def check_time(position: Position, *, now: int, tolerance: int) -> None:
    """RefusedHistory where the last block was not made about now; that earlier blocks rise is for the transition."""
    if abs(from_time(position.time) - now) > tolerance:
        raise RefusedHistory("the block was not made about now", expected=f"within {tolerance} s", got=position.time)


def _check(request: AddCheckpointRequest, log: WitnessedLog) -> LogCheckpoint:
    latest = latest_checkpoint(log.key.name) or log.start
    checkpoint = check_request(request, log_keys={log.key.name: log.key}, latest=latest)
    if log.start and checkpoint.size == log.start.size and checkpoint.root != log.start.root:
        raise RefusedHistory("another tree than the one that the beacon has of this log", got=checkpoint.size)
    return checkpoint


def _vote(position: Position, checkpoint: LogCheckpoint) -> SignedVote:
    """What a cosignature on the checkpoint says."""
    if not position.is_boundary:
        raise RefusedVote("only an epoch's boundary is voted on", got=f"slot {position.slot}")
    return SignedVote(position.epoch, position.justified, protection.signing_root(checkpoint))


def _vote_and_keep(
    request: AddCheckpointRequest,
    checkpoint: LogCheckpoint,
    vote: SignedVote,
    replica: Replica,
    identity: Identity,
    now: int,
) -> list[Signature]:
    key = identity.network.beacon.key
    network = protection.network_root(key)
    own = identity.cosigners_at(now).keys.ed25519.public
    with transaction.atomic():
        replica.commit(checkpoint.size)
        _check(request, WitnessedLog(key))
        if ReplicaRow.objects.filter(pk=1, is_amnesic=True).update(is_amnesic=False):
            # Who has forgotten one vote may have forgotten another that nobody has shown: this epoch is sat out.
            protection.remember(network, own, [SignedVote(vote.target, vote.source, None)])
            signatures = None
        else:
            check_vote(vote, protection.read_all(network, identity.pubkeys))
            protection.remember(network, own, [vote])
            signatures = _sign_and_keep(request, checkpoint, key, identity, now)
    if signatures is None:
        logger.error("this validator has cast votes that it does not remember: it sits out epoch %s", vote.target)
        raise RefusedVote("this validator does not remember all of its votes", got=f"epoch {vote.target}")
    return signatures


def _sign_and_keep(
    request: AddCheckpointRequest, checkpoint: LogCheckpoint, key: VerifierKey, identity: Identity, now: int
) -> list[Signature]:
    note = Note.parse(request.note)
    cosignatures = identity.cosigners_at(now).cosign(note.text, now)
    keep_head(note, key, cosignatures, now)
    return cosignatures
