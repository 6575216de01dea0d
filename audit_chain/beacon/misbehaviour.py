"""Misbehaviour: a lie that its own signatures prove. Canonical JSON, of two forms.

    {"kind":"double-vote","network":"tallystick.local","type":"tallystick-misbehaviour","v":1,"votes":[{…},{…}]}

Each vote is a sealed state with the values of `casper` and `network`; its note carries two lines, the log's and the
accused validator's. Of a `surround-vote` the first vote surrounds the second.

    {"heads":["…","…"],"kind":"beacon-fork","network":"tallystick.local","prefix":{"path":["…"],"root":"…"},
     "type":"tallystick-misbehaviour","v":1}

Each head is a checkpoint of one and the same log with one line, of the accused; the smaller tree comes first. `prefix`
shows how the larger tree begins: with another tree of the smaller size. It is null where the sizes are equal.
`inconsistent-heads` accuses a validator, `pool-fork` a pool, `beacon-fork` the beacon.

See docs/spec/misbehaviour.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, Self, TypeAlias

from audit_chain import canonical
from audit_chain.beacon.casper.attesting import is_double_vote, is_surround_vote
from audit_chain.beacon.casper.containers import AttestationData
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.names import is_name, is_network, network_of, pool_origin, validator_key_name
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import Invalid, InvalidMisbehaviour, InvalidSignature, Malformed, MalformedEntry
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import COSIGN_MLDSA44, VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.merkle.proof import verify_consistency
from audit_chain.shapes import Shape

TYPE: Final = "tallystick-misbehaviour"
VERSION: Final = 1

MAX_PROOF_SIZE: Final = 60_000
"""Bytes; an entry of a log has at most 65,535."""

MAX_PATH: Final = 126
"""Hashes of a consistency proof: two for each level of a tree of 2**63 entries."""

VOTE_VALUES: Final = ("casper", "network")


class OffenceKind(StrEnum):
    DOUBLE_VOTE = "double-vote"
    SURROUND_VOTE = "surround-vote"
    INCONSISTENT_HEADS = "inconsistent-heads"
    POOL_FORK = "pool-fork"
    BEACON_FORK = "beacon-fork"


@dataclass(frozen=True, slots=True)
class Offence:
    """What was proven, and of whom: a validator's or a pool's name, or the origin of a beacon's log."""

    kind: OffenceKind
    offender: str


class Directory(Protocol):
    """Who has which key: the beacon's state, or the trust policy of somebody offline."""

    @property
    def network(self) -> str: ...

    def validator_keys(self, name: str) -> tuple[KeySet, ...]:
        """All key sets that the validator ever had; UnknownValidator where none is called so."""

    def pool_key(self, name: str) -> VerifierKey:
        """UnknownPool where none is called so."""

    def beacon_key(self, origin: str) -> VerifierKey:
        """UnknownOrigin where the network's beacon has no log of that origin."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the larger tree begins with: the root of as many entries as the smaller tree has, and the proof."""

    root: bytes
    path: tuple[bytes, ...]

    def to_json(self) -> JSON:
        return {"path": [to_base64(value) for value in self.path], "root": to_base64(self.root)}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = Shape(value, what="prefix", members=("path", "root"), error=MalformedEntry)
        path = tuple(from_base64(text) for text in shape.texts("path"))
        if len(path) > MAX_PATH or any(len(item) != HASH_SIZE for item in path):
            raise MalformedEntry("a path is hashes", expected=f"at most {MAX_PATH} of {HASH_SIZE} bytes", got=len(path))
        return cls(shape.digest("root", size=HASH_SIZE), path)


@dataclass(frozen=True, slots=True)
class ConflictingVotes:
    """Two votes of one validator that nobody honest casts both."""

    kind: OffenceKind
    network: str
    votes: tuple[SealedState, SealedState]

    def encode(self) -> bytes:
        return _encode(self.kind, self.network, {"votes": [vote.to_json() for vote in self.votes]})

    def verify(self, directory: Directory) -> Offence:
        """The offence; an Invalid error where the votes do not show it."""
        first, second = self.votes
        if first.checkpoint.origin != second.checkpoint.origin:
            raise InvalidMisbehaviour(
                "votes on two logs", expected=first.checkpoint.origin, got=second.checkpoint.origin
            )
        offenders = [self._voter(vote, directory) for vote in self.votes]
        _check_same_offender(offenders)
        contradicts = is_double_vote if self.kind is OffenceKind.DOUBLE_VOTE else is_surround_vote
        if not contradicts(attestation_data(first), attestation_data(second)):
            raise InvalidMisbehaviour("the votes agree with each other", expected=f"a {self.kind}", got="none")
        return Offence(self.kind, offenders[0])

    def _voter(self, vote: SealedState, directory: Directory) -> str:
        log, *others = vote.note.signatures
        if len(others) != 1:
            raise InvalidMisbehaviour("a vote has two lines, the log's and the voter's", got=1 + len(others))
        if network_of(vote.checkpoint.origin) != self.network:
            raise InvalidMisbehaviour("not the network's beacon", expected=self.network, got=vote.checkpoint.origin)
        _verify_line(vote.note.text, log, [directory.beacon_key(vote.checkpoint.origin)])
        voter = _verify_cosigner(vote.note.text, others[0], directory)
        # Who cosigned this vouches for what is sealed in it, the network and its preset too.
        if sorted(vote.values) != sorted(VOTE_VALUES):
            raise InvalidMisbehaviour("a vote shows two values", expected=" and ".join(VOTE_VALUES), got="others")
        vote.verify()
        if not vote.is_boundary:
            raise InvalidMisbehaviour("votes are for the first block of an epoch", got=f"slot {vote.seal.slot}")
        return voter

    @classmethod
    def from_shape(cls, kind: OffenceKind, shape: Shape) -> Self:
        votes = shape.array("votes")
        if len(votes) != 2:
            raise MalformedEntry("two votes contradict each other", expected=2, got=len(votes))
        first, second = (SealedState.from_json(vote) for vote in votes)
        return cls(kind, shape.text("network"), (first, second))


@dataclass(frozen=True, slots=True)
class ConflictingHeads:
    """Two checkpoints of one log, under the signature of one key holder, that no log has both."""

    kind: OffenceKind
    network: str
    heads: tuple[Note, Note]
    prefix: Prefix | None

    @property
    def origin(self) -> str:
        return LogCheckpoint.parse(self.heads[0].text).origin

    def encode(self) -> bytes:
        prefix = None if self.prefix is None else self.prefix.to_json()
        heads: list[JSON] = [head.render().decode() for head in self.heads]
        return _encode(self.kind, self.network, {"heads": heads, "prefix": prefix})

    def verify(self, directory: Directory) -> Offence:
        """The offence; an Invalid error where the heads do not show it."""
        for head in self.heads:
            if len(head.signatures) != 1:
                raise InvalidMisbehaviour("a head has one line, of the accused", expected=1, got=len(head.signatures))
            if LogCheckpoint.parse(head.text).origin != self.origin:
                raise InvalidMisbehaviour("heads of two logs", expected=self.origin, got="another")
        offenders = [self._signer(head, directory) for head in self.heads]
        _check_same_offender(offenders)
        self._verify_conflict()
        return Offence(self.kind, offenders[0])

    def _signer(self, head: Note, directory: Directory) -> str:
        (line,) = head.signatures
        match self.kind:
            case OffenceKind.BEACON_FORK if network_of(self.origin) == self.network:
                _verify_line(head.text, line, [directory.beacon_key(self.origin)])
                return self.origin
            case OffenceKind.POOL_FORK if pool := pool_of(self.origin, self.network):
                _verify_line(head.text, line, [directory.pool_key(pool)])
                return pool
            case OffenceKind.INCONSISTENT_HEADS if is_log_of(self.origin, self.network):
                return _verify_cosigner(head.text, line, directory)
            case _:
                raise InvalidMisbehaviour(f"no log for a {self.kind} on {self.network}", got=self.origin)

    def _verify_conflict(self) -> None:
        first, second = (LogCheckpoint.parse(head.text) for head in self.heads)
        if not 1 <= first.size <= second.size:
            # Every tree extends the empty one.
            raise InvalidMisbehaviour(
                "the smaller tree comes first, and is not empty", expected=f"1 to {second.size}", got=first.size
            )
        if first.size == second.size:
            if self.prefix is not None:
                raise InvalidMisbehaviour("trees of one size need no prefix", expected="null", got="a prefix")
            if first.root == second.root:
                raise InvalidMisbehaviour("the heads are of one tree", expected="two roots", got="one")
            return
        if self.prefix is None:
            raise InvalidMisbehaviour("what the larger tree begins with is not shown", expected="a prefix", got="null")
        if self.prefix.root == first.root:
            raise InvalidMisbehaviour("the larger tree extends the smaller one", expected="another root", got="its own")
        verify_consistency(
            old_size=first.size,
            old_root=self.prefix.root,
            new_size=second.size,
            new_root=second.root,
            proof=self.prefix.path,
        )

    @classmethod
    def from_shape(cls, kind: OffenceKind, shape: Shape) -> Self:
        heads = shape.texts("heads")
        if len(heads) != 2:
            raise MalformedEntry("two heads contradict each other", expected=2, got=len(heads))
        first, second = (Note.parse(head.encode()) for head in heads)
        for head in (first, second):
            LogCheckpoint.parse(head.text)
        prefix = None if shape.value("prefix") is None else Prefix.from_json(shape.value("prefix"))
        return cls(kind, shape.text("network"), (first, second), prefix)


Misbehaviour: TypeAlias = ConflictingVotes | ConflictingHeads

_OF_VOTES: Final = (OffenceKind.DOUBLE_VOTE, OffenceKind.SURROUND_VOTE)


def verify_misbehaviour(proof: str, directory: Directory) -> Offence:
    """The offence that the proof shows. MalformedEntry for what is no proof, InvalidMisbehaviour for a wrong one."""
    misbehaviour = parse_misbehaviour(proof)
    if misbehaviour.network != directory.network:
        raise InvalidMisbehaviour("of another network", expected=directory.network, got=misbehaviour.network)
    try:
        return misbehaviour.verify(directory)
    except InvalidMisbehaviour:
        raise
    except Invalid as error:
        raise InvalidMisbehaviour(f"the proof does not hold ({error})") from error
    except Malformed as error:
        raise MalformedEntry(f"a proof of misbehaviour holds what cannot be read ({error})") from error


def parse_misbehaviour(proof: str) -> Misbehaviour:
    """The proof of a text, read but not verified; MalformedEntry for any other text."""
    try:
        data = proof.encode()
    except UnicodeEncodeError:
        raise MalformedEntry("a proof of misbehaviour is Unicode text") from None
    if len(data) > MAX_PROOF_SIZE:
        raise MalformedEntry("a proof is too large", expected=f"at most {MAX_PROOF_SIZE} bytes", got=len(data))
    try:
        misbehaviour = _parse(canonical.decode(data))
    except MalformedEntry:
        raise
    except Malformed as error:
        raise MalformedEntry(f"not a proof of misbehaviour ({error})") from None
    if misbehaviour.encode() != data:
        raise MalformedEntry("a proof of misbehaviour has one spelling", got="another")
    return misbehaviour


def attestation_data(vote: SealedState) -> AttestationData:
    """What a cosignature on that boundary says."""
    return AttestationData(source=vote.justified, target=vote.target)


def pool_of(origin: str, network: str) -> str | None:
    """Name of the pool of that network whose log has that origin; None where no pool's has."""
    name = origin.removeprefix(pool_origin(network, ""))
    return name if is_name(name) and pool_origin(network, name) == origin else None


def is_log_of(origin: str, network: str) -> bool:
    """Whether the network's beacon or one of its pools has a log of that origin."""
    return network_of(origin) == network or pool_of(origin, network) is not None


# For whoever caught it


def find_conflicting_votes(first: SealedState, second: SealedState, *, key: VerifierKey) -> ConflictingVotes | None:
    """The proof against the holder of a cosigner key that is on both boundaries, or None where they are compatible.

    Both need the values of `casper` and `network`, and the line of the log whose origin they have.
    """
    data = attestation_data(first), attestation_data(second)
    if is_double_vote(*data):
        return build_double_vote(first, second, key=key)
    if is_surround_vote(*data):
        return build_surround_vote(first, second, key=key)
    if is_surround_vote(*reversed(data)):
        return build_surround_vote(second, first, key=key)
    return None


def build_double_vote(first: SealedState, second: SealedState, *, key: VerifierKey) -> ConflictingVotes:
    """The proof that the key's holder voted for two trees in one epoch; the states as in `find_conflicting_votes`."""
    return _build_votes(OffenceKind.DOUBLE_VOTE, first, second, key)


def build_surround_vote(surrounding: SealedState, surrounded: SealedState, *, key: VerifierKey) -> ConflictingVotes:
    """The proof that the key's holder voted around an own vote; the states as in `find_conflicting_votes`."""
    return _build_votes(OffenceKind.SURROUND_VOTE, surrounding, surrounded, key)


def build_inconsistent_heads(
    first: Note, second: Note, *, key: VerifierKey, prefix: Prefix | None = None
) -> ConflictingHeads:
    """The proof that the holder of a cosigner key signed two histories of one log, in any order."""
    return _build_heads(OffenceKind.INCONSISTENT_HEADS, first, second, key, prefix)


def build_fork(first: Note, second: Note, *, key: VerifierKey, prefix: Prefix | None = None) -> ConflictingHeads:
    """The proof that a beacon or pool, which has that key, signed two histories of its log, in any order."""
    is_beacon = network_of(key.name) is not None
    return _build_heads(OffenceKind.BEACON_FORK if is_beacon else OffenceKind.POOL_FORK, first, second, key, prefix)


def _build_votes(kind: OffenceKind, first: SealedState, second: SealedState, key: VerifierKey) -> ConflictingVotes:
    network = network_of(first.checkpoint.origin)
    if network is None:
        raise InvalidMisbehaviour("votes are for a beacon's log", got=first.checkpoint.origin)
    return ConflictingVotes(kind, network, (_as_vote(first, key), _as_vote(second, key)))


def _as_vote(sealed: SealedState, key: VerifierKey) -> SealedState:
    log = [line for line in sealed.note.signatures if line.name == sealed.checkpoint.origin]
    lines = (*log[:1], _line_of(sealed.note, key))
    values = {name: sealed.values[name] for name in VOTE_VALUES if name in sealed.values}
    return SealedState(Note(sealed.note.text, lines), sealed.seal, sealed.path, values)


def _build_heads(
    kind: OffenceKind, first: Note, second: Note, key: VerifierKey, prefix: Prefix | None
) -> ConflictingHeads:
    heads = sorted(
        (_as_head(note, key) for note in (first, second)), key=lambda note: LogCheckpoint.parse(note.text).size
    )
    origin = LogCheckpoint.parse(first.text).origin
    network = network_of(origin) or origin.rpartition("/pool/")[0]
    return ConflictingHeads(kind, network, (heads[0], heads[1]), prefix)


def _as_head(note: Note, key: VerifierKey) -> Note:
    checkpoint = LogCheckpoint.parse(note.text)
    text = note.text
    if key.kind == COSIGN_MLDSA44:
        # Such a cosignature says nothing about extension lines.
        text = LogCheckpoint(checkpoint.origin, checkpoint.size, checkpoint.root).text()
    return Note(text, (_line_of(note, key),))


def _line_of(note: Note, key: VerifierKey) -> Signature:
    for line in note.signatures:
        if (line.name, line.key_id) == (key.name, key.key_id):
            return line
    raise InvalidMisbehaviour("the accused has not signed it", expected=f"a line of {key.name}", got="none")


# Parts


def _parse(value: JSON) -> Misbehaviour:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in list(OffenceKind):
        raise MalformedEntry("no kind of proof is known", expected=" or ".join(OffenceKind), got="another")
    members = ("votes",) if kind in _OF_VOTES else ("heads", "prefix")
    shape = Shape(
        value, what=f"proof of a {kind}", members=(*members, "kind", "network", "type", "v"), error=MalformedEntry
    )
    shape.constant("type", TYPE)
    shape.constant("v", VERSION)
    if not is_network(shape.text("network")):
        raise MalformedEntry("no network can be called so", got=f"{len(shape.text('network'))} characters")
    if kind in _OF_VOTES:
        return ConflictingVotes.from_shape(OffenceKind(kind), shape)
    return ConflictingHeads.from_shape(OffenceKind(kind), shape)


def _encode(kind: OffenceKind, network: str, members: dict[str, JSON]) -> bytes:
    return canonical.encode({**members, "kind": str(kind), "network": network, "type": TYPE, "v": VERSION})


def _check_same_offender(offenders: Sequence[str]) -> None:
    if len(set(offenders)) != 1:
        raise InvalidMisbehaviour("signed by two", expected=offenders[0], got=offenders[1])


def _verify_cosigner(text: str, line: Signature, directory: Directory) -> str:
    """Name of the validator who cosigned the text by that line, with a key of its own that was valid then."""
    name = line.name.removeprefix(validator_key_name(directory.network, ""))
    if not is_name(name) or validator_key_name(directory.network, name) != line.name:
        raise InvalidMisbehaviour("not the key of a validator", got=line.name)
    key_sets = directory.validator_keys(name)
    key = _verify_line(text, line, (key for keys in key_sets for key in keys.keys))
    if key.kind == COSIGN_MLDSA44 and LogCheckpoint.parse(text).extensions:
        raise InvalidMisbehaviour("an ML-DSA-44 cosignature says nothing about extension lines", expected="none")
    timestamp = timestamp_of(line)
    if not any(keys.is_valid_at(timestamp) for keys in key_sets if key in keys.keys):
        raise InvalidMisbehaviour("a cosignature outside its key's validity", got=name)
    return name


def _verify_line(text: str, line: Signature, keys: Iterable[VerifierKey]) -> VerifierKey:
    """The key that made the line; InvalidSignature where none of them did."""
    for key in keys:
        if (key.name, key.key_id) == (line.name, line.key_id):
            key.verify(text, line.blob)
            return key
    raise InvalidSignature("not a key of the accused, or of the log", got=line.name)
