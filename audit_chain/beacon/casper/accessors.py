"""What a Casper state says: epochs, who is active, weights, seeds, committees. Nothing here changes a state."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

from audit_chain.beacon.casper.containers import (
    GENESIS_EPOCH,
    CasperState,
    Epoch,
    Slot,
    Validator,
    ValidatorIndex,
    Weight,
)
from audit_chain.beacon.casper.presets import Preset
from audit_chain.beacon.casper.shuffling import compute_shuffled_list
from audit_chain.errors import UnknownEpoch

DOMAIN_CROSSLINK: Final = bytes.fromhex("01000000")
"""Keeps the committees' seed apart from others; the value that phase 0 gives to its attesters."""

SHUFFLES_KEPT: Final = 16
"""Shuffled lists kept in memory: the crosslinks of one block ask for the same few epochs again and again."""


def compute_epoch_at_slot(slot: Slot, preset: Preset) -> Epoch:
    """The epoch that the slot lies in."""
    return Epoch(slot // preset.slots_per_epoch)


def compute_start_slot_at_epoch(epoch: Epoch, preset: Preset) -> Slot:
    """The epoch's first slot."""
    return Slot(epoch * preset.slots_per_epoch)


def compute_activation_exit_epoch(epoch: Epoch, preset: Preset) -> Epoch:
    """The earliest epoch in which a joining or leaving takes effect that is decided in `epoch`."""
    return Epoch(epoch + 1 + preset.max_seed_lookahead)


def is_active_validator(validator: Validator, epoch: Epoch) -> bool:
    """Whether it is to vote in that epoch."""
    return validator.activation_epoch <= epoch < validator.exit_epoch


def is_slashable_validator(validator: Validator, epoch: Epoch) -> bool:
    """Whether it can still be made to pay in that epoch: it was not yet, and its weight has not been given back."""
    return not validator.slashed and validator.activation_epoch <= epoch < validator.withdrawable_epoch


def get_current_epoch(state: CasperState) -> Epoch:
    """The epoch of the state's slot."""
    return compute_epoch_at_slot(state.slot, state.preset)


def get_previous_epoch(state: CasperState) -> Epoch:
    """The epoch before the current one; in the genesis epoch, that one."""
    return Epoch(max(get_current_epoch(state) - 1, GENESIS_EPOCH))


def get_block_root(state: CasperState, epoch: Epoch) -> bytes:
    """The root of the log at the epoch's boundary.

    Raises:
        UnknownEpoch: the epoch is neither the current nor the previous one, or its boundary is not yet sealed.
    """
    root = state.boundary_roots.get(epoch)
    if root is None:
        raise UnknownEpoch("no boundary root is known", expected=f"one of {sorted(state.boundary_roots)}", got=epoch)
    return root


def get_randao_mix(state: CasperState, epoch: Epoch) -> bytes:
    """The mix that was current in that epoch. Needs an epoch of the last `epochs_per_historical_vector`."""
    return state.randao_mixes[epoch % state.preset.epochs_per_historical_vector]


def get_active_validator_indices(state: CasperState, epoch: Epoch) -> list[ValidatorIndex]:
    """Who is to vote in that epoch, in the registry's order."""
    return [
        ValidatorIndex(index)
        for index, validator in enumerate(state.validators)
        if validator.activation_epoch <= epoch < validator.exit_epoch
    ]


def get_validator_churn_limit(state: CasperState) -> int:
    """How many validators may leave in one epoch."""
    epoch = get_current_epoch(state)
    active = sum(validator.activation_epoch <= epoch < validator.exit_epoch for validator in state.validators)
    return max(state.preset.min_per_epoch_churn_limit, active // state.preset.churn_limit_quotient)


def get_seed(state: CasperState, epoch: Epoch, domain: bytes = DOMAIN_CROSSLINK) -> bytes:
    """The seed of the epoch's shuffle. Layout: SHA-256(domain, epoch in 8 bytes, little-endian, mix)."""
    # One whole vector ahead, so that the first epochs have one too: it is full from genesis on.
    vector, lookahead = state.preset.epochs_per_historical_vector, state.preset.min_seed_lookahead
    mix = get_randao_mix(state, Epoch(epoch + vector - lookahead - 1))
    return sha256(domain + epoch.to_bytes(8, "little") + mix).digest()


def get_committee_count(state: CasperState, epoch: Epoch, pool_count: int) -> int:
    """How many committees the epoch has: one for each pool, as long as they get `target_committee_size` members."""
    active = len(get_active_validator_indices(state, epoch))
    return compute_committee_count(active, pool_count, state.preset)


def compute_committee_count(active: int, pool_count: int, preset: Preset) -> int:
    """As many committees as there are pools, or as that many validators can fill; at least one."""
    return max(1, min(pool_count, active // preset.target_committee_size))


def get_crosslink_committee(
    state: CasperState, epoch: Epoch, pool_position: int, pool_count: int
) -> list[ValidatorIndex]:
    """Who had to cosign in that epoch for the pool at `pool_position` of `pool_count`.

    Source: consensus-specs v0.8.x, get_crosslink_committee and compute_committee, without start shard.

    Raises:
        UnknownEpoch: the epoch is to come, or more than `max_epochs_per_crosslink` back.
    """
    current = get_current_epoch(state)
    oldest = max(GENESIS_EPOCH, current - state.preset.max_epochs_per_crosslink)
    if not oldest <= epoch <= current:
        raise UnknownEpoch("no committees are kept", expected=f"epochs {oldest} to {current}", got=epoch)
    active = tuple(get_active_validator_indices(state, epoch))
    count = compute_committee_count(len(active), pool_count, state.preset)
    shuffled = shuffle(active, get_seed(state, epoch), state.preset.shuffle_round_count)
    position = pool_position % count
    return list(shuffled[len(active) * position // count : len(active) * (position + 1) // count])


@lru_cache(maxsize=SHUFFLES_KEPT)
def shuffle(indices: tuple[ValidatorIndex, ...], seed: bytes, round_count: int) -> tuple[ValidatorIndex, ...]:
    """The shuffled list, kept for the next who asks."""
    return tuple(compute_shuffled_list(indices, seed, round_count))


def get_total_balance(state: CasperState, indices: Iterable[ValidatorIndex]) -> Weight:
    """The effective balance of all those, at least one increment, so that it can be divided by."""
    validators = state.validators
    total = sum(validators[index].effective_balance for index in indices)
    return Weight(max(state.preset.effective_balance_increment, total))


def get_total_active_balance(state: CasperState) -> Weight:
    """The effective balance of all who are active in the current epoch, at least one increment."""
    epoch = get_current_epoch(state)
    total = sum(
        validator.effective_balance
        for validator in state.validators
        if validator.activation_epoch <= epoch < validator.exit_epoch
    )
    return Weight(max(state.preset.effective_balance_increment, total))
