import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.encoding import MAX_UINT63, to_base64
from audit_chain.errors import InvalidInclusionProof, MalformedTlogProof
from audit_chain.log.tlog_proof import MAX_EXTRA_SIZE, MAX_PROOF_LINES, TlogProof
from tests.core.log_cast import BANK, TREE, checkpoint, near, signed

PROOF = TlogProof(7, tuple(TREE.inclusion_proof(7)), signed(20, BANK).render())
WITH_EXTRA = replace(PROOF, extra=b"context")


@pytest.mark.parametrize("proof", [PROOF, WITH_EXTRA, replace(PROOF, extra=b"")])
def test_a_proof_comes_back_from_its_bytes(proof):
    assert TlogProof.parse(proof.render()) == proof


@given(st.binary(max_size=60) | near(PROOF.render()) | near(WITH_EXTRA.render()))
def test_any_bytes_are_the_one_form_of_a_proof_or_malformed(data):
    try:
        proof = TlogProof.parse(data)
    except MalformedTlogProof:
        return
    assert proof.render() == data


def test_a_proof_leads_from_the_entry_to_its_checkpoint():
    assert PROOF.verify(TREE.leaf_hash(7)) == checkpoint(20)


@pytest.mark.parametrize(
    ("spoilt", "index"),
    [
        (PROOF, 8),
        (replace(PROOF, index=6), 7),
        (replace(PROOF, index=20), 7),
        (replace(PROOF, hashes=PROOF.hashes[:-1]), 7),
        (replace(PROOF, hashes=PROOF.hashes[::-1]), 7),
        (replace(PROOF, checkpoint=signed(19).render()), 7),
    ],
    ids=["other-entry", "other-index", "index-outside", "truncated", "swapped", "other-checkpoint"],
)
def test_a_proof_with_one_fault_is_refuted(spoilt, index):
    with pytest.raises(InvalidInclusionProof):
        spoilt.verify(TREE.leaf_hash(index))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("@v1\n", "@v2\n"),
        ("@v1\n", "@v1\r\n"),
        ("c2sp.org", "\ufeffc2sp.org"),
        ("index 7\n", ""),
        ("index 7\n", "index 07\n"),
        ("index 7\n", "index -7\n"),
        ("index 7\n", "index 7 \n"),
        ("index 7\n", "index\n"),
        ("index 7\n", f"index {MAX_UINT63 + 1}\n"),
        ("index 7\n", "index 7\nindex 7\n"),
        ("index 7\n", "index 7\nextra AAAA\n"),
        ("index 7\n", "extra \nextra \nindex 7\n"),
        ("index 7\n", "extra AAA\nindex 7\n"),
        ("index 7\n", "extra\nindex 7\n"),
        ("index 7\n", "index 7\nAAAA\n"),
        ("index 7\n", "index 7\n" + to_base64(bytes(32))[:-1] + "\n"),
        ("index 7\n", "index 7\n" + (to_base64(bytes(32)) + "\n") * MAX_PROOF_LINES),
        ("\n\nlog", "\nlog"),
        ("\n\nlog", "\n\n\nlog"),
        ("\n20\n", "\n020\n"),
        ("\u2014 ", "- "),
    ],
)
def test_bytes_with_one_fault_are_not_a_proof(right, wrong):
    text = PROOF.render().decode()
    assert right in text
    with pytest.raises(MalformedTlogProof):
        TlogProof.parse(text.replace(right, wrong, 1).encode())


def test_the_size_of_a_proof_is_limited():
    TlogProof.parse(replace(PROOF, extra=bytes(MAX_EXTRA_SIZE)).render())
    with pytest.raises(MalformedTlogProof, match="extra data is too large"):
        TlogProof.parse(replace(PROOF, extra=bytes(MAX_EXTRA_SIZE + 1)).render())
    with pytest.raises(MalformedTlogProof, match="proof is too large"):
        TlogProof.parse(PROOF.render() * 10_000)


def test_the_head_of_the_published_example_is_read(corpora):
    examples = json.loads((corpora / "transparency" / "c2sp_spec_examples.json").read_bytes())["examples"]
    # The example's signatures are shortened; a checkpoint of our own stands in for its own.
    head, _, _ = examples["tlog-proof"][0].partition("\n\n")
    data = head.encode() + b"\n\n" + PROOF.checkpoint
    proof = TlogProof.parse(data)
    assert (proof.index, len(proof.hashes), bool(proof.extra)) == (73894, 5, True)
    assert proof.render() == data
