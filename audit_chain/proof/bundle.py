"""Proof bundle: all that a stranger needs, besides a trust policy, to check a record, a deposit or a state's answer.

    {"checksum":"1f4c…","crosslink":F,"disclosures":["WyJBUUVC…"],"latest":null,"pool":P,
     "record":{"paths":[{"hashes":["…"],"index":3}],"size":24},"registration":F,"type":"tallystick-record-proof","v":1}

    {"checksum":"9b0e…","evidence":F,"registration":F,"seal":F,"type":"tallystick-evidence-proof","v":1}

    {"checksum":"77a1…","finality":S,"state":S,"type":"tallystick-state-proof","v":1}

Canonical JSON. P is one log entry and its tlog-proof: {"entry":"{\\"previous\\":…}","proof":"c2sp.org/tlog-proof…"}.
F is an entry of the beacon with one member more, `finality`: the sealed state S that shows the proof's checkpoint to be
final. See docs/spec/proof-bundle.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final, Generic, Self, TypeVar

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink, Evidence, Member, Pool, Seal, parse_entry
from audit_chain.beacon.sealed_state import MAX_PATH, SealedState
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import InvalidChecksum, Malformed, MalformedBundle
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash
from audit_chain.merkle.proof import verify_inclusion
from audit_chain.records import disclosure
from audit_chain.records.entry import RecordEntry, SealEntry
from audit_chain.records.opening import Path, RecordOpening
from audit_chain.records.status import RecordStatus, record_name
from audit_chain.shapes import Shape
from audit_chain.statemap.proof import StateProof

VERSION: Final = 1
MAX_BUNDLE_SIZE: Final = 16 * 2**20
"""Bytes: room for about 15,000 disclosed fields."""

E = TypeVar("E")


class Kind(StrEnum):
    RECORD = "tallystick-record-proof"
    EVIDENCE = "tallystick-evidence-proof"
    STATE = "tallystick-state-proof"


@dataclass(frozen=True, slots=True)
class Proven(Generic[E]):
    """An entry, the bytes that the log's tree holds of it, and the proof that it does."""

    entry: E
    data: bytes
    proof: TlogProof

    @property
    def note(self) -> Note:
        """The signed checkpoint that the proof leads to."""
        return _read_note(self.proof.checkpoint)

    @property
    def checkpoint(self) -> LogCheckpoint:
        return LogCheckpoint.parse(self.note.text)

    def verify_inclusion(self) -> None:
        """Nothing, where the entry stands in the tree of the checkpoint; InvalidInclusionProof else."""
        self.proof.verify(leaf_hash(self.data))

    def to_json(self) -> JSON:
        return {"entry": self.data.decode(), "proof": self.proof.render().decode()}

    @classmethod
    def read(cls, entry: bytes, proof: bytes, parse: Callable[[bytes], E]) -> Self:
        """The entry as `parse` gives it, with its proof; Malformed for other bytes, or a proof with extra data."""
        read = TlogProof.parse(proof)
        if read.extra is not None:
            raise MalformedBundle("a bundle's proofs carry no extra data, which nobody would vouch for")
        return cls(parse(entry), entry, read)


@dataclass(frozen=True, slots=True)
class FinalEntry(Proven[E]):
    """An entry of the beacon whose proof leads to a final checkpoint; `finality` is what shows that."""

    finality: SealedState

    def to_json(self) -> JSON:
        return {
            "entry": self.data.decode(),
            "finality": self.finality.to_json(),
            "proof": self.proof.render().decode(),
        }

    @classmethod
    def read_final(cls, entry: bytes, proof: bytes, finality: JSON, parse: Callable[[bytes], E]) -> Self:
        """As `read`, with the sealed state of a JSON value."""
        plain = Proven.read(entry, proof, parse)
        return cls(plain.entry, plain.data, plain.proof, SealedState.from_json(finality))


@dataclass(frozen=True, slots=True)
class LatestState:
    """What the pool's own state map says of the record, under the seal that ends a tree of the pool's log.

    `crosslink` carries that tree's checkpoint, where it is a later one than the record's own proof leads to.
    """

    seal: SealEntry
    path: tuple[bytes, ...]
    status: RecordStatus
    proof: StateProof
    crosslink: FinalEntry[Crosslink] | None

    def verify(self, record: str, checkpoint: LogCheckpoint) -> None:
        """Nothing, where the pool's tree ends with the seal and that state says so of the record; Invalid else."""
        verify_inclusion(
            leaf_hash=leaf_hash(self.seal.encode()),
            index=checkpoint.size - 1,
            size=checkpoint.size,
            proof=self.path,
            root=checkpoint.root,
        )
        self.proof.verify(record_name(record), self.status.encode(), self.seal.state)

    def to_json(self) -> JSON:
        return {
            "crosslink": None if self.crosslink is None else self.crosslink.to_json(),
            "path": [to_base64(value) for value in self.path],
            "proof": self.proof.render().decode(),
            "seal": self.seal.encode().decode(),
            "value": self.status.encode().decode(),
        }

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        members = ("crosslink", "path", "proof", "seal", "value")
        shape = Shape(value, what="latest", members=members, error=MalformedBundle)
        path = tuple(from_base64(text) for text in shape.texts("path"))
        if len(path) > MAX_PATH or any(len(item) != HASH_SIZE for item in path):
            raise MalformedBundle("a path is at most 63 hashes", expected=f"{HASH_SIZE} bytes each", got=len(path))
        return cls(
            seal=SealEntry.parse(shape.text("seal").encode()),
            path=path,
            status=RecordStatus.parse(shape.text("value").encode()),
            proof=StateProof.parse(shape.text("proof").encode()),
            crosslink=None if shape.value("crosslink") is None else _final(shape, "crosslink", reader_of(Crosslink)),
        )


@dataclass(frozen=True, slots=True)
class RecordBundle:
    """Some fields of a record, its way through its pool's log to the beacon's log, and whether it still stands."""

    opening: RecordOpening
    pool: Proven[RecordEntry]
    crosslink: FinalEntry[Crosslink]
    registration: FinalEntry[Pool]
    latest: LatestState | None = None

    def render(self) -> bytes:
        return _render(
            Kind.RECORD,
            {
                "crosslink": self.crosslink.to_json(),
                "disclosures": list(self.opening.disclosures),
                "latest": None if self.latest is None else self.latest.to_json(),
                "pool": self.pool.to_json(),
                "record": {"paths": [path.to_json() for path in self.opening.paths], "size": self.opening.size},
                "registration": self.registration.to_json(),
            },
        )

    @classmethod
    def from_shape(cls, shape: Shape) -> Self:
        return cls(
            opening=_opening(shape),
            pool=_proven(shape, "pool", RecordEntry.parse),
            crosslink=_final(shape, "crosslink", reader_of(Crosslink)),
            registration=_final(shape, "registration", reader_of(Pool)),
            latest=None if shape.value("latest") is None else LatestState.from_json(shape.value("latest")),
        )


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """A deposit, the registration of the member who made it, and the seal of the block that holds it."""

    evidence: FinalEntry[Evidence]
    registration: FinalEntry[Member]
    seal: FinalEntry[Seal]

    def render(self) -> bytes:
        return _render(
            Kind.EVIDENCE,
            {
                "evidence": self.evidence.to_json(),
                "registration": self.registration.to_json(),
                "seal": self.seal.to_json(),
            },
        )

    @classmethod
    def from_shape(cls, shape: Shape) -> Self:
        return cls(
            evidence=_final(shape, "evidence", reader_of(Evidence)),
            registration=_final(shape, "registration", reader_of(Member)),
            seal=_final(shape, "seal", reader_of(Seal)),
        )


@dataclass(frozen=True, slots=True)
class StateBundle:
    """Values of the beacon's state, or their absence, under a checkpoint, and what shows that one to be final."""

    state: SealedState
    finality: SealedState

    def render(self) -> bytes:
        return _render(Kind.STATE, {"finality": self.finality.to_json(), "state": self.state.to_json()})

    @classmethod
    def from_shape(cls, shape: Shape) -> Self:
        bundle = cls(
            state=SealedState.from_json(shape.value("state")),
            finality=SealedState.from_json(shape.value("finality")),
        )
        if not bundle.state.values:
            raise MalformedBundle("an answer is about names", expected="at least 1", got=0)
        return bundle


C = TypeVar("C", RecordBundle, EvidenceBundle, StateBundle)

_MEMBERS: Final = {
    Kind.RECORD: ("crosslink", "disclosures", "latest", "pool", "record", "registration"),
    Kind.EVIDENCE: ("evidence", "registration", "seal"),
    Kind.STATE: ("finality", "state"),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A bundle whose outermost object has been read: what kind it is, and whether it is as it was made."""

    kind: Kind
    _shape: Shape
    _expected: str
    _got: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The envelope of these bytes; MalformedBundle for what is no bundle of version 1."""
        if len(data) > MAX_BUNDLE_SIZE:
            raise MalformedBundle("bundle is too large", expected=f"at most {MAX_BUNDLE_SIZE} bytes", got=len(data))
        try:
            value = canonical.decode(data)
        except Malformed as error:
            raise MalformedBundle(f"a bundle is canonical JSON ({error})") from None
        kind = _kind(value)
        shape = Shape(value, what="bundle", members=(*_MEMBERS[kind], "checksum", "type", "v"), error=MalformedBundle)
        shape.constant("v", VERSION)
        computed = _checksum({name: shape.value(name) for name in (*_MEMBERS[kind], "type", "v")})
        return cls(kind, shape, computed, shape.text("checksum"))

    def verify_checksum(self) -> None:
        """Nothing, where the bundle is as it was made; InvalidChecksum else."""
        if self._got != self._expected:
            expected = f"checksum {self._expected}"
            raise InvalidChecksum("the bundle was changed after it was made", expected=expected, got="another")

    def open(self, contents: type[C]) -> C:
        """The parts of a bundle of that kind, each well-formed; MalformedBundle where one is not."""
        try:
            return contents.from_shape(self._shape)
        except MalformedBundle:
            raise
        except Malformed as error:
            raise MalformedBundle(f"a part of the bundle cannot be read ({error})") from None


def parse_bundle(data: bytes) -> RecordBundle | EvidenceBundle | StateBundle:
    """The bundle whose bytes these are; MalformedBundle or InvalidChecksum for others. Nothing is verified yet."""
    envelope = Envelope.parse(data)
    envelope.verify_checksum()
    match envelope.kind:
        case Kind.RECORD:
            return envelope.open(RecordBundle)
        case Kind.EVIDENCE:
            return envelope.open(EvidenceBundle)
        case _:
            return envelope.open(StateBundle)


def reader_of(kind: type[E]) -> Callable[[bytes], E]:
    """`parse_entry` for entries of one type; MalformedBundle for those of another."""

    def parse(data: bytes) -> E:
        entry = parse_entry(data)
        if not isinstance(entry, kind):
            raise MalformedBundle("an entry of another type", expected=kind.__name__, got=type(entry).__name__)
        return entry

    return parse


def _kind(value: JSON) -> Kind:
    match value:
        case {"type": str(kind)} if kind in list(Kind):
            return Kind(kind)
    raise MalformedBundle("not a proof bundle", expected="type " + " or ".join(Kind), got="another type or none")


def _render(kind: Kind, members: Mapping[str, JSON]) -> bytes:
    content: dict[str, JSON] = {**members, "type": kind.value, "v": VERSION}
    data = canonical.encode({**content, "checksum": _checksum(content)})
    if len(data) > MAX_BUNDLE_SIZE:
        expected = f"at most {MAX_BUNDLE_SIZE} bytes: disclose fewer fields at once"
        raise MalformedBundle("bundle is too large", expected=expected, got=len(data))
    return data


def _checksum(content: Mapping[str, JSON]) -> str:
    """SHA-256, in hex, of the canonical bundle without its checksum."""
    return sha256(canonical.encode(content)).hexdigest()


def _proven(shape: Shape, member: str, parse: Callable[[bytes], E]) -> Proven[E]:
    inner = Shape(shape.value(member), what=member, members=("entry", "proof"), error=MalformedBundle)
    try:
        return Proven.read(inner.text("entry").encode(), inner.text("proof").encode(), parse)
    except Malformed as error:
        raise MalformedBundle(f"{member} cannot be read ({error})") from None


@lru_cache(maxsize=16)
def _read_note(data: bytes) -> Note:
    """The note of those bytes, read once for the many times that a walk through one bundle asks for it."""
    return Note.parse(data)


def _final(shape: Shape, member: str, parse: Callable[[bytes], E]) -> FinalEntry[E]:
    inner = Shape(shape.value(member), what=member, members=("entry", "finality", "proof"), error=MalformedBundle)
    entry, proof = inner.text("entry").encode(), inner.text("proof").encode()
    try:
        return FinalEntry.read_final(entry, proof, inner.value("finality"), parse)
    except Malformed as error:
        raise MalformedBundle(f"{member} cannot be read ({error})") from None


def _opening(shape: Shape) -> RecordOpening:
    inner = Shape(shape.value("record"), what="record", members=("paths", "size"), error=MalformedBundle)
    disclosures = shape.texts("disclosures")
    for text in disclosures:
        disclosure.parse(text)
    return RecordOpening(
        size=inner.integer("size", minimum=1),
        disclosures=disclosures,
        paths=tuple(Path.from_json(item) for item in inner.array("paths")),
    )
