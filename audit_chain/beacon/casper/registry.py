"""Who is a validator, from when to when, and with which weight."""

from audit_chain.beacon.casper.accessors import (
    compute_activation_exit_epoch,
    get_current_epoch,
    get_validator_churn_limit,
)
from audit_chain.beacon.casper.containers import (
    FAR_FUTURE_EPOCH,
    CasperState,
    Epoch,
    Validator,
    ValidatorIndex,
    Weight,
)
from audit_chain.beacon.casper.presets import Preset
from audit_chain.errors import InvalidValidatorChange


def compute_weight(weight_units: int, preset: Preset) -> Weight:
    """The balance that so many units of weight are.

    Raises:
        InvalidValidatorChange: it is none at all.
    """
    if weight_units < 1:
        raise InvalidValidatorChange("a validator without weight", expected="1 or more", got=weight_units)
    return Weight(weight_units * preset.effective_balance_increment)


def add_validator(state: CasperState, weight_units: int) -> ValidatorIndex:
    """The place of the new validator, which becomes active as soon as the seed look-ahead allows.

    Departs from phase 0 because members are let in by a vote: there is neither deposit nor activation queue.

    Raises:
        InvalidValidatorChange: a validator without weight.
    """
    weight = compute_weight(weight_units, state.preset)
    activation_epoch = compute_activation_exit_epoch(get_current_epoch(state), state.preset)
    state.validators.append(Validator(weight, weight, activation_epoch))
    state.balances.append(weight)
    state.previous_epoch_participation.append(False)
    state.current_epoch_participation.append(False)
    return ValidatorIndex(len(state.validators) - 1)


def initiate_validator_exit(state: CasperState, index: ValidatorIndex) -> None:
    """Puts the validator at the end of the exit queue, unless it is in there or left already."""
    validator = state.validators[index]
    if validator.exit_epoch == FAR_FUTURE_EPOCH:
        queue_exits(state, [validator])


def queue_exits(state: CasperState, leaving: list[Validator]) -> None:
    """Gives each of them its exit epoch: the queue's last one, as long as the churn limit lets more leave in it."""
    churn_limit = get_validator_churn_limit(state)
    earliest = compute_activation_exit_epoch(get_current_epoch(state), state.preset)
    queued = [
        validator.exit_epoch for validator in state.validators if earliest <= validator.exit_epoch < FAR_FUTURE_EPOCH
    ]
    exit_queue_epoch = max(queued, default=earliest)
    exit_queue_churn = queued.count(exit_queue_epoch)
    for validator in leaving:
        if exit_queue_churn >= churn_limit:
            exit_queue_epoch, exit_queue_churn = Epoch(exit_queue_epoch + 1), 0
        validator.exit_epoch = exit_queue_epoch
        validator.withdrawable_epoch = Epoch(exit_queue_epoch + state.preset.min_validator_withdrawability_delay)
        exit_queue_churn += 1


def reactivate_validator(state: CasperState, index: ValidatorIndex) -> None:
    """Lets a validator stay that is about to leave, or lets it back in with the weight that it was granted.

    Who left comes back no earlier than `max_epochs_per_crosslink` epochs later: its old term is overwritten, and with
    it committees that crosslinks may still name.

    Raises:
        InvalidValidatorChange: it is slashed, is not leaving, or left too short a time ago.
    """
    validator, current_epoch = state.validators[index], get_current_epoch(state)
    if validator.slashed:
        raise InvalidValidatorChange(f"validator {index} is slashed and cannot come back")
    if validator.exit_epoch == FAR_FUTURE_EPOCH:
        raise InvalidValidatorChange(f"validator {index} is not leaving")
    if validator.exit_epoch <= current_epoch:
        earliest = validator.exit_epoch + state.preset.max_epochs_per_crosslink
        if current_epoch < earliest:
            raise InvalidValidatorChange(
                f"validator {index} left too short a time ago", expected=f"epoch {earliest} or later", got=current_epoch
            )
        validator.activation_epoch = compute_activation_exit_epoch(current_epoch, state.preset)
        validator.effective_balance = validator.max_effective_balance
        state.balances[index] = max(state.balances[index], validator.max_effective_balance)
    validator.exit_epoch = FAR_FUTURE_EPOCH
    validator.withdrawable_epoch = FAR_FUTURE_EPOCH


def compute_ejection_balance(validator: Validator, preset: Preset) -> Weight:
    """At or below which effective balance the validator has to leave.

    Departs from phase 0 because weights differ: half of what was granted, where that is less than the preset's bound.
    """
    return Weight(min(preset.ejection_balance, validator.max_effective_balance // 2))


def process_registry_updates(state: CasperState) -> None:
    """Makes those leave who lost too much."""
    preset, epoch = state.preset, get_current_epoch(state)
    ejected = [
        validator
        for validator in state.validators
        if validator.activation_epoch <= epoch < validator.exit_epoch == FAR_FUTURE_EPOCH
        and validator.effective_balance <= compute_ejection_balance(validator, preset)
    ]
    if ejected:
        queue_exits(state, ejected)


def process_effective_balance_updates(state: CasperState) -> None:
    """Lets effective balances follow the balances, but only when those moved enough."""
    preset = state.preset
    increment = preset.effective_balance_increment
    step = increment // preset.hysteresis_quotient
    downward, upward = step * preset.hysteresis_downward_multiplier, step * preset.hysteresis_upward_multiplier
    for validator, balance in zip(state.validators, state.balances, strict=True):
        effective_balance = validator.effective_balance
        if balance + downward < effective_balance or effective_balance + upward < balance:
            validator.effective_balance = Weight(min(balance - balance % increment, validator.max_effective_balance))
