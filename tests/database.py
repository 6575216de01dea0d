"""One embedded PostgreSQL server for a whole test session, whichever worker process asks first."""

import fcntl
import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from apps.launch import postgres

SUPERUSER_PASSWORD = "superuser-password-for-tests"

# Safe against everything but a power cut, which a test does not survive anyway.
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def session_folder() -> Path:
    """The folder that all processes of this test session share."""
    return Path(os.environ["VAR_DIR"])


@contextmanager
def only_one_process(name: str) -> Iterator[None]:
    """Holds the session's lock of that name; the system lets it go when the process dies."""
    with (session_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_server() -> str:
    """The superuser's URL of the session's server, started if it is not running."""
    folder = session_folder()
    server = postgres.locate(folder)
    with only_one_process("postgres"):
        if postgres.running_process(server) is None:
            postgres.make_runnable(server, folder)
            postgres.initialise(server, superuser_password=SUPERUSER_PASSWORD)
            _start(server, folder / "postgres.log")
    return server.url(user=postgres.SUPERUSER, password=SUPERUSER_PASSWORD, database="postgres")


def _start(server: postgres.Server, log: Path) -> None:
    # pg_ctl detaches the server from this process, which may be a worker that ends before the others.
    _, _, _, *options = server.command(HASTY)
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


def remove_session(folder: Path) -> None:
    """Stops the server that a session has started in its folder, and deletes the folder."""
    server = postgres.locate(folder)
    if server.data.exists():
        postgres.stop(server)
        postgres.remove(server, folder)
    shutil.rmtree(folder, ignore_errors=True)


def dead_sessions() -> list[Path]:
    """The folders of sessions that were killed before they could clear up."""
    ours = session_folder()
    return [
        folder
        for folder in ours.parent.glob("tallystick-test-*")
        if folder != ours
        and folder.stat().st_uid == os.geteuid()
        and not psutil.pid_exists(int(folder.name.split("-")[2]))
    ]


@contextmanager
def new_databases(superuser_url: str) -> Iterator[Callable[[], str]]:
    """Call it for the URL of a new, empty database that belongs to a new role; all are dropped at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(superuser_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(name))
            )
            made.append(name)
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        address = conninfo_to_dict(superuser_url)
        host, port = quote(str(address.get("host", "localhost")), safe=""), address.get("port", "5432")
        return f"postgresql://{name}:{name}@/{name}?host={host}&port={port}"

    try:
        yield make
    finally:
        with psycopg.connect(superuser_url, autocommit=True) as connection:
            for name in made:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
