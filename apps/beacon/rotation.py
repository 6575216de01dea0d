"""Keys that validators have rotated to: the network file may not name them yet, the state does."""

from apps.network.network_file import NetworkFile
from audit_chain.beacon.state import State, get_validators


def with_rotated_keys(network: NetworkFile, state: State) -> NetworkFile:
    """The network with every key set that the state has of its validators; the very same where none is new."""
    names = {node.name for node in network.validators}
    for validator in get_validators(state):
        if validator.name in names:
            for keys in validator.key_sets:
                network = network.rotated(validator.name, keys)
    return network
