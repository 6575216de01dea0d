"""What the launcher says: one line per step, with the seconds since it began."""

import sys
from time import monotonic


class Console:
    """Writes to standard output, unbuffered, so that a log shows where a slow start is."""

    def __init__(self) -> None:
        self._begin = monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the console was made."""
        return monotonic() - self._begin

    def say(self, text: str) -> None:
        print(f"[{self.elapsed:5.1f} s] {text}", flush=True)

    def block(self, text: str) -> None:
        print(text, flush=True)

    def complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
