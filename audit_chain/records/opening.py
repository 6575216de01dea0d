"""Opening: some of a record's disclosures, each with its path to the record's root."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Self

from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import DuplicateField, InvalidInclusionProof, InvalidOpening, Malformed, MalformedDisclosure
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash
from audit_chain.merkle.proof import verify_inclusion
from audit_chain.records import disclosure
from audit_chain.records.fields import Value
from audit_chain.shapes import Shape


@dataclass(frozen=True, slots=True)
class Path:
    """Where a leaf stands in its record's tree, and the hashes from its sibling up to the root's child."""

    index: int
    hashes: tuple[bytes, ...]

    def to_json(self) -> JSON:
        return {"hashes": [to_base64(value) for value in self.hashes], "index": self.index}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        shape = Shape(value, what="path", members=("hashes", "index"), error=MalformedDisclosure)
        return cls(shape.integer("index"), tuple(_hash(text) for text in shape.texts("hashes")))


@dataclass(frozen=True, slots=True)
class RecordOpening:
    """Disclosures and their paths, one for one; `size` counts all leaves: disclosed, hidden and decoys."""

    size: int
    disclosures: tuple[str, ...]
    paths: tuple[Path, ...]

    @property
    def hidden(self) -> int:
        """Leaves that stay closed; some of them are decoys, and nobody but the holder knows how many."""
        return self.size - len(self.disclosures)

    def verify(self, root: bytes) -> Mapping[str, Value]:
        """The disclosed fields by name, each shown to stand in the record with that root.

        The walk starts from the disclosure text itself: a proof over a given leaf hash would let an inner node,
        64 bytes of two hashes, pass for a document.

        Raises InvalidOpening for a disclosure that is not the record's, DuplicateField for a name disclosed twice and
        MalformedDisclosure for a text that is none.
        """
        if len(self.disclosures) != len(self.paths):
            expected = f"{len(self.disclosures)} paths"
            raise InvalidOpening("every disclosure has one path", expected=expected, got=len(self.paths))
        if any(path.index >= later.index for path, later in pairwise(self.paths)):
            raise InvalidOpening("disclosures stand in the order of their leaves", expected="growing", got="other")
        fields: dict[str, Value] = {}
        for position, (text, path) in enumerate(zip(self.disclosures, self.paths, strict=True)):
            shown = disclosure.parse(text)
            if shown.name in fields:
                raise DuplicateField("a field is disclosed twice", expected="each once", got=f"disclosure {position}")
            self._verify_path(text, path, root, position)
            fields[shown.name] = shown.value
        return MappingProxyType(fields)

    def _verify_path(self, text: str, path: Path, root: bytes, position: int) -> None:
        leaf = leaf_hash(text.encode())
        try:
            verify_inclusion(leaf_hash=leaf, index=path.index, size=self.size, proof=path.hashes, root=root)
        except InvalidInclusionProof as error:
            raise InvalidOpening(f"disclosure {position} does not belong to the record ({error})") from None


def _hash(text: str) -> bytes:
    try:
        value = from_base64(text)
    except Malformed:
        raise MalformedDisclosure("a path holds hashes in base64", got=f"{len(text)} characters") from None
    if len(value) != HASH_SIZE:
        raise MalformedDisclosure("a path holds hashes", expected=f"{HASH_SIZE} bytes", got=f"{len(value)} bytes")
    return value
