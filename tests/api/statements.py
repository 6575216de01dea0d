"""How many statements the databases are sent, the portal's and the pools' alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest


@dataclass
class Statements:
    count: int = 0


@contextmanager
def count_statements() -> Iterator[Statements]:
    statements = Statements()
    execute = psycopg.Cursor.execute

    def counted(self: psycopg.Cursor[Any], *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        statements.count += 1
        return execute(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        yield statements
