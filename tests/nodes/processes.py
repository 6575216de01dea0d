"""A network's beacon, sequencer and validators as real processes on this machine."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from apps.network.beacon_client import BeaconClient
from apps.network.genesis import create
from apps.network.network_file import NetworkFile
from apps.network.transport import Transport

BASE_DIR = Path(__file__).resolve().parents[2]
OPERATOR_TOKEN = "operator-token-of-this-test"
NETWORK = "test.example"
VALIDATORS = ("bank", "regulator", "court", "chamber")

T = TypeVar("T")


def eventually(condition: Callable[[], T], *, within: float = 60.0) -> T:
    """The first true value of the condition."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} seconds: {condition}")
        time.sleep(0.01)
    return value


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Processes:
    """Starts, kills and stops the nodes of one network in `var_dir`. Each node is known by a name: `beacon`,
    `sequencer`, or a validator's."""

    def __init__(
        self,
        var_dir: Path,
        *,
        beacon_database: str | None,
        validators: Sequence[str] = VALIDATORS,
        preset: str = "consortium",
    ) -> None:
        self.var_dir = var_dir
        self.ports = {name: free_port() for name in ("beacon", *validators)}
        self.validators = tuple(validators)
        self.network: NetworkFile = create(
            var_dir,
            network=NETWORK,
            beacon_url=self.url("beacon"),
            validators=[(name, self.url(name)) for name in validators],
            preset=preset,
        )
        (var_dir / "validators").mkdir(exist_ok=True)
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "VAR_DIR": str(var_dir),
            "NETWORK_FILE": str(var_dir / "network.json"),
            "ENV_FILE": str(var_dir / "no-env-file"),
            "SECRET_KEY": secrets.token_hex(),
            "BEACON_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "PYTHONWARNINGS": "error",
        }
        if beacon_database:
            self._environment["BEACON_DATABASE_URL"] = beacon_database
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def beacon(self) -> BeaconClient:
        return BeaconClient(self.url("beacon"))

    def migrate(self, *names: str) -> None:
        migrations = [self.manage(name, "migrate", "--verbosity=0") for name in names]
        for migration in migrations:
            assert migration.wait(60) == 0

    def start(self, *names: str) -> None:
        """Starts nodes and waits until each is ready."""
        for name in names:
            self._running[name] = self._start(name)
        for name in names:
            if name != "sequencer":
                eventually(lambda name=name: self.is_ready(name), within=30)

    def start_another(self, name: str) -> str:
        """The URL of a second process of that validator, which `stop` ends too."""
        twin = f"{name}-twin"
        self.ports[twin] = free_port()
        listen = f"--listen=127.0.0.1:{self.ports[twin]}"
        arguments = ["-m", "waitress", listen, "--threads=4", "apps.config.wsgi.validator:application"]
        self._running[twin] = self._run(name, arguments)
        eventually(lambda: self.is_ready(twin), within=30)
        return self.url(twin)

    def start_missing(self) -> None:
        """Starts whichever node is not running."""
        missing = [name for name in (*self.validators, "sequencer", "beacon") if name not in self._running]
        self.start(*missing)

    def is_ready(self, name: str) -> bool:
        transport = Transport(self.url(name))
        try:
            return transport.exchange("GET", "/healthz").status == 200
        except Exception:
            assert self._running[name].poll() is None, self.log(name)
            return False
        finally:
            transport.close()

    def kill(self, name: str) -> None:
        """As `kill -9`: the process gets no say."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def pause(self, name: str) -> None:
        """Makes the process hang: its port is open and nothing answers."""
        self._running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._running[name].send_signal(signal.SIGCONT)

    def run_sequencer(self, *arguments: str, name: str = "sequencer", **environment: str) -> subprocess.Popen[bytes]:
        """Another sequencer, whose log is `name`'s; `stop` ends it too."""
        self._running[name] = self._run(name, ["manage.py", "sequencer", *arguments], environment)
        return self._running[name]

    def stop(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGCONT)
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(15)
        self._running.clear()

    def log(self, name: str) -> str:
        return (self.var_dir / f"{name}.log").read_text()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        if name == "sequencer":
            return self.manage(name, "sequencer")
        node = "beacon" if name == "beacon" else "validator"
        listen = f"--listen=127.0.0.1:{self.ports[name]}"
        arguments = ["-m", "waitress", listen, "--threads=4", f"apps.config.wsgi.{node}:application"]
        return self._run(name, [*arguments])

    def manage(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A management command of that node, begun."""
        return self._run(name, ["manage.py", *arguments])

    def _run(self, name: str, arguments: list[str], further: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        is_validator = name in self.validators
        environment = {
            **self._environment,
            "DJANGO_SETTINGS_MODULE": f"apps.config.settings.{'validator' if is_validator else 'beacon'}",
            **({"VALIDATOR_NAME": name} if is_validator else {}),
            **(further or {}),
        }
        with (self.var_dir / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *arguments], cwd=BASE_DIR, env=environment, stdout=log, stderr=log)
