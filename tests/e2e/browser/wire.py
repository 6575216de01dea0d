"""A tap on the wire between a browser and the portal: it hands everything on and keeps what the browser sent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK = 65536  # bytes read at once
WINDOW = 16  # bytes: a coincidence of this length does not happen


class Tap:
    """`url` is the portal's through the tap."""

    def __init__(self, port: int) -> None:
        self._portal = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sent: list[bytes] = []
        self._open: list[socket.socket] = [self._listener]
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"localhost:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def sent(self) -> bytes:
        """Every byte that went towards the portal."""
        with self._lock:
            return b"".join(self._sent)

    def serve(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
                portal = socket.create_connection(self._portal)
            except OSError:
                return
            self._open += [browser, portal]
            threading.Thread(target=self._carry, args=(browser, portal, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(portal, browser, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_outgoing: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if is_outgoing:
                    with self._lock:
                        self._sent.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def tapped(port: int) -> Iterator[Tap]:
    tap = Tap(port)
    thread = threading.Thread(target=tap.serve, daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        tap.close()
        thread.join()


def pieces_of(file: bytes, *, within: bytes) -> int:
    """How many aligned pieces of the file occur in the bytes, in whatever place."""
    windows = {file[start : start + WINDOW] for start in range(0, len(file) - WINDOW + 1, WINDOW)}
    return len(windows & {within[start : start + WINDOW] for start in range(len(within) - WINDOW + 1)})
