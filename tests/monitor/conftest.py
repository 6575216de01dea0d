"""The running network that the tests of its nodes have, with the beacon's own monitor."""

from collections.abc import Iterator

import pytest

from tests.nodes.conftest import beacon_database  # noqa: F401
from tests.nodes.processes import Processes


class Watched(Processes):
    """Processes, one of which may be the beacon's monitor."""

    def watch(self) -> None:
        """Starts the monitor."""
        self._running["monitor"] = self._run("monitor", ["manage.py", "monitor"], {"MONITOR_SECONDS": "0.2"})

    def use_database(self, url: str) -> None:
        """From now on the beacon's processes start on that database."""
        self._environment["BEACON_DATABASE_URL"] = url


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, beacon_database: str) -> Iterator[Watched]:  # noqa: F811
    """Beacon, sequencer and four validators, all ready."""
    processes = Watched(tmp_path_factory.mktemp("network"), beacon_database=beacon_database)
    try:
        processes.migrate("beacon", *processes.validators)
        processes.start(*processes.validators, "sequencer", "beacon")
        yield processes
    finally:
        processes.stop()
