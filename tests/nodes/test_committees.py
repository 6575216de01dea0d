"""Committees that are smaller than the network: who witnesses a pool, and who does not."""

from collections.abc import Iterator

import pytest

from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.state import get_committee
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.false_beacon import FalseBeacon, History
from tests.nodes.processes import Processes
from tests.nodes.requests import add_checkpoint

pytestmark = pytest.mark.xdist_group("committees")

NAMES = tuple(f"v{number}" for number in range(8))


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Eight validators, two of them running, in committees of four."""
    found = Processes(tmp_path_factory.mktemp("many"), beacon_database=None, validators=NAMES, preset="minimal")
    try:
        yield found
    finally:
        found.stop()


def test_the_committee_witnesses_a_pool_and_nobody_else(processes: Processes) -> None:
    history = History(processes.network, processes.var_dir)
    pools = [Pool(fresh_name("pool"), key=10 + number) for number in range(8)]
    seal = history.register(Member(fresh_name("member")), *pools)
    epoch = get_current_epoch(history.state.casper)
    members = {pool.name: {one.name for one in get_committee(history.state, pool.name, epoch)} for pool in pools}
    insider = min(members[pools[0].name])
    outsider = next(name for name in NAMES if name not in members[pools[0].name])
    processes.migrate(insider, outsider)
    with FalseBeacon(history).listening(processes.ports["beacon"]):
        processes.start(insider, outsider)
        for name in (insider, outsider):
            assert add_checkpoint(processes.url(name), old=0, proof=[], note=seal.note).status == 200
        checkpoint = pools[0].grow().note
        answers = [
            add_checkpoint(processes.url(name), old=0, proof=[], note=checkpoint) for name in (insider, outsider)
        ]
    assert [answer.status for answer in answers] == [200, 404]
    assert "committee" in answers[1].text
