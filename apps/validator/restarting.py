"""Restart: whether this validator may vote for the beacon's log to go on from a tree.

Finality is proven by signatures alone, and somebody may hold such a proof that no block on the log knows of. Whatever
is final was justified before, as two thirds of the validators know. So a log that goes on from a tree which holds all
that any of its voters knows to be justified takes nothing back that is final.
"""

from apps.validator.replica import tree_of
from apps.validator.state_store import SqliteStateStore
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.state import State, get_latest_seal
from audit_chain.encoding import to_base64
from audit_chain.errors import InvalidRestart
from audit_chain.statemap.map import StateMap


def check_restart(motion: Motion) -> None:
    """Nothing, where the motion's tree is one of ours and holds what we know to be justified; InvalidRestart else."""
    store = SqliteStateStore()
    justified = State(StateMap(store)).casper.current_justified_checkpoint.epoch
    size, root = motion.content["size"], motion.content["root"]
    version = next((one.version for one in store.versions() if one.version == size), None)
    state = State(StateMap(store, version=version)) if version is not None else None
    if state is None or to_base64(tree_of(state).root()) != root:
        raise InvalidRestart("this validator has not replayed the log to that tree", got=f"size {size}")
    epoch = get_latest_seal(state).slot // state.casper.preset.slots_per_epoch
    if epoch < justified:
        expected = f"the tree of epoch {justified} or later, which is justified"
        raise InvalidRestart("the log would go back behind what may be final", expected=expected, got=f"epoch {epoch}")
