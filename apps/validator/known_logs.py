"""Which logs this validator witnesses, and the key that signs each."""

from apps.network.state_rows import StateRows
from apps.validator.identity import Identity
from apps.validator.models import StateItem
from audit_chain.beacon.names import beacon_origin, is_name, pool_origin
from audit_chain.beacon.state import get_pool
from audit_chain.errors import UnknownPool
from audit_chain.log.keys import VerifierKey


def log_key(origin: str, identity: Identity) -> VerifierKey | None:
    """The key of the beacon's log, of a pool registered on the replayed beacon, or of a log in the operator's file."""
    network = identity.network
    if origin == beacon_origin(network.network):
        return network.beacon.key
    if origin in identity.further_logs:
        return identity.further_logs[origin]
    pool = pool_of(origin, identity)
    if pool is None:
        return None
    try:
        return get_pool(StateRows(StateItem.objects), pool).key
    except UnknownPool:
        return None


def pool_of(origin: str, identity: Identity) -> str | None:
    """The pool that an origin of this network names, whether or not there is one."""
    prefix = pool_origin(identity.network.network, "")
    name = origin.removeprefix(prefix)
    return name if name != origin and is_name(name) else None
