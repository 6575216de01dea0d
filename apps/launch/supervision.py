"""The processes under supervisord: restarted when they crash, stopped together, logs kept and turned over.

supervisord outlives a launcher that is killed, and so do its processes outlive supervisord. `stop_leftovers` finds
both, by the socket that each of them was given, so that the next start begins with nothing running.
"""

import http.client
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from apps.launch.errors import LaunchError
from apps.launch.folders import is_short_enough_for_sockets, make_outside_folder, outside_folder_path
from apps.launch.installation import BASE_DIR, Installation
from apps.launch.programs import POSTGRES, Program

NODES = "nodes"
LOG_SIZE = "10MB"  # then it is turned over
OLD_LOGS = 3
STOP_WITHIN = 30.0  # seconds for all processes together


class Supervisor:
    """The supervisord of one installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        folder = installation.run_dir
        if not is_short_enough_for_sockets(folder):
            folder = outside_folder_path(installation.var_dir)
        self._socket = folder / "supervisor.sock"
        self._configuration = installation.run_dir / "supervisord.conf"

    def start(
        self, server: Program | None, nodes: Sequence[Program], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """The running supervisord. It has started the database server; the nodes wait for `start_node`."""
        if not self._socket.parent.exists():
            make_outside_folder(self._installation.var_dir)
        self._configuration.write_text(self._render(server, nodes))
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", f"--configuration={self._configuration}"],
            cwd=BASE_DIR,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the launcher alone, which then stops things in order.
        )
        deadline = time.monotonic() + 15
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LaunchError(f"supervisord did not start: see {self._installation.log_dir / 'supervisord.log'}.")
            time.sleep(0.05)
        return process

    def start_node(self, name: str) -> None:
        """Returns at once; whether it works is for its /healthz to say."""
        self._call("startProcess", f"{NODES}:{name}", False)

    def processes(self) -> dict[str, tuple[str, int]]:
        """State (RUNNING, BACKOFF, ...) and process id of each program by name."""
        return {info["name"]: (info["statename"], info["pid"]) for info in self._call("getAllProcessInfo")}

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Stops the nodes, then the database server, then supervisord."""
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.stop_leftovers()

    def stop_leftovers(self) -> int:
        """Stops what an earlier start left behind, the database server apart; how many processes that were."""
        daemons = [process for process in _processes() if str(self._configuration) in " ".join(_command(process))]
        stopped = _end(daemons, STOP_WITHIN)
        marker = f"unix://{self._socket}"
        children = [process for process in _processes() if _environment(process).get("SUPERVISOR_SERVER_URL") == marker]
        stopped += _end([child for child in children if child.name() != "postgres"], 10.0)
        return stopped

    def _answers(self) -> bool:
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def _call(self, method: str, *arguments: object) -> Any:
        with self._connection() as supervisor:
            return getattr(supervisor, method)(*arguments)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            yield xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor
        finally:
            transport.close()

    def _render(self, server: Program | None, nodes: Sequence[Program]) -> str:
        run, log = self._installation.run_dir, self._installation.log_dir
        sections = {
            "unix_http_server": {"file": self._socket, "chmod": "0700"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
            "supervisord": {
                "logfile": log / "supervisord.log",
                "logfile_maxbytes": LOG_SIZE,
                "logfile_backups": OLD_LOGS,
                "pidfile": run / "supervisord.pid",
                "childlogdir": log,
            },
            "supervisorctl": {"serverurl": f"unix://{self._socket}"},
            f"group:{NODES}": {"programs": ",".join(node.name for node in nodes)},
        }
        if os.geteuid() == 0:
            sections["supervisord"]["user"] = "root"  # Said aloud, or supervisord warns of it at each start.
        for program in (server, *nodes) if server else nodes:
            sections[f"program:{program.name}"] = self._program(program)
        return "\n".join(
            f"[{title}]\n" + "".join(f"{key}={_escape(str(value))}\n" for key, value in section.items())
            for title, section in sections.items()
        )

    def _program(self, program: Program) -> dict[str, object]:
        is_server = program.name == POSTGRES
        return {
            "command": shlex.join(program.command),
            "directory": "/" if is_server else BASE_DIR,
            "environment": ",".join(f'{name}="{value}"' for name, value in program.environment.items()),
            "autostart": str(is_server).lower(),
            "autorestart": "true",
            "startsecs": 1,
            "startretries": 1000,
            "priority": 1 if is_server else 999,
            "stopsignal": program.stop_signal,
            "stopwaitsecs": program.within,
            "killasgroup": str(not is_server).lower(),
            "umask": "077",
            "redirect_stderr": "true",
            "stdout_logfile": self._installation.log_dir / f"{program.name}.log",
            "stdout_logfile_maxbytes": LOG_SIZE,
            "stdout_logfile_backups": OLD_LOGS,
            **({"user": program.user} if program.user else {}),
        }


def _escape(value: str) -> str:
    return value.replace("%", "%%")


def _processes() -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if process.pid != os.getpid()]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _end(processes: Sequence[psutil.Process], within: float) -> int:
    for process in processes:
        _signal(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=within)
    for process in alive:
        _signal(process.kill)
    psutil.wait_procs(alive, timeout=within)
    return len(processes)


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()
