"""Genesis: the state after entry 0."""

from audit_chain.beacon.entries import Genesis
from audit_chain.beacon.state import State
from audit_chain.beacon.transition import process_entry


def initialize_state(genesis: Genesis) -> State:
    """The state that a log with this genesis starts from, in memory."""
    state: State = {}
    process_entry(state, genesis.encode(), 0)
    return state
