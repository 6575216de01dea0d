"""The state that a network begins with."""

from collections.abc import Sequence

from audit_chain.beacon.casper.containers import GENESIS_SLOT, CasperState, Validator, Weight
from audit_chain.beacon.casper.presets import Preset
from audit_chain.beacon.casper.registry import compute_weight
from audit_chain.errors import InvalidGenesis
from audit_chain.merkle.hashing import HASH_SIZE


def initialize(preset: Preset, weights: Sequence[int], seed: bytes) -> CasperState:
    """The state at slot 0: one validator for each weight, in units, all of them active from the first epoch on.

    Raises:
        InvalidGenesis: the seed has not 32 bytes, or there is no validator.
        InvalidValidatorChange: a validator without weight.
    """
    if len(seed) != HASH_SIZE:
        raise InvalidGenesis("a seed of another length", expected=HASH_SIZE, got=len(seed))
    if not weights:
        raise InvalidGenesis("a network without validators")
    balances = [compute_weight(weight, preset) for weight in weights]
    return CasperState(
        preset=preset,
        slot=GENESIS_SLOT,
        validators=[Validator(balance, balance) for balance in balances],
        balances=balances,
        slashings=[Weight(0)] * preset.epochs_per_slashings_vector,
        randao_mixes=[seed] * preset.epochs_per_historical_vector,
        previous_epoch_participation=[False] * len(balances),
        current_epoch_participation=[False] * len(balances),
    )
