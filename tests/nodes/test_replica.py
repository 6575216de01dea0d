"""What a validator believes of a beacon: which pools it learns from it, and which histories it refuses."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest

from apps.network import wire
from apps.network.validator_api import ValidatorStatus
from audit_chain.beacon.entries import Member as MemberEntry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.log.store import Seal
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.false_beacon import FalseBeacon, History
from tests.nodes.processes import Processes, eventually
from tests.nodes.requests import Reply, add_checkpoint, send

pytestmark = pytest.mark.xdist_group("replica")


class Scene:
    """One validator, new, and a beacon in the test's hands."""

    def __init__(self, processes: Processes, beacon: FalseBeacon) -> None:
        self.processes = processes
        self.beacon = beacon
        self.url = processes.url("bank")

    def history(self) -> History:
        return History(self.processes.network, self.processes.var_dir)

    def witness(self, pool: Pool) -> Reply:
        """The validator's answer to the pool's first checkpoint."""
        return add_checkpoint(self.url, old=0, proof=[], note=pool.grow().note)

    def cosign_beacon(self, history: History, seal: Seal, *, old: int = 0) -> Reply:
        proof = history.log.consistency_proof(old, seal.size)
        return add_checkpoint(self.url, old=old, proof=proof, note=seal.note)

    def comes_to_witness(self, pool: Pool) -> bool:
        return eventually(lambda: self.witness(pool).status == 200)

    def never_witnesses(self, pool: Pool) -> bool:
        """Whether the validator has looked at the beacon twice for the pool's sake, and still does not know it."""
        looks = self.beacon.asked.count("/log/checkpoint")
        replies = [self.witness(pool)]
        while self.beacon.asked.count("/log/checkpoint") < looks + 2:
            replies.append(self.witness(pool))
        return {reply.status for reply in replies} == {404}

    def disbelieves(self, because: str) -> bool:
        return because in (self.status().beacon.problem or "")

    def status(self) -> ValidatorStatus:
        return wire.parse(ValidatorStatus, send("GET", f"{self.url}/status").body)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    processes = Processes(tmp_path_factory.mktemp("replica"), beacon_database=None)
    processes.migrate("bank")
    beacon = FalseBeacon(History(processes.network, processes.var_dir))
    with beacon.listening(processes.ports["beacon"]):
        try:
            processes.start("bank")
            yield Scene(processes, beacon)
        finally:
            processes.stop()


@pytest.fixture
def scene(running: Scene) -> Scene:
    """The running validator, which has forgotten everything."""
    running.beacon.checkpoint, running.beacon.spoil = b"", lambda bundle: bundle  # type: ignore[method-assign]
    with sqlite3.connect(running.processes.var_dir / "validators" / "bank.sqlite3", timeout=10) as store:
        for table in ("signedhead", "stateitem", "tile", "replica"):
            store.execute(f"DELETE FROM validator_{table}")
    store.close()
    return running


@pytest.fixture
def cast() -> tuple[Member, Pool, Pool]:
    return Member(fresh_name("member")), Pool(fresh_name("pool"), key=3), Pool(fresh_name("pool"), key=4)


Cast = tuple[Member, Pool, Pool]


def test_a_registered_pool_is_witnessed_and_no_other(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history = scene.history()
    scene.beacon.show(history, history.register(member, pool))
    assert scene.comes_to_witness(pool)
    assert scene.never_witnesses(other)
    assert scene.status().beacon.size == 5
    assert scene.status().beacon.problem is None


def test_a_pool_registered_later_is_learnt_from_there_on(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history = scene.history()
    scene.beacon.show(history, history.register(member, pool))
    assert scene.comes_to_witness(pool)
    later = history.block(PoolEntry(other.name, member.name, other.signer.verifier_key).encode())
    scene.beacon.show(history, later)
    assert scene.comes_to_witness(other)


def test_what_was_learnt_outlives_a_restart_without_the_beacon(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history = scene.history()
    scene.beacon.show(history, history.register(member, pool, other))
    assert scene.comes_to_witness(pool)
    scene.processes.kill("bank")
    scene.beacon.checkpoint = b""
    scene.processes.start("bank")
    assert scene.witness(other).status == 200


def test_asking_about_pools_that_are_none_costs_the_beacon_little(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history = scene.history()
    scene.beacon.show(history, history.register(member, pool))
    assert scene.comes_to_witness(pool)
    before = len(scene.beacon.asked)
    replies = [scene.witness(other) for _ in range(100)]
    assert {reply.status for reply in replies} == {404}
    assert len(scene.beacon.asked) - before < 20


def test_a_long_log_is_replayed_part_by_part(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history = scene.history()
    names = [f"m{number}" for number in range(4500)]
    history.block(*(MemberEntry(name, Member(name).signer.verifier_key).encode() for name in names))
    seal = history.register(member, pool)
    scene.beacon.show(history, seal)
    eventually(lambda: scene.witness(pool).status == 200, within=60)
    assert scene.status().beacon.size == seal.size
    later = history.block(PoolEntry(other.name, member.name, other.signer.verifier_key).encode())
    scene.beacon.show(history, later)
    assert scene.comes_to_witness(other)


class TestHistoriesThatAreRefused:
    def test_one_that_too_few_cosigned(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        history = scene.history()
        seal = history.register(member, pool)
        scene.beacon.show(history, seal, count=2)
        assert scene.never_witnesses(pool)
        assert scene.disbelieves("QuorumNotReached")
        scene.beacon.show(history, seal, count=3)
        assert scene.comes_to_witness(pool)
        assert scene.status().beacon.problem is None

    def test_one_that_forks_from_what_was_replayed(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool))
        assert scene.comes_to_witness(pool)
        fork = scene.history()
        fork.register(member, other)
        scene.beacon.show(fork, fork.block())
        assert scene.never_witnesses(other)
        assert scene.disbelieves("InvalidConsistencyProof")

    def test_one_of_the_same_size_that_is_another(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool))
        assert scene.comes_to_witness(pool)
        fork = scene.history()
        scene.beacon.show(fork, fork.register(member, other))
        assert scene.never_witnesses(other)
        assert scene.disbelieves("InvalidConsistencyProof")

    def test_one_that_went_back(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        earlier = history.register(member, pool)
        scene.beacon.show(history, history.block())
        assert scene.comes_to_witness(pool)
        scene.beacon.show(history, earlier)
        assert scene.never_witnesses(other)
        assert scene.disbelieves("went back")

    @pytest.mark.parametrize("cosigned_is_longer", [False, True])
    def test_one_that_contradicts_what_was_cosigned(self, scene: Scene, cast: Cast, cosigned_is_longer: bool) -> None:
        member, pool, other = cast
        history = scene.history()
        seal = history.register(member, pool)
        if cosigned_is_longer:
            seal = history.block()
        assert scene.cosign_beacon(history, seal).status == 200
        fork = scene.history()
        shown = fork.register(member, other)
        scene.beacon.show(fork, shown if cosigned_is_longer else fork.block())
        assert scene.never_witnesses(other)
        assert scene.status().beacon.size == 1

    def test_one_with_an_entry_that_does_not_hold(self, scene: Scene, cast: Cast) -> None:
        _, pool, _ = cast
        history = scene.history()
        unregistered = PoolEntry(pool.name, "nobody", pool.signer.verifier_key).encode()
        scene.beacon.show(history, history.block(unregistered))
        assert scene.never_witnesses(pool)
        assert scene.disbelieves("UnknownMember")

    def test_one_with_another_genesis(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        history = scene.history()
        history.store, history.slot = type(history.store)(), 0
        history.log = type(history.log)(history.store, history.log._signer)
        history.block(history.network.genesis_entry().replace(b'"weight":1', b'"weight":2'))
        scene.beacon.show(history, history.register(member, pool))
        assert scene.never_witnesses(pool)
        assert scene.disbelieves("InvalidConsistencyProof")

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda bundle: bundle[:-1],
            lambda bundle: bundle[:-1] + b" ",
            lambda bundle: b"",
            lambda bundle: bundle + b"\x00\x01x",
        ],
        ids=["cut", "changed", "empty", "longer"],
    )
    def test_one_whose_entries_are_not_those_in_the_tree(
        self, scene: Scene, cast: Cast, spoil: Callable[[bytes], bytes]
    ) -> None:
        member, pool, _ = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool))
        scene.beacon.spoil = spoil  # type: ignore[method-assign]
        assert scene.never_witnesses(pool)
        assert scene.status().beacon.size == 1


def test_a_beacon_that_forks_gets_one_of_its_checkpoints_cosigned(scene: Scene, cast: Cast) -> None:
    member, pool, other = cast
    history, fork = scene.history(), scene.history()
    seal, forked = history.register(member, pool), fork.register(member, other)
    assert scene.cosign_beacon(history, seal).status == 200
    assert scene.cosign_beacon(fork, forked, old=seal.size).status == 422
    assert scene.cosign_beacon(fork, fork.block(), old=0).status == 409
