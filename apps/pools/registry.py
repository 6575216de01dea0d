"""The pools of this portal, opened once per process."""

import atexit
import os
import threading
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from apps.pools.errors import UnknownPool
from apps.pools.folder import PoolFolder
from apps.pools.network import network, policy
from audit_chain.beacon.names import is_name
from data_pool.documents import Limits
from data_pool.pool import Pool
from data_pool.setup import Setup, UploadLimits
from data_pool.storage.postgres import PostgresStorage

# By process: a forked worker opens its own, and leaves its parent's connections alone, even their closing.
_opened: dict[tuple[int, str], Pool] = {}
_lock = threading.Lock()


def get_pool(name: str) -> Pool:
    """The pool of that name, which trusts what the network file says now. UnknownPool where this portal hosts none."""
    key, trusted = (os.getpid(), name), policy()
    with _lock:
        if key not in _opened:
            _opened[key] = open_pool(PoolFolder.of(Path(settings.VAR_DIR), name))
        elif _opened[key].setup.policy is not trusted:
            _opened[key] = Pool(replace(_opened[key].setup, policy=trusted))
        return _opened[key]


def open_pool(folder: PoolFolder) -> Pool:
    """The pool in that folder, with connections of its own."""
    if not folder.exists():
        raise UnknownPool(folder.name)
    name = network().network
    setup = Setup(
        name=folder.name,
        network=name,
        keys=folder.keys(name),
        storage=PostgresStorage(folder.database_url(name)),
        policy=policy(),
        uploads=UploadLimits(file_bytes=settings.MAX_FILE_BYTES),
        documents=Limits(size=settings.MAX_FILE_BYTES),
    )
    return Pool(setup)


def pool_names() -> list[str]:
    """Every pool that this portal hosts, by name."""
    names = (path.parent.name for path in (Path(settings.VAR_DIR) / "pools").glob("*/pool.json"))
    return sorted(filter(is_name, names))


def close_pools() -> None:
    """Closes every connection of this process; the next `get_pool` opens its pool anew."""
    with _lock:
        for key in [key for key in _opened if key[0] == os.getpid()]:
            _opened.pop(key).setup.storage.close()


# While the connections' threads still run: afterwards, Python 3.13 would wait five seconds for each of them in vain.
atexit.register(close_pools)
