"""State of the beacon: what the log says so far, as a state map from names to canonical JSON.

    network              {"name": "tallystick.local", "preset": "consortium", "validators": 4}
    log                  {"key": "…", "origin": "tallystick.local/beacon", "restarts": 0, "since": 0}
    slot                 {"index": 41, "previous": 38, "slot": 7, "time": "2026-11-22T15:40:00Z"}     the latest seal
    tree                 {"hashes": ["…"], "size": 41}                    the log's frontier, that seal not yet in it
    parameter/<name>     a number of the preset that a motion has changed
    validator/<name>     {"governance": "…", "index": 0, "joined": 1, "keys": [{…}], "weight": 32}
    seat/<index>         the name of the validator with that index
    member/<name>        {"index": 5, "key": "…", "suspended": false}
    pool/<name>          {"index": 6, "key": "…", "member": "…", "position": 0, "suspended": false}
    crosslink/<pool>     {"epoch": 20, "index": 40, "root": "…", "size": 1000}
    evidence/<sha256>    [{"index": 17, "member": "…"}, …]                the deposits of a file
    motion/<sha256>      {"executed": null, "index": 50, "motion": {…}, "voters": ["…"]}
    offence/<kind>/<name>  {"index": 60, "kind": "double-vote", "offender": "…", "reporter": "…"}
    casper, registry/<n>, balance/<n>, participation/<n>, mix/<n>         see `beacon.casper_state`

The state map's root stands in every seal, so a checkpoint of the log commits to all of this. Only the accessors here,
`beacon.casper_state` and `beacon.transition` know what the values look like.
"""

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from audit_chain import canonical
from audit_chain.beacon.casper.accessors import get_active_validator_indices, get_crosslink_committee, get_current_epoch
from audit_chain.beacon.casper.containers import CasperState, Epoch, ValidatorIndex
from audit_chain.beacon.casper.presets import PRESETS, Preset
from audit_chain.beacon.casper_state import Written, load_casper, store_casper
from audit_chain.beacon.entries import NO_PARENT, Parent, Seal
from audit_chain.beacon.key_set import KeySet, parse_key
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.names import beacon_origin, pool_origin
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64, to_hex
from audit_chain.errors import (
    InvalidGenesis,
    InvalidMotion,
    MalformedEntry,
    UnknownMember,
    UnknownPool,
    UnknownValidator,
)
from audit_chain.log.keys import VerifierKey
from audit_chain.merkle.frontier import Frontier
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.shapes import Shape
from audit_chain.statemap.map import StateMap

T = TypeVar("T")

FIXED_PARAMETERS: Final = frozenset(
    {
        "name",
        "slots_per_epoch",
        "epochs_per_historical_vector",
        "epochs_per_slashings_vector",
        "effective_balance_increment",
    }
)
"""Numbers of a preset that the state is laid out by; no motion changes them."""


class State(MutableMapping[str, JSON]):
    """The state over a state map; what Casper reckons with, and the log's frontier, are kept beside it as objects.

    Values that were read are remembered, so one object serves one writer, or one moment. Nothing reaches the store
    before `commit`; after an error the object is to be thrown away, unless the error came before any change.
    """

    __slots__ = ("_casper", "_memo", "_tree", "_values", "_written", "map")

    def __init__(self, state_map: StateMap) -> None:
        self.map = state_map
        self._values: dict[str, JSON] = {}
        self._memo: dict[str, Any] = {}
        self._written: Written = {}
        self._casper: CasperState | None = None
        self._tree: Frontier | None = None

    @property
    def casper(self) -> CasperState:
        """Changes to it are written by `root`. InvalidGenesis before the last founding validator."""
        if self._casper is None:
            self._casper = load_casper(self, get_preset(self))
        return self._casper

    @casper.setter
    def casper(self, casper: CasperState) -> None:
        self._casper = casper

    @property
    def tree(self) -> Frontier:
        """Frontier of the log, without the latest seal until the next entry is taken; written by `root`."""
        if self._tree is None:
            self._tree = _load_tree(self)
        return self._tree

    def root(self) -> bytes:
        """Root of the state map with everything that was changed."""
        if self._casper is not None:
            store_casper(self, self._casper, self._written)
        if self._tree is not None:
            self["tree"] = {"hashes": [to_base64(value) for value in self._tree.hashes], "size": self._tree.size}
        return self.map.root()

    def subroots(self) -> dict[str, bytes]:
        """Root of each section, by the first word of its names."""
        self.root()
        return self.map.subroots()

    def commit(self, size: int) -> bytes:
        """Hands the changes to the store as the state of the tree of that size, and gives the root."""
        self.root()
        return self.map.commit(size)

    def load(self, prefix: str) -> list[str]:
        """What follows the prefix in each name that begins with it, in order; the values are read at once."""
        names = self.map.names(prefix)
        self.fetch(names)
        return [name.removeprefix(prefix) for name in names]

    def fetch(self, names: Iterable[str]) -> None:
        """Reads those of the values that are there at once: for who knows what will be needed."""
        for name, value in self.map.get_many(name for name in names if name not in self._values).items():
            self._values[name] = canonical.decode(value)

    def read(self, name: str, parse: Callable[[JSON], T]) -> T:
        """What `parse` makes of the value, once for each value; KeyError where there is none."""
        if name not in self._memo:
            self._memo[name] = parse(self[name])
        found: T = self._memo[name]
        return found

    def __getitem__(self, name: str) -> JSON:
        if name not in self._values:
            value = self.map.get(name)
            if value is None:
                raise KeyError(name)
            self._values[name] = canonical.decode(value)
        return self._values[name]

    def __setitem__(self, name: str, value: JSON) -> None:
        if name in self._values and self._values[name] == value:
            return
        self.map.put(name, canonical.encode(value))
        self._values[name] = value
        self._memo.pop(name, None)

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the beacon's state forgets nothing, least of all {name}")

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self[name]  # Whoever asks whether it is there reads it next.
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.map.names(""))

    def __len__(self) -> int:
        return len(self.map.names(""))


@dataclass(frozen=True, slots=True)
class RegisteredValidator:
    """A place in the registry; `joined` is the index of the entry that made it."""

    name: str
    index: ValidatorIndex
    governance: VerifierKey
    key_sets: tuple[KeySet, ...]
    weight: int
    joined: int

    def to_json(self) -> JSON:
        return {
            "governance": str(self.governance),
            "index": self.index,
            "joined": self.joined,
            "keys": [keys.to_json() for keys in self.key_sets],
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True)
class RegisteredMember:
    name: str
    key: VerifierKey
    index: int
    suspended: bool = False

    def to_json(self) -> JSON:
        return {"index": self.index, "key": str(self.key), "suspended": self.suspended}


@dataclass(frozen=True, slots=True)
class RegisteredPool:
    """`position` is how many pools were registered before it."""

    name: str
    member: str
    key: VerifierKey
    index: int
    position: int
    suspended: bool = False

    def to_json(self) -> JSON:
        return {
            "index": self.index,
            "key": str(self.key),
            "member": self.member,
            "position": self.position,
            "suspended": self.suspended,
        }


@dataclass(frozen=True, slots=True)
class CurrentCrosslink:
    """A pool's latest tree on the beacon; `index` and `epoch` are None before the first crosslink."""

    size: int
    root: bytes
    index: int | None
    epoch: int | None

    @property
    def as_parent(self) -> Parent:
        return Parent(self.size, self.root)

    def to_json(self) -> JSON:
        return {"epoch": self.epoch, "index": self.index, "root": to_base64(self.root), "size": self.size}


@dataclass(frozen=True, slots=True)
class DepositRecord:
    """Who deposited a digest, by the entry at `index`."""

    member: str
    index: int

    def to_json(self) -> JSON:
        return {"index": self.index, "member": self.member}


@dataclass(frozen=True, slots=True)
class MotionRecord:
    """A motion, who said yes, and the entries that brought it up and carried it (None while not carried)."""

    motion: Motion
    voters: tuple[str, ...]
    index: int
    executed: int | None

    def to_json(self) -> JSON:
        voters: list[JSON] = list(self.voters)
        return {"executed": self.executed, "index": self.index, "motion": self.motion.to_json(), "voters": voters}


@dataclass(frozen=True, slots=True)
class LatestSeal:
    """The seal that ended the latest block; before the first, slot -1 and no index, previous or time."""

    slot: int
    index: int | None
    previous: int | None
    time: str | None

    def to_json(self) -> JSON:
        return {"index": self.index, "previous": self.previous, "slot": self.slot, "time": self.time}


@dataclass(frozen=True, slots=True)
class CurrentLog:
    """The beacon's log: its key and origin, how often it was restarted, and the index from which the key signs."""

    key: VerifierKey
    restarts: int
    since: int

    @property
    def origin(self) -> str:
        return self.key.name

    def to_json(self) -> JSON:
        return {"key": str(self.key), "origin": self.origin, "restarts": self.restarts, "since": self.since}


@dataclass(frozen=True, slots=True)
class Network:
    """Entry 0: the network's name, its preset, and how many validators founded it."""

    name: str
    preset: str
    validators: int

    def to_json(self) -> JSON:
        return {"name": self.name, "preset": self.preset, "validators": self.validators}


# Predicates and pure functions


def is_supermajority(weight: int, total: int) -> bool:
    """Whether `weight` is at least two thirds of `total`."""
    return 3 * weight >= 2 * total


def compute_evidence_key(digest: bytes) -> str:
    return f"evidence/{to_hex(digest)}"


# Accessors


def get_network(state: State) -> Network:
    """Name and preset; InvalidGenesis before entry 0."""
    if "network" not in state:
        raise InvalidGenesis("the log begins with its genesis", expected="entry 0 of type genesis", got="none yet")
    return state.read("network", parse_network)


def get_preset(state: State) -> Preset:
    """The network's numbers, with what motions have changed."""
    preset = PRESETS[get_network(state).preset]
    changed: dict[str, Any] = {name: _integer(state[f"parameter/{name}"]) for name in state.load("parameter/")}
    return replace(preset, **changed) if changed else preset


def get_log(state: State) -> CurrentLog:
    return state.read("log", parse_log)


def get_beacon_origin(state: State) -> str:
    return get_log(state).origin


def is_founded(state: State) -> bool:
    """Whether all founding validators are there: before that no other entry holds."""
    return "casper" in state or state._casper is not None


def get_validator(state: State, name: str) -> RegisteredValidator:
    """The validator; UnknownValidator where none is called so."""
    try:
        return state.read(f"validator/{name}", lambda value: parse_validator(name, value))
    except KeyError:
        raise UnknownValidator("no such validator is registered", got=name) from None


def get_validator_at(state: State, index: int) -> RegisteredValidator:
    """The validator with that index; UnknownValidator where there is none."""
    try:
        name = state[f"seat/{index}"]
    except KeyError:
        raise UnknownValidator("no validator has that index", got=index) from None
    return get_validator(state, str(name))


def get_validators_at(state: State, indices: Sequence[int]) -> tuple[RegisteredValidator, ...]:
    """The validators with these indices, as `get_validator_at`, in two reads for all."""
    seats = [f"seat/{index}" for index in indices]
    state.fetch(seats)
    state.fetch(f"validator/{state[seat]}" for seat in seats if seat in state)
    return tuple(get_validator_at(state, index) for index in indices)


def get_validators(state: State) -> tuple[RegisteredValidator, ...]:
    """All validators ever registered, by index."""
    names = state.load("validator/")
    return tuple(sorted((get_validator(state, name) for name in names), key=lambda validator: validator.index))


def get_effective_weight(state: State, validator: RegisteredValidator) -> int:
    """Effective balance: what its voice weighs."""
    return state.casper.validators[validator.index].effective_balance


def get_total_weight(state: State) -> int:
    """Effective balance of all validators that are active now."""
    casper = state.casper
    active = get_active_validator_indices(casper, get_current_epoch(casper))
    return sum(casper.validators[index].effective_balance for index in active)


def get_committee(state: State, pool: str, epoch: int) -> tuple[RegisteredValidator, ...]:
    """The validators whose cosignatures a crosslink of that pool needs, by index."""
    position = get_pool(state, pool).position
    indices = get_crosslink_committee(state.casper, Epoch(epoch), position, get_pool_count(state))
    return get_validators_at(state, sorted(indices))


def get_pool_count(state: State) -> int:
    return _integer(state["pools"]) if "pools" in state else 0


def get_member(state: State, name: str) -> RegisteredMember:
    """The member; UnknownMember where none is called so."""
    key = f"member/{name}"
    if key not in state:
        raise UnknownMember("no such member is registered", got=name)
    return state.read(key, lambda value: _parse_member(name, value))


def get_pool(state: State, name: str) -> RegisteredPool:
    """The pool; UnknownPool where none is called so."""
    key = f"pool/{name}"
    if key not in state:
        raise UnknownPool("no such pool is registered", got=name)
    return state.read(key, lambda value: _parse_pool(name, value))


def get_members(state: State) -> tuple[RegisteredMember, ...]:
    """All members by name."""
    return tuple(get_member(state, name) for name in state.load("member/"))


def get_pools(state: State) -> tuple[RegisteredPool, ...]:
    """All pools by name."""
    return tuple(get_pool(state, name) for name in state.load("pool/"))


def get_crosslink(state: State, pool: str) -> CurrentCrosslink:
    """The pool's current crosslink: the empty tree before the first. UnknownPool where no pool is called so."""
    get_pool(state, pool)
    key = f"crosslink/{pool}"
    if key not in state:
        return CurrentCrosslink(size=NO_PARENT.size, root=NO_PARENT.root, index=None, epoch=None)
    shape = _shape(state[key], key, "epoch", "index", "root", "size")
    return CurrentCrosslink(
        size=shape.integer("size"),
        root=shape.digest("root", size=HASH_SIZE),
        index=shape.integer("index"),
        epoch=shape.integer("epoch"),
    )


def get_deposits(state: State, digest: bytes) -> tuple[DepositRecord, ...]:
    """Every deposit of the file with this SHA-256 digest, the earliest first."""
    key = compute_evidence_key(digest)
    shapes = [_shape(item, key, "index", "member") for item in _array(state.get(key, []))]
    return tuple(DepositRecord(member=shape.text("member"), index=shape.integer("index")) for shape in shapes)


def get_motion(state: State, digest: bytes) -> MotionRecord:
    """What has been voted on a motion; InvalidMotion where nobody has yet."""
    key = f"motion/{to_hex(digest)}"
    if key not in state:
        raise InvalidMotion("nobody has moved that", got=to_hex(digest))
    shape = _shape(state[key], key, "executed", "index", "motion", "voters")
    return MotionRecord(
        motion=Motion.from_json(shape.value("motion")),
        voters=shape.texts("voters"),
        index=shape.integer("index"),
        executed=shape.optional_integer("executed"),
    )


def get_latest_seal(state: State) -> LatestSeal:
    """The seal that the next one has to follow."""
    if "slot" not in state:
        return LatestSeal(slot=-1, index=None, previous=None, time=None)
    return state.read("slot", _parse_seal)


def get_slot(state: State) -> int:
    """Slot of the block that is being made: 0 for the first."""
    return get_latest_seal(state).slot + 1


def get_next_index(state: State) -> int:
    """Index of the next entry."""
    size = state.tree.size
    return size + 1 if get_latest_seal(state).index == size else size


def get_seal_entry(state: State) -> Seal | None:
    """The latest seal as it stands in the log, as long as nothing has been changed since; None before the first."""
    latest = get_latest_seal(state)
    if latest.time is None:
        return None
    return Seal(slot=latest.slot, time=latest.time, previous=latest.previous, state=state.root())


def get_log_keys(state: State) -> dict[str, VerifierKey]:
    """The key that signs each pool's log, by origin: what a validator witnesses besides the beacon's own log."""
    network = get_network(state).name
    return {pool_origin(network, pool.name): pool.key for pool in get_pools(state)}


def next_origin(state: State) -> str:
    """Origin under which a restarted log goes on."""
    return beacon_origin(get_network(state).name, get_log(state).restarts + 1)


def _load_tree(state: State) -> Frontier:
    if "tree" not in state:
        return Frontier()
    shape = _shape(state["tree"], "tree", "hashes", "size")
    return Frontier(shape.integer("size"), [from_base64(text) for text in shape.texts("hashes")])


def parse_network(value: JSON) -> Network:
    shape = _shape(value, "network", "name", "preset", "validators")
    return Network(shape.text("name"), shape.text("preset"), shape.integer("validators"))


def parse_log(value: JSON) -> CurrentLog:
    shape = _shape(value, "log", "key", "origin", "restarts", "since")
    return CurrentLog(parse_key(shape.text("key")), shape.integer("restarts"), shape.integer("since"))


def _parse_seal(value: JSON) -> LatestSeal:
    shape = _shape(value, "slot", "index", "previous", "slot", "time")
    return LatestSeal(
        slot=shape.integer("slot"),
        index=shape.integer("index"),
        previous=shape.optional_integer("previous"),
        time=shape.text("time"),
    )


def parse_validator(name: str, value: JSON) -> RegisteredValidator:
    shape = _shape(value, f"validator/{name}", "governance", "index", "joined", "keys", "weight")
    return RegisteredValidator(
        name=name,
        index=ValidatorIndex(shape.integer("index")),
        governance=parse_key(shape.text("governance")),
        key_sets=tuple(KeySet.from_json(item) for item in shape.array("keys")),
        weight=shape.integer("weight"),
        joined=shape.integer("joined"),
    )


def _parse_member(name: str, value: JSON) -> RegisteredMember:
    shape = _shape(value, f"member/{name}", "index", "key", "suspended")
    return RegisteredMember(
        name=name,
        key=parse_key(shape.text("key")),
        index=shape.integer("index"),
        suspended=shape.value("suspended") is True,
    )


def _parse_pool(name: str, value: JSON) -> RegisteredPool:
    shape = _shape(value, f"pool/{name}", "index", "key", "member", "position", "suspended")
    return RegisteredPool(
        name=name,
        member=shape.text("member"),
        key=parse_key(shape.text("key")),
        index=shape.integer("index"),
        position=shape.integer("position"),
        suspended=shape.value("suspended") is True,
    )


def _integer(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedEntry("state: a number", expected="integer", got=type(value).__name__)
    return value


def _array(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise MalformedEntry("state: a list", expected="array", got=type(value).__name__)
    return value


def _shape(value: JSON, key: str, *members: str) -> Shape:
    return Shape(value, what=f"state: {key}", members=members, error=MalformedEntry)
