"""Record tree: a commitment to every field of one record, built with merkletools.

Everything secret comes from one random record key: the key of the payload cipher, then a salt for each leaf. So a
record is closed for ever by destroying 32 bytes. See docs/spec/record-tree.md.

Only whoever holds the record needs this module. Verification (`records.opening`) is our own code: merkletools'
`validate_proof` hashes leaves and nodes alike and binds neither index nor size, so it accepts forgeries.
"""

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NewType, Protocol

from audit_chain.errors import MalformedField
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.records import disclosure
from audit_chain.records.disclosure import SALT_SIZE
from audit_chain.records.fields import MAX_FIELDS, Value
from audit_chain.records.opening import Path, RecordOpening

with warnings.catch_warnings():
    # merkletools 1.0.3 asks for pysha3, which hashlib has made needless.
    warnings.filterwarnings("ignore", message=r"sha3 is not working!", category=UserWarning)
    import merkletools

RecordKey = NewType("RecordKey", bytes)
"""32 random bytes, one for each record and never used again."""

RECORD_KEY_SIZE: Final = 32
CIPHER_KEY_SIZE: Final = 32  # AES-256
LEAF_MULTIPLE: Final = 8
"""Decoys fill the leaves up to a multiple of this, so that the size tells little about the document."""

_DOMAIN: Final = b"tallystick/v1/record-key"


@dataclass(frozen=True, slots=True)
class RecordCommitment:
    """A record's root and leaf count, and what its holder needs to open fields later."""

    root: bytes
    size: int
    disclosures: Mapping[str, str]
    """Disclosure text by field name, sorted by name."""
    positions: Mapping[str, int]
    """Leaf index by field name: the rank of the leaf hash, which tells nothing about the field."""
    _tree: merkletools.MerkleTools = field(repr=False, compare=False)

    def open(self, names: Iterable[str]) -> RecordOpening:
        """The opening of these fields and no others; MalformedField for a name the record does not have."""
        chosen = sorted(self._position(name) for name in set(names))
        name_at = {position: name for name, position in self.positions.items()}
        return RecordOpening(
            size=self.size,
            disclosures=tuple(self.disclosures[name_at[position]] for position in chosen),
            paths=tuple(Path(position, self._hashes(position)) for position in chosen),
        )

    def _position(self, name: str) -> int:
        if name not in self.positions:
            raise MalformedField("the record has no such field", expected="one of its fields", got=name)
        return self.positions[name]

    def _hashes(self, position: int) -> tuple[bytes, ...]:
        siblings = self._tree.get_proof(position)
        return tuple(bytes.fromhex(side) for sibling in siblings for side in sibling.values())


def commit(fields: Mapping[str, Value], key: RecordKey) -> RecordCommitment:
    """The commitment to `fields` under `key`; the same fields and key always give the same one.

    Raises MalformedField for no fields, too many, or one that no record can hold.
    """
    if not 1 <= len(fields) <= MAX_FIELDS:
        raise MalformedField("a record has another number of fields", expected=f"1 to {MAX_FIELDS}", got=len(fields))
    size = compute_size(len(fields))
    salts = _salts(key, size)
    in_order = dict(sorted(fields.items()))
    disclosures = disclosure.encode_all(salts[: len(in_order)], in_order)
    leaves = [leaf_hash(text.encode()) for text in disclosures]
    leaves += map(leaf_hash, salts[len(in_order) :])  # a decoy's data is its salt, as long as no disclosure
    rank = {leaf: position for position, leaf in enumerate(sorted(leaves))}
    tree = _tree(rank)
    return RecordCommitment(
        root=bytes.fromhex(tree.get_merkle_root()),
        size=size,
        disclosures=dict(zip(in_order, disclosures, strict=True)),
        positions={name: rank[leaf] for name, leaf in zip(in_order, leaves, strict=False)},
        _tree=tree,
    )


def cipher_key(key: RecordKey) -> bytes:
    """The 32-byte key that encrypts the record's payload."""
    return _expand(key, CIPHER_KEY_SIZE)


def compute_size(field_count: int) -> int:
    """Leaves of a record with that many fields."""
    return -(-field_count // LEAF_MULTIPLE) * LEAF_MULTIPLE


def _salts(key: RecordKey, count: int) -> list[bytes]:
    stream = _expand(key, CIPHER_KEY_SIZE + SALT_SIZE * count)
    return [stream[start : start + SALT_SIZE] for start in range(CIPHER_KEY_SIZE, len(stream), SALT_SIZE)]


def _expand(key: RecordKey, size: int) -> bytes:
    """The first `size` bytes of the record key's stream (SHAKE256, FIPS 202, Section 6.2)."""
    if len(key) != RECORD_KEY_SIZE:
        raise MalformedField("the record key has another size", expected=RECORD_KEY_SIZE, got=len(key))
    return hashlib.shake_256(_DOMAIN + key).digest(size)


class _Digest(Protocol):
    def digest(self) -> bytes: ...


def _hash_node(children: bytes) -> _Digest:
    """RFC 9162's node hash in the shape in which merkletools calls a hash."""
    return hashlib.sha256(b"\x01" + children)


def _tree(leaves: Iterable[bytes]) -> merkletools.MerkleTools:
    """The tree over the leaf hashes: RFC 9162's, as merkletools lifts an odd last node unchanged."""
    tree = merkletools.MerkleTools(hash_type="sha256")
    tree.hash_function = _hash_node
    tree.add_leaf([leaf.hex() for leaf in leaves])
    tree.make_tree()
    return tree
