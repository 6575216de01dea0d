"""Epochs as rows, and votes as attestations: the one way in which sequencer and fsck read them off the state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.beacon.models import Cosignature
from audit_chain.beacon.casper.accessors import get_current_epoch, get_previous_epoch, is_active_validator
from audit_chain.beacon.casper.containers import CasperState, Epoch
from audit_chain.beacon.casper_state import load_boundaries
from audit_chain.beacon.entries import Attestation
from audit_chain.beacon.state import RegisteredValidator, State, get_log, get_validators
from audit_chain.beacon.votes import MAX_VOTES, Vote
from audit_chain.errors import UnknownEpoch
from audit_chain.log.keys import COSIGN_ED25519
from audit_chain.log.note import Signature


@dataclass(frozen=True, slots=True)
class Participation:
    """Who voted for an epoch's boundary: weights, and one bit a validator, the first the lowest of the first byte."""

    voted: int
    total: int
    voters: bytes


def get_participation(casper: CasperState, epoch: int) -> Participation:
    """Of this epoch or the one before, by the weights of this moment."""
    flags = _flags(casper, epoch)
    voted = total = bits = 0
    for index, (validator, flag) in enumerate(zip(casper.validators, flags, strict=True)):
        if is_active_validator(validator, Epoch(epoch)):
            total += validator.effective_balance
            voted += validator.effective_balance if flag else 0
        bits |= flag << index
    return Participation(voted, total, bits.to_bytes((len(flags) + 7) // 8, "little"))


def get_justified(casper: CasperState, ended: int) -> list[int]:
    """The latest epochs that are justified, just after the epoch `ended` has been processed."""
    return [ended - age for age, bit in enumerate(casper.justification_bits) if bit and ended >= age]


def unpack_voters(voters: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """The names, by index, whose bit is set."""
    bits = int.from_bytes(voters, "little")
    return tuple(name for index, name in enumerate(names) if bits >> index & 1)


def get_waiting_attestations(state: State) -> list[Attestation]:
    """The votes that are kept here and that the state has not counted yet, packed; the earlier epoch's first.

    `process_latest_seal` must have seen the latest seal.
    """
    casper, since = state.casper, get_log(state).since
    validators = {validator.name: validator for validator in get_validators(state)}
    attestations = []
    for epoch, (size, root) in sorted(load_boundaries(state).items()):
        if epoch < get_previous_epoch(casper) or size <= since:
            continue  # Too late, or signed under an origin before the restart.
        flags = _flags(casper, epoch)
        votes = sorted(
            (
                vote
                for validator, line in _ed25519_lines(size)
                if (vote := _vote(validators.get(validator), line)) is not None
                and not flags[vote.validator]
                and is_active_validator(casper.validators[vote.validator], epoch)
            ),
            key=lambda vote: vote.validator,
        )
        packs = (tuple(votes[first : first + MAX_VOTES]) for first in range(0, len(votes), MAX_VOTES))
        attestations.extend(Attestation(epoch, size, root, pack) for pack in packs)
    return attestations


def is_vote_of(validator: RegisteredValidator, signature: Signature) -> bool:
    """Whether the line is by an Ed25519 key of the validator that was valid then; the signature is not verified."""
    vote = Vote(validator.index, signature.blob)
    return any(
        (keys.ed25519.name, keys.ed25519.key_id) == (signature.name, signature.key_id)
        and keys.is_valid_at(vote.timestamp)
        for keys in validator.key_sets
    )


def _vote(validator: RegisteredValidator | None, line: str) -> Vote | None:
    signature = Signature.parse(line)
    if validator is None or not is_vote_of(validator, signature):
        return None
    return Vote(validator.index, signature.blob)


def _ed25519_lines(size: int) -> Iterable[tuple[str, str]]:
    return Cosignature.objects.filter(size=size, kind=COSIGN_ED25519).values_list("validator", "line")


def _flags(casper: CasperState, epoch: int) -> list[bool]:
    if epoch == get_current_epoch(casper):
        return casper.current_epoch_participation
    if epoch == get_previous_epoch(casper):
        return casper.previous_epoch_participation
    raise UnknownEpoch("the state counts votes for two epochs", expected=get_current_epoch(casper), got=epoch)
