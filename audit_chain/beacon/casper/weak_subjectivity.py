"""How long a finalized state can be trusted without asking anybody again."""

from typing import Final

from audit_chain.beacon.casper.accessors import (
    get_active_validator_indices,
    get_current_epoch,
    get_total_active_balance,
    get_validator_churn_limit,
)
from audit_chain.beacon.casper.containers import CasperState, Epoch

SAFETY_DECAY: Final = 10
"""Percent: how much of the third that has to lie for two histories may have left unpunished."""

MAX_TOP_UPS_PER_SLOT: Final = 16
"""Phase 0's bound on deposits. A network has fewer of them; counting more only makes the period shorter."""


def compute_weak_subjectivity_period(state: CasperState) -> int:
    """For how many epochs after this state its validators answer for what they sign.

    Source: consensus-specs phase 0, weak-subjectivity.md. The greatest granted weight takes the place of
    MAX_EFFECTIVE_BALANCE.
    """
    preset = state.preset
    period = preset.min_validator_withdrawability_delay
    active = get_active_validator_indices(state, get_current_epoch(state))
    if not active:
        return period
    increment = preset.effective_balance_increment
    count = len(active)
    average = get_total_active_balance(state) // count // increment
    greatest = max(state.validators[index].max_effective_balance for index in active) // increment
    churn = get_validator_churn_limit(state)
    top_ups = MAX_TOP_UPS_PER_SLOT * preset.slots_per_epoch
    few, many = 200 + 3 * SAFETY_DECAY, 200 + 12 * SAFETY_DECAY
    if average * many > greatest * few:
        by_churn = count * (average * many - greatest * few) // (600 * churn * (2 * average + greatest))
        by_top_ups = count * few // (600 * top_ups)
        return period + max(by_churn, by_top_ups)
    return period + 3 * count * SAFETY_DECAY * average // (200 * top_ups * (greatest - average))


def is_within_weak_subjectivity_period(state: CasperState, current_epoch: Epoch) -> bool:
    """Whether who trusts this state may still follow finality from it, the clock being in `current_epoch`."""
    return current_epoch <= get_current_epoch(state) + compute_weak_subjectivity_period(state)
