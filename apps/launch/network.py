"""A whole network on one machine: started, watched and stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from apps.launch import addresses, databases, health, installation, ports, postgres, programs, sign_ins
from apps.launch.console import Console
from apps.launch.errors import LaunchError
from apps.launch.folders import outside_folder_path
from apps.launch.installation import BASE_DIR, NETWORK, VALIDATORS, Installation, Settings
from apps.launch.supervision import Supervisor

HEALTHY_WITHIN = 90.0  # seconds, on a slow machine
WATCH_INTERVAL = 1.0  # seconds


class Network:
    """One start of an installation."""

    def __init__(self, place: Installation, console: Console) -> None:
        self._place = place
        self._console = console
        self._supervisor = Supervisor(place)
        self._nodes = programs.nodes(place)
        # Which node a process is stands in its own settings, not in what happens to be set here.
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self._environment = inherited | {"VAR_DIR": str(place.var_dir), "PYTHONUNBUFFERED": "1"}

    @property
    def _server(self) -> postgres.Server:
        return postgres.locate(self._place.var_dir)

    def run(self, *, stop_with_parent: bool = False) -> None:
        """Returns when somebody has asked it to stop and everything has stopped."""
        place, say = self._place, self._console.say
        place.make_folders()
        with installation.only_launcher(place), _stoppable():
            say(f"The network's data is in {place.var_dir}")
            self._clear_leftovers()
            ports.check_free(place.address, programs.ports(place))
            with ExitStack() as stopping:
                self._start(stopping)
                self._watch(os.getppid() if stop_with_parent else None)

    def stop_leftovers(self) -> bool:
        """Stops whatever still runs of this installation; False when nothing did."""
        stopped = self._supervisor.stop_leftovers()
        return postgres.stop(self._server) or stopped > 0 if self._server.data.exists() else stopped > 0

    def remove(self) -> None:
        """Deletes the installation, which must not be running."""
        shutil.rmtree(self._place.var_dir, ignore_errors=False)
        postgres.remove(self._server, self._place.var_dir)

    def _clear_leftovers(self) -> None:
        if self.stop_leftovers():
            self._console.say("An earlier start was cut off and had left processes running: stopped them")

    def _start(self, stopping: ExitStack) -> None:
        place, say = self._place, self._console.say
        settings = installation.settle(place, self._server)
        server = self._prepare_server(settings)
        daemon = self._supervisor.start(server, self._nodes, self._environment)
        stopping.callback(self._stop, daemon)
        if server:
            url = self._server.url(
                user=postgres.SUPERUSER, password=settings.superuser_password, database=postgres.SUPERUSER
            )
            postgres.wait_until_ready(url)
            databases.ensure(url, settings)
            say("PostgreSQL is up")
        databases.ensure_broker(settings.values[installation.BROKER.variable])
        self._found_network()
        self._migrate()
        self._daemon = daemon
        for node in self._nodes:
            self._supervisor.start_node(node.name)
        say(f"Started {', '.join(node.name for node in self._nodes)}; waiting until they are ready")
        self._wait_until_healthy()
        self._bootstrap()
        self._console.block(self._summary())

    def _prepare_server(self, settings: Settings) -> programs.Program | None:
        say = self._console.say
        if not settings.embedded:
            say("PostgreSQL: external, as the database URLs say")
            return None
        if self._server.system_user:
            say(f"Running as root: PostgreSQL will run as the system user {self._server.system_user}")
        outside = outside_folder_path(self._place.var_dir)
        if outside in self._server.home.parents:
            say(f"That user cannot enter {self._place.var_dir}: the databases are in {self._server.home}")
        postgres.make_runnable(self._server, self._place.var_dir)
        if not self._server.data.exists():
            say(f"Making the database server in {self._server.home}")
        postgres.initialise(self._server, superuser_password=settings.superuser_password)
        return programs.database_server(self._server)

    def _found_network(self) -> None:
        if addresses.is_founded(self._place):
            addresses.update(self._place)
            return
        addresses.found(self._place)
        self._console.say(f"Made the keys of the network {NETWORK}: a beacon and {len(VALIDATORS)} validators")

    def _migrate(self) -> None:
        """Brings the tables of all nodes up to date, side by side."""
        beacon = [] if self._place.remote_beacon else ["beacon"]
        targets = ["portal", *beacon, *(f"validator:{name}" for name in self._place.local_validators())]
        with self._python("-m", "apps.launch.migrate", *targets) as process:
            said, _ = process.communicate()
        if process.returncode != 0:
            raise LaunchError(f"The tables could not be brought up to date:\n{said.strip()}")
        self._console.say("The tables of all nodes are up to date")

    def _wait_until_healthy(self) -> None:
        place = self._place
        unready = health.wait_until_healthy(
            place.host,
            {node.name: node.health for node in self._nodes if node.health},
            within=HEALTHY_WITHIN,
            on_ready=lambda name: self._console.say(f"Ready: {name}"),
        )
        if unready:
            lines = [f"{name} is not ready after {HEALTHY_WITHIN:.0f} s: {why}" for name, why in unready.items()]
            lines += [f"\nThe end of {place.log_dir / name}.log:\n{self._log_end(name)}" for name in unready]
            raise LaunchError("\n".join(lines))

    def _log_end(self, name: str) -> str:
        try:
            return "\n".join((self._place.log_dir / f"{name}.log").read_text(errors="replace").splitlines()[-8:])
        except FileNotFoundError:
            return "(it has said nothing)"

    def _bootstrap(self) -> None:
        """Makes the demo network's members, accounts and documents, once; a start that was cut off goes on with it."""
        done = self._place.var_dir / "bootstrapped"
        if done.exists():
            return
        self._console.say("First start: making the demo network's members, pools, accounts and sample documents")
        with self._python("manage.py", "bootstrap") as process:
            for line in process.stdout or ():
                self._console.say(line.rstrip())
        if process.returncode != 0:
            raise LaunchError("The demo network could not be made; its last lines above say why.")
        done.touch()

    def _python(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _summary(self) -> str:
        place = self._place
        lines = ["", f"Ready after {self._console.elapsed:.0f} s.", ""]
        lines += [f"    portal      {place.portal_url}", f"    beacon      {place.beacon_url}"]
        lines += [f"    validator   {place.validator_url(name)}  {name}" for name in VALIDATORS]
        lines += [f"    logs        {place.log_dir}", ""]
        if accounts := sign_ins.read(place.var_dir):
            lines += ["Sign-ins, with the passwords they began with:", ""]
            for account in accounts:
                lines.append(f"    {account.organisation:<18} {account.role:<7} {account.email:<36} {account.password}")
            lines.append("")
        lines += ["Ctrl-C stops everything. Nothing is lost: the next start goes on from here.", ""]
        return "\n".join(lines)

    def _watch(self, parent: int | None) -> None:
        """Says when a process had to be restarted, until somebody asks for the end."""
        known = self._supervisor.processes()
        while parent is None or os.getppid() == parent:
            time.sleep(WATCH_INTERVAL)
            if self._daemon.poll() is not None:
                raise LaunchError("supervisord has died; stopping the processes that it leaves.")
            now = self._supervisor.processes()
            for name, (state, pid) in now.items():
                before = known[name]
                if pid and before[1] and pid != before[1]:
                    self._console.say(f"{name} had stopped and was started again")
                elif state != before[0] and state in ("BACKOFF", "FATAL"):
                    self._console.say(f"{name} does not start: see {self._place.log_dir / name}.log")
                if pid or state in ("BACKOFF", "FATAL"):
                    known[name] = (state, pid or before[1])

    def _stop(self, daemon: subprocess.Popen[bytes]) -> None:
        begin = self._console.elapsed
        self._console.say("Stopping everything")
        self._supervisor.stop(daemon)
        if self._server.data.exists():
            postgres.stop(self._server)
        self._console.say(f"Stopped, in {self._console.elapsed - begin:.1f} s")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, a closed terminal and a polite kill all end the block; what was started is then stopped in peace."""

    def stop(_signal: int, _frame: object) -> None:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise StopRequested

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        yield
    except StopRequested:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked for the end. No Exception: nothing on the way may take it for a failure."""
