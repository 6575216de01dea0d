"""State of the beacon: what the log says so far, as one map from text to JSON.

    network                   {"name": "tallystick.local", "validators": [{"keys": [...], "name": ..., "weight": 1}]}
    slot                      {"index": 41, "slot": 7, "time": "2026-11-22T15:40:00Z"}      the latest seal
    member/<name>             {"index": 1, "key": "..."}
    pool/<name>               {"index": 2, "key": "...", "member": "..."}
    crosslink/<pool>          {"index": 40, "root": "...", "size": 1000}
    evidence/<sha256 hex>     [{"index": 17, "member": "..."}, ...]

Everything lies under a key of its own, so that the map can be committed to key by key. Only the accessors here and
`beacon.transition` know what the values look like.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TypeAlias

from audit_chain.beacon.entries import NO_PARENT, Genesis, GenesisValidator, Parent, parse_key
from audit_chain.beacon.names import beacon_origin, pool_origin
from audit_chain.canonical import JSON
from audit_chain.encoding import to_base64, to_hex
from audit_chain.errors import InvalidGenesis, MalformedEntry, UnknownMember, UnknownPool
from audit_chain.log.keys import VerifierKey
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.shapes import Shape

State: TypeAlias = MutableMapping[str, JSON]

GENESIS_SLOT = 0
"""The first block has slot 1 or later."""


@dataclass(frozen=True, slots=True)
class RegisteredMember:
    name: str
    key: VerifierKey
    index: int

    def to_json(self) -> JSON:
        return {"index": self.index, "key": str(self.key)}


@dataclass(frozen=True, slots=True)
class RegisteredPool:
    name: str
    member: str
    key: VerifierKey
    index: int

    def to_json(self) -> JSON:
        return {"index": self.index, "key": str(self.key), "member": self.member}


@dataclass(frozen=True, slots=True)
class CurrentCrosslink:
    """A pool's latest tree on the beacon; `index` is None before the first crosslink."""

    size: int
    root: bytes
    index: int | None

    @property
    def as_parent(self) -> Parent:
        return Parent(self.size, self.root)

    def to_json(self) -> JSON:
        return {"index": self.index, "root": to_base64(self.root), "size": self.size}


@dataclass(frozen=True, slots=True)
class DepositRecord:
    """Who deposited a digest, by the entry at `index`."""

    member: str
    index: int

    def to_json(self) -> JSON:
        return {"index": self.index, "member": self.member}


@dataclass(frozen=True, slots=True)
class LatestSeal:
    """The seal that ended the latest block; before the first, slot 0 and no index or time."""

    slot: int
    index: int | None
    time: str | None

    def to_json(self) -> JSON:
        return {"index": self.index, "slot": self.slot, "time": self.time}


# Predicates and pure functions


def is_supermajority(weight: int, total: int) -> bool:
    """Whether `weight` is at least two thirds of `total`."""
    return 3 * weight >= 2 * total


def compute_total_weight(validators: tuple[GenesisValidator, ...]) -> int:
    return sum(validator.weight for validator in validators)


def compute_evidence_key(digest: bytes) -> str:
    return f"evidence/{to_hex(digest)}"


# Accessors


def get_network(state: State) -> str:
    """The network's name."""
    return _get_genesis(state).network


def get_validators(state: State) -> tuple[GenesisValidator, ...]:
    """All validators, in the order of genesis."""
    return _get_genesis(state).validators


def get_committee(state: State, pool: str) -> tuple[GenesisValidator, ...]:
    """The validators whose cosignatures a crosslink of that pool needs: at present everyone sits on every committee."""
    get_pool(state, pool)
    return get_validators(state)


def get_member(state: State, name: str) -> RegisteredMember:
    """The member; UnknownMember where none is called so."""
    key = f"member/{name}"
    if key not in state:
        raise UnknownMember("no such member is registered", got=name)
    shape = _shape(state[key], key, "index", "key")
    return RegisteredMember(name=name, key=parse_key(shape.text("key")), index=shape.integer("index"))


def get_pool(state: State, name: str) -> RegisteredPool:
    """The pool; UnknownPool where none is called so."""
    key = f"pool/{name}"
    if key not in state:
        raise UnknownPool("no such pool is registered", got=name)
    shape = _shape(state[key], key, "index", "key", "member")
    return RegisteredPool(
        name=name, member=shape.text("member"), key=parse_key(shape.text("key")), index=shape.integer("index")
    )


def get_members(state: State) -> tuple[RegisteredMember, ...]:
    """All members by name."""
    return tuple(get_member(state, name) for name in _get_names(state, "member/"))


def get_pools(state: State) -> tuple[RegisteredPool, ...]:
    """All pools by name."""
    return tuple(get_pool(state, name) for name in _get_names(state, "pool/"))


def get_crosslink(state: State, pool: str) -> CurrentCrosslink:
    """The pool's current crosslink: the empty tree before the first. UnknownPool where no pool is called so."""
    get_pool(state, pool)
    key = f"crosslink/{pool}"
    if key not in state:
        return CurrentCrosslink(size=NO_PARENT.size, root=NO_PARENT.root, index=None)
    shape = _shape(state[key], key, "index", "root", "size")
    return CurrentCrosslink(
        size=shape.integer("size"), root=shape.digest("root", size=HASH_SIZE), index=shape.integer("index")
    )


def get_deposits(state: State, digest: bytes) -> tuple[DepositRecord, ...]:
    """Every deposit of the file with this SHA-256 digest, the earliest first."""
    key = compute_evidence_key(digest)
    value = state.get(key, [])
    if not isinstance(value, list):
        raise MalformedEntry(f"state: {key} is an array", expected="array", got=type(value).__name__)
    shapes = [_shape(item, key, "index", "member") for item in value]
    return tuple(DepositRecord(member=shape.text("member"), index=shape.integer("index")) for shape in shapes)


def get_latest_seal(state: State) -> LatestSeal:
    """The seal that the next one has to follow."""
    if "slot" not in state:
        return LatestSeal(slot=GENESIS_SLOT, index=None, time=None)
    shape = _shape(state["slot"], "slot", "index", "slot", "time")
    return LatestSeal(slot=shape.integer("slot"), index=shape.integer("index"), time=shape.text("time"))


def get_slot(state: State) -> int:
    """Slot of the latest block; 0 before the first."""
    return get_latest_seal(state).slot


def get_log_keys(state: State) -> dict[str, VerifierKey]:
    """The key that signs each pool's log, by origin: what a validator witnesses besides the beacon's own log."""
    network = get_network(state)
    return {pool_origin(network, pool.name): pool.key for pool in get_pools(state)}


def get_beacon_origin(state: State) -> str:
    return beacon_origin(get_network(state))


def _get_genesis(state: State) -> Genesis:
    if "network" not in state:
        raise InvalidGenesis("the log begins with its genesis", expected="entry 0 of type genesis", got="none yet")
    shape = _shape(state["network"], "network", "name", "validators")
    validators = tuple(GenesisValidator.from_json(item) for item in shape.array("validators"))
    return Genesis(network=shape.text("name"), validators=validators)


def _get_names(state: State, prefix: str) -> list[str]:
    return sorted(key.removeprefix(prefix) for key in state if key.startswith(prefix))


def _shape(value: JSON, key: str, *members: str) -> Shape:
    return Shape(value, what=f"state: {key}", members=members, error=MalformedEntry)


class Overlay(MutableMapping[str, JSON]):
    """Changes laid over a state, which stays untouched until `commit`."""

    __slots__ = ("_base", "_changes")

    def __init__(self, base: State) -> None:
        self._base = base
        self._changes: dict[str, JSON] = {}

    def commit(self) -> None:
        """Writes the changes into the state below."""
        self._base.update(self._changes)
        self._changes.clear()

    def __getitem__(self, key: str) -> JSON:
        return self._changes[key] if key in self._changes else self._base[key]

    def __setitem__(self, key: str, value: JSON) -> None:
        self._changes[key] = value

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"the beacon's state forgets nothing, least of all {key}")

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from (key for key in self._changes if key not in self._base)

    def __len__(self) -> int:
        return sum(1 for _ in self)
