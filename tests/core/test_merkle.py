"""Merkle proofs against third-party probes and against themselves.

The probes' `subtree*` folders are left out: they belong to Merkle Tree Certificates' proofs about ranges of
entries, and nothing here proves or verifies a range.
"""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import Invalid, InvalidConsistencyProof, InvalidInclusionProof, NotInLog
from audit_chain.merkle import prover
from audit_chain.merkle.hashing import EMPTY_ROOT, leaf_hash, node_hash
from audit_chain.merkle.memory_log import MemoryLog
from audit_chain.merkle.proof import root_from_inclusion, verify_consistency, verify_inclusion

LEAVES = [leaf_hash(b"%d" % number) for number in range(70)]
LOG = MemoryLog(LEAVES)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162, Section 2.1.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(root_by_definition(leaves[:k]), root_by_definition(leaves[k:]))


def probes(corpora: Path, kind: str) -> list[tuple[str, dict]]:
    folder = corpora / "transparency" / "merkle-probes" / kind
    return [(str(file), json.loads(file.read_bytes())) for file in sorted(folder.rglob("*.json"))]


def test_inclusion_probes_are_accepted_and_refused_as_published(corpora):
    cases = probes(corpora, "inclusion")
    assert len(cases) > 50
    for name, probe in cases:
        try:
            verify_inclusion(
                leaf_hash=b64decode(probe["leafHash"]),
                index=probe["leafIdx"],
                size=probe["treeSize"],
                proof=[b64decode(line) for line in probe["proof"] or []],
                root=b64decode(probe["root"] or ""),
            )
            refused = False
        except Invalid:
            refused = True
        assert refused == probe["wantErr"], name


def test_consistency_probes_are_accepted_and_refused_as_published(corpora):
    cases = probes(corpora, "consistency")
    assert len(cases) > 50
    for name, probe in cases:
        try:
            verify_consistency(
                old_size=probe["size1"],
                old_root=b64decode(probe["root1"]),
                new_size=probe["size2"],
                new_root=b64decode(probe["root2"]),
                proof=[b64decode(line) for line in probe["proof"] or []],
            )
            refused = False
        except Invalid:
            refused = True
        assert refused == probe["wantErr"], name


def test_the_reference_tree_of_rfc_6962_has_the_published_roots(corpora):
    tree = json.loads((corpora / "transparency" / "rfc6962_reference_tree.json").read_bytes())
    log = MemoryLog(leaf_hash(bytes.fromhex(data)) for data in tree["leaf_inputs_hex"])
    assert [log.root(size).hex() for size in range(len(log) + 1)] == tree["roots_by_size"]
    for level, hashes in enumerate(tree["node_hashes_by_level"]):
        for index, published in enumerate(hashes):
            subtree = [log.leaf_hash(i) for i in range(index << level, index + 1 << level)]
            assert root_by_definition(subtree).hex() == published


def test_roots_follow_the_definition_at_every_size():
    for size in range(len(LEAVES) + 1):
        assert LOG.root(size) == root_by_definition(LEAVES[:size])


def test_every_entry_is_included_in_every_tree_that_holds_it():
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            proof = LOG.inclusion_proof(index, size)
            verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=LOG.root(size))


def test_every_tree_extends_every_earlier_one():
    for new in range(1, len(LEAVES) + 1):
        for old in range(1, new + 1):
            proof = LOG.consistency_proof(old, new)
            verify_consistency(old_size=old, old_root=LOG.root(old), new_size=new, new_root=LOG.root(new), proof=proof)


@given(data=st.data())
def test_no_spoilt_inclusion_proof_verifies(data):
    size = data.draw(st.integers(2, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    proof = LOG.inclusion_proof(index, size)
    position = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[position], "big") ^ 1 << bit).to_bytes(32, "big")
    spoilt = [
        {"proof": [*proof[:position], flipped, *proof[position + 1 :]]},
        {"proof": proof[:-1]},
        {"proof": [*proof, proof[-1]]},
        {"proof": [proof[0], *proof]},
        {"proof": [*proof[:-1], proof[-1][:-1]]},
        {"leaf_hash": LEAVES[(index + 1) % size]},
        {"index": (index + data.draw(st.integers(1, size - 1))) % size},
        {"index": size},
        {"index": -1},
        {"size": 0},
        {"root": LOG.root(size - 1)},
    ]
    valid = {"leaf_hash": LEAVES[index], "index": index, "size": size, "proof": proof, "root": LOG.root(size)}
    verify_inclusion(**valid)
    for change in spoilt:
        with pytest.raises(InvalidInclusionProof):
            verify_inclusion(**{**valid, **change})


@given(data=st.data())
def test_no_spoilt_consistency_proof_verifies(data):
    new = data.draw(st.integers(2, len(LEAVES)))
    old = data.draw(st.integers(1, new - 1))
    proof = LOG.consistency_proof(old, new)
    position = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[position], "big") ^ 1 << bit).to_bytes(32, "big")
    valid = {"old_size": old, "old_root": LOG.root(old), "new_size": new, "new_root": LOG.root(new), "proof": proof}
    verify_consistency(**valid)
    spoilt = [
        {"proof": [*proof[:position], flipped, *proof[position + 1 :]]},
        {"proof": proof[:-1]},
        {"proof": []},
        {"proof": [*proof, proof[-1]]},
        {"proof": [*proof[:-1], proof[-1] + b"\0"]},
        {"old_root": valid["new_root"]},
        {"new_root": valid["old_root"]},
        {"old_size": 0},
        {"new_size": old - 1},
        {"new_size": old},
    ]
    for change in spoilt:
        with pytest.raises(InvalidConsistencyProof):
            verify_consistency(**{**valid, **change})


@given(st.lists(st.binary(max_size=3), max_size=40), st.integers(0, 40))
def test_appending_one_by_one_and_all_at_once_give_the_same_tree(entries, cut):
    hashes = [leaf_hash(entry) for entry in entries]
    one_by_one, at_once, in_two = MemoryLog(), MemoryLog(hashes), MemoryLog(hashes[:cut])
    indexes = [one_by_one.append(value) for value in hashes]
    in_two.extend(hashes[cut:])
    assert indexes == list(range(len(hashes)))
    for size in range(len(hashes) + 1):
        assert one_by_one.root(size) == at_once.root(size) == in_two.root(size)


def test_a_proof_is_made_in_one_read():
    reads = []

    def read(nodes: list[prover.Node]) -> list[bytes]:
        reads.append(nodes)
        return [root_by_definition(LEAVES[index << level : index + 1 << level]) for level, index in nodes]

    proof = prover.inclusion_proof(11, 70, read)
    assert root_from_inclusion(leaf_hash=LEAVES[11], index=11, size=70, proof=proof) == LOG.root()
    assert len(reads) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: LOG.root(71),
        lambda: LOG.root(-1),
        lambda: LOG.leaf_hash(70),
        lambda: LOG.leaf_hash(-1),
        lambda: LOG.inclusion_proof(70),
        lambda: LOG.inclusion_proof(-1),
        lambda: LOG.inclusion_proof(5, 5),
        lambda: LOG.consistency_proof(71),
        lambda: LOG.consistency_proof(-1),
        lambda: LOG.consistency_proof(6, 5),
    ],
)
def test_a_tree_says_what_it_does_not_hold(ask):
    with pytest.raises(NotInLog):
        ask()


def test_the_empty_tree_has_the_hash_of_nothing_as_root():
    assert MemoryLog().root() == EMPTY_ROOT
    assert LOG.consistency_proof(0, 5) == []
