"""The judge sees everything: each signature, each state, each checkpoint that anybody could show to be final.

It knows what nobody in the network knows, and says whether what must hold has held.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations

from audit_chain.beacon.casper.attesting import is_slashable_attestation_data
from audit_chain.beacon.casper.containers import AttestationData, Checkpoint, Epoch
from audit_chain.beacon.misbehaviour import (
    Prefix,
    build_inconsistent_heads,
    find_conflicting_votes,
    verify_misbehaviour,
)
from audit_chain.beacon.state import State
from audit_chain.beacon.transition import StateDirectory
from audit_chain.errors import Invalid
from audit_chain.log.note import Signature
from audit_chain.proof.finality import verify_finality
from audit_chain.statemap.map import StateMap
from tests.simulator.branch import Boundary
from tests.simulator.cast import Operator, operators, policy
from tests.simulator.world import World


class PropertyError(AssertionError):
    """What must hold does not. Carries the seed and the end of the trace in its message."""


@dataclass(frozen=True)
class Conflict:
    """Two checkpoints that are both final and not of one history, and who can be slashed for it."""

    first: Boundary
    second: Boundary
    offenders: tuple[str, ...]


@dataclass
class Judge:
    """Records what is signed and what is final, and checks it at once."""

    world: World
    count: int
    faulty: frozenset[str] = frozenset()
    restarts: int = 0
    boundaries: dict[tuple[str, bytes], Boundary] = field(default_factory=dict)
    by_root: dict[bytes, Boundary] = field(default_factory=dict)
    signed: dict[tuple[str, str], dict[bytes, tuple[Boundary, Signature]]] = field(default_factory=dict)
    lines: dict[tuple[str, bytes], dict[str, Signature]] = field(default_factory=dict)
    final: dict[bytes, Boundary] = field(default_factory=dict)
    shown: set[bytes] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)

    def fail(self, message: str) -> None:
        self.world.note("judge", message)
        raise PropertyError(message)

    # What happens

    def written(self, boundary: Boundary) -> None:
        checkpoint = boundary.checkpoint
        self.boundaries[checkpoint.origin, checkpoint.root] = boundary
        self.by_root.setdefault(checkpoint.root, boundary)

    def cosigned(self, operator: Operator, boundary: Boundary, line: Signature) -> None:
        """A validator's signature left it: from now on somebody may have it."""
        checkpoint = boundary.checkpoint
        own = self.signed.setdefault((operator.name, checkpoint.origin), {})
        if checkpoint.root in own:
            return
        if operator.name not in self.faulty:
            for earlier, _ in own.values():
                if is_slashable(earlier, boundary) or not is_one_history(earlier, boundary):
                    self.fail(f"{operator.name} is honest and has signed what is slashable")
        own[checkpoint.root] = boundary, line
        lines = self.lines.setdefault((checkpoint.origin, checkpoint.root), {})
        lines[operator.name] = line
        if len(lines) == self._quorum:
            self._show(boundary)

    def believed(self, who: str, finalized: Checkpoint) -> None:
        """An honest node's state calls that checkpoint final."""
        boundary = self.by_root.get(finalized.root)
        if boundary is not None:
            self._finalize(boundary, who)

    # What is final

    @property
    def best(self) -> Boundary | None:
        """The latest of what is final."""
        return max(self.final.values(), key=lambda one: one.epoch, default=None)

    @property
    def final_epoch(self) -> int:
        return self.best.epoch if self.best else 0

    def is_final(self, entry: bytes) -> bool:
        best = self.best
        return best is not None and entry in best.branch.store.read_entries(0, best.checkpoint.size)

    def final_state(self) -> State | None:
        best = self.best
        return State(StateMap(best.branch.states, version=best.checkpoint.size)) if best else None

    @property
    def _quorum(self) -> int:
        return -(-2 * self.count // 3)

    def _show(self, boundary: Boundary) -> None:
        """Every proof of finality that this quorum makes possible, read as a verifier does who has nothing else."""
        for later in (boundary, *self._quorate()):
            for root in {later.justified.root: None, later.finalized.root: None}:
                earlier = self.by_root.get(root)
                if earlier is None or boundary not in (earlier, later):
                    continue
                origin = earlier.checkpoint.origin
                if len(self.lines.get((origin, root), {})) < self._quorum or root in self.shown:
                    continue
                note = earlier.note.with_signatures(*self.lines[origin, root].values())
                checkpoint = later.checkpoint
                sealed = later.sealed_state(self.lines[checkpoint.origin, checkpoint.root].values())
                try:
                    verify_finality(policy(self.count, self.restarts), note, sealed)
                except Invalid:
                    continue
                self.shown.add(root)
                self._finalize(earlier, "a verifier")

    def _quorate(self) -> Iterator[Boundary]:
        for key, lines in self.lines.items():
            if len(lines) >= self._quorum:
                yield self.boundaries[key]

    def _finalize(self, boundary: Boundary, who: str) -> None:
        root = boundary.checkpoint.root
        if root in self.final:
            return
        self.world.note("judge", f"epoch {boundary.epoch} is final, says {who}: {root.hex()[:8]}")
        for other in self.final.values():
            if not is_one_history(other, boundary):
                self._settle(other, boundary)
        self.final[root] = boundary

    def _settle(self, first: Boundary, second: Boundary) -> None:
        offenders = tuple(self.offenders())
        self.conflicts.append(Conflict(first, second, offenders))
        self.world.note("judge", f"epochs {first.epoch} and {second.epoch} conflict: {', '.join(offenders)} lied")
        if 3 * len(offenders) < self.count:
            self.fail("two histories are final, and less than a third of the weight can be slashed for it")

    # Who lied

    def offenders(self) -> Iterator[str]:
        """Validators against whom there is a proof that verifies."""
        return (operator.name for operator in operators(self.count) if self.proof_against(operator))

    def proof_against(self, operator: Operator) -> str | None:
        """The first proof that anybody can verify, or None."""
        directory = self._directory()
        for (name, _), own in self.signed.items():
            for one, other in combinations(own.values() if name == operator.name else (), 2):
                for proof in _proofs(operator, one, other):
                    with suppress(Invalid):
                        if verify_misbehaviour(proof, directory).offender == operator.name:
                            return proof
        return None

    def _directory(self) -> StateDirectory:
        newest = max(self.boundaries.values(), key=lambda one: one.checkpoint.origin)
        return StateDirectory(State(StateMap(newest.branch.states)))


def is_one_history(one: Boundary, other: Boundary) -> bool:
    """Whether one tree begins with the other."""
    small, large = sorted((one, other), key=lambda boundary: boundary.checkpoint.size)
    return large.branch.log.root(small.checkpoint.size) == small.checkpoint.root


def is_slashable(one: Boundary, other: Boundary) -> bool:
    data = [AttestationData(source=vote.justified, target=_target(vote)) for vote in (one, other)]
    return is_slashable_attestation_data(*data) or is_slashable_attestation_data(*reversed(data))


def _target(boundary: Boundary) -> Checkpoint:
    return Checkpoint(Epoch(boundary.epoch), boundary.checkpoint.root)


def _proofs(operator: Operator, one: tuple[Boundary, Signature], other: tuple[Boundary, Signature]) -> Iterator[str]:
    """Against who signed both: as votes, and as heads. A false state proves no vote, but it is a head all the same."""
    key = operator.cosigner.verifier_key
    if is_slashable(one[0], other[0]):
        votes = find_conflicting_votes(one[0].sealed_state([one[1]]), other[0].sealed_state([other[1]]), key=key)
        if votes is not None:
            yield votes.encode().decode()
    if is_one_history(one[0], other[0]):
        return
    small, large = sorted((one, other), key=lambda item: item[0].checkpoint.size)
    old, new = small[0].checkpoint.size, large[0].checkpoint.size
    log = large[0].branch.log
    prefix = Prefix(log.root(old), tuple(log.consistency_proof(old, new))) if old < new else None
    notes = [boundary.note.with_signatures(line) for boundary, line in (small, large)]
    yield build_inconsistent_heads(*notes, key=key, prefix=prefix).encode().decode()
