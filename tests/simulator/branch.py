"""One history of the beacon's log, as its sequencer writes it. A lying sequencer has several."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from audit_chain.beacon.casper.accessors import is_active_validator
from audit_chain.beacon.casper.containers import Checkpoint, Epoch
from audit_chain.beacon.entries import Attestation, parse_entry
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.sealed_state import ProvenValue, SealedState
from audit_chain.beacon.state import State, get_latest_seal, get_next_index, get_slot
from audit_chain.beacon.transition import compute_seal, process_entry
from audit_chain.beacon.votes import Vote
from audit_chain.encoding import from_time, to_time
from audit_chain.errors import InvalidEntry
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note, Signature
from audit_chain.log.sealed_log import MakeEntry, SealedLog
from audit_chain.log.store import MemoryLogStore
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore, roll_back


@dataclass(frozen=True)
class Boundary:
    """A checkpoint that is voted on, and the branch that has it."""

    epoch: int
    note: Note
    branch: "Branch"
    justified: Checkpoint
    finalized: Checkpoint

    @property
    def checkpoint(self) -> LogCheckpoint:
        return LogCheckpoint.parse(self.note.text)

    def sealed_state(self, lines: Iterable[Signature] = ()) -> SealedState:
        """What a verifier is shown of it, cosigned by these lines."""
        size = self.checkpoint.size
        seal = parse_entry(self.branch.store.read_entries(size - 1, size)[0])
        if not isinstance(seal, SealEntry):
            raise TypeError("a boundary ends with its seal")
        state = StateMap(self.branch.states, version=size)
        values = {name: ProvenValue(state.get(name), state.prove(name)) for name in ("casper", "network")}
        path = tuple(self.branch.log.inclusion_proof(size - 1, size))
        return SealedState(self.note.with_signatures(*lines), seal, path, values)


class Branch:
    """A log with its state. Blocks are written as the beacon writes them; a `Reader` of it is what validators get."""

    def __init__(self, signer: NoteSigner) -> None:
        self.signer = signer
        self.store = MemoryLogStore()
        self.states = MemoryStateStore()
        self.state = State(StateMap(self.states))
        self.boundaries: dict[int, Boundary] = {}
        self.votes: dict[int, dict[int, Vote]] = {}

    @property
    def log(self) -> SealedLog:
        return SealedLog(self.store, self.signer)

    @property
    def size(self) -> int:
        return self.store.head().tree_size

    @property
    def epoch(self) -> int:
        """Of the block that is written next."""
        return get_slot(self.state) // self.state.casper.preset.slots_per_epoch

    @property
    def finalized(self) -> Checkpoint:
        return self.state.casper.finalized_checkpoint

    def fork(self) -> "Branch":
        """Another branch with the same history so far."""
        other = Branch(self.signer)
        other.store = copy.deepcopy(self.store)
        other.states = self.states.copy()
        other.reopen()
        other.boundaries = dict(self.boundaries)
        other.votes = {epoch: dict(votes) for epoch, votes in self.votes.items()}
        return other

    def restarted(self, size: int, signer: NoteSigner) -> "Branch":
        """A branch with the first `size` entries of this one, to go on under that signer."""
        other = Branch(signer)
        seals = self.store.seals(0, 1_000_000)
        for seal in (one for one in seals if one.size <= size):
            start = other.store.head().next_index
            other.log.append(self.store.read_entries(start, seal.size - 1))
            last = self.store.read_entries(seal.size - 1, seal.size)[0]
            other.log.seal(seal.time, heartbeat=True, make_entry=_always(last))
        other.states = self.states.copy()
        roll_back(other.states, size)
        other.reopen()
        return other

    def reopen(self) -> None:
        """As after a crash: what was not sealed is gone."""
        self.state = State(StateMap(self.states))

    def add(self, entry: bytes) -> bool:
        """Whether the entry was let in."""
        try:
            process_entry(self.state, entry, get_next_index(self.state))
        except InvalidEntry:
            return False
        self.log.append([entry])
        return True

    def write_block(
        self, entries: Iterable[bytes], now: int, *, spoil: Callable[[SealEntry], SealEntry] | None = None
    ) -> Boundary | None:
        """The boundary, where the block begins an epoch. After a spoilt seal nothing can be written any more."""
        for vote in self._packed_votes():
            self.add(vote)
        for entry in entries:
            self.add(entry)
        latest, slot = get_latest_seal(self.state).time, get_slot(self.state)
        time = to_time(max(now, from_time(latest)) if latest else now)
        seal = compute_seal(self.state, time=time)
        if spoil:
            seal = spoil(seal)
        data = seal.encode()
        sealed = self.log.seal(seal.time, heartbeat=True, make_entry=_always(data))
        if sealed is None:
            raise RuntimeError("a block has at least its seal")
        self.state.commit(sealed.size)
        casper = self.state.casper
        if slot % casper.preset.slots_per_epoch:
            return None
        epoch = slot // casper.preset.slots_per_epoch
        boundary = Boundary(
            epoch, Note.parse(sealed.note), self, casper.current_justified_checkpoint, casper.finalized_checkpoint
        )
        self.boundaries[epoch] = boundary
        return boundary

    def take_vote(self, boundary: Boundary, index: int, line: Signature) -> None:
        self.votes.setdefault(boundary.epoch, {})[index] = Vote(index, line.blob)

    def _packed_votes(self) -> list[bytes]:
        """Votes that are not counted yet, for the current epoch's boundary and the one before."""
        packed: list[bytes] = []
        if not self.boundaries:
            return packed
        for epoch in (self.epoch - 1, self.epoch):
            boundary = self.boundaries.get(epoch)
            if boundary is None or boundary.note.text.partition("\n")[0] != self.signer.name:
                continue
            casper = self.state.casper
            counted = casper.current_epoch_participation if epoch == self.epoch else casper.previous_epoch_participation
            votes = [
                vote
                for index, vote in sorted(self.votes.get(epoch, {}).items())
                if not counted[index] and is_active_validator(casper.validators[index], Epoch(epoch))
            ]
            if votes:
                checkpoint = boundary.checkpoint
                packed.append(Attestation(epoch, checkpoint.size, checkpoint.root, tuple(votes)).encode())
        return packed


def _always(entry: bytes) -> MakeEntry:
    return lambda _previous, _index: entry


def wrong_state(seal: SealEntry) -> SealEntry:
    return replace(seal, state=bytes(32))


def backwards(seal: SealEntry) -> SealEntry:
    return replace(seal, time=to_time(from_time(seal.time) - 3600))
