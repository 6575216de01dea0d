"""Following the beacon: its log is replayed in the background, and at once when an unknown pool wants a cosignature."""

import logging
import threading
import time
from functools import lru_cache

from django.db import Error, connection

from apps.network.errors import NetworkError
from apps.network.log_client import LogClient
from apps.network.network_file import NetworkFile
from apps.network.transport import Transport
from apps.validator.identity import Identity
from apps.validator.known_logs import log_key, pool_of
from apps.validator.replica import BeaconDisbelieved, catch_up
from audit_chain.log.keys import VerifierKey

logger = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two replays, however many unknown origins are asked about
INTERVAL = 30.0  # seconds between looks at a beacon from which nothing is heard
SETTLING = 1.0  # seconds after we cosign the beacon until the others have too


class Follower:
    """Replays one beacon's log, one replay at a time; safe to share between threads."""

    def __init__(self, network: NetworkFile) -> None:
        self._network = network
        self._log = LogClient(Transport(network.beacon.url, answer_seconds=5.0))
        self._one_at_a_time = threading.Lock()
        self._ended = -PAUSE
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def look_soon(self) -> None:
        """Has the background replay go ahead: the beacon has something new."""
        self._news.set()

    def learn(self, origin: str, identity: Identity) -> VerifierKey | None:
        """The key of a pool that this validator may not know yet; None if it finds none.

        Replays the log for it, but one request at a time and not more often than once in a while: asking about pools
        that do not exist costs the beacon little, and a beacon that hangs does not take all our threads with it.
        """
        if pool_of(origin, identity) is None or not self._one_at_a_time.acquire(timeout=PAUSE):
            return None
        try:
            if time.monotonic() - self._ended >= PAUSE:
                self._catch_up()
        finally:
            self._one_at_a_time.release()
        return log_key(origin, identity)

    def _run(self) -> None:
        while True:
            if self._news.wait(INTERVAL):
                time.sleep(SETTLING)
                self._news.clear()
            try:
                with self._one_at_a_time:
                    self._catch_up()
            except Exception as problem:  # whatever a beacon can make it stumble over, the next look is due
                logger.error("could not follow the beacon: %s", type(problem).__name__)
            finally:
                connection.close()

    def _catch_up(self) -> None:
        try:
            catch_up(self._log, self._network)
        except BeaconDisbelieved as problem:
            if problem.is_news:
                logger.error("the beacon's log is not believed: %s", problem)
        except NetworkError as problem:
            logger.info("could not read the beacon's log: %s", problem)
        except Error as problem:
            logger.error("could not keep the beacon's log: %s", type(problem).__name__)
        finally:
            self._ended = time.monotonic()


@lru_cache(maxsize=1)
def _follower(network: NetworkFile) -> Follower:
    return Follower(network)


_starting = threading.Lock()


def follower(identity: Identity) -> Follower:
    """This process's follower, started with the first request."""
    with _starting:
        return _follower(identity.network)
