"""What a validator believes of a beacon: what it replays and votes for, and which histories it refuses."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.network import wire
from apps.network.validator_api import ValidatorStatus
from audit_chain.beacon.entries import Member as MemberEntry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.encoding import to_time
from audit_chain.log.note import Note
from audit_chain.log.store import Seal
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.false_beacon import FalseBeacon, History
from tests.nodes.processes import Processes, eventually
from tests.nodes.requests import Reply, add_checkpoint, cosignatures, send

pytestmark = pytest.mark.xdist_group("replica")

TABLES = (
    "validator_signedhead",
    "validator_signedvote",
    "validator_signedblock",
    "validator_replica",
    "state_version",
    "state_page",
    "state_value",
)


class Scene:
    """One validator, new, and a beacon in the test's hands."""

    def __init__(self, processes: Processes, beacon: FalseBeacon) -> None:
        self.processes = processes
        self.beacon = beacon
        self.url = processes.url("bank")
        self.store = processes.var_dir / "validators" / "bank.sqlite3"

    def history(self, **options: int) -> History:
        history = History(self.processes.network, self.processes.var_dir, **options)
        self.beacon.history = history
        return history

    def witness(self, pool: Pool, *, old: int = 0) -> Reply:
        """The validator's answer to the pool's next checkpoint."""
        seal = pool.grow()
        return add_checkpoint(self.url, old=old, proof=pool.log.consistency_proof(old, seal.size), note=seal.note)

    def ask(self, history: History, seal: Seal, *, old: int = 0) -> Reply:
        """The validator's answer to the beacon's checkpoint."""
        self.beacon.history = history
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

    def problem(self) -> str:
        return self.status().beacon.problem or ""

    def status(self) -> ValidatorStatus:
        return wire.parse(ValidatorStatus, send("GET", f"{self.url}/status").body)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        store = sqlite3.connect(self.store, timeout=10)
        try:
            with store:
                return store.execute(query).fetchall()
        finally:
            store.close()

    def restart(self) -> None:
        self.processes.kill("bank")
        self.processes.start("bank")


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
    running.beacon.sections = {}
    for table in TABLES:
        running.rows(f"DELETE FROM {table}")
    return running


@pytest.fixture
def cast() -> tuple[Member, Pool, Pool]:
    return Member(fresh_name("member")), Pool(fresh_name("pool"), key=3), Pool(fresh_name("pool"), key=4)


Cast = tuple[Member, Pool, Pool]


class TestVoting:
    def test_a_boundary_is_replayed_and_cosigned_with_both_keys(self, scene: Scene) -> None:
        history = scene.history()
        seal = history.block()
        reply = scene.ask(history, seal)
        assert [len(line.blob) for line in cosignatures(reply)] == [72, 2428]
        assert scene.status().beacon.size == seal.size
        assert scene.rows("SELECT source, target FROM validator_signedvote") == [(0, 0)]

    def test_epoch_after_epoch_is_voted_for_and_becomes_final(self, scene: Scene) -> None:
        history = scene.history()
        size = 0
        for _ in range(8):
            seal = history.boundary()
            assert scene.ask(history, seal, old=size).status == 200
            size = seal.size
            history.attest(seal, names=["bank", "regulator", "court"])
            history.seal()
        assert history.state.casper.finalized_checkpoint.epoch == 6
        votes = scene.rows("SELECT source, target FROM validator_signedvote ORDER BY target")
        assert votes == [(0, 0), (0, 1), (0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
        assert len(scene.rows("SELECT * FROM state_version")) < 8

    def test_the_latest_votes_are_remembered_and_all_earlier_ones_forbidden(self, scene: Scene) -> None:
        history = scene.history()
        size = 0
        for _ in range(36):
            seal = history.boundary()
            assert scene.ask(history, seal, old=size).status == 200
            size = seal.size
        query = "SELECT min(target), max(target), count(*) FROM validator_signedvote WHERE is_floor = {}"
        assert scene.rows(query.format(0)) == [(4, 35, 32)]
        assert scene.rows(query.format(1)) == [(4, 4, 1)]

    def test_its_own_votes_are_known_again_when_the_log_shows_them_late(self, scene: Scene) -> None:
        history = scene.history()
        last = history.boundary()
        assert scene.ask(history, last).status == 200
        for epoch in range(8):
            history.attest(last, names=["regulator", "court", "chamber"])
            history.seal()
            history.attest(last, names=["bank"], late=True)
            seal = history.boundary()
            assert scene.ask(history, seal, old=last.size).status == 200, epoch
            last = seal
        assert history.state.casper.finalized_checkpoint.epoch == 6

    def test_a_block_within_an_epoch_is_no_vote(self, scene: Scene) -> None:
        history = scene.history()
        history.block()
        reply = scene.ask(history, history.block())
        assert reply.status == 422
        assert "boundary" in reply.text
        assert scene.problem() == ""

    def test_the_same_checkpoint_is_signed_again(self, scene: Scene) -> None:
        history = scene.history()
        seal = history.block()
        for old in (0, seal.size, seal.size):
            assert scene.ask(history, seal, old=old).status == 200
        assert len(scene.rows("SELECT * FROM validator_signedvote")) == 1

    def test_it_is_signed_again_however_old_it_is(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        history = scene.history()
        seal = history.block()
        assert scene.ask(history, seal).status == 200
        monkeypatch.setitem(scene.processes._environment, "BLOCK_TIME_TOLERANCE", "-1")  # No block is new enough.
        scene.restart()
        try:
            assert scene.ask(history, seal, old=seal.size).status == 200
            assert "about now" in scene.ask(history, history.boundary(), old=seal.size).text
        finally:
            monkeypatch.undo()
            scene.restart()

    def test_two_processes_of_one_validator_vote_as_one(self, scene: Scene) -> None:
        second = scene.processes.start_another("bank")
        urls = [scene.url, second]
        history = scene.history()
        size = 0
        for number in range(12):
            seal = history.boundary(Member(fresh_name("member")).entry())
            proof = history.log.consistency_proof(size, seal.size)
            for url in (urls[number % 2], urls[number // 2 % 2]):
                reply = add_checkpoint(url, old=size, proof=proof, note=seal.note)
                assert reply.status in (200, 409), reply
                size, proof = seal.size, []
            history.attest(seal, names=["bank", "court", "chamber"])
            history.seal()
        assert history.state.casper.finalized_checkpoint.epoch == 10
        assert scene.rows("SELECT count(DISTINCT target), count(*) FROM validator_signedvote") == [(12, 12)]
        assert scene.processes.manage("bank", "replay").wait(60) == 0

    def test_what_was_voted_for_outlives_a_kill(self, scene: Scene) -> None:
        history, fork = scene.history(), scene.history()
        seal = history.block()
        assert scene.ask(history, seal).status == 200
        scene.restart()
        assert scene.ask(fork, fork.boundary(Member(fresh_name("member")).entry()), old=0).status == 409
        history.block()
        assert scene.ask(history, history.block(), old=seal.size).status == 200

    def test_epochs_may_pass_without_a_vote(self, scene: Scene) -> None:
        history = scene.history()
        first = history.block()
        assert scene.ask(history, first).status == 200
        for _ in range(5):
            history.block()
        assert scene.ask(history, history.boundary(), old=first.size).status == 200

    def test_a_long_log_is_replayed_part_by_part(self, scene: Scene) -> None:
        history = scene.history()
        for part in range(5):
            names = [f"m{part}-{number}" for number in range(900)]
            history.block(*(MemberEntry(name, Member(name).signer.verifier_key).encode() for name in names))
        seal = history.boundary()
        eventually(lambda: scene.ask(history, seal).status == 200, within=60)
        assert scene.status().beacon.size == seal.size


class TestHistoriesThatAreRefused:
    def test_a_wrong_state_root_stops_the_validator_for_good(self, scene: Scene) -> None:
        history = scene.history()
        scene.beacon.sections = {**history.state.subroots(), "casper": bytes(32)}
        spoilt = history.seal(spoil=lambda seal: replace(seal, state=bytes(32)))
        assert scene.ask(history, spoilt).status == 422
        assert "StateMismatch" in scene.problem() or "another state" in scene.problem()
        assert "casper" in scene.problem()
        assert "manage.py replay" in scene.problem()
        good = scene.history()
        assert scene.ask(good, good.block()).status == 503
        scene.restart()
        assert scene.ask(good, good.boundary()).status == 503

    def test_an_operator_clears_the_problem(self, scene: Scene) -> None:
        history = scene.history()
        assert scene.ask(history, history.seal(spoil=lambda seal: replace(seal, state=bytes(32)))).status == 422
        assert scene.processes.manage("bank", "clear_problem").wait(60) == 0
        good = scene.history()
        assert scene.ask(good, good.block()).status == 200

    def test_time_that_runs_backwards(self, scene: Scene) -> None:
        history = scene.history()
        history.block()
        history.block()
        earlier = to_time(history.clock - 5)
        spoilt = history.seal(spoil=lambda seal: replace(seal, time=earlier))
        assert scene.ask(history, spoilt).status == 422
        assert "older than the one before" in scene.problem()

    @pytest.mark.parametrize("seconds", [-3600, 3600])
    def test_a_block_that_was_not_made_about_now(self, scene: Scene, seconds: int) -> None:
        history = scene.history(start=int(time.time()) + seconds)
        reply = scene.ask(history, history.block())
        assert reply.status == 422
        assert "about now" in reply.text
        assert scene.problem() == ""
        history.clock = int(time.time())
        if seconds < 0:
            history.block()
            assert scene.ask(history, history.block()).status == 200

    def test_an_entry_that_does_not_hold(self, scene: Scene) -> None:
        pool = Pool(fresh_name("pool"))
        history = scene.history()
        history.block()
        history.block()
        history.add(PoolEntry(pool.name, "nobody", pool.signer.verifier_key).encode(), unchecked=True)
        assert scene.ask(history, history.seal()).status == 422
        assert "UnknownMember" in scene.problem()

    def test_a_checkpoint_that_does_not_end_with_a_seal(self, scene: Scene) -> None:
        history = scene.history()
        history.block()
        size = history.block(Member(fresh_name("member")).entry()).size - 1
        assert scene.ask(history, history.claim(size, history.log.root(size))).status == 422
        assert "seal" in scene.problem()

    def test_another_genesis(self, scene: Scene) -> None:
        history = scene.history()
        bank, *others = history.network.validators
        other = History(
            replace(history.network, validators=(replace(bank, weight=64), *others)), scene.processes.var_dir
        )
        assert scene.ask(other, other.block()).status == 422
        assert "genesis" in scene.problem()

    def test_a_fork_gets_one_of_its_checkpoints_cosigned(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history, fork = scene.history(), scene.history()
        seal, forked = history.register(member, pool), fork.register(member, other)
        assert scene.ask(history, seal).status == 200
        assert scene.ask(fork, forked, old=seal.size).status == 422
        fork.block()
        assert scene.ask(fork, fork.block(), old=0).status == 409

    def test_a_longer_fork_of_the_same_epoch(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history, fork = scene.history(), scene.history()
        seal, forked = history.block(), fork.register(member, pool, other)
        assert scene.ask(history, seal).status == 200
        assert scene.ask(fork, forked, old=seal.size).status == 422

    def test_a_rollback(self, scene: Scene) -> None:
        history = scene.history()
        first = history.block()
        history.block()
        second = history.block()
        assert scene.ask(history, second).status == 200
        assert scene.ask(history, first).status == 409
        assert scene.ask(history, first, old=first.size).status == 409

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda bundle: bundle[:-1],
            lambda bundle: bundle[:-1] + b" ",
            lambda bundle: b"",
            lambda bundle: bundle + b"\x00\x01x",
        ],
        ids=["cut", "changed", "missing", "longer"],
    )
    def test_entries_that_are_not_those_in_the_tree(self, scene: Scene, spoil: Callable[[bytes], bytes]) -> None:
        history = scene.history()
        seal = history.block()
        scene.beacon.spoil = spoil  # type: ignore[method-assign]
        assert scene.ask(history, seal).status in (422, 503)
        assert scene.status().beacon.size == 0
        assert scene.problem() == ""
        scene.beacon.spoil = lambda bundle: bundle  # type: ignore[method-assign]
        assert scene.ask(history, seal).status == 200


class TestPools:
    def test_a_registered_pool_is_witnessed_and_no_other(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        seal = history.register(member, pool)
        assert scene.ask(history, seal).status == 200
        assert scene.witness(pool).status == 200
        scene.beacon.show(history, seal)
        assert scene.never_witnesses(other)
        assert scene.problem() == ""

    def test_a_pool_is_learnt_from_a_final_checkpoint_that_was_not_voted_for(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool))
        assert scene.comes_to_witness(pool)
        later = history.boundary(PoolEntry(other.name, member.name, other.signer.verifier_key).encode())
        scene.beacon.show(history, later)
        assert scene.comes_to_witness(other)

    def test_nothing_is_learnt_from_a_checkpoint_that_too_few_cosigned(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        history = scene.history()
        seal = history.register(member, pool)
        scene.beacon.show(history, seal, count=2)
        assert scene.never_witnesses(pool)
        scene.beacon.show(history, seal, count=3)
        assert scene.comes_to_witness(pool)

    def test_what_was_learnt_outlives_a_restart_without_the_beacon(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool, other))
        assert scene.comes_to_witness(pool)
        scene.beacon.checkpoint = b""
        scene.restart()
        assert scene.witness(other).status == 200

    def test_asking_about_pools_that_are_none_costs_the_beacon_little(self, scene: Scene, cast: Cast) -> None:
        member, pool, other = cast
        history = scene.history()
        scene.beacon.show(history, history.register(member, pool))
        assert scene.comes_to_witness(pool)
        before = len(scene.beacon.asked)
        replies = [scene.witness(other) for _ in range(100)]
        assert {reply.status for reply in replies} == {404}
        assert len(scene.beacon.asked) - before < 20

    def test_who_is_new_to_a_pool_begins_with_its_crosslink(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        history = scene.history()
        registered = history.register(member, pool)
        seal = pool.grow()
        history.crosslink(pool, seal)
        boundary = history.boundary()
        assert scene.ask(history, boundary).status == 200
        refused = scene.witness(pool)
        assert (refused.status, refused.text) == (409, f"{seal.size}\n")
        assert scene.witness(pool, old=seal.size).status == 200
        assert registered.size < boundary.size

    def test_another_history_than_the_crosslinks_is_refused(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        other = Pool(pool.name, key=3)
        history = scene.history()
        history.register(member, pool)
        seal = pool.grow()
        history.crosslink(pool, seal)
        assert scene.ask(history, history.boundary()).status == 200
        other.log.append([b"another"])
        other.grow()
        assert scene.witness(other, old=seal.size).status == 422

    def test_a_suspended_pool_is_refused(self, scene: Scene, cast: Cast) -> None:
        member, pool, _ = cast
        history = scene.history()
        history.register(member, pool)
        history.suspend("pool", pool.name)
        assert scene.ask(history, history.boundary()).status == 200
        refused = scene.witness(pool)
        assert refused.status == 422
        assert "suspended" in refused.text


class TestRestoredFromABackup:
    def test_it_signs_nothing_that_contradicts_what_it_has_forgotten(self, scene: Scene, tmp_path: Path) -> None:
        history = scene.history()
        first = history.boundary()
        assert scene.ask(history, first).status == 200
        self.back_up(scene, tmp_path)

        fork = scene.history()
        fork.copy_from(history)
        history.attest(first, names=["bank", "court", "chamber"])
        history.seal()
        second = history.boundary()
        assert scene.ask(history, second, old=first.size).status == 200
        history.attest(second, names=["bank", "court", "chamber"])
        history.seal()
        third = history.boundary()
        assert scene.ask(history, third, old=second.size).status == 200
        signed = scene.rows("SELECT target, signing_root FROM validator_signedvote")

        self.restore(scene, tmp_path)
        history.attest(third, names=["court", "chamber"])
        history.seal()
        # The log shows the vote for the second boundary: the epoch in which that is noticed is sat out.
        fourth = history.boundary()
        assert scene.ask(history, fourth, old=first.size).status == 422
        fork.block()
        for _ in range(2):
            forked = fork.boundary(Member(fresh_name("member")).entry())
            assert scene.ask(fork, forked, old=first.size).status == 422
            fork.block()
        history.block()
        fifth = history.boundary()
        assert scene.ask(history, fifth, old=first.size).status == 200
        now = scene.rows("SELECT target, signing_root FROM validator_signedvote WHERE signing_root IS NOT NULL")
        assert len({target for target, _ in {*signed, *now}}) == len({*signed, *now})

    def test_its_own_published_cosignature_makes_it_remember(self, scene: Scene, tmp_path: Path) -> None:
        history = scene.history()
        first = history.boundary()
        assert scene.ask(history, first).status == 200
        self.back_up(scene, tmp_path)
        history.block()
        second = history.boundary()
        reply = scene.ask(history, second, old=first.size)
        published = Note.parse(second.note).with_signatures(*cosignatures(reply)).render()

        scene.beacon.checkpoint = published
        self.restore(scene, tmp_path)
        fork = scene.history()
        fork.copy_from(history, size=first.size)
        fork.block()
        forked = fork.boundary(Member(fresh_name("member")).entry())
        assert scene.ask(fork, forked, old=first.size).text == f"{second.size}\n"
        history.block()
        third = history.boundary()
        assert scene.ask(history, third, old=second.size).status == 422
        history.block()
        assert scene.ask(history, history.boundary(), old=second.size).status == 200

    def test_a_vote_that_is_learnt_of_while_looking_for_a_pool_counts_too(
        self, scene: Scene, tmp_path: Path, cast: Cast
    ) -> None:
        member, pool, _ = cast
        history = scene.history()
        first = history.boundary()
        assert scene.ask(history, first).status == 200
        self.back_up(scene, tmp_path)
        history.block()
        second = history.boundary()
        assert scene.ask(history, second, old=first.size).status == 200
        history.attest(second, names=["bank", "court", "chamber"])
        history.seal()
        third = history.register(member, pool)

        self.restore(scene, tmp_path)
        scene.beacon.show(history, third)
        assert scene.comes_to_witness(pool)
        assert scene.rows("SELECT is_amnesic FROM validator_replica") == [(1,)]
        history.block()
        fourth = history.boundary()
        assert scene.ask(history, fourth, old=first.size).status == 422
        history.block()
        assert scene.ask(history, history.boundary(), old=first.size).status == 200

    def back_up(self, scene: Scene, folder: Path) -> None:
        scene.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(scene.store, folder / "old.sqlite3")

    def restore(self, scene: Scene, folder: Path) -> None:
        scene.processes.kill("bank")
        for path in scene.store.parent.glob("bank.sqlite3*"):
            path.unlink()
        shutil.copy(folder / "old.sqlite3", scene.store)
        scene.processes.start("bank")
