"""Ordering: which entry comes next. Everything else, finality above all, is the same whatever engine does it."""

import hashlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from django.db import Error, connection, transaction

from apps.beacon.models import Submission

logger = logging.getLogger(__name__)

CHANNEL = "beacon_submission"
WAITING_LIMIT = 20_000  # entries
RECONNECT_AFTER = 1.0  # seconds


class TooMuchWaits(Exception):
    """The engine takes no more for the moment; the sequencer is slow or gone."""


class Ordering(Protocol):
    """An engine that puts submitted entries into one order."""

    def submit(self, entry: bytes) -> None:
        """Hands in an entry. One that waits already is not put in a second time. Raises TooMuchWaits."""
        ...

    def take(self, limit: int) -> list[bytes]:
        """The next entries in their order, at most `limit`; gone from the engine when the caller's transaction commits.

        A transaction that is rolled back leaves them where they were.
        """
        ...


class EmbeddedOrdering:
    """First come, first served, by a table in the beacon's own database and one sequencer that takes from it."""

    def submit(self, entry: bytes) -> None:
        if Submission.objects.count() >= WAITING_LIMIT:
            raise TooMuchWaits
        submission = Submission(entry=entry, digest=hashlib.sha256(entry).digest())
        with transaction.atomic():
            Submission.objects.bulk_create([submission], ignore_conflicts=True)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])

    def take(self, limit: int) -> list[bytes]:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM beacon_submission"
                " WHERE id IN (SELECT id FROM beacon_submission ORDER BY id LIMIT %s) RETURNING id, entry",
                [limit],
            )
            return [bytes(entry) for _, entry in sorted(cursor.fetchall())]


class SubmissionWatch(threading.Thread):
    """Calls `wake` as soon as something is submitted, as well as it can: whoever relies on it polls now and then."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(name="submission-watch", daemon=True)
        self._wake = wake
        self._stop = threading.Event()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Error as problem:
                logger.warning("not woken by submissions for now: %s", type(problem).__name__)
                self._stop.wait(RECONNECT_AFTER)
            finally:
                connection.close()

    def close(self) -> None:
        self._stop.set()

    def _listen(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._wake()  # Something may have come before we listened.
        while not self._stop.is_set():
            with connection.wrap_database_errors:
                for _ in connection.connection.notifies(timeout=1.0, stop_after=1):
                    self._wake()
