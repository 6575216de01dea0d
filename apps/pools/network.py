"""The other nodes as a pool's tasks reach them: one client of each per process."""

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
