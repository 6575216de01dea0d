"""View: what one look at a beacon and its validators shows."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.network.validator_api import ValidatorStatus
from audit_chain.beacon.key_set import KeySet
from audit_chain.errors import UnknownOrigin, UnknownPool, UnknownValidator
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that somebody showed, with the lines that it had."""

    origin: str
    size: int
    root: bytes
    note: bytes

    @classmethod
    def of(cls, note: bytes) -> "Head":
        """Malformed where the bytes are no signed checkpoint."""
        checkpoint = LogCheckpoint.parse(Note.parse(note).text)
        return cls(checkpoint.origin, checkpoint.size, checkpoint.root, note)

    def with_lines_of(self, other: "Head") -> "Head":
        """The same head with the other's signature lines after its own."""
        lines = Note.parse(other.note).signatures
        note = Note.parse(self.note).with_signatures(*lines)
        return Head(self.origin, self.size, self.root, note.render())


@dataclass(frozen=True, slots=True)
class Seat:
    """A registered validator."""

    name: str
    is_active: bool
    key_sets: tuple[KeySet, ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """`size` and `time` (POSIX seconds) are those of the boundary."""

    number: int
    size: int
    time: int
    finalized: bool
    voters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pool:
    """`size` and `time` (POSIX seconds) are those of the latest crosslink, or of the registration before the first."""

    name: str
    key: VerifierKey
    size: int
    time: int


@dataclass(frozen=True, slots=True)
class Beacon:
    """What the beacon says: epochs newest first, and `time` (POSIX seconds) of the latest block."""

    time: int
    epochs: tuple[Epoch, ...]
    pools: tuple[Pool, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class View:
    """`beacon` is None where it did not answer, a validator's status where that one did not."""

    now: int
    network: str
    origin: str
    registry: "Registry"
    beacon: Beacon | None
    validators: Mapping[str, ValidatorStatus | None]
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Registry:
    """Who has which key: a `beacon.misbehaviour.Directory`. `others` are keys that may sign and have no vote."""

    network: str
    logs: tuple[VerifierKey, ...]
    seats: tuple[Seat, ...]
    pools: tuple[VerifierKey, ...] = ()
    others: tuple[VerifierKey, ...] = ()

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys that sign notes here."""
        own = (key for seat in self.seats for keys in seat.key_sets for key in keys.keys)
        return (*self.logs, *own, *self.pools, *self.others)

    def validator_keys(self, name: str) -> tuple[KeySet, ...]:
        for seat in self.seats:
            if seat.name == name:
                return seat.key_sets
        raise UnknownValidator("no such validator is registered", got=name)

    def pool_key(self, name: str) -> VerifierKey:
        for key in self.pools:
            if key.name == f"{self.network}/pool/{name}":
                return key
        raise UnknownPool("no such pool is registered", got=name)

    def beacon_key(self, origin: str) -> VerifierKey:
        for key in self.logs:
            if key.name == origin:
                return key
        raise UnknownOrigin("the beacon has no log of that origin", got=origin)
