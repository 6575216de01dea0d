"""Offence: what a file with a proof of misbehaviour shows whoever has nothing but that file and a trust policy.

    {"heads":["…","…"],"kind":"pool-fork","network":"tallystick.local","prefix":null,"registration":{…},
     "type":"tallystick-misbehaviour","v":1}

The file is a proof (`beacon.misbehaviour`). That of a pool's fork may have one member more, `registration`: a sealed
state with the value of `pool/<name>`, under a quorum of the validators. It gives the pool's key, which no policy lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit_chain import canonical
from audit_chain.beacon.key_set import KeySet, parse_key
from audit_chain.beacon.misbehaviour import (
    ConflictingVotes,
    Misbehaviour,
    Offence,
    OffenceKind,
    attestation_data,
    parse_misbehaviour,
    verify_misbehaviour,
)
from audit_chain.beacon.names import network_of, validator_key_name
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.canonical import JSON
from audit_chain.encoding import to_hex, to_time
from audit_chain.errors import (
    InvalidMisbehaviour,
    Malformed,
    MalformedEntry,
    UnknownOrigin,
    UnknownPool,
    UnknownValidator,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.policy import TrustPolicy, Validity, Witness
from audit_chain.shapes import Shape

MAX_FILE_SIZE: Final = 1 << 20
"""Bytes; a proof has at most 60 kB, a registration as many lines as there are validators."""

REGISTRATION: Final = "registration"

_ALWAYS: Final = Validity.parse("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z")

_DEEDS: Final[Mapping[OffenceKind, str]] = {
    OffenceKind.DOUBLE_VOTE: "The validator {} voted twice in one epoch, for two different trees.",
    OffenceKind.SURROUND_VOTE: "The validator {} cast a vote that surrounds another vote of its own.",
    OffenceKind.INCONSISTENT_HEADS: "The validator {} cosigned two histories of one log.",
    OffenceKind.POOL_FORK: "The pool {} signed two histories of its log.",
    OffenceKind.BEACON_FORK: "The beacon's log {} has two histories, both signed with its key.",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One of the two that contradict each other; `time` is the signer's own word, None where it gave none."""

    origin: str
    size: int
    root: bytes
    time: int | None
    vote: tuple[int, int] | None
    """Source and target epoch, where it is a vote."""

    def to_json(self) -> JSON:
        vote: JSON = None if self.vote is None else {"source": self.vote[0], "target": self.vote[1]}
        return {
            "origin": self.origin,
            "root": to_hex(self.root),
            "size": self.size,
            "time": None if self.time is None else to_time(self.time),
            "vote": vote,
        }


@dataclass(frozen=True, slots=True)
class OffenceFinding:
    """The offence, and the two statements that prove it."""

    network: str
    offence: Offence
    statements: tuple[Statement, Statement]

    @property
    def sentence(self) -> str:
        return _DEEDS[self.offence.kind].format(self.offence.offender)

    def to_json(self) -> dict[str, JSON]:
        return {
            "kind": str(self.offence.kind),
            "network": self.network,
            "offender": self.offence.offender,
            "statements": [statement.to_json() for statement in self.statements],
        }


class PolicyDirectory:
    """Who has which key, as a trust policy says, and of pools as their registration does."""

    def __init__(self, policy: TrustPolicy, network: str, *, pools: Mapping[str, VerifierKey] | None = None) -> None:
        if network not in {network_of(log.key.name) for log in policy.logs}:
            raise UnknownOrigin("the policy lists no beacon of that network", got=network)
        self._policy = policy
        self._network = network
        self._pools = dict(pools or {})

    @property
    def network(self) -> str:
        return self._network

    def validator_keys(self, name: str) -> tuple[KeySet, ...]:
        """A set for each key that the policy lists: it does not say which belong together."""
        key_name = validator_key_name(self._network, name)
        witnesses = [witness for witness in self._policy.witnesses if witness.key.name == key_name]
        if not witnesses:
            raise UnknownValidator("the policy lists no such validator", got=name)
        return tuple(map(_key_set, witnesses))

    def pool_key(self, name: str) -> VerifierKey:
        if name not in self._pools:
            raise UnknownPool("the file does not show which key the pool has", expected="its registration", got="none")
        return self._pools[name]

    def beacon_key(self, origin: str) -> VerifierKey:
        for log in self._policy.logs:
            if log.key.name == origin:
                return log.key
        raise UnknownOrigin("the policy does not list this log", got=origin)


def verify_offence(data: bytes, policy: TrustPolicy) -> OffenceFinding:
    """What the file shows. Malformed for bytes that are no such file, Invalid for one that shows nothing."""
    proof, registration = split_file(data)
    misbehaviour = parse_misbehaviour(proof)
    pools = {} if registration is None else dict([verify_registration(registration, policy)])
    directory = PolicyDirectory(policy, misbehaviour.network, pools=pools)
    offence = verify_misbehaviour(proof, directory)
    return OffenceFinding(misbehaviour.network, offence, _statements(misbehaviour))


def split_file(data: bytes) -> tuple[str, SealedState | None]:
    """The proof as the beacon takes it, and the registration that the file has beside it."""
    if len(data) > MAX_FILE_SIZE:
        raise MalformedEntry("a file is too large", expected=f"at most {MAX_FILE_SIZE} bytes", got=len(data))
    try:
        value = canonical.decode(data)
    except Malformed as error:
        raise MalformedEntry(f"not a proof of misbehaviour ({error})") from None
    if not isinstance(value, Mapping) or REGISTRATION not in value:
        return data.decode(), None
    if value.get("kind") != OffenceKind.POOL_FORK:
        raise MalformedEntry("only a pool is registered", expected=OffenceKind.POOL_FORK, got="another kind of proof")
    rest = {name: item for name, item in value.items() if name != REGISTRATION}
    registration = SealedState.from_json(value[REGISTRATION])
    if canonical.encode({**rest, REGISTRATION: registration.to_json()}) != data:
        raise MalformedEntry("a registration has one spelling", got="another")
    return canonical.encode(rest).decode(), registration


def join_file(proof: Misbehaviour, registration: SealedState | None = None) -> bytes:
    """The file of a proof: what `split_file` reads."""
    if registration is None:
        return proof.encode()
    value = canonical.decode(proof.encode())
    members = dict(value) if isinstance(value, Mapping) else {}
    return canonical.encode({**members, REGISTRATION: registration.to_json()})


def verify_registration(registration: SealedState, policy: TrustPolicy) -> tuple[str, VerifierKey]:
    """Name and key of the pool whose registration is sealed under a quorum; Invalid where none is."""
    verified = policy.verify(registration.note.render())
    if len(registration.note.signatures) != 1 + len(verified.cosigned):
        # A line that nobody reads could say anything.
        expected = "the log's and those of validators"
        raise InvalidMisbehaviour("the registration's note has other lines", expected=expected, got="others")
    registration.verify()
    names = [name.removeprefix("pool/") for name in registration.values if name.startswith("pool/")]
    if len(names) != 1 or len(registration.values) != 1:
        raise InvalidMisbehaviour("a registration shows one pool", expected="pool/<name>", got="other values")
    value = registration.value(f"pool/{names[0]}")
    members = ("index", "key", "member", "position", "suspended")
    shape = Shape(value, what="pool", members=members, error=MalformedEntry)
    return names[0], parse_key(shape.text("key"))


def _key_set(witness: Witness) -> KeySet:
    validity = witness.validity or _ALWAYS
    return KeySet((witness.key,), to_time(validity.not_before), to_time(validity.not_after))


def _statements(misbehaviour: Misbehaviour) -> tuple[Statement, Statement]:
    if isinstance(misbehaviour, ConflictingVotes):
        data = [attestation_data(vote) for vote in misbehaviour.votes]
        epochs = [(one.source.epoch, one.target.epoch) for one in data]
        first, second = (
            _statement(vote.note, vote=(int(source), int(target)))
            for vote, (source, target) in zip(misbehaviour.votes, epochs, strict=True)
        )
    else:
        first, second = (_statement(head) for head in misbehaviour.heads)
    return first, second


def _statement(note: Note, *, vote: tuple[int, int] | None = None) -> Statement:
    checkpoint = LogCheckpoint.parse(note.text)
    try:
        time = timestamp_of(note.signatures[-1])
    except Malformed:
        time = None  # a log's own signature bears no time
    return Statement(checkpoint.origin, checkpoint.size, checkpoint.root, time, vote)
