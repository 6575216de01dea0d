"""A PostgreSQL server of the benchmarks' own, as durable as `make run` starts it: fsync and synchronous commits."""

import secrets
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from apps.launch import postgres
from apps.launch.postgres import Server
from tests.database import remove_session


@contextmanager
def durable_server() -> Iterator[Callable[[], str]]:
    """Call it for the URL of a new, empty database. Server, databases and folder are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-bench-", dir="/var/tmp"))
    folder.chmod(0o711)  # The server's system user has to pass.
    password = secrets.token_hex()
    server = postgres.locate(folder)
    try:
        postgres.make_runnable(server, folder)
        postgres.initialise(server, superuser_password=password)
        _start(server, folder / "postgres.log")

        def make() -> str:
            name = f"bench_{secrets.token_hex(6)}"
            superuser = server.url(user=postgres.SUPERUSER, password=password, database="postgres")
            with psycopg.connect(superuser, autocommit=True) as connection:
                for statement in ("CREATE ROLE {0} LOGIN PASSWORD {1}", "CREATE DATABASE {0} OWNER {0}"):
                    connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(name)))
            return server.url(user=name, password=name, database=name)

        yield make
    finally:
        remove_session(folder)


def _start(server: Server, log: Path) -> None:
    _, _, _, *options = server.command()
    with log.open("ab") as output:
        subprocess.run(
            [server.binaries / "pg_ctl", "start", "--wait", "--silent", "-D", server.data, "-o", shlex.join(options)],
            **server.identity(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=True,
        )
