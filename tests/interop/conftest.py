"""One network for all tests with other people's software, and the programs in Go that they run.

Their modules are in one group, so that one worker starts it, once.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.network.beacon_client import BeaconClient
from apps.network.network_file import WitnessNode
from tests import database
from tests.interop.cast import final_checkpoint, further_logs, policy_of, written
from tests.interop.go_programs import GoProgram, build
from tests.interop.litewitness import a_witness
from tests.nodes.cast import Member
from tests.nodes.processes import Processes, eventually

ENTRIES = 300  # more than the 256 of one tile


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> GoProgram:
    """Call it with a module below `go/` and a package for the path of the program."""
    folder = tmp_path_factory.mktemp("go")
    return lambda module, package: build(module, package, folder)


@pytest.fixture(scope="session")
def notary() -> WitnessNode:
    """The witness without a vote that the network names. It is not there unless a test starts it."""
    return a_witness()


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory, postgres_url: str, notary: WitnessNode) -> Iterator[Processes]:
    """Beacon, sequencer and four validators, which witness two further logs, all ready."""
    with database.new_databases(postgres_url) as make_database:
        processes = Processes(tmp_path_factory.mktemp("network"), beacon_database=make_database())
        network_file = processes.var_dir / "network.json"
        network_file.write_bytes(replace(processes.network, witnesses=(notary,)).render())
        for name in processes.validators:
            (processes.var_dir / "validators" / f"{name}.logs").write_text(further_logs())
        try:
            processes.migrate("beacon", *processes.validators)
            processes.start(*processes.validators, "sequencer", "beacon")
            yield processes
        finally:
            processes.stop()


@pytest.fixture(scope="session")
def beacon(network: Processes) -> Iterator[BeaconClient]:
    client = network.beacon()
    yield client
    client.close()


@pytest.fixture(scope="session")
def member(beacon: BeaconClient) -> Member:
    return Member("reporter").register(beacon)


@pytest.fixture(scope="session")
def long_log(beacon: BeaconClient, member: Member) -> BeaconClient:
    """The beacon with more entries than one tile holds, all of them final."""
    for number in range(ENTRIES):
        beacon.submit_evidence(member.deposit(number.to_bytes(32, "big")))
    eventually(lambda: final_checkpoint(beacon).size > ENTRIES, within=30)
    return beacon


@pytest.fixture
def policy(network: Processes, tmp_path: Path) -> str:
    """A file with a policy that asks for three of the four validators."""
    return written(tmp_path / "policy", policy_of(network.network, quorum="3"))
