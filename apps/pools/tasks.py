"""What keeps the pools moving. Every task is a sweep over rows: doing it twice, or losing its message, changes nothing.

A message carries the name of a pool and nothing else.
"""

import logging
import time

from celery import shared_task

from apps.pools.network import beacon, committee
from apps.pools.registry import get_pool, pool_names
from audit_chain.errors import QuorumNotReached
from data_pool.errors import BeaconRefused, Unreachable

logger = logging.getLogger(__name__)

FILES_AT_ONCE = 200
TURN = 10.0  # seconds that one import may keep a worker before others get their turn
WAKE_EXPIRES = 2.0  # seconds; the next sweep wakes again


@shared_task
def sweep() -> None:
    """Wakes whoever has work to do."""
    for name in pool_names():
        pool = get_pool(name)
        if pool.has_pending():
            process_imports.apply_async((name,), expires=WAKE_EXPIRES)
        if not pool.is_settled():
            commit_pool.apply_async((name,), expires=WAKE_EXPIRES)


@shared_task
def process_imports(name: str) -> None:
    """Reads staged files, in chunks that are whole in themselves, and has each chunk committed."""
    pool, end = get_pool(name), time.monotonic() + TURN
    while time.monotonic() < end and pool.process(limit=FILES_AT_ONCE):
        commit_pool.apply_async((name,), expires=WAKE_EXPIRES)


@shared_task
def commit_pool(name: str) -> None:
    """Seals what was appended, anchors the newest seal, and looks what has become final."""
    pool = get_pool(name)
    pool.seal()
    try:
        pool.anchor(committee(), beacon())
        pool.follow(beacon())
    except (Unreachable, QuorumNotReached) as error:
        logger.warning("pool %s is not anchored yet: %s", name, error)
    except BeaconRefused as error:
        logger.error("pool %s cannot be anchored: %s", name, error)
