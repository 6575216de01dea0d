"""A validator follows the beacon's log from one origin to the next, and what it said under the first stays said."""

from collections.abc import Iterator

import pytest

from apps.network.genesis import load
from apps.network.key_files import ed25519_key
from audit_chain.log.keys import NoteSigner
from audit_chain.log.store import Seal
from tests.nodes.cast import Member, fresh_name
from tests.nodes.false_beacon import FalseBeacon, History
from tests.nodes.processes import Processes
from tests.nodes.requests import Reply, add_checkpoint

pytestmark = pytest.mark.xdist_group("restarted-beacon")


class Scene:
    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.first = History(processes.network, processes.var_dir)
        self.beacon = FalseBeacon(self.first)
        self.size = 0

    def vote(self, history: History, seal: Seal, *, old: int) -> Reply:
        self.beacon.history = history
        proof = history.log.consistency_proof(old, seal.size)
        return add_checkpoint(self.processes.url("bank"), old=old, proof=proof, note=seal.note)

    def finalize(self, history: History, *, epochs: int, old: int) -> list[Seal]:
        """Boundaries that the validator has voted for one after the other, with the votes of all in the log."""
        boundaries = []
        for _ in range(epochs):
            seal = history.boundary(Member(fresh_name("member")).entry())
            assert self.vote(history, seal, old=old).status == 200
            history.attest(seal, names=[node.name for node in history.network.validators])
            history.seal()
            boundaries.append(seal)
            old = seal.size
        return boundaries

    def restarted(self, size: int) -> History:
        """The history under the next origin from there on, of which the validator is told."""
        path = self.processes.var_dir / "network.json"
        key = ed25519_key(self.processes.var_dir / "keys" / "beacon-1.pem")
        network = load(path).restarted(NoteSigner("test.example/beacon-1", key).verifier_key)
        path.write_bytes(network.render())
        history = History(network, self.processes.var_dir)
        history.copy_from(self.first, size=size)
        self.processes.kill("bank")
        self.processes.start("bank")
        return history


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    processes = Processes(tmp_path_factory.mktemp("restarted"), beacon_database=None)
    processes.migrate("bank")
    scene = Scene(processes)
    with scene.beacon.listening(processes.ports["beacon"]):
        try:
            processes.start("bank")
            yield scene
        finally:
            processes.stop()


def test_a_validator_goes_back_to_the_finalized_tree_and_votes_on(scene: Scene) -> None:
    boundaries = scene.finalize(scene.first, epochs=6, old=0)
    finalized = scene.first.state.casper.finalized_checkpoint
    (size,) = [seal.size for seal in boundaries if seal.root == finalized.root]
    assert size < boundaries[-1].size
    second = scene.restarted(size)
    second.restart()
    seal = second.boundary()
    assert scene.vote(second, seal, old=0).status == 200
    scene.finalize(second, epochs=3, old=seal.size)


def test_a_log_that_never_came_to_the_new_key_is_refused(scene: Scene) -> None:
    boundaries = scene.finalize(scene.first, epochs=5, old=0)
    second = scene.restarted(boundaries[2].size)
    seal = second.boundary()
    reply = scene.vote(second, seal, old=0)
    assert reply.status == 422
    assert "never came" in reply.text


def test_the_old_origin_gets_no_votes_any_more(scene: Scene) -> None:
    boundaries = scene.finalize(scene.first, epochs=5, old=0)
    scene.restarted(boundaries[2].size)
    assert scene.vote(scene.first, scene.first.boundary(), old=boundaries[-1].size).status == 404
