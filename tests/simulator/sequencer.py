"""The sequencer: it orders entries into blocks and gathers votes. It may lie: then it writes several branches."""

from collections.abc import Callable
from dataclasses import dataclass, field

from audit_chain.beacon.entries import Crosslink
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.state import get_committee, get_crosslink
from audit_chain.beacon.transition import compute_crosslink_note
from audit_chain.errors import InvalidSignature, Malformed, Refused, RefusedOldSize
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note, Signature
from audit_chain.log.witness import AddCheckpointRequest
from tests.simulator.branch import Boundary, Branch
from tests.simulator.cast import deposit, pool_signer
from tests.simulator.judge import Judge
from tests.simulator.validator import Validator
from tests.simulator.world import Network, Node, World

SLOT = 2.0


@dataclass
class Told:
    """A branch, and who is told of it: everybody where `audience` is None."""

    branch: Branch
    audience: frozenset[str] | None = None


@dataclass
class Sequencer(Node):
    """Writes a block a slot. One `Told` is honest; more are a fork."""

    validators: list[Validator] = field(default_factory=list)
    judge: Judge = field(init=False)
    told: list[Told] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    known: dict[tuple[str, str], int] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    backup: Branch | None = None
    crash_after_signing: float = 0.0
    forks: int = 0

    def __init__(self, name: str, world: World, network: Network, validators: list[Validator], judge: Judge) -> None:
        Node.__init__(self, name, world, network)
        self.validators, self.judge = validators, judge
        self.told, self.pending, self.known = [], [], {}

    @property
    def branch(self) -> Branch:
        """The first one: what members and pools are shown."""
        return self.told[0].branch

    def start(self, branch: Branch, entries: list[bytes]) -> None:
        for entry in entries:
            if not branch.add(entry):
                raise RuntimeError("the network cannot be founded")
        self.told = [Told(branch)]
        self.world.after(SLOT, self._tick)

    def submit(self, entry: bytes) -> None:
        if entry not in self.pending:
            self.pending.append(entry)

    def submit_crosslink(self, pool: str, note: Note) -> None:
        state = self.branch.state
        current = get_crosslink(state, pool)
        if LogCheckpoint.parse(note.text).size <= current.size:
            return
        epoch = max(0, self.branch.epoch - 1)
        carried = compute_crosslink_note(note, pool_signer(pool).verifier_key, get_committee(state, pool, epoch))
        self.submit(Crosslink(pool, epoch, current.as_parent, carried).encode())

    # Faults

    def crash(self) -> None:
        """What was not sealed and whose votes it had not written are lost."""
        self.up = False
        for told in self.told:
            told.branch.reopen()
            told.branch.votes.clear()
        self.known.clear()
        self.note("crashes")

    def recover(self) -> None:
        self.up = True
        self.note("comes back")

    def lose_disk(self) -> None:
        """Goes on from an old backup, and so forks without wanting to."""
        if self.backup is not None:
            self.told = [Told(self.backup.fork())]
            self.forks += 1
            self.note(f"is restored from a backup of size {self.backup.size}")

    def fork(self, audiences: list[frozenset[str]]) -> None:
        """From now on each audience is told a history of its own."""
        first = self.branch
        branches = [first, *(first.fork() for _ in audiences[1:])]
        self.told = [Told(branch, audience) for branch, audience in zip(branches, audiences, strict=True)]
        self.forks += 1
        self.note("forks: " + " | ".join(",".join(sorted(audience)) for audience in audiences))

    def lie(self, spoil: Callable[[SealEntry], SealEntry], audience: frozenset[str]) -> None:
        """Shows some a block that breaks the rules, signed like any other, and goes on as if nothing was."""
        branch = self.branch.fork()
        while branch.epoch == _last_epoch(branch):
            branch.write_block([], self.clock)
        boundary = branch.write_block([], self.clock, spoil=spoil)
        self.note(f"shows a false block to {','.join(sorted(audience))}")
        if boundary is not None:
            self.judge.written(boundary)
            self._ask(Told(branch, audience), boundary)

    # Blocks and votes

    def _tick(self) -> None:
        self.world.after(SLOT, self._tick)
        if not self.up:
            return
        pending, self.pending = self.pending, []
        for number, told in enumerate(self.told):
            entries = [entry for entry in pending if len(self.told) == 1 or self.world.random.random() < 0.5]
            if number:
                entries.append(deposit(1_000_000 + 1000 * self.forks + self.world.random.randrange(1000)))
            boundary = told.branch.write_block(entries, self.clock)
            head = told.branch.store.head()
            self.note(f"seals {told.branch.signer.name} {head.tree_size} {head.root.hex()[:8]}")
            if boundary is not None:
                self.judge.written(boundary)
            elif told.branch.boundaries:
                boundary = told.branch.boundaries.get(told.branch.epoch) or told.branch.boundaries.get(
                    told.branch.epoch - 1
                )
            if len(self.told) == 1 and not self.forks:
                self.judge.believed(self.name, told.branch.finalized)
            if boundary is not None and boundary.branch.signer == told.branch.signer:
                self._ask(told, boundary)

    def _ask(self, told: Told, boundary: Boundary) -> None:
        voted = told.branch.votes.get(boundary.epoch, {})
        for validator in self.validators:
            if told.audience is not None and validator.name not in told.audience:
                continue
            if validator.operator.index not in voted:
                self._request(told.branch, boundary, validator)

    def _request(self, branch: Branch, boundary: Boundary, validator: Validator) -> None:
        size, origin = boundary.checkpoint.size, boundary.checkpoint.origin
        known = self.known.get((validator.name, origin), 0)
        if known > size:
            return
        proof = branch.log.consistency_proof(known, size) if 0 < known < size else []
        request = AddCheckpointRequest(known, tuple(proof), boundary.note.render())
        self.send(validator, lambda: self._at_validator(branch, boundary, validator, request))

    def _at_validator(
        self, branch: Branch, boundary: Boundary, validator: Validator, request: AddCheckpointRequest
    ) -> None:
        try:
            line = validator.cosign(request, branch.store.read_entries)
        except RefusedOldSize as refusal:
            size = refusal.size or 0
            validator.send(self, lambda: self._told_size(branch, boundary, validator, size))
            return
        except (Refused, Malformed) as refusal:
            validator.note(f"refuses: {type(refusal).__name__}: {refusal}"[:110])
            return
        self.judge.cosigned(validator.operator, boundary, line)
        if validator.operator.name not in self.judge.faulty:
            self.judge.believed(validator.name, validator.finalized)
        if self.crash_after_signing and self.world.random.random() < self.crash_after_signing:
            validator.crash()
            self.world.after(self.world.random.uniform(1, 8), validator.recover)
            return
        validator.send(self, lambda: self._take(branch, boundary, validator, line))

    def _told_size(self, branch: Branch, boundary: Boundary, validator: Validator, size: int) -> None:
        self.known[validator.name, boundary.checkpoint.origin] = size
        if 0 < size <= boundary.checkpoint.size:
            self._request(branch, boundary, validator)

    def _take(self, branch: Branch, boundary: Boundary, validator: Validator, line: Signature) -> None:
        try:
            validator.operator.cosigner.verifier_key.verify(boundary.note.text, line.blob)
        except InvalidSignature:
            return
        self.known[validator.name, boundary.checkpoint.origin] = boundary.checkpoint.size
        if validator.operator.name not in self.withheld:
            branch.take_vote(boundary, validator.operator.index, line)


def _last_epoch(branch: Branch) -> int:
    return max(branch.boundaries, default=-1)
