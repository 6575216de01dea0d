"""Proof bundle: all that a stranger needs, besides a trust policy, to check a record or a deposit. Canonical JSON.

    {"checksum":"1f4c…","crosslink":P,"disclosures":["WyJBUUVC…"],"pool":P,
     "record":{"paths":[{"hashes":["…"],"index":3}],"size":24},"registration":P,"type":"tallystick-record-proof","v":1}

    {"checksum":"9b0e…","evidence":P,"registration":P,"seal":P,"type":"tallystick-evidence-proof","v":1}

where each P is one log entry and its tlog-proof: {"entry":"{\\"previous\\":…}","proof":"c2sp.org/tlog-proof@v1\\n…"}.
See docs/spec/proof-bundle.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, Generic, Self, TypeVar

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink, Evidence, Member, Pool, Seal, parse_entry
from audit_chain.canonical import JSON
from audit_chain.errors import InvalidChecksum, Malformed, MalformedBundle
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.records import disclosure
from audit_chain.records.entry import RecordEntry
from audit_chain.records.opening import Path, RecordOpening
from audit_chain.shapes import Shape

VERSION: Final = 1
MAX_BUNDLE_SIZE: Final = 16 * 2**20
"""Bytes: room for about 15,000 disclosed fields."""

E = TypeVar("E")


class Kind(StrEnum):
    RECORD = "tallystick-record-proof"
    EVIDENCE = "tallystick-evidence-proof"


@dataclass(frozen=True, slots=True)
class Proven(Generic[E]):
    """An entry, the bytes that the log's tree holds of it, and the proof that it does."""

    entry: E
    data: bytes
    proof: TlogProof

    @property
    def note(self) -> Note:
        """The signed checkpoint that the proof leads to."""
        return Note.parse(self.proof.checkpoint)

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
class RecordBundle:
    """Some fields of a record, and its way through its pool's log to the beacon's log."""

    opening: RecordOpening
    pool: Proven[RecordEntry]
    crosslink: Proven[Crosslink]
    registration: Proven[Pool]

    def render(self) -> bytes:
        return _render(
            Kind.RECORD,
            {
                "crosslink": self.crosslink.to_json(),
                "disclosures": list(self.opening.disclosures),
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
            crosslink=_proven(shape, "crosslink", reader_of(Crosslink)),
            registration=_proven(shape, "registration", reader_of(Pool)),
        )


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """A deposit, the registration of the member who made it, and the seal of the block that holds it."""

    evidence: Proven[Evidence]
    registration: Proven[Member]
    seal: Proven[Seal]

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
            evidence=_proven(shape, "evidence", reader_of(Evidence)),
            registration=_proven(shape, "registration", reader_of(Member)),
            seal=_proven(shape, "seal", reader_of(Seal)),
        )


C = TypeVar("C", RecordBundle, EvidenceBundle)

_MEMBERS: Final = {
    Kind.RECORD: ("crosslink", "disclosures", "pool", "record", "registration"),
    Kind.EVIDENCE: ("evidence", "registration", "seal"),
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


def parse_bundle(data: bytes) -> RecordBundle | EvidenceBundle:
    """The bundle whose bytes these are; MalformedBundle or InvalidChecksum for others. Nothing is verified yet."""
    envelope = Envelope.parse(data)
    envelope.verify_checksum()
    return envelope.open(RecordBundle) if envelope.kind is Kind.RECORD else envelope.open(EvidenceBundle)


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
