"""A validator, as apps/validator works: it replays the log to an epoch's boundary, and only then votes for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.casper.containers import Checkpoint
from audit_chain.beacon.entries import Attestation, parse_entry
from audit_chain.beacon.slashing_protection import KeyHistory, SignedVote, check_vote
from audit_chain.beacon.state import (
    State,
    get_beacon_origin,
    get_crosslink,
    get_latest_seal,
    get_log_keys,
    get_next_index,
    get_seal_entry,
    is_founded,
)
from audit_chain.beacon.transition import process_parsed_entry
from audit_chain.encoding import from_time
from audit_chain.errors import Invalid, Malformed, RefusedHistory, RefusedOrigin, RefusedVote
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.log.witness import AddCheckpointRequest, check_request
from audit_chain.merkle.frontier import Frontier
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore, roll_back
from tests.simulator.cast import Operator
from tests.simulator.world import Network, Node, World

TOLERANCE = 15


class Stopped(RefusedHistory):
    """The validator found the beacon wrong, and waits for its operator."""


class Reader(Protocol):
    def __call__(self, start: int, stop: int) -> list[bytes]:
        """The entries of [start, stop), as whoever asks for the cosignature serves them."""


@dataclass
class Disk:
    """What outlives a crash."""

    states: MemoryStateStore = field(default_factory=MemoryStateStore)
    heads: dict[str, LogCheckpoint] = field(default_factory=dict)
    votes: dict[str, KeyHistory] = field(default_factory=dict)
    origin: str = ""
    problem: str = ""

    def copy(self) -> "Disk":
        return Disk(self.states.copy(), dict(self.heads), dict(self.votes), self.origin, self.problem)


class Validator(Node):
    """Signs nothing that it has not replayed, nothing twice, and nothing before it is on its disk."""

    def __init__(
        self, operator: Operator, world: World, network: Network, beacon: VerifierKey, suffix: str = ""
    ) -> None:
        super().__init__(operator.name + suffix, world, network)
        self.operator = operator
        self.beacon = beacon
        self.disk = Disk()
        self.backups: list[Disk] = []
        self._state: State | None = None

    # What happens to it

    def crash(self) -> None:
        self.up, self._state = False, None
        self.note("crashes")

    def recover(self, disk: Disk | None = None) -> None:
        """Comes back, on another disk if there is one."""
        if disk is not None:
            self.disk = disk
        self.up, self._state = True, None
        self.note("comes back" if disk is None else f"comes back, its disk at {_version(disk.states)}")

    def follow_restart(self, beacon: VerifierKey) -> None:
        """Its operator installs the network file of the restarted beacon, and clears what stopped it."""
        self.beacon = beacon
        self.disk.problem = ""
        self._state = None

    @property
    def finalized(self) -> Checkpoint:
        """What its state calls final."""
        return self._open().casper.finalized_checkpoint

    @property
    def state(self) -> State:
        """As it was kept last."""
        return State(StateMap(self.disk.states))

    # What it does

    def cosign(self, request: AddCheckpointRequest, read: Reader) -> Signature:
        """Its cosignature; Refused else."""
        if b"/pool/" in request.note.partition(b"\n")[0]:
            return self._witness(request)
        if self.disk.problem:
            raise Stopped(self.disk.problem)
        checkpoint = self._check(request, self.beacon)
        try:
            return self._vote(checkpoint, read)
        except BaseException:
            self._state = None  # what was replayed and not kept is forgotten
            raise

    def _vote(self, checkpoint: LogCheckpoint, read: Reader) -> Signature:
        self._follow_origin(checkpoint, read)
        state = self._open()
        seen = self._replay(state, checkpoint, read)
        seal = get_latest_seal(state)
        if seal.index != checkpoint.size - 1 or seal.time is None:
            self._disbelieve("the checkpoint does not end with a seal")
        if get_beacon_origin(state) != self.beacon.name:
            raise RefusedHistory("not the log of the network file")
        if abs(from_time(seal.time or "") - self.clock) > TOLERANCE:
            raise RefusedHistory("the block was not made about now")
        width = state.casper.preset.slots_per_epoch
        if seal.slot % width:
            raise RefusedVote("only boundaries are voted on")
        vote = SignedVote(seal.slot // width, state.casper.current_justified_checkpoint.epoch, signing_root(checkpoint))
        return self._keep_and_sign(state, checkpoint, vote, seen)

    def _keep_and_sign(
        self, state: State, checkpoint: LogCheckpoint, vote: SignedVote, seen: Sequence[SignedVote]
    ) -> Signature:
        history = self.disk.votes.get(self.beacon.name, KeyHistory())
        forgotten = self._forgotten(history, seen)
        if not forgotten:
            self._check_vote(vote, history)
        if state.map.version != checkpoint.size:
            state.commit(checkpoint.size)
        self.disk.origin = self.beacon.name
        if forgotten:
            for one in (*seen, SignedVote(vote.target, vote.source)):
                history = history.with_vote(one)
            self.disk.votes[self.beacon.name] = history if history.is_consistent else history.minimal()
            self.note(f"has forgotten {len(forgotten)} votes, sits out epoch {vote.target}")
            raise RefusedVote("this validator does not remember all of its votes")
        self.disk.votes[self.beacon.name] = history.with_vote(vote)
        self.disk.heads[self.beacon.name] = checkpoint
        self.note(f"votes {vote.source}->{vote.target} at {checkpoint.size} {checkpoint.root.hex()[:8]}")
        return self.operator.cosigner.cosign(checkpoint.text(), self.clock)

    def _check_vote(self, vote: SignedVote, history: KeyHistory) -> None:
        check_vote(vote, history)

    def _forgotten(self, history: KeyHistory, seen: Sequence[SignedVote]) -> list[SignedVote]:
        """Votes of ours on the log that our disk does not know: it is an old one."""
        lowest = history.votes[0].target if history.votes else -1
        known = {(vote.target, vote.signing_root) for vote in history.votes}
        return [vote for vote in seen if vote.target > lowest and (vote.target, vote.signing_root) not in known]

    def _witness(self, request: AddCheckpointRequest) -> Signature:
        """Of a pool's log: append-only, starting from the pool's crosslink."""
        origin = request.note.partition(b"\n")[0].decode()
        state = self._open()
        key = get_log_keys(state).get(origin) if is_founded(state) else None
        if key is None:
            raise RefusedOrigin("unknown log")
        linked = get_crosslink(state, origin.rpartition("/")[2])
        start = LogCheckpoint(origin, linked.size, linked.root) if linked.size else None
        checkpoint = self._check(request, key, start)
        if start and checkpoint.size == start.size and checkpoint.root != start.root:
            raise RefusedHistory("another tree than the beacon's")
        self.disk.heads[origin] = checkpoint
        return self.operator.cosigner.cosign(checkpoint.text(), self.clock)

    def _check(
        self, request: AddCheckpointRequest, key: VerifierKey, start: LogCheckpoint | None = None
    ) -> LogCheckpoint:
        return check_request(request, log_keys={key.name: key}, latest=self.disk.heads.get(key.name) or start)

    def _open(self) -> State:
        if self._state is None:
            self._state = State(StateMap(self.disk.states))
        return self._state

    def _replay(self, state: State, checkpoint: LogCheckpoint, read: Reader) -> list[SignedVote]:
        """Votes of this validator that the new entries carry."""
        start, tree = get_next_index(state), frontier(state)
        entries = read(start, checkpoint.size) if start < checkpoint.size else []
        for data in entries:
            tree.append(leaf_hash(data))
        if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
            raise RefusedHistory("the entries are not those of the checkpoint's tree")
        seen: list[SignedVote] = []
        for index, data in enumerate(entries, start):
            try:
                entry = parse_entry(data)
                if isinstance(entry, Attestation) and get_beacon_origin(state) == self.beacon.name:
                    seen += self._own_votes(state, entry)
                process_parsed_entry(state, entry, data, index)
            except (Malformed, Invalid) as problem:
                self._disbelieve(f"entry {index}: {type(problem).__name__}")
        return seen

    def _own_votes(self, state: State, entry: Attestation) -> list[SignedVote]:
        if all(vote.validator != self.operator.index for vote in entry.votes):
            return []
        casper = state.casper
        is_current = entry.epoch == get_current_epoch(casper)
        source = casper.current_justified_checkpoint if is_current else casper.previous_justified_checkpoint
        root = signing_root(LogCheckpoint(self.beacon.name, entry.size, entry.root))
        return [SignedVote(entry.epoch, source.epoch, root)]

    def _disbelieve(self, problem: str) -> None:
        self.disk.problem = problem
        self.note(f"stops: {problem}")
        raise Stopped(problem)

    def _follow_origin(self, checkpoint: LogCheckpoint, read: Reader) -> None:
        """Goes back to the last kept version that the log under its new origin begins with."""
        if self.disk.origin in ("", self.beacon.name):
            return
        entries = read(0, checkpoint.size)
        tree, sizes = Frontier(), {0: Frontier().root()}
        for entry in entries:
            tree.append(leaf_hash(entry))
            sizes[tree.size] = tree.root()
        for kept in reversed(self.disk.states.versions()):
            older = frontier(State(StateMap(self.disk.states, version=kept.version)))
            if sizes.get(older.size) == older.root():
                roll_back(self.disk.states, kept.version)
                break
        else:
            self.disk.states = MemoryStateStore()
        self._state = None
        self.note(f"follows {checkpoint.origin} from {_version(self.disk.states)}")


class Unprotected(Validator):
    """Signs whatever the log's key has signed. It does replay, where that works, to look like the others."""

    def cosign(self, request: AddCheckpointRequest, read: Reader) -> Signature:
        text = Note.parse(request.note).text
        self.note(f"cosigns blindly {text.split()[0]} {text.split()[1]}")
        return self.operator.cosigner.cosign(text, self.clock)


def signing_root(checkpoint: LogCheckpoint) -> bytes:
    return sha256(checkpoint.text().encode()).digest()


def frontier(state: State) -> Frontier:
    """The log's frontier with the latest seal in it; right after a block only."""
    tree = Frontier(state.tree.size, state.tree.hashes)
    seal = get_seal_entry(state)
    if seal is not None and get_latest_seal(state).index == tree.size:
        tree.append(leaf_hash(seal.encode()))
    return tree


def _version(states: MemoryStateStore) -> int:
    latest = states.latest()
    return latest.version if latest else 0
