"""The other nodes as a pool's tasks reach them: one client of each per process."""

import os
from functools import cache
from pathlib import Path

from django.conf import settings

from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from apps.network.network_file import load


@cache
def beacon() -> BeaconClient:
    return BeaconClient(settings.BEACON_URL)


@cache
def committee() -> Committee:
    return Committee.of(load(Path(settings.NETWORK_FILE)))


# A forked worker must not speak on its parent's connections.
os.register_at_fork(after_in_child=beacon.cache_clear)
os.register_at_fork(after_in_child=committee.cache_clear)
