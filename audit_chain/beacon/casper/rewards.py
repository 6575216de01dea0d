"""What a vote earns and what a missing one costs.

Phase 0's rules for a vote that names source, target and head at once and is included without delay. There is no
proposer: the share of the reward that phase 0 gives to one is not paid out.
"""

from math import isqrt
from typing import Final

from audit_chain.beacon.casper.accessors import (
    get_current_epoch,
    get_previous_epoch,
    get_total_active_balance,
)
from audit_chain.beacon.casper.containers import GENESIS_EPOCH, CasperState, Validator, ValidatorIndex, Weight
from audit_chain.beacon.casper.finality import get_target_balance

PROPOSER_REWARD_QUOTIENT: Final = 8
"""A proposer would get an eighth of the base reward for each vote that it includes."""

PARTS_OF_A_VOTE: Final = 3
"""Source, target and head are rewarded one by one in phase 0; here they stand and fall together."""


def get_base_reward(state: CasperState, index: ValidatorIndex) -> Weight:
    """A quarter of what the validator can earn in an epoch."""
    return compute_base_reward(state, state.validators[index].effective_balance, get_total_active_balance(state))


def compute_base_reward(state: CasperState, effective_balance: Weight, total_active_balance: Weight) -> Weight:
    """A quarter of what that much effective balance can earn in an epoch."""
    preset = state.preset
    factor = preset.base_reward_factor
    return Weight(effective_balance * factor // isqrt(total_active_balance) // preset.base_rewards_per_epoch)


def get_finality_delay(state: CasperState) -> int:
    """How many epochs the finalized one lies behind the previous one."""
    return get_previous_epoch(state) - state.finalized_checkpoint.epoch


def is_in_inactivity_leak(state: CasperState) -> bool:
    """Whether finality is so late that the absent pay until those present are two thirds again."""
    return get_finality_delay(state) > state.preset.min_epochs_to_inactivity_penalty


def is_eligible_validator(validator: Validator, previous_epoch: int) -> bool:
    """Whether the epoch has rewards or penalties for it: it was active, or it is slashed and not yet withdrawable."""
    return validator.activation_epoch <= previous_epoch < validator.exit_epoch or (
        validator.slashed and previous_epoch + 1 < validator.withdrawable_epoch
    )


def get_attestation_deltas(state: CasperState) -> tuple[list[Weight], list[Weight]]:
    """Per validator what it gets and what it loses for the previous epoch's vote."""
    amounts = _Amounts(state)
    previous_epoch = get_previous_epoch(state)
    nothing = Weight(0)
    rewards = [nothing] * len(state.validators)
    penalties = [nothing] * len(state.validators)
    of_voters: dict[Weight, tuple[Weight, Weight]] = {}
    of_absent: dict[Weight, Weight] = {}
    for index, (validator, voted) in enumerate(zip(state.validators, state.previous_epoch_participation, strict=True)):
        if not is_eligible_validator(validator, previous_epoch):
            continue
        effective_balance = validator.effective_balance
        if voted and not validator.slashed:
            if effective_balance not in of_voters:
                of_voters[effective_balance] = amounts.of_voter(effective_balance)
            rewards[index], penalties[index] = of_voters[effective_balance]
        else:
            if effective_balance not in of_absent:
                of_absent[effective_balance] = amounts.of_absent(effective_balance)
            penalties[index] = of_absent[effective_balance]
    return rewards, penalties


class _Amounts:
    """Rewards and penalties of this epoch by effective balance: there are few different ones."""

    def __init__(self, state: CasperState) -> None:
        self.state = state
        self.total_balance = get_total_active_balance(state)
        self.attesting_balance = get_target_balance(state, state.previous_epoch_participation)
        self.finality_delay = get_finality_delay(state)
        self.is_leaking = is_in_inactivity_leak(state)

    def of_voter(self, effective_balance: Weight) -> tuple[Weight, Weight]:
        """Reward and penalty of who voted. In a leak they are equal: nobody gains while finality is missing."""
        base_reward = compute_base_reward(self.state, effective_balance, self.total_balance)
        inclusion_reward = base_reward - base_reward // PROPOSER_REWARD_QUOTIENT
        if self.is_leaking:
            return Weight(PARTS_OF_A_VOTE * base_reward + inclusion_reward), self._leaked(base_reward)
        increment = self.state.preset.effective_balance_increment
        part = base_reward * (self.attesting_balance // increment) // (self.total_balance // increment)
        return Weight(PARTS_OF_A_VOTE * part + inclusion_reward), Weight(0)

    def of_absent(self, effective_balance: Weight) -> Weight:
        """Penalty of who did not vote; in a leak it grows with every epoch without finality."""
        base_reward = compute_base_reward(self.state, effective_balance, self.total_balance)
        penalty = PARTS_OF_A_VOTE * base_reward
        if self.is_leaking:
            penalty += self._leaked(base_reward)
            penalty += effective_balance * self.finality_delay // self.state.preset.inactivity_penalty_quotient
        return Weight(penalty)

    def _leaked(self, base_reward: Weight) -> Weight:
        """What everybody pays in a leak: all that a voter earns."""
        proposer_reward = base_reward // PROPOSER_REWARD_QUOTIENT
        return Weight(self.state.preset.base_rewards_per_epoch * base_reward - proposer_reward)


def process_rewards_and_penalties(state: CasperState) -> None:
    """Settles the previous epoch's votes with the balances."""
    # Rewards are for the previous epoch, and the first one has none.
    if get_current_epoch(state) == GENESIS_EPOCH:
        return
    rewards, penalties = get_attestation_deltas(state)
    state.balances = [
        Weight(max(0, balance + reward - penalty))
        for balance, reward, penalty in zip(state.balances, rewards, penalties, strict=True)
    ]
