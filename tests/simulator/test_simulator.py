"""What must hold over every seed, and that the simulator sees where it does not. See docs/design/faults.md."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from audit_chain.beacon.casper import finality
from audit_chain.beacon.casper.containers import CasperState, Weight
from audit_chain.beacon.entries import Slashing
from audit_chain.beacon.slashing_protection import KeyHistory, SignedVote
from audit_chain.beacon.state import get_pool
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.witness import AddCheckpointRequest
from tests.simulator import simulation as simulation_module
from tests.simulator.judge import PropertyError
from tests.simulator.sequencer import Told
from tests.simulator.simulation import STORIES, Plan, Simulation
from tests.simulator.validator import Validator

SAMPLE = 28
BATCH = 50
FIRST = int(os.environ.get("SOAK_FIRST_SEED", "1000"))
COUNT = int(os.environ.get("SOAK_SEEDS", "1000"))
FORKED = "two histories are final, and less than a third of the weight can be slashed for it"


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_no_fault_breaks_what_must_hold(seed: int) -> None:
    Simulation(Plan.of(seed)).run()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_no_fault_breaks_what_must_hold_over_many_seeds(first: int) -> None:
    for seed in range(first, min(first + BATCH, FIRST + COUNT)):
        Simulation(Plan.of(seed)).run()


# A seed is the whole run


def test_a_seed_replays_exactly_in_another_process() -> None:
    here = Simulation(Plan.of(3))
    here.run()
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.simulator", "3"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert there.stdout.splitlines()[-1] == f"trace {here.world.digest}"


def test_another_seed_is_another_run() -> None:
    runs = [Simulation(Plan.of(seed, story="noise")) for seed in (0, 1)]
    for run in runs:
        run.run()
    assert runs[0].world.digest != runs[1].world.digest


def test_a_sample_meets_every_fault() -> None:
    assert {Plan.of(seed).story for seed in range(SAMPLE)} == set(STORIES)
    plans = [Plan.of(seed) for seed in range(SAMPLE)]
    assert any(plan.liars for plan in plans)
    assert any(plan.twins for plan in plans)
    assert any(3 * len(plan.faulty) >= plan.count for plan in plans)


# The simulator can fail: break one thing, and it says so


def steady(count: int = 4, *, liars: tuple[int, ...] = (), **options: object) -> Simulation:
    """A network in which nothing has gone wrong yet, 30 seconds old, with a boundary to come next."""
    simulation = Simulation(Plan(0, "noise", count, liars, ()), **options)  # type: ignore[arg-type]
    simulation.world.run(until=29)
    branch = simulation.sequencer.branch
    while branch.epoch == max(branch.boundaries):
        simulation.world.run(until=simulation.world.seconds + 2)
    return simulation


def split(simulation: Simulation, *sides: Sequence[int]) -> None:
    """The sequencer tells each side a history of its own."""
    names = [one.name for one in simulation.validators]
    simulation.sequencer.fork([frozenset(names[index] for index in side) for side in sides])


def go_on(simulation: Simulation, seconds: float) -> None:
    simulation.world.run(until=simulation.world.seconds + seconds)


def test_two_of_four_without_protection_make_two_histories_final_and_can_both_be_slashed() -> None:
    simulation = steady(liars=(0, 1))
    split(simulation, (0, 1, 2), (0, 1, 3))
    go_on(simulation, 14)
    judge = simulation.judge
    assert {conflict.offenders for conflict in judge.conflicts} == {("bank-0", "bank-1")}


def test_one_of_four_without_protection_makes_nothing_final_twice() -> None:
    simulation = steady(liars=(0,))
    split(simulation, (0, 1, 2), (0, 3))
    go_on(simulation, 14)
    assert simulation.judge.final_epoch > 0
    assert not simulation.judge.conflicts


def test_a_split_in_halves_stops_finality() -> None:
    simulation = steady()
    split(simulation, (0, 1), (2, 3))
    before = simulation.judge.final_epoch
    go_on(simulation, 30)
    assert simulation.judge.final_epoch == before


def test_half_of_the_weight_as_quorum_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    weigh = finality.get_target_balance

    def generous(state: CasperState, participation: list[bool]) -> Weight:
        return Weight(weigh(state, participation) * 3 // 2)

    monkeypatch.setattr(finality, "get_target_balance", generous)
    simulation = steady()
    split(simulation, (0, 1), (2, 3))
    with pytest.raises(PropertyError, match=FORKED):
        go_on(simulation, 30)


class Forgetful(Validator):
    """It signs without looking at what it signed."""

    def _check_vote(self, vote: SignedVote, history: KeyHistory) -> None:
        pass

    def _check(
        self, request: AddCheckpointRequest, key: VerifierKey, start: LogCheckpoint | None = None
    ) -> LogCheckpoint:
        return LogCheckpoint.parse(Note.parse(request.note).text)

    def _follow_origin(self, checkpoint: LogCheckpoint, read: object) -> None:
        self.disk.states, self._state = type(self.disk.states)(), None


def test_a_validator_that_does_not_look_back_is_found_out() -> None:
    simulation = steady(validator=Forgetful)
    split(simulation, (0, 1, 2, 3), (0, 1, 2, 3))
    with pytest.raises(PropertyError, match="is honest and has signed what is slashable"):
        go_on(simulation, 14)


def test_a_restart_from_less_than_the_latest_justified_checkpoint_is_found_out() -> None:
    """A proof of finality may exist that no state on the log knows of: whoever restarts before it forks."""
    with pytest.raises(PropertyError, match=FORKED):
        Simulation(Plan.of(1, story="fork"), restart_from="finalized").run()
    Simulation(Plan.of(1, story="fork")).run()


def test_a_lost_message_that_is_never_sent_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = steady()
    monkeypatch.setattr(simulation_module, "PATIENCE", 20.0)
    monkeypatch.setattr(simulation.court, "_hand_in", lambda entry: None)
    with pytest.raises(PropertyError, match="not everything is final"):
        simulation.run()


def test_a_pool_that_signs_two_histories_is_suspended() -> None:
    simulation = steady()
    pool = simulation.pools[0]
    pool.fork()
    proof = pool.proof_against()
    assert proof is not None
    simulation.sequencer.submit(Slashing(proof, None).encode())
    go_on(simulation, 12)
    state = simulation.judge.final_state()
    assert state is not None
    assert get_pool(state, pool.pool).suspended
    assert not get_pool(state, simulation.pools[1].pool).suspended


# A restored disk


class Unsuspecting(Validator):
    """It does not compare the log with its memory."""

    def _forgotten(self, history: KeyHistory, seen: Sequence[SignedVote]) -> list[SignedVote]:
        return []


def lose_memory_under_a_fork(simulation: Simulation, *, epochs: int, early: bool) -> None:
    """The first validator's disk is restored from some epochs ago, and it alone is told another history.

    That history begins after the backup was made, at the last boundary that it voted for; or `early`, with the backup.
    """
    sequencer, victim = simulation.sequencer, simulation.validators[0]
    disk, backup = victim.disk.copy(), sequencer.branch.fork()
    go_on(simulation, 4 * epochs)
    if not early:
        backup = sequencer.branch.fork()
    go_on(simulation, 3)
    victim.crash()
    victim.recover(disk)
    sequencer.told = [Told(sequencer.branch, frozenset()), Told(backup, frozenset({victim.name}))]
    sequencer.known.clear()
    go_on(simulation, 6)


def test_a_validator_with_an_old_disk_sits_out_where_it_might_have_voted() -> None:
    simulation = steady()
    lose_memory_under_a_fork(simulation, epochs=2, early=False)
    assert any("has forgotten 2 votes" in line for line in simulation.world.trace)


def test_a_validator_with_an_old_disk_that_suspects_nothing_is_found_out() -> None:
    simulation = steady(validator=Unsuspecting)
    with pytest.raises(PropertyError, match="bank-0 is honest and has signed what is slashable"):
        lose_memory_under_a_fork(simulation, epochs=2, early=False)


# Limits: what the design does not promise, shown so that nobody believes it does


def test_an_old_disk_and_a_sequencer_that_forked_before_it_deceive_a_validator() -> None:
    simulation = steady()
    with pytest.raises(PropertyError, match="bank-0 is honest and has signed what is slashable"):
        lose_memory_under_a_fork(simulation, epochs=2, early=True)


def test_a_fork_that_lasts_as_long_as_the_leak_deceives_nodes_but_no_verifier() -> None:
    simulation = Simulation(Plan(0, "leak", 4, (), ()))
    simulation.world.run(until=29)
    split(simulation, (0, 1), (2, 3))
    before = set(simulation.judge.shown)
    with pytest.raises(PropertyError, match=FORKED):
        go_on(simulation, 160)
    assert simulation.judge.shown <= before | set(simulation.judge.final)
    assert "says a verifier" not in "".join(simulation.world.trace[-60:])
