"""Finality offline: a checkpoint that a later one, signed by the validators too, shows to be final.

    C   entry ... seal               an epoch's boundary, cosigned by a quorum
    B   entry ... seal               the boundary that shows it: cosigned by a quorum, its seal commits to a state
        casper  {"justified": {"epoch": 20, "root": root of C}, ...}     and B is the boundary of epoch 21
     or casper  {"finalized": {"epoch": 20, "root": root of C}, ...}

In the first case the cosignatures under B are votes from the justified C to B, one epoch later: that finalizes C. In
the second the state has taken such votes in. See docs/spec/finality-proof.md.
"""

from dataclasses import dataclass

from audit_chain.beacon.casper.containers import Epoch
from audit_chain.beacon.names import network_of
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.encoding import to_hex
from audit_chain.errors import InvalidFinality, InvalidSignature, UnknownOrigin
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.log.policy import Cosignatures, TrustPolicy

LATEST_TIME = 253_402_300_799
"""9999-12-31T23:59:59Z in POSIX seconds: the last moment that RFC 3339 can write."""


@dataclass(frozen=True, slots=True)
class Finalized:
    """A final checkpoint, the epoch whose boundary it is, and who cosigned it."""

    checkpoint: LogCheckpoint
    epoch: Epoch
    cosignatures: Cosignatures


def verify_finality(policy: TrustPolicy, note: Note, sealed: SealedState) -> Finalized:
    """The checkpoint of the note, where the policy and the sealed state show that it is final.

    Raises UnknownOrigin, InvalidSignature or QuorumNotReached for what the policy does not accept, InvalidFinality and
    other Invalid errors for what the state does not show.
    """
    for one in (note, sealed.note):
        policy.verify_log(one)
    cosignatures = verify_quorum(policy, note)
    verify_quorum(policy, sealed.note)
    checkpoint = LogCheckpoint.parse(note.text)
    return Finalized(checkpoint, verify_finalizes(checkpoint, sealed), cosignatures)


def verify_finalizes(checkpoint: LogCheckpoint, sealed: SealedState) -> Epoch:
    """The epoch whose boundary the checkpoint is, where the sealed state finalizes it. Reads no signature."""
    network = network_of(checkpoint.origin)
    if network is None or network_of(sealed.checkpoint.origin) != network:
        expected = f"the beacon of {network}" if network else "<network>/beacon"
        got = sealed.checkpoint.origin if network else checkpoint.origin
        raise UnknownOrigin("finality is shown by another log", expected=expected, got=got)
    sealed.verify()
    if not sealed.is_boundary:
        raise InvalidFinality("no vote is cast there", expected="an epoch's first slot", got=f"slot {sealed.seal.slot}")
    justified, finalized = sealed.justified, sealed.finalized
    if finalized.root == checkpoint.root:
        return finalized.epoch
    if justified.root == checkpoint.root and sealed.epoch == justified.epoch + 1:
        return justified.epoch
    raise InvalidFinality(
        "that state does not finalize the checkpoint",
        expected=f"root {to_hex(checkpoint.root)} finalized, or justified one epoch before",
        got=f"epoch {finalized.epoch} finalized, {justified.epoch} justified in epoch {sealed.epoch}",
    )


def verify_quorum(policy: TrustPolicy, note: Note) -> Cosignatures:
    """The cosignatures under the note, of which those that count are a quorum, none from beyond the calendar."""
    cosignatures = policy.read_cosignatures(note)
    policy.require_quorum(cosignatures)
    for one in (*cosignatures.counted, *cosignatures.untimely):
        if one.timestamp > LATEST_TIME:
            raise InvalidSignature(f"{one.witness} dates its signature after the year 9999", got=one.timestamp)
    return cosignatures
