"""The processes of a network on one machine, and how each is started."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from apps.launch.installation import VALIDATORS, Installation
from apps.launch.ports import Port
from apps.launch.postgres import Server

POSTGRES = "postgres"
PYTHON = sys.executable

# A crosslink or an upload is answered by one of these; each holds one database connection.
PORTAL_THREADS = 8
BEACON_THREADS = 8
VALIDATOR_THREADS = 4
WORKERS = 4  # They mostly wait for validators and the beacon.
MAX_UPLOAD_REQUEST = 66 * 1024 * 1024  # bytes: settings.MAX_UPLOAD_BYTES and room for the form around it


QUIET_WORKER = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@dataclass(frozen=True, slots=True)
class Program:
    """One process. `health` is the port where it answers /healthz; `within` are the seconds it may take to stop."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    health: int | None = None
    user: str | None = None
    stop_signal: str = "TERM"
    within: int = 10


def database_server(server: Server) -> Program:
    return Program(POSTGRES, server.command(), user=server.system_user, stop_signal="INT", within=20)


def nodes(installation: Installation) -> list[Program]:
    """Everything that is started here but the database server."""
    return [
        *(_beacon(installation) if not installation.remote_beacon else []),
        *(_validator(installation, name) for name in installation.local_validators()),
        _serve("portal", installation, installation.portal_port, threads=PORTAL_THREADS, body=MAX_UPLOAD_REQUEST),
        # A task that is cut off is done again from the rows: there is no need to wait for it long.
        Program("worker", _celery("worker", f"--concurrency={WORKERS}", *QUIET_WORKER), _settings("portal"), within=6),
        Program("beat", _celery("beat", "--pidfile="), _settings("portal")),
    ]


def ports(installation: Installation) -> list[Port]:
    """The ports of the nodes that are started here."""
    return [
        Port(installation.portal_port, "the portal", "PORTAL_PORT"),
        *([Port(installation.beacon_port, "the beacon", "BEACON_PORT")] if not installation.remote_beacon else []),
        *(
            Port(installation.validator_port(name), f"the validator {name}", "VALIDATOR_BASE_PORT")
            for name in installation.local_validators()
        ),
    ]


def _beacon(installation: Installation) -> list[Program]:
    return [
        _serve("beacon", installation, installation.beacon_port, threads=BEACON_THREADS),
        Program("sequencer", [PYTHON, "manage.py", "sequencer"], _settings("beacon")),
        Program("monitor", [PYTHON, "manage.py", "monitor"], _settings("beacon")),
    ]


def _validator(installation: Installation, name: str) -> Program:
    port = installation.validator_port(name)
    served = _serve("validator", installation, port, threads=VALIDATOR_THREADS)
    return replace(
        served,
        name=f"validator-{VALIDATORS.index(name) + 1}",
        environment={**served.environment, "VALIDATOR_NAME": name},
    )


def _serve(node: str, installation: Installation, port: int, *, threads: int, body: int = 1024 * 1024) -> Program:
    command = [
        PYTHON,
        "-m",
        "waitress",
        f"--listen={installation.address}:{port}",
        f"--threads={threads}",
        f"--max-request-body-size={body}",
        # Bodies and answers stay in memory: beyond these sizes they would go through unencrypted temporary files.
        f"--inbuf-overflow={2 * body}",
        f"--outbuf-overflow={2 * body}",
        "--ident=",
        f"apps.config.wsgi.{node}:application",
    ]
    return Program(node, command, _settings(node), health=port)


def _celery(part: str, *options: str) -> list[str]:
    """Without Django's checks, which a test has run on this code: they would import every page at each start."""
    return [PYTHON, "-m", "celery", "--app=apps.config.celery", "--quiet", "--skip-checks", part, *options]


def _settings(node: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": f"apps.config.settings.{node}"}
