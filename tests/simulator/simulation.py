"""One run: a network, what goes wrong in it, the repair, and what must hold before and after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from audit_chain.beacon.casper.containers import FAR_FUTURE_EPOCH
from audit_chain.beacon.entries import Restart, Seal, Slashing
from audit_chain.beacon.motion import Motion
from audit_chain.canonical import JSON
from audit_chain.encoding import to_base64
from tests.simulator.branch import Boundary, Branch, backwards, wrong_state
from tests.simulator.cast import POOLS, START, beacon_signer, founding, operators
from tests.simulator.clients import Court, PoolNode
from tests.simulator.judge import Judge, PropertyError
from tests.simulator.sequencer import Sequencer
from tests.simulator.validator import Disk, Unprotected, Validator
from tests.simulator.world import Network, World

TROUBLE = 60.0
"""Seconds in which things go wrong: 15 epochs."""

PATIENCE = 240.0
"""Seconds after the repair until all must be final."""

STORIES = ("noise", "disks", "lies", "fork", "conspiracy", "absence", "leak")


@dataclass(frozen=True)
class Plan:
    """What a seed decides before anything happens. `liars` have no protection; `twins` run twice with one key."""

    seed: int
    story: str
    count: int
    liars: tuple[int, ...]
    twins: tuple[int, ...]

    @property
    def faulty(self) -> frozenset[str]:
        return frozenset(operators(self.count)[index].name for index in (*self.liars, *self.twins))

    @classmethod
    def of(cls, seed: int, *, story: str | None = None) -> "Plan":
        random = Random(f"plan {seed}")
        told = story or STORIES[seed % len(STORIES)]
        count = random.choice((4, 4, 5, 7))
        few = (count - 1) // 3
        number = random.randint(-(-count // 3), count - few) if told == "conspiracy" else random.randint(0, few)
        if told in ("absence", "leak"):
            number = 0
        chosen = random.sample(range(count), number)
        split = random.randint(0, number)
        return cls(seed, told, count, tuple(sorted(chosen[:split])), tuple(sorted(chosen[split:])))


class Simulation:
    """The network of a plan. `validator` makes the honest ones, so that a test can break them."""

    def __init__(
        self,
        plan: Plan,
        *,
        validator: Callable[..., Validator] = Validator,
        restart_from: str = "justified",
    ) -> None:
        self.plan = plan
        self.world = World(plan.seed, start=START)
        self.random = self.world.random
        self.network = Network(self.world)
        self.judge = Judge(self.world, plan.count, plan.faulty)
        self.restart_from = restart_from
        self.validators = list(self._make_validators(validator))
        self.sequencer = Sequencer("sequencer", self.world, self.network, self.validators, self.judge)
        self.court = Court(self.world, self.network, self.sequencer, self.judge)
        self.pools = [
            PoolNode(name, self.world, self.network, self.sequencer, self.validators, self.judge) for name in POOLS
        ]
        self.halted_at: int | None = None
        leak = (4, 64) if plan.story == "leak" else None
        self.world.note("plan", f"{plan.story}, {plan.count} validators, liars {plan.liars}, twins {plan.twins}")
        self.sequencer.start(Branch(beacon_signer()), list(founding(plan.count, leak=leak)))

    def run(self) -> Judge:
        """The judge, who has found everything right; PropertyError else, with the seed and the end of the trace."""
        try:
            getattr(self, f"_tell_{self.plan.story}")()
            self._repair()
            self.world.run(until=self.world.seconds + PATIENCE, stop=lambda: self.is_done)
            if not self.is_done:
                self.judge.fail(f"not everything is final: {len(self.court.waiting)} files wait")
            self._check_slashed()
        except PropertyError as problem:
            tail = "\n".join(self.world.trace[-40:])
            raise PropertyError(
                f"seed {self.plan.seed} ({self.plan.story}): {problem}\n{tail}\n"
                f"python -m tests.simulator {self.plan.seed} replays it"
            ) from None
        return self.judge

    @property
    def is_done(self) -> bool:
        return self.court.is_done and all(pool.is_done for pool in self.pools) and self._liars_are_out()

    @property
    def honest(self) -> list[Validator]:
        return [one for one in self.validators if one.operator.name not in self.plan.faulty]

    def _make_validators(self, make: Callable[..., Validator]) -> Iterator[Validator]:
        beacon = beacon_signer().verifier_key
        for operator in operators(self.plan.count):
            if operator.index in self.plan.liars:
                yield Unprotected(operator, self.world, self.network, beacon)
            elif operator.index in self.plan.twins:
                yield Validator(operator, self.world, self.network, beacon, "/a")
                yield Validator(operator, self.world, self.network, beacon, "/b")
            else:
                yield make(operator, self.world, self.network, beacon)

    # Stories

    def _tell_noise(self) -> None:
        """Messages are lost, late and doubled; nodes crash; clocks are wrong; the network falls apart and heals."""
        self._make_noise()
        self.world.run(until=TROUBLE)

    def _tell_disks(self) -> None:
        """The same, and validators lose their disks: what comes back is an old backup, or nothing."""
        self._make_noise(loss=0.05)
        for _ in range(4):
            victim = self.random.choice(self.validators)
            self._at(self._moment(0.1, 0.6), partial(self._back_up, victim))
            self._at(self._moment(0.4, 0.9), partial(self._lose_disk, victim))
        self.world.run(until=TROUBLE)

    def _tell_lies(self) -> None:
        """The sequencer shows some of the validators false blocks and keeps votes back; a pool signs two histories."""
        self._make_noise(loss=0.02, crashes=1)
        for _ in range(self.random.randint(1, 3)):
            spoil = self.random.choice((wrong_state, backwards))
            self._at(self._moment(0.1, 0.9), partial(self._lie, spoil))
        if self.random.random() < 0.5:
            self._at(self._moment(0.3, 0.9), self.random.choice(self.pools).fork)
        self._at(self._moment(0.3, 0.5), lambda: self._withhold(frozenset(one.name for one in operators(9))))
        self._at(self._moment(0.6, 0.9), lambda: self._withhold(frozenset()))
        self.world.run(until=TROUBLE)

    def _tell_fork(self) -> None:
        """The sequencer tells different validators different histories, or does so because its disk was lost."""
        self._make_noise(loss=0.02, crashes=1)
        if self.random.random() < 0.3:
            self._at(self._moment(0.2, 0.4), self._back_up_sequencer)
            self._at(self._moment(0.5, 0.8), self.sequencer.lose_disk)
        else:
            if self.random.random() < 0.4:
                start = self._moment(0.2, 0.3)
                self._at(start, lambda: self._withhold(frozenset(one.name for one in operators(9))))
            self._at(self._moment(0.3, 0.6), self._fork)
        self.world.run(until=TROUBLE)

    def _tell_conspiracy(self) -> None:
        """The same, and a third of the weight or more signs both histories."""
        self._make_noise(loss=0.02, crashes=1)
        self._at(self._moment(0.2, 0.5), self._fork)
        self.world.run(until=TROUBLE)

    def _tell_absence(self) -> None:
        """A third or more is away: nothing becomes final until it comes back."""
        gone = self.random.sample(self.validators, self.plan.count // 3 + 1)
        self.world.run(until=20)
        for one in gone:
            one.crash()
        self.world.run(until=28)
        before = self.judge.final_epoch
        self.world.run(until=TROUBLE)
        if self.judge.final_epoch > before:
            self.judge.fail(f"epoch {self.judge.final_epoch} is final without two thirds")
        if before == 0:
            self.judge.fail("nothing was final before")

    def _tell_leak(self) -> None:
        """A third or more is away for good: its weight leaks until those present are two thirds again."""
        gone = self.random.sample(self.validators, self.plan.count // 3 + 1)
        self.world.run(until=20)
        for one in gone:
            one.crash()
        self.world.run(until=28)
        before = self.judge.final_epoch
        self.world.run(until=40)
        if self.judge.final_epoch > before:
            self.judge.fail(f"epoch {self.judge.final_epoch} is final without two thirds")
        self.world.run(until=240, stop=lambda: self.judge.final_epoch > before + 1)
        if self.judge.final_epoch <= before + 1:
            self.judge.fail("the leak has not brought finality back")

    # Faults

    def _make_noise(self, *, loss: float = 0.1, crashes: int = 4) -> None:
        random, network = self.random, self.network
        network.loss, network.doubling = random.uniform(0, loss), random.uniform(0, 0.1)
        network.delay = (0.02, random.choice((0.2, 1.0, 3.0)))
        self.sequencer.crash_after_signing = random.choice((0.0, 0.02))
        for one in self.validators:
            one.skew = random.uniform(-2, 2)
        nodes: list[Validator | Sequencer] = [*self.validators, self.sequencer]
        for _ in range(random.randint(0, crashes)):
            victim = random.choice(nodes)
            start = self._moment(0.05, 0.9)
            self._at(start, victim.crash)
            self._at(start + random.uniform(1, 15), victim.recover)
        if random.random() < 0.3:
            misled = random.choice(nodes)
            self._at(self._moment(0.1, 0.8), lambda: self._set_clock(misled, random.uniform(-90, 90)))
        if random.random() < 0.5:
            start = self._moment(0.1, 0.7)
            self._at(start, self._part)
            self._at(start + random.uniform(4, 25), self._join)

    def _set_clock(self, node: Validator | Sequencer, skew: float) -> None:
        node.skew = skew
        node.note(f"has its clock off by {skew:.0f} s")

    def _part(self) -> None:
        away = self._some()
        self.network.sides = dict.fromkeys(sorted(away), 1)
        self.world.note("network", f"parts from {','.join(sorted(away))}")

    def _join(self) -> None:
        self.network.sides = {}
        self.world.note("network", "is one again")

    def _back_up(self, victim: Validator) -> None:
        victim.backups.append(victim.disk.copy())

    def _lie(self, spoil: Callable[[Seal], Seal]) -> None:
        self.sequencer.lie(spoil, self._some())

    def _lose_disk(self, victim: Validator) -> None:
        victim.crash()
        backups = [Disk(), *victim.backups]
        disk = self.random.choice(backups).copy()
        self.world.after(self.random.uniform(0.5, 10), lambda: victim.recover(disk))

    def _withhold(self, names: frozenset[str]) -> None:
        self.sequencer.withheld = names
        self.sequencer.note(f"keeps back the votes of {len(names)}")

    def _back_up_sequencer(self) -> None:
        self.sequencer.backup = self.sequencer.branch.fork()

    def _fork(self) -> None:
        """Faulty validators hear both histories; of twins, one hears each."""
        sides: list[set[str]] = [set(), set()]
        for one in self.validators:
            if one.name.endswith("/a") or one.name.endswith("/b"):
                sides[one.name.endswith("/b")].add(one.name)
            elif one.operator.name in self.plan.faulty:
                sides[0].add(one.name)
                sides[1].add(one.name)
            else:
                sides[self.random.random() < 0.5].add(one.name)
        self.sequencer.fork([frozenset(side) for side in sides])

    def _some(self) -> frozenset[str]:
        names = [one.name for one in self.validators]
        return frozenset(self.random.sample(names, self.random.randint(1, max(1, len(names) // 2))))

    # Repair

    def _repair(self) -> None:
        """Faults stop. Operators clear what stopped their validators; after a fork they restart the beacon."""
        self.world.note("repair", "faults stop")
        self.network.heal()
        self.sequencer.crash_after_signing = 0.0
        self.sequencer.withheld = frozenset()
        self.sequencer.skew = 0.0
        self.court.open = False
        for pool in self.pools:
            pool.open = False
        for one in self.validators:
            one.skew = 0.0
            one.disk.problem = ""
            if not one.up:
                one.recover()
        if not self.sequencer.up:
            self.sequencer.recover()
        if self.sequencer.forks:
            self._restart()
        for entry in self._slashings():
            self.sequencer.submit(entry)

    def _restart(self) -> None:
        """All stop signing, compare what they hold, and go on from there under the next origin and a new key."""
        boundary = self._restart_point()
        self.judge.restarts += 1
        signer = beacon_signer(self.judge.restarts)
        checkpoint = boundary.checkpoint
        content: dict[str, JSON] = {
            "key": str(signer.verifier_key),
            "root": to_base64(checkpoint.root),
            "size": checkpoint.size,
        }
        motion = Motion("restart", 1_000_000, self.judge.restarts.to_bytes(8, "big"), content)
        branch = boundary.branch.restarted(checkpoint.size, signer)
        ballots = tuple(one.ballot(motion) for one in operators(self.plan.count))
        if not branch.add(Restart(ballots).encode()):
            self.judge.fail("the restart is refused")
        for validator in self.validators:
            validator.follow_restart(signer.verifier_key)
        self.sequencer.told = [type(self.sequencer.told[0])(branch)]
        self.sequencer.forks = 0
        self.world.note("repair", f"{signer.name} goes on from {checkpoint.size} {checkpoint.root.hex()[:8]}")

    def _restart_point(self) -> Boundary:
        """The latest checkpoint that an honest validator knows to be justified: nothing final lies off its history.

        Whatever is final was voted for by two thirds, from a justified source; among those who compare is one of them.
        """
        latest = self.sequencer.branch.boundaries[min(self.sequencer.branch.boundaries)]
        for validator in self.honest:
            state = validator.state
            if "casper" not in state:
                continue
            casper = state.casper
            known = casper.current_justified_checkpoint
            if self.restart_from == "finalized":
                known = casper.finalized_checkpoint
            found = self.judge.by_root.get(known.root)
            if found is not None and found.epoch > latest.epoch:
                latest = found
        return latest

    def _slashings(self) -> list[bytes]:
        entries = []
        for operator in operators(self.plan.count):
            proof = self.judge.proof_against(operator)
            if proof is not None:
                self.judge.accused.append(operator.name)
                entries.append(Slashing(proof, None).encode())
        proofs = (pool.proof_against() for pool in self.pools)
        return entries + [Slashing(proof, None).encode() for proof in proofs if proof]

    def _liars_are_out(self) -> bool:
        offenders = self.judge.accused
        state = self.judge.final_state()
        return state is not None and all(
            state.casper.validators[one.index].slashed for one in operators(self.plan.count) if one.name in offenders
        )

    def _check_slashed(self) -> None:
        state = self.sequencer.branch.state
        for one in operators(self.plan.count):
            seat = state.casper.validators[one.index]
            if seat.slashed != (seat.slashed and one.name in self.plan.faulty):
                self.judge.fail(f"{one.name} is honest and was slashed")
            if seat.slashed and seat.exit_epoch == FAR_FUTURE_EPOCH:
                self.judge.fail(f"{one.name} was slashed and stays")

    # Parts

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        self.world.after(moment, action)

    def _moment(self, first: float, last: float) -> float:
        return self.random.uniform(first * TROUBLE, last * TROUBLE)
