"""The beacon's log and state in the database that Django is connected to, within whatever transaction it has begun."""

from typing import Any, cast

import psycopg
from django.db import connection

from audit_chain.beacon.state import State
from audit_chain.statemap.map import StateMap
from data_pool.storage.postgres_log import PostgresLogStore
from data_pool.storage.postgres_state import PostgresStateStore


class _PlainCursors:
    """Hands out psycopg's own cursors: Django's bind on the client and cannot read binary results."""

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def cursor(self, **options: Any) -> psycopg.Cursor[Any]:
        return psycopg.Cursor(self._connection, **options)


def open_store() -> PostgresLogStore:
    """The log's store on this thread's connection. Do not keep it: the connection may be another one later.

    Its errors are psycopg's own, not Django's.
    """
    return PostgresLogStore(_plain_connection())


def open_state_store() -> PostgresStateStore:
    """The state map's store; as `open_store`."""
    return PostgresStateStore(_plain_connection())


def open_state(version: int | None = None) -> State:
    """The state as it was last committed, or as it was at the tree of that size. For one request, or one writer."""
    return State(StateMap(open_state_store(), version=version))


def _plain_connection() -> psycopg.Connection[Any]:
    with connection.cursor():
        pass  # Connects, and notices a connection that the server has dropped.
    return cast("psycopg.Connection[Any]", _PlainCursors(connection.connection))
