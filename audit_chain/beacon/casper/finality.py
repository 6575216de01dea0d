"""Which epochs become justified, and which finalized."""

from audit_chain.beacon.casper.accessors import (
    get_block_root,
    get_current_epoch,
    get_previous_epoch,
    get_total_active_balance,
)
from audit_chain.beacon.casper.containers import (
    GENESIS_EPOCH,
    JUSTIFICATION_BITS_LENGTH,
    CasperState,
    Checkpoint,
    Weight,
)


def process_justification_and_finalization(state: CasperState) -> None:
    """Weighs the votes for the current and the previous epoch's target."""
    # The genesis checkpoint has no root: nothing is justified before there are two targets that have one.
    if get_current_epoch(state) <= GENESIS_EPOCH + 1:
        return
    weigh_justification_and_finalization(
        state,
        get_total_active_balance(state),
        get_target_balance(state, state.previous_epoch_participation),
        get_target_balance(state, state.current_epoch_participation),
    )


def get_target_balance(state: CasperState, participation: list[bool]) -> Weight:
    """The effective balance of the unslashed validators who voted, at least one increment."""
    total = sum(
        validator.effective_balance
        for validator, voted in zip(state.validators, participation, strict=True)
        if voted and not validator.slashed
    )
    return Weight(max(state.preset.effective_balance_increment, total))


def weigh_justification_and_finalization(
    state: CasperState,
    total_active_balance: Weight,
    previous_epoch_target_balance: Weight,
    current_epoch_target_balance: Weight,
) -> None:
    """Justifies what two thirds of the weight voted for, and finalizes by the four rules.

    Raises:
        UnknownEpoch: two thirds voted for an epoch whose boundary root the state does not hold.
    """
    previous_epoch = get_previous_epoch(state)
    current_epoch = get_current_epoch(state)
    old_previous_justified = state.previous_justified_checkpoint
    old_current_justified = state.current_justified_checkpoint

    # Justification
    state.previous_justified_checkpoint = state.current_justified_checkpoint
    bits = [False, *state.justification_bits[: JUSTIFICATION_BITS_LENGTH - 1]]
    if previous_epoch_target_balance * 3 >= total_active_balance * 2:
        state.current_justified_checkpoint = Checkpoint(previous_epoch, get_block_root(state, previous_epoch))
        bits[1] = True
    if current_epoch_target_balance * 3 >= total_active_balance * 2:
        state.current_justified_checkpoint = Checkpoint(current_epoch, get_block_root(state, current_epoch))
        bits[0] = True
    state.justification_bits = bits

    # Finalization, rule 234: the latest but one from the fourth, and the one between is justified too
    if all(bits[1:4]) and old_previous_justified.epoch + 3 == current_epoch:
        state.finalized_checkpoint = old_previous_justified
    # Rule 23: the latest but one from the third
    if all(bits[1:3]) and old_previous_justified.epoch + 2 == current_epoch:
        state.finalized_checkpoint = old_previous_justified
    # Rule 123: the latest from the third, and the one between is justified too
    if all(bits[0:3]) and old_current_justified.epoch + 2 == current_epoch:
        state.finalized_checkpoint = old_current_justified
    # Rule 12: the latest from the one before it
    if all(bits[0:2]) and old_current_justified.epoch + 1 == current_epoch:
        state.finalized_checkpoint = old_current_justified
