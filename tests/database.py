"""One embedded PostgreSQL server for a whole test session, whichever worker process asks first."""

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

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
