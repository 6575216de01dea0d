"""Votes: which two contradict each other, which the state lets in, and that they were cast."""

from collections.abc import Iterable

from audit_chain.beacon.casper.accessors import (
    get_block_root,
    get_current_epoch,
    get_previous_epoch,
    is_active_validator,
)
from audit_chain.beacon.casper.containers import AttestationData, CasperState, Epoch, ValidatorIndex
from audit_chain.errors import InvalidAttestation, UnknownEpoch


def is_slashable_attestation_data(data_1: AttestationData, data_2: AttestationData) -> bool:
    """Whether nobody honest signs both. The order counts: a surround vote is one only when `data_1` surrounds."""
    return is_double_vote(data_1, data_2) or is_surround_vote(data_1, data_2)


def is_double_vote(data_1: AttestationData, data_2: AttestationData) -> bool:
    """Whether they are two different votes for one target epoch."""
    return data_1 != data_2 and data_1.target.epoch == data_2.target.epoch


def is_surround_vote(data_1: AttestationData, data_2: AttestationData) -> bool:
    """Whether the first goes from before the second's source to after its target."""
    return data_1.source.epoch < data_2.source.epoch and data_2.target.epoch < data_1.target.epoch


def process_attestation_data(state: CasperState, data: AttestationData) -> None:
    """Lets the vote pass, and changes nothing.

    Raises:
        InvalidAttestation: it is for another epoch than the current and the previous one, or not from the checkpoint
            that was justified then, or not for this log.
    """
    current_epoch, previous_epoch = get_current_epoch(state), get_previous_epoch(state)
    if data.target.epoch not in (previous_epoch, current_epoch):
        raise InvalidAttestation(
            "a vote for another epoch", expected=f"{previous_epoch} or {current_epoch}", got=data.target.epoch
        )
    is_current = data.target.epoch == current_epoch
    source = state.current_justified_checkpoint if is_current else state.previous_justified_checkpoint
    if data.source.epoch != source.epoch:
        raise InvalidAttestation("a vote from another epoch", expected=source.epoch, got=data.source.epoch)
    if data.source.root != source.root:
        raise InvalidAttestation(
            f"a vote from another root of epoch {source.epoch}", expected=source.root.hex(), got=data.source.root.hex()
        )
    try:
        root = get_block_root(state, data.target.epoch)
    except UnknownEpoch as error:
        raise InvalidAttestation(f"a vote before its target is sealed: {error}") from error
    if data.target.root != root:
        raise InvalidAttestation(
            f"a vote for another root of epoch {data.target.epoch}", expected=root.hex(), got=data.target.root.hex()
        )


def record_votes(state: CasperState, target_epoch: Epoch, indices: Iterable[ValidatorIndex]) -> None:
    """Marks the validators as having voted for that epoch's target: all of them, or none and an error.

    Raises:
        InvalidAttestation: one of them is unknown, not active in that epoch, or marked already; or the epoch is neither
            the current nor the previous one.
    """
    if target_epoch == get_current_epoch(state):
        participation = state.current_epoch_participation
    elif target_epoch == get_previous_epoch(state):
        participation = state.previous_epoch_participation
    else:
        raise InvalidAttestation(
            "votes for another epoch",
            expected=f"{get_previous_epoch(state)} or {get_current_epoch(state)}",
            got=target_epoch,
        )
    voters = set[ValidatorIndex]()
    for index in indices:
        if not 0 <= index < len(state.validators):
            raise InvalidAttestation(f"there is no validator {index}")
        if not is_active_validator(state.validators[index], target_epoch):
            raise InvalidAttestation(f"validator {index} is not active in epoch {target_epoch}")
        if participation[index] or index in voters:
            raise InvalidAttestation(f"validator {index} voted in epoch {target_epoch} already")
        voters.add(index)
    for index in voters:
        participation[index] = True
