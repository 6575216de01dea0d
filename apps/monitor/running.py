"""Running: looks until told to stop, at the network that the network file names at that moment."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from apps.monitor.alerts import Alert
from apps.monitor.reading import Reader
from apps.monitor.watch import Watch
from apps.network import network_file
from apps.network.network_file import NetworkFile

logger = logging.getLogger(__name__)


class Running:
    """Makes a watch of the network file, and another one when the file has changed: a restart changes it."""

    def __init__(self, path: Path, make: Callable[[Reader], Watch], *, beacon_url: str | None = None) -> None:
        self._path = path
        self._make = make
        self._beacon_url = beacon_url
        self._network: NetworkFile | None = None
        self._reader: Reader | None = None
        self._watch: Watch | None = None
        self._open: set[tuple[str, str]] = set()

    def look(self) -> list[Alert]:
        """All alerts after one look. NetworkFileInvalid, or what the store raises, ends it."""
        network = network_file.load(self._path)
        if self._watch is None or network != self._network:
            self.close()
            self._network, self._reader = network, Reader(network, self._beacon_url)
            self._watch = self._make(self._reader)
        alerts = self._watch.look()
        self._log(alerts)
        return alerts

    def keep_looking(self, stop: threading.Event, seconds: float, *, survive: tuple[type[Exception], ...] = ()) -> None:
        while not stop.is_set():
            try:
                self.look()
            except survive as problem:
                logger.warning("cannot look: %s", type(problem).__name__)
            stop.wait(seconds)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._watch = None

    def _log(self, alerts: list[Alert]) -> None:
        is_open = {(str(alert.kind), alert.subject): alert for alert in alerts if alert.is_open}
        for alert in (is_open[key] for key in is_open.keys() - self._open):
            logger.warning("%s: %s", alert.kind, alert.sentence)
        for kind, subject in self._open - is_open.keys():
            logger.info("%s is over: %s", kind, subject)
        self._open = set(is_open)
