"""Waiting until a node says that it is ready."""

import http.client
import time
from collections.abc import Callable


def wait_until_healthy(
    host: str, ports: dict[str, int], *, within: float, on_ready: Callable[[str], None]
) -> dict[str, str]:
    """Asks /healthz of every node by name until all answer 200; the latest answer of those that did not in time."""
    deadline = time.monotonic() + within
    waiting = dict.fromkeys(ports, "no answer")
    while True:
        for name in list(waiting):
            waiting[name] = _health(host, ports[name])
            if not waiting[name]:
                del waiting[name]
                on_ready(name)
        if not waiting or time.monotonic() > deadline:
            return waiting
        time.sleep(0.1)


def _health(host: str, port: int) -> str:
    """Why the node is not ready; empty when it is."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return "no answer"
    finally:
        connection.close()
    return "" if response.status == 200 else f"{response.status} {body}"
