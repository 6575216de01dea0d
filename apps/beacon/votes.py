"""The votes that are kept here, as attestations for the next block."""

from collections.abc import Iterable

from apps.beacon.models import Cosignature
from apps.beacon.participation import get_flags
from audit_chain.beacon.casper.accessors import get_previous_epoch, is_active_validator
from audit_chain.beacon.casper_state import load_boundaries
from audit_chain.beacon.entries import Attestation
from audit_chain.beacon.state import RegisteredValidator, State, get_log, get_validators
from audit_chain.beacon.votes import MAX_VOTES, Vote
from audit_chain.log.keys import COSIGN_ED25519
from audit_chain.log.note import Signature


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
        flags = get_flags(casper, epoch)
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
