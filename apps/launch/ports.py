"""Whether the ports are free, asked before anything is started."""

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from apps.launch.errors import LaunchError


@dataclass(frozen=True, slots=True)
class Port:
    """A port to listen on, for whom, and the variable that moves it."""

    number: int
    title: str
    variable: str


def check_free(address: str, ports: Sequence[Port]) -> None:
    """LaunchError names every port that cannot be had, why, and what to change."""
    problems = [problem for port in ports if (problem := _problem(address, port, ports))]
    if problems:
        raise LaunchError("\n".join([*problems, "Nothing has been started."]))


def _problem(address: str, port: Port, ports: Sequence[Port]) -> str | None:
    change = f"choose another with {port.variable}=<port> in the environment or in .env"
    for other in ports[: ports.index(port)]:
        if other.number == port.number:
            return f"Port {port.number} is wanted by both {other.title} and {port.title}: {change}."
    if not 0 < port.number < 65536:
        return f"{port.number} is not a port, but {port.title} is to listen on it: {change}."
    try:
        _listen_once(address, port.number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port.number}, wanted by {port.title}, is taken{_holder(port.number)}. Free it, or {change}."
        return f"Port {port.number}, wanted by {port.title}, cannot be listened on ({error.strerror}): {change}."
    return None


def _listen_once(address: str, number: int) -> None:
    family, kind, _, _, where = socket.getaddrinfo(address, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # A closing connection does not hold a port.
        probe.bind(where)


def _holder(number: int) -> str:
    """By whom the port is taken, as far as the system lets us see."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return " by another program"
