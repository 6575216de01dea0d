"""`manage.py monitor`: watches the network that this beacon belongs to, until it is told to stop."""

import signal
import threading
import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from apps.monitor.checks import Limits
from apps.monitor.database_store import DatabaseStore
from apps.monitor.reading import Reader
from apps.monitor.running import Running
from apps.monitor.watch import Watch
from apps.monitor.webhook import Webhook
from apps.network.errors import NetworkFileInvalid


class LostDatabase(Exception):
    """The database does not answer; the next look opens a new connection."""


class Store(DatabaseStore):
    def load(self):
        return _try(super().load)

    def save(self, memory) -> None:
        _try(lambda: super(Store, self).save(memory))


class Command(BaseCommand):
    help = "Looks at the beacon and its validators from outside, and keeps alerts of what is wrong."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *, once: bool, **options) -> None:
        running = Running(settings.NETWORK_FILE, _watch)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            if once:
                running.look()
            else:
                running.keep_looking(stop, settings.MONITOR_SECONDS, survive=(LostDatabase,))
        except (NetworkFileInvalid, LostDatabase) as problem:
            raise CommandError(str(problem)) from None
        finally:
            running.close()


def _watch(reader: Reader) -> Watch:
    url, secret = settings.MONITOR_WEBHOOK_URL, settings.MONITOR_WEBHOOK_SECRET
    webhook = Webhook(url, secret.encode(), clock=time.time) if url else None
    limits = Limits(
        silence=settings.MONITOR_SILENCE_SECONDS,
        late_crosslink=settings.MONITOR_LATE_CROSSLINK_SECONDS,
        missing_crosslink=settings.MONITOR_MISSING_CROSSLINK_SECONDS,
    )
    return Watch(reader, Store(), clock=time.time, limits=limits, webhook=webhook)


def _try(step):
    try:
        return step()
    except DatabaseError as problem:
        connection.close()
        raise LostDatabase(f"the database does not answer: {type(problem).__name__}") from problem
