"""The processes of a network on one machine, and how each is started."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

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
    """Everything but the database server."""
    return [
        _serve("beacon", installation, installation.beacon_port, threads=BEACON_THREADS),
        *(
            _serve(
                "validator",
                installation,
                installation.validator_base_port + position,
                threads=VALIDATOR_THREADS,
                validator=name,
            )
            for position, name in enumerate(VALIDATORS)
        ),
        _serve("portal", installation, installation.portal_port, threads=PORTAL_THREADS, body=MAX_UPLOAD_REQUEST),
        Program("sequencer", [PYTHON, "manage.py", "sequencer"], _settings("beacon")),
        Program("worker", [*_celery("worker"), f"--concurrency={WORKERS}", *QUIET_WORKER], _settings("portal")),
        Program("beat", [*_celery("beat"), "--pidfile="], _settings("portal")),
    ]


QUIET_WORKER = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def ports(installation: Installation) -> list[Port]:
    return [
        Port(installation.portal_port, "the portal", "PORTAL_PORT"),
        Port(installation.beacon_port, "the beacon", "BEACON_PORT"),
        *(
            Port(installation.validator_base_port + position, f"validator {position + 1}", "VALIDATOR_BASE_PORT")
            for position in range(len(VALIDATORS))
        ),
    ]


def _serve(
    node: str, installation: Installation, port: int, *, threads: int, validator: str = "", body: int = 1024 * 1024
) -> Program:
    command = [
        PYTHON,
        "-m",
        "waitress",
        f"--listen={installation.address}:{port}",
        f"--threads={threads}",
        f"--max-request-body-size={body}",
        "--ident=",
        f"apps.config.wsgi.{node}:application",
    ]
    if not validator:
        return Program(node, command, _settings(node), health=port)
    number = VALIDATORS.index(validator) + 1
    return Program(f"validator-{number}", command, _settings(node) | {"VALIDATOR_NAME": validator}, health=port)


def _celery(part: str) -> list[str]:
    return [PYTHON, "-m", "celery", "--app=apps.config.celery", "--quiet", part]


def _settings(node: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": f"apps.config.settings.{node}"}
