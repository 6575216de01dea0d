"""The actor's own pool, if the role reaches; what it refuses, in the portal's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.accounts.actor import Actor
from apps.accounts.errors import Conflict, NotFound, PortalError, TryLater, WrongInput
from apps.accounts.roles import Role
from apps.pools.errors import UnknownPool
from apps.pools.registry import get_pool
from data_pool.documents.errors import DocumentRefused
from data_pool.errors import (
    DisclosureRefused,
    PoolError,
    ReplacementRefused,
    RowDamaged,
    UnknownBatch,
    UnknownRecord,
    Unreachable,
    UploadRefused,
)
from data_pool.pool import Pool


class PoolDamaged(PortalError):
    code = "pool_damaged"
    status = 500


@contextmanager
def own_pool(actor: Actor, needed: Role = Role.VIEWER) -> Iterator[Pool]:
    """The pool of the actor's organisation. Records of any other pool are, to this actor, not there."""
    name = actor.pool(needed)
    try:
        yield get_pool(name)
    except PoolError as error:
        raise _in_our_words(error) from error


def _in_our_words(error: PoolError) -> PortalError:
    match error:
        case UnknownPool():
            return TryLater("The pool is not ready yet.")
        case UnknownRecord():
            return NotFound("There is no such record.")
        case UnknownBatch():
            return NotFound("There is no such import.")
        case ReplacementRefused() | DisclosureRefused():
            return Conflict(sentence(error))
        case UploadRefused() | DocumentRefused():
            return WrongInput(sentence(error))
        case Unreachable():
            return TryLater("Another part of the network does not answer. Nothing was changed; try again in a moment.")
        case RowDamaged():
            return PoolDamaged("A stored row is not as it was written. The operator should run fsck on this pool.")
    return WrongInput(sentence(error))


def sentence(error: Exception) -> str:
    """The error's message as a sentence of its own."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
