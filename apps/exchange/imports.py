"""Imports into the actor's own pool: files handed in, and what became of them."""

import logging
from collections.abc import Iterable
from uuid import UUID

import psycopg
from kombu.exceptions import OperationalError

from apps.accounts.actor import Actor
from apps.accounts.roles import Role
from apps.exchange.own_pool import own_pool
from apps.pools.tasks import process_imports
from audit_chain.canonical import JSON
from data_pool.imports import Batch, Item, Outcome, Position
from data_pool.staging import Upload

logger = logging.getLogger(__name__)

WAKE_WITHIN = 5.0  # seconds; a message that waited longer is dropped, since sweeps go on anyway


def import_stage(*, actor: Actor, files: Iterable[Upload], mapping: JSON = None, replaces: UUID | None = None) -> UUID:
    """The import's id. The files are kept when this returns; a worker reads them, woken now or at its next round."""
    with own_pool(actor, Role.STAFF) as pool:
        batch = pool.stage(files, by=actor.name, mapping=mapping, replaces=replaces)
    _wake_worker(pool.name)
    return batch


def _wake_worker(pool: str) -> None:
    """Asks for the files to be read now. Without a broker they wait for the next round of sweeps, and are safe."""
    try:
        process_imports.apply_async((pool,), expires=WAKE_WITHIN)
    except (OperationalError, psycopg.Error) as error:
        logger.warning("no worker was woken for pool %s: %s", pool, type(error).__name__)


def import_get(*, actor: Actor, import_id: UUID) -> Batch:
    with own_pool(actor) as pool:
        return pool.batch(import_id)


def imports_list(*, actor: Actor, limit: int = 20, before: UUID | None = None) -> list[Batch]:
    """Newest first."""
    with own_pool(actor) as pool:
        return pool.batches(limit=limit, before=before)


def import_items(
    *,
    actor: Actor,
    import_id: UUID,
    outcome: Outcome | None = None,
    after: Position | None = None,
    limit: int = 100,
) -> list[Item]:
    """What became of the documents, in the order in which they were handed in."""
    with own_pool(actor) as pool:
        return pool.items(import_id, outcome=outcome, after=after, limit=limit)
