"""The whole network, started once for a test session by the same command that people use.

The fixture `stack` in conftest.py hands it out.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from apps.launch import health, postgres, programs, sign_ins
from apps.launch.installation import BASE_DIR, VALIDATORS, Installation
from apps.launch.sign_ins import SignIn
from tests.settings import FOR_TESTS_ALONE

START_WITHIN = 180.0  # seconds
RESTART_WITHIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Stack:
    """A running network and handles on it. Program names: portal, beacon, sequencer, validator-1..4, worker, beat."""

    place: Installation

    @property
    def portal_url(self) -> str:
        return f"http://localhost:{self.place.portal_port}"

    @property
    def beacon_url(self) -> str:
        return self.place.beacon_url

    @property
    def validator_urls(self) -> dict[str, str]:
        return {name: self.place.validator_url(name) for name in VALIDATORS}

    @property
    def var_dir(self) -> Path:
        return self.place.var_dir

    @property
    def log_dir(self) -> Path:
        return self.place.log_dir

    def sign_in(self, email: str) -> SignIn:
        return next(account for account in sign_ins.read(self.var_dir) if account.email == email)

    def setting(self, name: str) -> str:
        """A value from VAR_DIR/env, such as POOL_ADMIN_DATABASE_URL."""
        lines = (self.var_dir / "env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    def superuser_url(self, database_name: str = "postgres") -> str:
        password = self.setting("POSTGRES_PASSWORD")
        server = postgres.locate(self.var_dir)
        return server.url(user=postgres.SUPERUSER, password=password, database=database_name)

    def manage(self, *arguments: str, node: str = "portal", check: bool = True) -> subprocess.CompletedProcess[str]:
        """`manage.py` run against this network, as an operator would."""
        return self._run("manage.py", *arguments, check=check, DJANGO_SETTINGS_MODULE=f"apps.config.settings.{node}")

    def audit_chain(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`python -m audit_chain`, the offline verifier."""
        return self._run("-m", "audit_chain", *arguments, check=check)

    def pid(self, program: str) -> int:
        """The process id of a program that runs; 0 while it does not."""
        answer = self._supervise("pid", _full_name(program), check=False).stdout.strip()
        return int(answer) if answer.isdecimal() else 0

    def kill(self, program: str) -> int:
        """`kill -9`; the supervisor starts the program again. Its old process id."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_until_restarted(self, program: str, old_pid: int) -> None:
        wait_until(lambda: self.pid(program) not in (0, old_pid), within=RESTART_WITHIN, what=f"{program} to come back")
        self.wait_until_healthy()

    def stop(self, program: str) -> None:
        """Stops a program until `start`."""
        self._supervise("stop", _full_name(program))

    def start(self, program: str) -> None:
        self._supervise("start", _full_name(program))
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Returns when every node that is not stopped on purpose answers its /healthz."""
        stopped = self._stopped()
        nodes = [node for node in programs.nodes(self.place) if node.name not in stopped]
        ports = {node.name: node.health for node in nodes if node.health}
        unready = health.wait_until_healthy(self.place.host, ports, within=RESTART_WITHIN, on_ready=lambda _: None)
        if unready:
            raise AssertionError(f"not ready after {RESTART_WITHIN:.0f} s: {unready}")

    def _stopped(self) -> set[str]:
        """The programs that were stopped on purpose."""
        lines = [line.split() for line in self._supervise("status", check=False).stdout.splitlines()]
        return {name.removeprefix("nodes:") for name, state, *_ in lines if state == "STOPPED"}

    def _supervise(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        configuration = self.place.run_dir / "supervisord.conf"
        return self._run("-m", "supervisor.supervisorctl", "-c", str(configuration), *arguments, check=check)

    def _run(self, *arguments: str, check: bool, **environment: str) -> subprocess.CompletedProcess[str]:
        outcome = subprocess.run(
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env=environment_of(self.place) | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and outcome.returncode != 0:
            raise AssertionError(f"{arguments} ended with {outcome.returncode}:\n{outcome.stdout}\n{outcome.stderr}")
        return outcome


def _full_name(program: str) -> str:
    return program if program == programs.POSTGRES else f"nodes:{program}"


def wait_until(condition: Callable[[], bool], *, within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:.0f} s for {what}")
        time.sleep(0.1)


def environment_of(place: Installation) -> dict[str, str]:
    """The environment of this installation's processes: nothing of the test session's own settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in FOR_TESTS_ALONE and name != "DJANGO_SETTINGS_MODULE"
    }
    return inherited | {
        "VAR_DIR": str(place.var_dir),
        "LISTEN_ADDRESS": place.address,
        "PORTAL_PORT": str(place.portal_port),
        "BEACON_PORT": str(place.beacon_port),
        "VALIDATOR_BASE_PORT": str(place.validator_base_port),
    }


def place_on_free_ports(var_dir: Path) -> Installation:
    """An installation whose ports nobody uses, below those that the system hands out by itself."""
    count = 2 + len(VALIDATORS)
    while True:
        first = random.randrange(20000, 32000 - count)
        if all(_is_free(first + offset) for offset in range(count)):
            return Installation(
                var_dir=var_dir,
                address="127.0.0.1",
                portal_port=first,
                beacon_port=first + 1,
                validator_base_port=first + 2,
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def launch(place: Installation, output: Path) -> psutil.Popen:
    """`python -m apps.launch` for this installation, ready when this returns."""
    with output.open("wb") as log:
        launcher = psutil.Popen(
            [sys.executable, "-m", "apps.launch", "--stop-with-parent"],
            cwd=BASE_DIR,
            env=environment_of(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_WITHIN
    while "Ready after" not in output.read_text():
        if launcher.poll() is not None or time.monotonic() > deadline:
            end(launcher)
            raise AssertionError(f"the network did not start:\n{output.read_text()}\n{_last_lines(place)}")
        time.sleep(0.1)
    return launcher


def _last_lines(place: Installation) -> str:
    logs = sorted(place.log_dir.glob("*.log"))
    return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)


def end(launcher: psutil.Popen) -> None:
    """Ctrl-C, and worse where that does not help."""
    if launcher.poll() is None:
        launcher.send_signal(signal.SIGINT)
    try:
        launcher.wait(60)
    except psutil.TimeoutExpired:
        launcher.kill()
        launcher.wait()


def sweep(folder: Path) -> None:
    """Ends what a killed session's network left running in its folder."""
    if (folder / "stack" / "run").is_dir():
        place = Installation(folder / "stack", "127.0.0.1", 0, 0, 0)
        subprocess.run(
            [sys.executable, "-m", "apps.launch", "reset", "--yes"],
            cwd=BASE_DIR,
            env=environment_of(place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
