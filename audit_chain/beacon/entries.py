"""Entries of the beacon's log, as canonical JSON.

    {"key":"tallystick.local/beacon+…","network":"tallystick.local","preset":"consortium","type":"genesis","v":1,"validators":4}
    {"governance":"…","keys":["…"],"name":"meridian-bank","not_after":"…","not_before":"…","type":"validator","v":1,"weight":32}
    {"key":"tallystick.local/member/northwind-parts+…","name":"northwind-parts","type":"member","v":1}
    {"key":"tallystick.local/pool/northwind-parts+…","member":"northwind-parts","name":"northwind-parts","type":"pool","v":1}
    {"checkpoint":"…","epoch":20,"parent":{"root":"47DE…","size":0},"pool":"northwind-parts","type":"crosslink","v":1}
    {"epoch":20,"root":"…","size":61,"type":"attestation","v":1,"votes":"AAAAAAAA…"}
    {"deposit":"…","type":"evidence","v":1}
    {"proof":"{…}","reporter":"market-regulator","type":"slashing","v":1}
    {"ballot":"…","type":"ballot","v":1}
    {"rotation":"…","type":"rotation","v":1}
    {"ballots":["…"],"type":"restart","v":1}
    {"previous":null,"slot":1,"state":"…","time":"2026-11-22T15:40:00Z","type":"seal","v":1}

Reading an entry says that it has the right shape; whether it holds is for `beacon.transition` to say.
See docs/spec/entries.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Self, TypeAlias

from audit_chain import canonical
from audit_chain.beacon.casper.presets import PRESETS
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.key_set import MEMBERS as KEY_SET_MEMBERS
from audit_chain.beacon.key_set import parse_key_of, parse_time
from audit_chain.beacon.motion import Ballot as BallotText
from audit_chain.beacon.motion import Registration, parse_name
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.beacon.names import is_network
from audit_chain.beacon.votes import Vote, pack_votes, unpack_votes
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NOTE_ED25519, VerifierKey
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import EMPTY_ROOT, HASH_SIZE
from audit_chain.shapes import Shape

VERSION: Final = 1
MAX_VALIDATORS: Final = 2**16


@dataclass(frozen=True, slots=True)
class Genesis:
    """Entry 0: the network's name, its numbers, the beacon's first key, and how many validators follow."""

    TYPE: ClassVar = "genesis"

    network: str
    preset: str
    key: VerifierKey
    validators: int

    def encode(self) -> bytes:
        members: dict[str, JSON] = {
            "key": str(self.key),
            "network": self.network,
            "preset": self.preset,
            "validators": self.validators,
        }
        return _encode(self.TYPE, members)

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "key", "network", "preset", "validators")
        genesis = cls(
            network=shape.text("network"),
            preset=shape.text("preset"),
            key=parse_key_of(shape, "key", NOTE_ED25519),
            validators=shape.integer("validators", minimum=1),
        )
        if not is_network(genesis.network):
            raise MalformedEntry("no network can be called so", got=f"{len(genesis.network)} characters")
        if genesis.preset not in PRESETS:
            raise MalformedEntry("no preset is called so", expected=" or ".join(PRESETS), got="another")
        if genesis.validators > MAX_VALIDATORS:
            expected = f"1 to {MAX_VALIDATORS}"
            raise MalformedEntry("a network has validators", expected=expected, got=genesis.validators)
        return genesis


@dataclass(frozen=True, slots=True)
class Validator:
    """Entries 1 and onwards, as many as the genesis says: who founds the network. Later ones join by vote."""

    TYPE: ClassVar = "validator"

    registration: Registration

    def encode(self) -> bytes:
        return _encode(self.TYPE, self.registration.to_json())

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "governance", *KEY_SET_MEMBERS, "name", "weight")
        return cls(Registration.from_shape(shape))


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation joined, with the key that signs its deposits."""

    TYPE: ClassVar = "member"

    name: str
    key: VerifierKey

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"key": str(self.key), "name": self.name})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "key", "name")
        return cls(name=parse_name(shape, "name"), key=parse_key_of(shape, "key", NOTE_ED25519))


@dataclass(frozen=True, slots=True)
class Pool:
    """A member opened a pool, with the key that signs its log."""

    TYPE: ClassVar = "pool"

    name: str
    member: str
    key: VerifierKey

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"key": str(self.key), "member": self.member, "name": self.name})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "key", "member", "name")
        return cls(
            name=parse_name(shape, "name"),
            member=parse_name(shape, "member"),
            key=parse_key_of(shape, "key", NOTE_ED25519),
        )


@dataclass(frozen=True, slots=True)
class Parent:
    """The tree that a crosslink follows; a pool's first one follows the empty tree."""

    size: int
    root: bytes

    def __str__(self) -> str:
        return f"size {self.size}, root {to_base64(self.root)}"

    def to_json(self) -> JSON:
        return {"root": to_base64(self.root), "size": self.size}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = Shape(value, what="parent", members=("root", "size"), error=MalformedEntry)
        return cls(size=shape.integer("size"), root=shape.digest("root", size=HASH_SIZE))


NO_PARENT: Final = Parent(size=0, root=EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class Crosslink:
    """A pool's checkpoint, signed by the pool, cosigned by its committee of that epoch, after the crosslink before."""

    TYPE: ClassVar = "crosslink"

    pool: str
    epoch: int
    parent: Parent
    note: Note

    @property
    def checkpoint(self) -> LogCheckpoint:
        return LogCheckpoint.parse(self.note.text)

    def encode(self) -> bytes:
        checkpoint = self.note.render().decode()
        members: dict[str, JSON] = {
            "checkpoint": checkpoint,
            "epoch": self.epoch,
            "parent": self.parent.to_json(),
            "pool": self.pool,
        }
        return _encode(self.TYPE, members)

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "checkpoint", "epoch", "parent", "pool")
        crosslink = cls(
            pool=parse_name(shape, "pool"),
            epoch=shape.integer("epoch"),
            parent=Parent.from_json(shape.value("parent")),
            note=_note(shape, "checkpoint"),
        )
        try:
            checkpoint = crosslink.checkpoint
        except Malformed as error:
            raise MalformedEntry(f"a crosslink carries a checkpoint ({error})") from None
        if checkpoint.extensions:
            got = len(checkpoint.extensions)
            raise MalformedEntry("a pool's checkpoint has no extension lines", expected=0, got=got)
        return crosslink


@dataclass(frozen=True, slots=True)
class Attestation:
    """Votes for the checkpoint at an epoch's boundary; their source follows from the log that they sign."""

    TYPE: ClassVar = "attestation"

    epoch: int
    size: int
    root: bytes
    votes: tuple[Vote, ...]

    def encode(self) -> bytes:
        votes = to_base64(pack_votes(self.votes))
        return _encode(
            self.TYPE, {"epoch": self.epoch, "root": to_base64(self.root), "size": self.size, "votes": votes}
        )

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "epoch", "root", "size", "votes")
        try:
            votes = from_base64(shape.text("votes"))
        except Malformed as error:
            raise MalformedEntry(f"votes are base64 ({error})") from None
        return cls(
            epoch=shape.integer("epoch"),
            size=shape.integer("size", minimum=1),
            root=shape.digest("root", size=HASH_SIZE),
            votes=unpack_votes(votes),
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """A member deposited a file's digest."""

    TYPE: ClassVar = "evidence"

    note: Note

    @property
    def deposit(self) -> Deposit:
        return Deposit.parse(self.note.text)

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"deposit": self.note.render().decode()})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        evidence = cls(_note(_shape(value, cls.TYPE, "deposit"), "deposit"))
        Deposit.parse(evidence.note.text)
        return evidence


@dataclass(frozen=True, slots=True)
class Slashing:
    """Proof of a lie (`beacon.misbehaviour`), and the validator or member who is credited with reporting it."""

    TYPE: ClassVar = "slashing"

    proof: str
    reporter: str | None

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"proof": self.proof, "reporter": self.reporter})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "proof", "reporter")
        reporter = None if shape.value("reporter") is None else parse_name(shape, "reporter")
        return cls(proof=shape.text("proof"), reporter=reporter)


@dataclass(frozen=True, slots=True)
class Ballot:
    """A validator says yes to a motion."""

    TYPE: ClassVar = "ballot"

    note: Note

    @property
    def ballot(self) -> BallotText:
        return BallotText.parse(self.note.text)

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"ballot": self.note.render().decode()})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        ballot = cls(_note(_shape(value, cls.TYPE, "ballot"), "ballot"))
        BallotText.parse(ballot.note.text)
        return ballot


@dataclass(frozen=True, slots=True)
class Rotation:
    """A validator takes new keys."""

    TYPE: ClassVar = "rotation"

    note: Note

    @property
    def rotation(self) -> RotationText:
        return RotationText.parse(self.note.text)

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"rotation": self.note.render().decode()})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        rotation = cls(_note(_shape(value, cls.TYPE, "rotation"), "rotation"))
        RotationText.parse(rotation.note.text)
        return rotation


@dataclass(frozen=True, slots=True)
class Restart:
    """The log goes on from here under a new origin and key: all ballots for that one motion, in one entry."""

    TYPE: ClassVar = "restart"

    notes: tuple[Note, ...]

    @property
    def ballots(self) -> tuple[BallotText, ...]:
        return tuple(BallotText.parse(note.text) for note in self.notes)

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"ballots": [note.render().decode() for note in self.notes]})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "ballots")
        restart = cls(tuple(_parse_note("ballots", text) for text in shape.texts("ballots")))
        motions = {ballot.motion.digest for ballot in restart.ballots}
        if len(motions) != 1 or restart.ballots[0].motion.action != "restart":
            raise MalformedEntry("a restart carries ballots for one motion to restart", got=f"{len(motions)} motions")
        return restart


@dataclass(frozen=True, slots=True)
class Seal:
    """The last entry of a block: `previous` is the index of the seal before it, `state` the state map's root."""

    TYPE: ClassVar = "seal"

    slot: int
    time: str
    previous: int | None
    state: bytes

    def encode(self) -> bytes:
        state = to_base64(self.state)
        return _encode(self.TYPE, {"previous": self.previous, "slot": self.slot, "state": state, "time": self.time})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "previous", "slot", "state", "time")
        return cls(
            slot=shape.integer("slot"),
            time=parse_time(shape, "time"),
            previous=shape.optional_integer("previous"),
            state=shape.digest("state", size=HASH_SIZE),
        )


Entry: TypeAlias = (
    Genesis
    | Validator
    | Member
    | Pool
    | Crosslink
    | Attestation
    | Evidence
    | Slashing
    | Ballot
    | Rotation
    | Restart
    | Seal
)

_TYPES: Final = (
    Genesis,
    Validator,
    Member,
    Pool,
    Crosslink,
    Attestation,
    Evidence,
    Slashing,
    Ballot,
    Rotation,
    Restart,
    Seal,
)

_READERS: Final[Mapping[str, Callable[[JSON], Entry]]] = MappingProxyType(
    {entry.TYPE: entry.from_json for entry in _TYPES}
)


def parse_entry(data: bytes) -> Entry:
    """The entry whose canonical bytes these are; MalformedEntry for any other bytes."""
    try:
        value = canonical.decode(data)
    except Malformed as error:
        raise MalformedEntry(f"an entry is canonical JSON ({error})") from None
    match value:
        case {"type": str(kind)} if kind in _READERS:
            entry = _READERS[kind](value)
        case _:
            raise MalformedEntry("no entry of a known type", expected=" or ".join(_READERS), got=f"{len(data)} bytes")
    if entry.encode() != data:
        raise MalformedEntry(f"a {entry.TYPE} entry has one spelling", got="another")
    return entry


def _encode(kind: str, members: Mapping[str, JSON]) -> bytes:
    return canonical.encode({**members, "type": kind, "v": VERSION})


def _shape(value: JSON, kind: str, *members: str) -> Shape:
    shape = Shape(value, what=f"{kind} entry", members=(*members, "type", "v"), error=MalformedEntry)
    shape.constant("v", VERSION)
    return shape


def _note(shape: Shape, member: str) -> Note:
    return _parse_note(member, shape.text(member))


def _parse_note(member: str, text: str) -> Note:
    try:
        return Note.parse(text.encode())
    except Malformed as error:
        raise MalformedEntry(f"{member} is a signed note ({error})") from None
