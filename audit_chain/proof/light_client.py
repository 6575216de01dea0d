"""Light client: from one trusted final checkpoint to the next, knowing nothing but what is proven on the way.

    {"epoch":20,"log":"tallystick.local/beacon+…","network":"tallystick.local","period":1024,"restarts":0,"root":"…",
     "size":61,"time":"2026-11-22T15:40:09Z","type":"tallystick-trusted-checkpoint","v":1,
     "validators":[{"governance":"…","keys":[{…}],"name":"meridian-bank","weight":32000000000}]}

`begin` takes the first checkpoint on the word of a trust policy. From then on two thirds of the weight of the known
validators have to have voted for the next, and the state under it says who they are from there on. Whoever has only an
old checkpoint must not go on from it: its validators may have left, and cannot be punished any more for signing another
history. See docs/spec/light-client.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from audit_chain import canonical
from audit_chain.beacon.casper.accessors import get_active_validator_indices, get_current_epoch
from audit_chain.beacon.casper.containers import CasperState, Epoch, Slot
from audit_chain.beacon.casper.presets import PRESETS
from audit_chain.beacon.casper.weak_subjectivity import compute_weak_subjectivity_period
from audit_chain.beacon.casper_state import read_registry
from audit_chain.beacon.entries import Restart, parse_entry
from audit_chain.beacon.key_set import KeySet, parse_key
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.state import is_supermajority, parse_log, parse_network, parse_validator
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, from_time, to_base64, to_time
from audit_chain.errors import InvalidUpdate, Malformed, MalformedBundle, StaleTrust
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.policy import TrustPolicy
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash
from audit_chain.merkle.proof import verify_consistency, verify_inclusion
from audit_chain.proof.finality import LATEST_TIME, verify_finality, verify_finalizes
from audit_chain.shapes import Shape

TYPE: Final = "tallystick-trusted-checkpoint"
VERSION: Final = 1

PARAMETERS: Final = ("churn_limit_quotient", "min_per_epoch_churn_limit", "min_validator_withdrawability_delay")
"""Numbers of the preset that say how fast validators can leave; motions may have changed them."""

BASE_NAMES: Final = (
    "casper",
    "log",
    "network",
    *(f"parameter/{name}" for name in PARAMETERS),
    "registry/0",
    "balance/0",
)


@dataclass(frozen=True, slots=True)
class KnownValidator:
    """A validator that votes: its keys, and what its voice weighs (effective balance)."""

    name: str
    weight: int
    governance: VerifierKey
    key_sets: tuple[KeySet, ...]

    def to_json(self) -> JSON:
        keys: list[JSON] = [keys.to_json() for keys in self.key_sets]
        return {"governance": str(self.governance), "keys": keys, "name": self.name, "weight": self.weight}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        members = ("governance", "keys", "name", "weight")
        shape = Shape(value, what="validator", members=members, error=MalformedBundle)
        return cls(
            name=shape.text("name"),
            weight=shape.integer("weight"),
            governance=parse_key(shape.text("governance")),
            key_sets=tuple(KeySet.from_json(item) for item in shape.array("keys")),
        )


@dataclass(frozen=True, slots=True)
class TrustedCheckpoint:
    """A final checkpoint of the beacon, and whose votes make the next one.

    `time` is the moment (POSIX seconds) by which enough validators had signed it; `period` the number of epochs for
    which those validators answer for what they sign.
    """

    network: str
    log_key: VerifierKey
    restarts: int
    epoch: Epoch
    size: int
    root: bytes
    time: int
    period: int
    validators: tuple[KnownValidator, ...]

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical.encode(
            {
                "epoch": self.epoch,
                "log": str(self.log_key),
                "network": self.network,
                "period": self.period,
                "restarts": self.restarts,
                "root": to_base64(self.root),
                "size": self.size,
                "time": to_time(self.time),
                "type": TYPE,
                "v": VERSION,
                "validators": [validator.to_json() for validator in self.validators],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The checkpoint whose bytes these are; MalformedBundle for any other bytes."""
        members = ("epoch", "log", "network", "period", "restarts", "root", "size", "time", "type", "v", "validators")
        try:
            shape = Shape(canonical.decode(data), what="trusted checkpoint", members=members, error=MalformedBundle)
            shape.constant("type", TYPE)
            shape.constant("v", VERSION)
            trusted = cls(
                network=shape.text("network"),
                log_key=parse_key(shape.text("log")),
                restarts=shape.integer("restarts"),
                epoch=Epoch(shape.integer("epoch")),
                size=shape.integer("size", minimum=1),
                root=shape.digest("root", size=HASH_SIZE),
                time=from_time(shape.text("time")),
                period=shape.integer("period"),
                validators=tuple(KnownValidator.from_json(item) for item in shape.array("validators")),
            )
        except MalformedBundle:
            raise
        except Malformed as error:
            raise MalformedBundle(f"a trusted checkpoint cannot be read ({error})") from None
        return trusted


@dataclass(frozen=True, slots=True)
class RestartProof:
    """The entry with which the log went on under another origin, and its inclusion proof in the update's tree."""

    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """A later final checkpoint: its state with the values that say who votes, and what shows it to be final.

    `path` is the consistency proof from the trusted tree; `restarts` stand in between, the earliest first.
    """

    state: SealedState
    finality: SealedState
    path: tuple[bytes, ...]
    restarts: tuple[RestartProof, ...] = ()


def begin(policy: TrustPolicy, state: SealedState, finality: SealedState) -> TrustedCheckpoint:
    """The checkpoint of that state, final on the word of the policy, with the validators that the state names.

    Raises the errors of `verify_finality`, InvalidStateProof for values that are not the state's, and InvalidUpdate for
    a state of which too little is shown.
    """
    finalized = verify_finality(policy, state.note, finality)
    return _trust(state, finalized.epoch, policy.verify_log(state.note), None)


def advance(
    trusted: TrustedCheckpoint, update: Update, *, now: int | None = None, max_age: int | None = None
) -> TrustedCheckpoint:
    """The later checkpoint, where two thirds of the known weight finalized it and its tree extends the trusted one.

    With `now` and `max_age` (seconds), what is trusted must not be older than that. Raises StaleTrust for what is, or
    for a checkpoint beyond the weak-subjectivity period, InvalidUpdate and other Invalid errors for what does not
    follow.
    """
    if now is not None and max_age is not None and now - trusted.time > max_age:
        expected = f"at most {max_age} seconds"
        raise StaleTrust("what is trusted is too old; begin again", expected=expected, got=now - trusted.time)
    checkpoint = update.state.checkpoint
    epoch = verify_finalizes(checkpoint, update.finality)
    # Weak subjectivity
    if epoch > trusted.epoch + trusted.period:
        expected = f"epoch {trusted.epoch + trusted.period} at most"
        raise StaleTrust("the validators that are known may have left; begin again", expected=expected, got=epoch)
    if epoch <= trusted.epoch:
        raise InvalidUpdate("not a later checkpoint", expected=f"an epoch after {trusted.epoch}", got=epoch)

    log_key = trusted.log_key
    for number, restart in enumerate(update.restarts, start=trusted.restarts + 1):
        log_key = _follow_restart(trusted, restart, beacon_origin(trusted.network, number), checkpoint)
    for note in (update.state.note, update.finality.note):
        _verify_log(note, log_key)
        compute_vote_time(note, trusted.validators)
    verify_consistency(
        old_size=trusted.size,
        old_root=trusted.root,
        new_size=checkpoint.size,
        new_root=checkpoint.root,
        proof=update.path,
    )
    return _trust(update.state, epoch, log_key, trusted.validators)


def missing_names(state: SealedState) -> tuple[str, ...]:
    """The names that a light client has to ask for besides those of the state: none where it says who votes.

    What is asked next follows from what is known, so ask again with the answers.
    """
    missing = [name for name in BASE_NAMES if name not in state.values]
    if missing:
        return tuple(missing)
    chunks = _count_chunks(state)
    if chunks is None:
        number = sum(name.startswith("registry/") for name in state.values)
        return f"registry/{number}", f"balance/{number}"
    casper = _casper(state)
    seats = {index: f"seat/{index}" for index in get_active_validator_indices(casper, get_current_epoch(casper))}
    missing = [seat for seat in seats.values() if seat not in state.values]
    names = [f"validator/{state.value(seat)}" for seat in seats.values() if seat in state.values]
    return *missing, *(name for name in names if name not in state.values)


def compute_vote_time(note: Note, validators: Sequence[KnownValidator]) -> int:
    """The moment (POSIX seconds) by which two thirds of the validators' weight had cosigned the note.

    Raises InvalidSignature where a line of a known key does not verify, and InvalidUpdate where too little weight
    signed with keys that were valid then.
    """
    total = sum(validator.weight for validator in validators)
    signed: list[tuple[int, int]] = []
    for validator in validators:
        times = [time for keys in validator.key_sets for time in _times(note, keys)]
        if times:
            signed.append((min(times), validator.weight))
    weight = 0
    for time, voice in sorted(signed):
        weight += voice
        if is_supermajority(weight, total):
            return time
    raise InvalidUpdate("too little of the known weight signed", expected=f"two thirds of {total}", got=weight)


def _times(note: Note, keys: KeySet) -> Iterable[int]:
    lines = {(line.name, line.key_id): line for line in reversed(note.signatures)}
    for key in keys.keys:
        line = lines.get((key.name, key.key_id))
        if line is None:
            continue
        key.verify(note.text, line.blob)
        time = timestamp_of(line)
        if time <= LATEST_TIME and keys.is_valid_at(time):
            yield time


def _verify_log(note: Note, key: VerifierKey) -> None:
    origin = LogCheckpoint.parse(note.text).origin
    if origin != key.name:
        raise InvalidUpdate("the checkpoint is of another log", expected=key.name, got=origin)
    verified_signatures(note, [key])


def _follow_restart(
    trusted: TrustedCheckpoint, restart: RestartProof, origin: str, checkpoint: LogCheckpoint
) -> VerifierKey:
    """The key under which the log goes on, by ballots of two thirds of the known weight."""
    entry = _restart_entry(restart.entry)
    motion = entry.ballots[0].motion
    key, size = parse_key(str(motion.content["key"])), motion.content["size"]
    if not isinstance(size, int) or size < trusted.size:
        raise InvalidUpdate("the log was restarted before what is final", expected=f"from {trusted.size}", got=size)
    if size == trusted.size and from_base64(str(motion.content["root"])) != trusted.root:
        raise InvalidUpdate("the log was restarted from another tree than the final one", got=f"size {size}")
    if key.name != origin:
        raise InvalidUpdate("the log goes on under another origin", expected=origin, got=key.name)
    verify_inclusion(
        leaf_hash=leaf_hash(restart.entry),
        index=size,
        size=checkpoint.size,
        proof=restart.path,
        root=checkpoint.root,
    )
    known = {validator.name: validator for validator in trusted.validators}
    voters = {}
    for ballot, note in zip(entry.ballots, entry.notes, strict=True):
        voter = known.get(ballot.validator)
        if voter is None or ballot.network != trusted.network:
            continue
        verified_signatures(note, [voter.governance])
        voters[voter.name] = voter.weight
    total = sum(validator.weight for validator in trusted.validators)
    if not is_supermajority(sum(voters.values()), total):
        got = sum(voters.values())
        raise InvalidUpdate("too few voted to restart the log", expected=f"two thirds of {total}", got=got)
    return key


def _restart_entry(data: bytes) -> Restart:
    entry = parse_entry(data)
    if not isinstance(entry, Restart):
        raise MalformedBundle("an entry of another type", expected=Restart.TYPE, got=entry.TYPE)
    return entry


def _trust(
    state: SealedState, epoch: Epoch, log_key: VerifierKey, voters: Sequence[KnownValidator] | None
) -> TrustedCheckpoint:
    """What the state says of itself, once it is verified and all of it is there."""
    state.verify()
    missing = missing_names(state)
    if missing:
        raise InvalidUpdate("the state shown does not say who votes", expected=", ".join(missing[:8]), got="none")
    network, log = parse_network(state.value("network")), parse_log(state.value("log"))
    if log.key != log_key:
        raise InvalidUpdate("the state names another log", expected=log_key.name, got=log.key.name)
    validators = _validators(state)
    return TrustedCheckpoint(
        network=network.name,
        log_key=log_key,
        restarts=log.restarts,
        epoch=epoch,
        size=state.checkpoint.size,
        root=state.checkpoint.root,
        time=compute_vote_time(state.note, validators if voters is None else voters),
        period=compute_weak_subjectivity_period(_casper(state)),
        validators=validators,
    )


def _validators(state: SealedState) -> tuple[KnownValidator, ...]:
    casper = _casper(state)
    known = []
    for index in get_active_validator_indices(casper, get_current_epoch(casper)):
        name = str(state.value(f"seat/{index}"))
        registered = parse_validator(name, state.value(f"validator/{name}"))
        if registered.index != index:
            raise InvalidUpdate("the seat is another's", expected=index, got=registered.index)
        weight = casper.validators[index].effective_balance
        known.append(KnownValidator(name, weight, registered.governance, registered.key_sets))
    return tuple(known)


def _casper(state: SealedState) -> CasperState:
    """As much of the state as says who is active, and for how long they answer."""
    network = parse_network(state.value("network"))
    if network.preset not in PRESETS:
        raise MalformedBundle("no preset is called so", expected=" or ".join(PRESETS), got="another")
    changed: dict[str, Any] = {name: _number(state, f"parameter/{name}") for name in PARAMETERS}
    preset = replace(PRESETS[network.preset], **{name: value for name, value in changed.items() if value is not None})
    numbers = range(_count_chunks(state) or 0)
    validators, balances = read_registry(
        (state.value(f"registry/{number}") for number in numbers),
        (state.value(f"balance/{number}") for number in numbers),
    )
    return CasperState(
        preset=preset,
        slot=Slot(state.seal.slot + 1),
        validators=validators,
        balances=balances,
        slashings=[],
        randao_mixes=[],
        previous_epoch_participation=[],
        current_epoch_participation=[],
    )


def _count_chunks(state: SealedState) -> int | None:
    """How many chunks the registry has: up to the first that is shown to be absent. None while none is."""
    number = 0
    while (proven := state.values.get(f"registry/{number}")) is not None:
        if proven.value is None:
            return number
        number += 1
    return None


def _number(state: SealedState, name: str) -> int | None:
    value = state.values[name].value
    number = None if value is None else canonical.decode(value)
    if number is not None and not isinstance(number, int):
        raise InvalidUpdate("a parameter is a number", expected=name, got=type(number).__name__)
    return number
