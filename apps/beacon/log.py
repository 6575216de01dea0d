"""The beacon's log in the database that Django is connected to, within whatever transaction Django has begun."""

from typing import Any, cast

import psycopg
from django.db import connection

from data_pool.storage.postgres_log import PostgresLogStore


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
    with connection.cursor():
        pass  # Connects, and notices a connection that the server has dropped.
    return PostgresLogStore(cast("psycopg.Connection[Any]", _PlainCursors(connection.connection)))
