"""Verification of Merkle proofs (RFC 9162, Sections 2.1.3.2 and 2.1.4.2).

Index and sizes are bound by the shape of the proof: it must have exactly the length that they give, and
they say on which side each hash is joined.
"""

from collections.abc import Sequence

from audit_chain.errors import Invalid, InvalidConsistencyProof, InvalidInclusionProof
from audit_chain.merkle.hashing import HASH_SIZE, node_hash


def verify_inclusion(*, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Nothing, where the leaf stands at `index` of the tree of `size` entries with that root."""
    computed = root_from_inclusion(leaf_hash=leaf_hash, index=index, size=size, proof=proof)
    if computed != root:
        raise InvalidInclusionProof("inclusion proof leads elsewhere", expected=root.hex(), got=computed.hex())


def root_from_inclusion(*, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root to which the proof leads from the leaf hash."""
    if not 0 <= index < size:
        raise InvalidInclusionProof("index outside the tree", expected=f"below {size}", got=index)
    inner = _inner_length(index, size)
    border = (index >> inner).bit_count()
    _check_hashes([leaf_hash, *proof], InvalidInclusionProof)
    if len(proof) != inner + border:
        raise InvalidInclusionProof("inclusion proof has the wrong length", expected=inner + border, got=len(proof))
    node = _join_by_bits(leaf_hash, proof[:inner], index)
    return _join_left(node, proof[inner:])


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Nothing, where the tree of `new_size` entries begins with the `old_size` entries of the old one.

    An old size of 0 is refused: every tree extends the empty one, so such a proof shows nothing.
    """
    if old_size < 1:
        raise InvalidConsistencyProof("old tree is empty", expected="an old size above 0", got=old_size)
    if old_size > new_size:
        raise InvalidConsistencyProof("the tree shrank", expected=f"at least {old_size}", got=new_size)
    if old_size == new_size:
        _check_same_tree(old_root, new_root, proof)
        return
    _check_hashes([old_root, new_root, *proof], InvalidConsistencyProof)

    # The proof starts at the largest complete subtree that ends where the old tree ends; where that is
    # the old tree itself, its root is left out of the proof.
    shift = (old_size & -old_size).bit_length() - 1
    is_complete = old_size == 1 << shift
    seed, path = (old_root, proof) if is_complete else (proof[0] if proof else b"", proof[1:])
    position = (old_size - 1) >> shift
    inner = _inner_length(old_size - 1, new_size) - shift
    border = (position >> inner).bit_count()
    expected = inner + border + (0 if is_complete else 1)
    if len(proof) != expected:
        raise InvalidConsistencyProof("consistency proof has the wrong length", expected=expected, got=len(proof))

    old = _join_left(_join_left_bits(seed, path[:inner], position), path[inner:])
    if old != old_root:
        raise InvalidConsistencyProof("proof contradicts the old root", expected=old_root.hex(), got=old.hex())
    new = _join_left(_join_by_bits(seed, path[:inner], position), path[inner:])
    if new != new_root:
        raise InvalidConsistencyProof("proof contradicts the new root", expected=new_root.hex(), got=new.hex())


def _check_same_tree(old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise InvalidConsistencyProof("equal sizes need no proof", expected=0, got=len(proof))
    if old_root != new_root:
        raise InvalidConsistencyProof("two roots for one size", expected=old_root.hex(), got=new_root.hex())


def _check_hashes(hashes: Sequence[bytes], error: type[Invalid]) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise error("hash has the wrong length", expected=HASH_SIZE, got=len(value))


def _inner_length(index: int, size: int) -> int:
    """Levels below the point where the paths to `index` and to the last leaf part."""
    return (index ^ (size - 1)).bit_length()


def _join_by_bits(node: bytes, siblings: Sequence[bytes], index: int) -> bytes:
    """The node joined with each sibling, on the side that the bits of `index` give."""
    for level, sibling in enumerate(siblings):
        node = node_hash(sibling, node) if index >> level & 1 else node_hash(node, sibling)
    return node


def _join_left_bits(node: bytes, siblings: Sequence[bytes], index: int) -> bytes:
    """The node joined with its left siblings only: the part of the path that the old tree has."""
    for level, sibling in enumerate(siblings):
        if index >> level & 1:
            node = node_hash(sibling, node)
    return node


def _join_left(node: bytes, siblings: Sequence[bytes]) -> bytes:
    """The node joined with siblings that all stand to its left, along the right border."""
    for sibling in siblings:
        node = node_hash(sibling, node)
    return node
