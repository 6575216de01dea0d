"""What keeps the pools moving. Every task is a sweep over rows: doing it twice, or losing its message, changes nothing.

A message carries the name of a pool and nothing else.
"""

import logging
import time

import psycopg
from celery import shared_task

from apps.network.errors import NetworkError
from apps.pools.network import beacon, committee
from apps.pools.registry import get_pool, pool_names
from audit_chain.errors import AuditChainError, QuorumNotReached
from data_pool.errors import Unreachable
from data_pool.pool import Pool

logger = logging.getLogger(__name__)

FILES_AT_ONCE = 200
TURN = 10.0  # seconds that one import may keep a worker before others get their turn
WAKE_EXPIRES = 2.0  # seconds; the next sweep wakes again
FOLLOW_FOR = 2.0  # seconds that a crosslink usually takes to become final
FOLLOW_EVERY = 0.2  # seconds


@shared_task
def sweep() -> None:
    """Wakes whoever has work to do."""
    for name in pool_names():
        try:
            pool = get_pool(name)
            if pool.has_staged():
                process_imports.apply_async((name,), expires=WAKE_EXPIRES)
            if not pool.is_settled():
                commit_pool.apply_async((name,), expires=WAKE_EXPIRES)
        except (AuditChainError, NetworkError, psycopg.Error) as error:  # One sick pool must not keep the others.
            logger.error("pool %s cannot be looked at: %s", name, type(error).__name__)


@shared_task
def process_imports(name: str) -> None:
    """Reads staged files, in chunks that are whole in themselves, and has each chunk committed."""
    pool, end = get_pool(name), time.monotonic() + TURN
    while time.monotonic() < end and pool.process(limit=FILES_AT_ONCE):
        commit_pool.apply_async((name,), expires=WAKE_EXPIRES)


@shared_task
def commit_pool(name: str) -> None:
    """Seals what was appended, anchors the newest seal, and follows it for as long as it usually takes to be final."""
    pool, end = get_pool(name), time.monotonic() + FOLLOW_FOR
    while _commit(pool) and not pool.is_settled() and time.monotonic() < end:
        time.sleep(FOLLOW_EVERY)


def _commit(pool: Pool) -> bool:
    """Moves the pool on as far as it now goes; False where there is no use in trying again at once."""
    try:
        pool.seal()
        pool.anchor(committee(), beacon())
        pool.follow(beacon())
    except (Unreachable, QuorumNotReached) as error:
        logger.warning("pool %s is not anchored yet: %s", pool.name, error)
        return False
    except AuditChainError as error:
        logger.error("pool %s cannot be anchored: %s", pool.name, error)
        return False
    return True
