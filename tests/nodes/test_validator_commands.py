"""What a validator's operator runs: slashing protection in and out, replays, ballots, new keys."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest

from apps.network.beacon_client import BeaconClient
from apps.network.genesis import load
from audit_chain.beacon.slashing_protection import Interchange, KeyHistory, SignedVote
from audit_chain.encoding import to_hex
from audit_chain.log.note import Note
from tests.nodes.cast import Member, fresh_name
from tests.nodes.false_beacon import FalseBeacon, History
from tests.nodes.processes import Processes, eventually
from tests.nodes.requests import add_checkpoint

pytestmark = pytest.mark.xdist_group("validator-commands")


class Court(NamedTuple):
    processes: Processes
    history: History
    beacon: FalseBeacon


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """One validator that has voted for two epochs of a beacon in the test's hands."""
    processes = Processes(tmp_path_factory.mktemp("commands"), beacon_database=None)
    processes.migrate("court")
    history = History(processes.network, processes.var_dir)
    beacon = FalseBeacon(history)
    with beacon.listening(processes.ports["beacon"]):
        try:
            processes.start("court")
            first = history.boundary()
            assert add_checkpoint(processes.url("court"), old=0, proof=[], note=first.note).status == 200
            second = history.boundary(Member(fresh_name("member")).entry())
            proof = history.log.consistency_proof(first.size, second.size)
            assert add_checkpoint(processes.url("court"), old=first.size, proof=proof, note=second.note).status == 200
            yield Court(processes, history, beacon)
        finally:
            processes.stop()


def run(processes: Processes, *arguments: str, name: str = "court") -> tuple[int, str]:
    """Exit code of a command, and what it said, among what the node itself said meanwhile."""
    before = len(processes.log(name))
    code = processes.manage(name, *arguments).wait(90)
    return code, processes.log(name)[before:]


class TestSlashingProtection:
    def test_what_was_signed_is_exported(self, court: Court) -> None:
        processes = court.processes
        file = processes.var_dir / "protection.json"
        assert run(processes, "slashing_protection", "export", str(file))[0] == 0
        interchange = Interchange.parse(file.read_bytes())
        own = processes.network.validator("court").keys[0].public
        assert [(vote.source, vote.target) for vote in interchange.histories[own].votes] == [(0, 0), (0, 1)]

    def test_what_is_imported_is_forbidden_from_then_on(self, court: Court) -> None:
        processes = court.processes
        file = processes.var_dir / "protection.json"
        assert run(processes, "slashing_protection", "export", str(file))[0] == 0
        interchange = Interchange.parse(file.read_bytes())
        foreign = bytes(48)
        more = {foreign: KeyHistory((SignedVote(9, 8),)), **interchange.histories}
        file.write_bytes(Interchange(interchange.genesis_validators_root, more).render())
        assert run(processes, "slashing_protection", "import", str(file))[0] == 0
        assert run(processes, "slashing_protection", "export", str(file))[0] == 0
        again = Interchange.parse(file.read_bytes())
        assert again.histories == more

    @pytest.mark.parametrize("spoil", ["genesis_validators_root", "interchange_format_version"])
    def test_a_file_of_another_network_or_format_is_refused(self, court: Court, spoil: str) -> None:
        processes = court.processes
        file = processes.var_dir / "protection.json"
        run(processes, "slashing_protection", "export", str(file))
        document = json.loads(file.read_bytes())
        document["metadata"][spoil] = "0x" + "00" * 32
        file.write_text(json.dumps(document))
        code, said = run(processes, "slashing_protection", "import", str(file))
        assert code == 1
        assert "Traceback" not in said


class TestReplay:
    def test_it_says_how_far_every_root_agrees(self, court: Court) -> None:
        processes, history = court.processes, court.history
        code, said = run(processes, "replay")
        assert (code, "3 blocks" in said) == (0, True)
        assert str(history.store.head().tree_size) in said

    def test_it_names_what_does_not_hold(self, court: Court) -> None:
        processes, history = court.processes, court.history
        code, said = run(processes, "replay", "--to", str(history.store.head().tree_size + 300))
        assert code == 1
        assert "cannot be read" in said

    def test_it_says_which_sections_differ(self, court: Court) -> None:
        lie = History(court.history.network, court.processes.var_dir)
        lie.block()
        court.beacon.sections = {**lie.state.subroots(), "casper": bytes(32)}
        spoilt = lie.seal(spoil=lambda seal: replace(seal, state=bytes(32)))
        court.beacon.history = lie
        code, said = run(court.processes, "replay", "--to", str(spoilt.size))
        court.beacon.history = court.history
        assert code == 1
        assert "casper: here" in said
        assert f"there {bytes(32).hex()}" in said


@pytest.fixture(scope="module")
def beacon(nodes: Processes) -> Iterator[BeaconClient]:
    client = nodes.beacon()
    yield client
    client.close()


class TestOnARunningNetwork:
    def manage(self, nodes: Processes, name: str, *arguments: str) -> str:
        code, said = run(nodes, *arguments, name=name)
        assert code == 0, said
        return said

    def test_two_thirds_carry_a_motion(self, nodes: Processes, beacon: BeaconClient) -> None:
        member = Member(fresh_name("member")).register(beacon)
        self.manage(nodes, "bank", "governance", "propose", "suspend", "kind=member", f"name={member.name}")
        eventually(lambda: beacon.motions().motions)
        (motion,) = beacon.motions().motions
        assert to_hex(motion.digest) in self.manage(nodes, "court", "governance", "list")
        for name in ("court", "regulator"):
            self.manage(nodes, name, "governance", "vote", to_hex(motion.digest)[:12])
        eventually(lambda: beacon.motions().motions[0].carried)
        assert set(beacon.motions().motions[0].voters) == {"bank", "court", "regulator"}

    def test_rotated_keys_sign_after_a_restart(self, nodes: Processes, beacon: BeaconClient) -> None:
        before = nodes.network.validator("chamber")
        self.manage(nodes, "chamber", "rotate_keys", "--patience", "60")
        after = load(nodes.var_dir / "network.json")
        (new,) = after.validator("chamber").rotated
        assert after.validator("chamber").keys == before.keys
        state = next(one for one in beacon.validators().validators if one.name == "chamber")
        assert tuple(map(str, new.keys)) in [keys.keys for keys in state.key_sets]
        for name in ("sequencer", "beacon", "chamber"):
            nodes.kill(name)
        nodes.start("chamber", "sequencer", "beacon")
        assert eventually(lambda: self.signed_with(beacon, new.ed25519.key_id))

    def signed_with(self, beacon: BeaconClient, key_id: bytes) -> bool:
        Member(fresh_name("member")).register(beacon)
        note = Note.parse(beacon.log.checkpoint())
        return any(line.key_id == key_id for line in note.signatures)
