"""The network as the pools of this portal know it: its file, as it is now, and one client of each node."""

import os
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings

from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from apps.network.network_file import NetworkFile, load
from audit_chain.log.policy import TrustPolicy


def network() -> NetworkFile:
    """The network file as it is now: a validator's new keys and a beacon's restart count from the next look on."""
    path = Path(settings.NETWORK_FILE)
    return _network(path, path.stat().st_mtime_ns if path.exists() else 0)


def policy() -> TrustPolicy:
    """What the pools trust; the same object until the network file changes."""
    return _policy(network())


def committee() -> Committee:
    return _committee(network())


@cache
def beacon() -> BeaconClient:
    return BeaconClient(settings.BEACON_URL)


@lru_cache(maxsize=1)
def _network(path: Path, changed: int) -> NetworkFile:
    return load(path)


@lru_cache(maxsize=1)
def _policy(network: NetworkFile) -> TrustPolicy:
    return network.policy()


@lru_cache(maxsize=1)
def _committee(network: NetworkFile) -> Committee:
    return Committee.of(network)


# A forked worker must not speak on its parent's connections.
os.register_at_fork(after_in_child=beacon.cache_clear)
os.register_at_fork(after_in_child=_committee.cache_clear)
