"""The pools of this portal, opened once per process."""

import threading
from pathlib import Path

from django.conf import settings

from apps.network.network_file import load
from apps.pools.errors import UnknownPool
from apps.pools.folder import PoolFolder
from data_pool.pool import Pool
from data_pool.setup import Setup
from data_pool.storage.postgres import PostgresStorage

_opened: dict[str, Pool] = {}
_lock = threading.Lock()


def get_pool(name: str) -> Pool:
    """The pool of that name. UnknownPool where this portal hosts none."""
    with _lock:
        if name not in _opened:
            _opened[name] = open_pool(PoolFolder.of(Path(settings.VAR_DIR), name))
        return _opened[name]


def open_pool(folder: PoolFolder) -> Pool:
    """The pool in that folder, with connections of its own."""
    if not folder.exists():
        raise UnknownPool(folder.name)
    network = load(Path(settings.NETWORK_FILE))
    setup = Setup(
        name=folder.name,
        network=network.network,
        keys=folder.keys(network.network),
        storage=PostgresStorage(folder.database_url(network.network)),
        policy=network.policy(),
    )
    return Pool(setup)


def pool_names() -> list[str]:
    """Every pool that this portal hosts, by name."""
    return sorted(path.parent.name for path in (Path(settings.VAR_DIR) / "pools").glob("*/pool.json"))
