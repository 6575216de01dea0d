"""One bounded HTTP exchange: what came back, or `Unreachable`."""

import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from apps.network.errors import Unreachable

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
ANSWER_LIMIT = 4 * 1024 * 1024  # bytes; the largest honest answer is a full entry bundle of small entries
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: str
    body: bytes


class Transport:
    """Talks to one node; keeps its connections, so share it between threads and calls.

    Redirects are not followed: a node's address is in the network file and nowhere else. A proxy named in the
    environment is used, except for this machine itself.
    """

    def __init__(
        self, url: str, *, answer_seconds: float = ANSWER_SECONDS, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(
            timeout=httpx.Timeout(answer_seconds, connect=connect_seconds),
            follow_redirects=False,
            verify=_trusted_authorities(),
            mounts={f"http://{host}": httpx.HTTPTransport(verify=_trusted_authorities()) for host in LOOPBACK},
        )

    def exchange(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, Any] | None = None,
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """The answer with its whole body, of at most `limit` bytes."""
        try:
            with self._client.stream(
                method, self.url + path, content=content, headers=headers, params=params
            ) as response:
                body = _read(response, limit)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise Unreachable(f"no answer from {self.url}: {type(problem).__name__}") from None
        return Answer(response.status_code, response.headers.get("content-type", ""), body)

    def close(self) -> None:
        self._client.close()


@lru_cache(maxsize=1)
def _trusted_authorities() -> ssl.SSLContext:
    """Reading them takes longer than most exchanges do, so it is done once."""
    return httpx.create_ssl_context()


def _read(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > limit:
            raise Unreachable(
                f"{response.url.host} answered with more than the {limit} bytes that such an answer may have"
            )
    return bytes(body)
