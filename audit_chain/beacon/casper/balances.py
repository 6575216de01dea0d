"""What adds to a balance, and what takes from it."""

from audit_chain.beacon.casper.containers import CasperState, ValidatorIndex, Weight


def increase_balance(state: CasperState, index: ValidatorIndex, delta: int) -> None:
    """Adds to the validator's balance."""
    state.balances[index] = Weight(state.balances[index] + delta)


def decrease_balance(state: CasperState, index: ValidatorIndex, delta: int) -> None:
    """Takes from the validator's balance as much of it as there is."""
    state.balances[index] = Weight(max(0, state.balances[index] - delta))
