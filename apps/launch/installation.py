"""One installation: its folder, the variables it was given, and the secrets it keeps.

    VAR_DIR/env             settings that every process of ours reads: secrets, database URLs, ports
    VAR_DIR/sign-ins.json   the demo network's accounts
    VAR_DIR/log/*.log       what each process says
    VAR_DIR/run/            the supervisor's files, and the lock of the launcher that is running

Keys, pools and validators' stores have folders of their own beside these.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import environ

from apps.launch.errors import LaunchError
from apps.launch.postgres import Server
from apps.network.key_files import write_durably

BASE_DIR = Path(__file__).resolve().parents[2]
VALIDATORS = ("meridian-bank", "market-regulator", "commercial-court", "chamber-of-trade")
NETWORK = "tallystick.local"


class _Kept(environ.Env):
    """VAR_DIR/env alone, apart from the environment."""

    ENVIRON: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Installation:
    var_dir: Path
    address: str
    portal_port: int
    beacon_port: int
    validator_base_port: int
    remote_beacon: str | None = None  # URL of a beacon that runs elsewhere
    remote_validators: Mapping[str, str] = field(default_factory=dict)  # URLs of those that run elsewhere, by name

    @property
    def log_dir(self) -> Path:
        return self.var_dir / "log"

    @property
    def run_dir(self) -> Path:
        return self.var_dir / "run"

    @property
    def env_file(self) -> Path:
        return self.var_dir / "env"

    @property
    def network_file(self) -> Path:
        return self.var_dir / "network.json"

    @property
    def beacon_url(self) -> str:
        return self.remote_beacon or f"http://{self.host}:{self.beacon_port}"

    @property
    def portal_url(self) -> str:
        return (
            f"http://localhost:{self.portal_port}"
            if self.address == "127.0.0.1"
            else f"http://{self.host}:{self.portal_port}"
        )

    @property
    def host(self) -> str:
        """How processes on this machine reach each other."""
        return "127.0.0.1" if self.address == "0.0.0.0" else self.address  # noqa: S104

    def validator_url(self, name: str) -> str:
        return self.remote_validators.get(name) or f"http://{self.host}:{self.validator_port(name)}"

    def validator_port(self, name: str) -> int:
        return self.validator_base_port + VALIDATORS.index(name)

    def local_validators(self) -> list[str]:
        """The validators that are started here, by name."""
        return [name for name in VALIDATORS if name not in self.remote_validators]

    def make_folders(self) -> None:
        """Open enough for the server's system user to pass; what lies inside is ours alone."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        self.var_dir.chmod(0o711)
        for folder in (self.log_dir, self.run_dir, *(self.var_dir / name for name in ("keys", "pools", "validators"))):
            folder.mkdir(mode=0o700, exist_ok=True)


def read() -> Installation:
    """The installation that the environment and `.env` describe; its folder need not exist."""
    env = environ.Env()
    env.read_env(env.path("ENV_FILE", default=str(BASE_DIR / ".env"))())
    try:
        return Installation(
            var_dir=(BASE_DIR / env.str("VAR_DIR", default="var")).resolve(),
            address=env.str("LISTEN_ADDRESS", default="127.0.0.1"),
            portal_port=env.int("PORTAL_PORT", default=8000),
            beacon_port=env.int("BEACON_PORT", default=8001),
            validator_base_port=env.int("VALIDATOR_BASE_PORT", default=8101),
            remote_beacon=env.str("BEACON_URL", default="") or None,
            remote_validators=_remote_validators(env.dict("VALIDATOR_URLS", default={})),
        )
    except ValueError as error:
        raise LaunchError(f"A port variable is not a number: {error}") from error


def _remote_validators(urls: Mapping[str, str]) -> Mapping[str, str]:
    for name in urls:
        if name not in VALIDATORS:
            raise LaunchError(f"VALIDATOR_URLS names {name!r}; the validators are {', '.join(VALIDATORS)}.")
    return urls


@contextmanager
def only_launcher(installation: Installation) -> Iterator[None]:
    """Holds the installation's lock, which the system lets go when the process ends, however it ends."""
    path = installation.run_dir / "launcher.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaunchError(
                f"This network is running already, started by process {launcher_pid(installation)}: "
                "stop it with Ctrl-C there, or with `make stop`."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def launcher_pid(installation: Installation) -> int | None:
    """The process that runs this installation; None where none does."""
    try:
        with (installation.run_dir / "launcher.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


@dataclass(frozen=True, slots=True)
class Database:
    """A database for which the embedded server is asked, by the variable that selects another."""

    variable: str
    name: str
    scheme: str = "postgresql"


PORTAL = Database("PORTAL_DATABASE_URL", "portal")
BEACON = Database("BEACON_DATABASE_URL", "beacon")
BROKER = Database("CELERY_BROKER_URL", "broker", scheme="pgmq")
POOL_ADMIN = Database("POOL_ADMIN_DATABASE_URL", "pool_admin")
DATABASES = (PORTAL, BEACON, BROKER, POOL_ADMIN)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the processes are started with. `embedded` are the databases that no variable places elsewhere."""

    values: dict[str, str]
    superuser_password: str
    embedded: tuple[Database, ...]

    def password(self, database: Database) -> str:
        return urlsplit(self.values[database.variable]).password or ""


def settle(installation: Installation, server: Server) -> Settings:
    """Brings VAR_DIR/env up to date: secrets are made once and kept, ports and socket paths follow this start."""
    _Kept.ENVIRON.clear()
    _Kept.read_env(installation.env_file)
    kept = dict(_Kept.ENVIRON)
    embedded = tuple(database for database in DATABASES if not os.environ.get(database.variable))
    values = {
        "SECRET_KEY": kept.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "BEACON_OPERATOR_TOKEN": kept.get("BEACON_OPERATOR_TOKEN") or secrets.token_urlsafe(32),
        "POSTGRES_PASSWORD": kept.get("POSTGRES_PASSWORD") or secrets.token_hex(24),
        "PORTAL_PORT": str(installation.portal_port),
        "BEACON_PORT": str(installation.beacon_port),
        "VALIDATOR_BASE_PORT": str(installation.validator_base_port),
    }
    for database in embedded:
        password = urlsplit(kept.get(database.variable, "")).password or secrets.token_hex(24)
        url = server.url(user=database.name, password=password, database=database.name)
        values[database.variable] = database.scheme + url.removeprefix("postgresql")
    _write_env(installation.env_file, values)
    external = {database.variable: os.environ[database.variable] for database in DATABASES if database not in embedded}
    return Settings(
        values=values | external,
        superuser_password=values["POSTGRES_PASSWORD"],
        embedded=embedded,
    )


def _write_env(path: Path, values: dict[str, str]) -> None:
    """Whole or not at all: a lost secret would lock us out of our own databases."""
    lines = ["# Written at each start. Variables in the environment or in .env come first."]
    lines += [f"{name}={value}" for name, value in values.items()]
    draft = path.with_suffix(".new")
    write_durably(draft, "\n".join([*lines, ""]).encode(), mode=0o600)
    draft.replace(path)
