"""Presets: the numbers of a network, as data. Names as in consensus-specs, phase 0, in lower case."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Preset:
    """Weights in balance units (a billion of them is a unit of weight); the rest in epochs or as plain counts."""

    name: str
    slots_per_epoch: int
    shuffle_round_count: int
    target_committee_size: int
    max_epochs_per_crosslink: int
    """A crosslink may carry the cosignatures of a committee that is at most so many epochs old."""
    min_seed_lookahead: int
    max_seed_lookahead: int
    epochs_per_historical_vector: int
    epochs_per_slashings_vector: int
    min_epochs_to_inactivity_penalty: int
    min_per_epoch_churn_limit: int
    churn_limit_quotient: int
    min_validator_withdrawability_delay: int
    ejection_balance: int
    base_reward_factor: int
    whistleblower_reward_quotient: int
    inactivity_penalty_quotient: int
    min_slashing_penalty_quotient: int
    proportional_slashing_multiplier: int
    effective_balance_increment: int = 10**9
    hysteresis_quotient: int = 4
    hysteresis_downward_multiplier: int = 1
    hysteresis_upward_multiplier: int = 5
    base_rewards_per_epoch: int = 4


MINIMAL: Final = Preset(
    name="minimal",
    slots_per_epoch=8,
    shuffle_round_count=10,
    target_committee_size=4,
    max_epochs_per_crosslink=4,
    min_seed_lookahead=1,
    max_seed_lookahead=4,
    epochs_per_historical_vector=64,
    epochs_per_slashings_vector=64,
    min_epochs_to_inactivity_penalty=4,
    min_per_epoch_churn_limit=2,
    churn_limit_quotient=32,
    min_validator_withdrawability_delay=256,
    ejection_balance=16 * 10**9,
    base_reward_factor=64,
    whistleblower_reward_quotient=512,
    inactivity_penalty_quotient=2**25,
    min_slashing_penalty_quotient=64,
    proportional_slashing_multiplier=2,
)
"""For tests; the numbers of consensus-specs' own `minimal`."""

CONSORTIUM: Final = Preset(
    name="consortium",
    slots_per_epoch=2,
    shuffle_round_count=90,
    target_committee_size=64,
    max_epochs_per_crosslink=256,
    min_seed_lookahead=1,
    max_seed_lookahead=4,
    epochs_per_historical_vector=1024,
    epochs_per_slashings_vector=1024,
    min_epochs_to_inactivity_penalty=16,
    min_per_epoch_churn_limit=1,
    churn_limit_quotient=32,
    min_validator_withdrawability_delay=1024,
    ejection_balance=16 * 10**9,
    base_reward_factor=64,
    whistleblower_reward_quotient=512,
    inactivity_penalty_quotient=2**20,
    min_slashing_penalty_quotient=32,
    proportional_slashing_multiplier=3,
)
"""For 4 to 64 validators who know each other: everyone on every committee, seconds to finality."""

SCALE: Final = Preset(
    name="scale",
    slots_per_epoch=4,
    shuffle_round_count=90,
    target_committee_size=128,
    max_epochs_per_crosslink=64,
    min_seed_lookahead=1,
    max_seed_lookahead=4,
    epochs_per_historical_vector=1024,
    epochs_per_slashings_vector=1024,
    min_epochs_to_inactivity_penalty=4,
    min_per_epoch_churn_limit=4,
    churn_limit_quotient=65536,
    min_validator_withdrawability_delay=256,
    ejection_balance=16 * 10**9,
    base_reward_factor=64,
    whistleblower_reward_quotient=512,
    inactivity_penalty_quotient=2**26,
    min_slashing_penalty_quotient=128,
    proportional_slashing_multiplier=1,
)
"""For 64 pools, each with a committee of 128 validators."""

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {preset.name: preset for preset in (MINIMAL, CONSORTIUM, SCALE)}
)
