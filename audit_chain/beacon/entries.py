"""Entries of the beacon's log, as canonical JSON.

    {"network":"tallystick.local","type":"genesis","v":1,"validators":[{"keys":["…"],"name":"meridian-bank","weight":1}]}
    {"key":"tallystick.local/member/northwind-parts+…","name":"northwind-parts","type":"member","v":1}
    {"key":"tallystick.local/pool/northwind-parts+…","member":"northwind-parts","name":"northwind-parts","type":"pool","v":1}
    {"checkpoint":"…","parent":{"root":"47DE…","size":0},"pool":"northwind-parts","type":"crosslink","v":1}
    {"deposit":"…","type":"evidence","v":1}
    {"previous":null,"slot":1,"time":"2026-11-22T15:40:00Z","type":"seal","v":1}

Reading an entry says that it has the right shape; whether it holds is for `beacon.transition` to say.
See docs/spec/entries.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar, Final, Self, TypeAlias

from audit_chain import canonical
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.names import is_name, is_network
from audit_chain.canonical import JSON
from audit_chain.encoding import from_time, to_base64
from audit_chain.errors import Malformed, MalformedEntry
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, NOTE_ED25519, KeyKind, VerifierKey
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import EMPTY_ROOT, HASH_SIZE
from audit_chain.shapes import Shape

VERSION: Final = 1
MAX_VALIDATORS: Final = 64
MAX_WEIGHT: Final = 2**32


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """One validator: its cosigner keys, one Ed25519 and at most one ML-DSA-44, and the weight of its voice."""

    name: str
    keys: tuple[VerifierKey, ...]
    weight: int

    def to_json(self) -> JSON:
        return {"keys": [str(key) for key in self.keys], "name": self.name, "weight": self.weight}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = Shape(value, what="validator", members=("keys", "name", "weight"), error=MalformedEntry)
        validator = cls(
            name=_name(shape, "name"),
            keys=tuple(parse_key(text) for text in shape.texts("keys")),
            weight=shape.integer("weight", minimum=1),
        )
        kinds = sorted(key.kind for key in validator.keys)
        if kinds not in ([COSIGN_ED25519], [COSIGN_ED25519, COSIGN_MLDSA44]):
            raise MalformedEntry("a validator has one key of kind 4, at most one of 6", expected="4 or 4, 6", got=kinds)
        if validator.weight > MAX_WEIGHT:
            raise MalformedEntry("a validator weighs too much", expected=f"at most {MAX_WEIGHT}", got=validator.weight)
        return validator


@dataclass(frozen=True, slots=True)
class Genesis:
    """Entry 0: the network's name and its validators."""

    TYPE: ClassVar = "genesis"

    network: str
    validators: tuple[GenesisValidator, ...]

    def encode(self) -> bytes:
        return _encode(
            self.TYPE, {"network": self.network, "validators": [validator.to_json() for validator in self.validators]}
        )

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "network", "validators")
        genesis = cls(
            network=shape.text("network"),
            validators=tuple(GenesisValidator.from_json(item) for item in shape.array("validators")),
        )
        if not is_network(genesis.network):
            raise MalformedEntry("no network can be called so", got=f"{len(genesis.network)} characters")
        if not 1 <= len(genesis.validators) <= MAX_VALIDATORS:
            got = len(genesis.validators)
            raise MalformedEntry("a network has validators", expected=f"1 to {MAX_VALIDATORS}", got=got)
        _check_distinct("names", [validator.name for validator in genesis.validators])
        _check_distinct("keys", [key.public for validator in genesis.validators for key in validator.keys])
        return genesis


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
        return cls(name=_name(shape, "name"), key=_key(shape, NOTE_ED25519))


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
        return cls(name=_name(shape, "name"), member=_name(shape, "member"), key=_key(shape, NOTE_ED25519))


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
    """A pool's checkpoint, signed by the pool and cosigned by its committee, following the crosslink before it."""

    TYPE: ClassVar = "crosslink"

    pool: str
    parent: Parent
    note: Note

    @property
    def checkpoint(self) -> LogCheckpoint:
        return LogCheckpoint.parse(self.note.text)

    def encode(self) -> bytes:
        checkpoint = self.note.render().decode()
        return _encode(self.TYPE, {"checkpoint": checkpoint, "parent": self.parent.to_json(), "pool": self.pool})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "checkpoint", "parent", "pool")
        crosslink = cls(
            pool=_name(shape, "pool"), parent=Parent.from_json(shape.value("parent")), note=_note(shape, "checkpoint")
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
class Seal:
    """The last entry of a block; `previous` is the index of the seal before it."""

    TYPE: ClassVar = "seal"

    slot: int
    time: str
    previous: int | None

    def encode(self) -> bytes:
        return _encode(self.TYPE, {"previous": self.previous, "slot": self.slot, "time": self.time})

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = _shape(value, cls.TYPE, "previous", "slot", "time")
        time = shape.text("time")
        try:
            from_time(time)
        except Malformed as error:
            raise MalformedEntry(f"a seal carries its time ({error})") from None
        return cls(slot=shape.integer("slot"), time=time, previous=shape.optional_integer("previous"))


Entry: TypeAlias = Genesis | Member | Pool | Crosslink | Evidence | Seal

_READERS: Final[Mapping[str, Callable[[JSON], Entry]]] = MappingProxyType(
    {entry.TYPE: entry.from_json for entry in (Genesis, Member, Pool, Crosslink, Evidence, Seal)}
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


@lru_cache(maxsize=1024)
def parse_key(text: str) -> VerifierKey:
    """The verifier key of a vkey text, read once for each of the same few keys; MalformedEntry for any other text."""
    try:
        return VerifierKey.parse(text)
    except Malformed as error:
        raise MalformedEntry(str(error)) from None


def _encode(kind: str, members: Mapping[str, JSON]) -> bytes:
    return canonical.encode({**members, "type": kind, "v": VERSION})


def _shape(value: JSON, kind: str, *members: str) -> Shape:
    shape = Shape(value, what=f"{kind} entry", members=(*members, "type", "v"), error=MalformedEntry)
    shape.constant("v", VERSION)
    return shape


def _name(shape: Shape, member: str) -> str:
    name = shape.text(member)
    if not is_name(name):
        raise MalformedEntry(f"{member} is lowercase letters, digits and hyphens", got=f"{len(name)} characters")
    return name


def _key(shape: Shape, kind: KeyKind) -> VerifierKey:
    key = parse_key(shape.text("key"))
    if key.kind != kind:
        raise MalformedEntry("a key of another kind is registered", expected=kind, got=key.kind)
    return key


def _note(shape: Shape, member: str) -> Note:
    try:
        return Note.parse(shape.text(member).encode())
    except Malformed as error:
        raise MalformedEntry(f"{member} is a signed note ({error})") from None


def _check_distinct(what: str, values: list[str] | list[bytes]) -> None:
    if len(set(values)) != len(values):
        raise MalformedEntry(f"each validator has its own {what}", expected=len(values), got=len(set(values)))
