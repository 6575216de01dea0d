"""What a lie costs: a part at once, and more when many lied at the same time."""

from audit_chain.beacon.casper.accessors import get_current_epoch, get_total_active_balance
from audit_chain.beacon.casper.balances import decrease_balance, increase_balance
from audit_chain.beacon.casper.containers import CasperState, Epoch, ValidatorIndex, Weight
from audit_chain.beacon.casper.registry import initiate_validator_exit


def slash_validator(state: CasperState, index: ValidatorIndex, whistleblower: ValidatorIndex | None) -> None:
    """Slashes the validator, makes it leave, and credits the validator who told. Needs `is_slashable_validator`.

    Departs from phase 0 because there is no proposer: the whistleblower gets the whole reward; without one nobody does.
    """
    preset, epoch = state.preset, get_current_epoch(state)
    initiate_validator_exit(state, index)
    validator = state.validators[index]
    validator.slashed = True
    validator.withdrawable_epoch = max(validator.withdrawable_epoch, Epoch(epoch + preset.epochs_per_slashings_vector))
    place = epoch % preset.epochs_per_slashings_vector
    state.slashings[place] = Weight(state.slashings[place] + validator.effective_balance)
    decrease_balance(state, index, validator.effective_balance // preset.min_slashing_penalty_quotient)
    if whistleblower is not None:
        increase_balance(state, whistleblower, validator.effective_balance // preset.whistleblower_reward_quotient)


def process_slashings(state: CasperState) -> None:
    """Takes the second part, half a vector after the lie: in proportion to the weight slashed around that time."""
    preset, epoch = state.preset, get_current_epoch(state)
    total_balance = get_total_active_balance(state)
    slashed_balance = min(sum(state.slashings) * preset.proportional_slashing_multiplier, total_balance)
    due_epoch = epoch + preset.epochs_per_slashings_vector // 2
    increment = preset.effective_balance_increment
    for index, validator in enumerate(state.validators):
        if validator.slashed and validator.withdrawable_epoch == due_epoch:
            # In whole increments, as in phase 0: numerator first, then back to balance units.
            penalty = validator.effective_balance // increment * slashed_balance // total_balance * increment
            decrease_balance(state, ValidatorIndex(index), penalty)
