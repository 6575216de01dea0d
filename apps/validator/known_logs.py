"""Logs that this validator witnesses besides the beacon's, each with its key and the tree it starts from."""

from apps.validator.heads import WitnessedLog
from apps.validator.identity import Identity
from audit_chain.beacon.casper.accessors import get_crosslink_committee, get_current_epoch
from audit_chain.beacon.casper.containers import Epoch
from audit_chain.beacon.names import is_name, pool_origin
from audit_chain.beacon.state import (
    RegisteredPool,
    State,
    get_crosslink,
    get_member,
    get_pool,
    get_pool_count,
    get_validator,
    is_founded,
)
from audit_chain.errors import RefusedHistory, RefusedOrigin, UnknownPool
from audit_chain.log.checkpoint import LogCheckpoint


def find_log(origin: str, identity: Identity, state: State) -> WitnessedLog | None:
    """The log of a pool that the replayed state knows, or one in the operator's file; None for any other.

    RefusedHistory where the pool is suspended, RefusedOrigin where this validator is not on its committee.
    """
    if origin in identity.further_logs:
        return WitnessedLog(identity.further_logs[origin])
    name = pool_of(origin, identity)
    if name is None or not is_founded(state):
        return None
    try:
        pool = get_pool(state, name)
    except UnknownPool:
        return None
    if pool.suspended or get_member(state, pool.member).suspended:
        raise RefusedHistory("the pool is suspended", got=name)
    if not _is_on_committee(state, pool, identity.node.name):
        raise RefusedOrigin("this validator is not on the pool's committee")
    current = get_crosslink(state, name)
    # Who is new to a pool begins with what the network knows of it, never with nothing.
    start = LogCheckpoint(origin, current.size, current.root) if current.size else None
    return WitnessedLog(pool.key, start)


def pool_of(origin: str, identity: Identity) -> str | None:
    """The pool that an origin of this network names, whether or not there is one."""
    prefix = pool_origin(identity.network.network, "")
    name = origin.removeprefix(prefix)
    return name if name != origin and is_name(name) else None


def _is_on_committee(state: State, pool: RegisteredPool, validator: str) -> bool:
    """Of the current epoch, or of one that a crosslink may still name."""
    casper, pools = state.casper, get_pool_count(state)
    own = get_validator(state, validator).index
    current = get_current_epoch(casper)
    earliest = max(0, current - casper.preset.max_epochs_per_crosslink)
    return any(
        own in get_crosslink_committee(casper, Epoch(epoch), pool.position, pools)
        for epoch in range(current, earliest - 1, -1)
    )
