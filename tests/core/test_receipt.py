"""COSE receipts: made by the log's key, verified by us, and by a verifier that others wrote."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import (
    AuditChainError,
    InvalidInclusionProof,
    InvalidReceipt,
    InvalidSignature,
    Malformed,
    MalformedReceipt,
)
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.receipt import Receipt, protected_header, receipt, signed_bytes, verify_receipt
from tests.core.log_cast import BANK, LOG_SIGNER, ORIGIN, STRANGER, TREE, checkpoint, ed25519, near, signed

KEY = LOG_SIGNER.verifier_key
SIZE = 20


def entry(index: int) -> bytes:
    return b"entry %d" % index


def proof_of(index: int, size: int = SIZE) -> TlogProof:
    return TlogProof(index, tuple(TREE.inclusion_proof(index, size)), signed(size, BANK).render())


def receipt_of(index: int, size: int = SIZE) -> bytes:
    return receipt(entry(index), proof_of(index, size), LOG_SIGNER)


RECEIPT = receipt_of(7)
READ = Receipt.parse(RECEIPT)


def others_say(data: bytes, content: bytes, key: VerifierKey = KEY) -> scitt_cose.ReceiptResult:
    """The verdict of scitt-cose, which knows nothing of ours."""
    pem = LOG_SIGNER.key if key == KEY else STRANGER.key
    public = pem.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return scitt_cose.verify_receipt(data, leaf_entry_hex=content.hex(), log_public_key_pem=public)


@pytest.mark.parametrize("size", [2, 3, 8, 19, 20])
def test_every_entry_of_a_tree_has_a_receipt_that_verifies_here_and_elsewhere(size: int) -> None:
    for index in range(size):
        data = receipt_of(index, size)
        found = verify_receipt(data, entry=entry(index), key=KEY)
        assert (found.index, found.tree_size, found.render()) == (index, size, data)
        verdict = others_say(data, entry(index))
        assert verdict.ok, verdict.errors
        assert (verdict.leaf_index, verdict.tree_size) == (index, size)
        assert verdict.root == TREE.root(size).hex()


def test_a_receipt_names_log_key_and_tree() -> None:
    verdict = others_say(RECEIPT, entry(7))
    assert (verdict.issuer, verdict.subject) == (ORIGIN, f"{ORIGIN}/tree/{SIZE}")
    assert verdict.protected_header_ext == {4: KEY.key_id}


def test_the_same_entry_and_tree_give_the_same_receipt() -> None:
    assert receipt_of(7) == RECEIPT


def test_another_entry_is_refuted() -> None:
    with pytest.raises(InvalidSignature):
        verify_receipt(RECEIPT, entry=entry(8), key=KEY)
    assert not others_say(RECEIPT, entry(8)).ok


def test_another_key_is_refuted() -> None:
    with pytest.raises(InvalidReceipt):
        verify_receipt(RECEIPT, entry=entry(7), key=STRANGER.verifier_key)
    assert not others_say(RECEIPT, entry(7), STRANGER.verifier_key).ok


def test_a_key_that_signs_no_logs_is_refused() -> None:
    with pytest.raises(InvalidReceipt, match="key of a log"):
        verify_receipt(RECEIPT, entry=entry(7), key=BANK.verifier_key)


def with_each_bit_flipped(data: bytes) -> Iterator[bytes]:
    for position in range(len(data)):
        for bit in range(8):
            yield data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def test_every_flipped_bit_is_refuted() -> None:
    for spoilt in with_each_bit_flipped(RECEIPT):
        with pytest.raises(AuditChainError):
            verify_receipt(spoilt, entry=entry(7), key=KEY)


def test_elsewhere_every_flipped_bit_is_refuted_but_those_that_only_our_header_binds() -> None:
    accepted = [spoilt for spoilt in with_each_bit_flipped(RECEIPT) if others_say(spoilt, entry(7)).ok]
    assert accepted
    for spoilt in accepted:
        assert replace(Receipt.parse(spoilt), tree_size=SIZE) == READ


@pytest.mark.parametrize(("index", "size", "other"), [(0, 8, 5), (16, 17, 9), (8, 9, 17)])
def test_a_tree_size_that_fits_the_same_path_is_refuted(index: int, size: int, other: int) -> None:
    claimed = replace(Receipt.parse(receipt_of(index, size)), tree_size=other, index=min(index, other - 1))
    with pytest.raises(InvalidReceipt):
        verify_receipt(claimed.render(), entry=entry(index), key=KEY)


@pytest.mark.parametrize(
    ("spoilt", "error"),
    [
        (replace(READ, index=6), InvalidSignature),
        (replace(READ, path=READ.path[:-1]), InvalidInclusionProof),
        (replace(READ, path=READ.path[::-1]), InvalidSignature),
        (replace(READ, path=(*READ.path, bytes(32))), InvalidInclusionProof),
        (replace(READ, path=()), InvalidInclusionProof),
        (replace(READ, signature=bytes(64)), InvalidSignature),
        (replace(READ, signature=b""), InvalidSignature),
        (replace(READ, protected=Receipt.parse(receipt_of(7, 19)).protected), InvalidReceipt),
    ],
    ids=["index", "truncated", "swapped", "longer", "no-path", "signature", "no-signature", "other-header"],
)
def test_a_receipt_with_one_fault_is_refuted(spoilt: Receipt, error: type[AuditChainError]) -> None:
    data = spoilt.render()
    with pytest.raises(error):
        verify_receipt(data, entry=entry(7), key=KEY)


def _message(**parts: object) -> bytes:
    """The receipt written by hand, with other parts."""
    proof = parts.get("proof", cbor2.dumps([READ.tree_size, READ.index, list(READ.path)]))
    values = {
        "protected": READ.protected,
        "unprotected": {396: {-1: [proof]}},
        "payload": None,
        "signature": READ.signature,
    }
    message = list((values | {name: value for name, value in parts.items() if name in values}).values())
    return cbor2.dumps(cbor2.CBORTag(parts.get("tag", 18), message))


def test_the_message_written_by_hand_is_the_receipt() -> None:
    assert _message() == RECEIPT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RECEIPT[:-1],
        RECEIPT + b"\x00",
        RECEIPT[1:],
        bytes(5000),
        b"\x81" * 4000,
        b"\x5b" + b"\xff" * 8,
        b"\xc2" + b"\x58\xff" + b"\xff" * 255,
        b"\xd8\x23\x63\x28\x28\x28",
        _message(tag=17),
        _message(payload=TREE.root(SIZE)),
        _message(protected=b""),
        _message(protected=cbor2.dumps({1: -8, 395: 2})),
        _message(protected=cbor2.dumps([395])),
        _message(unprotected={}),
        _message(unprotected={396: {-2: [b""]}}),
        _message(unprotected={396: {-1: []}}),
        _message(unprotected={396: {-1: [b"\x80"]}}),
        _message(unprotected={4: b"key", 396: {-1: [cbor2.dumps([READ.tree_size, READ.index, list(READ.path)])]}}),
        _message(proof=cbor2.dumps([1, 0, [b"short"]])),
        _message(proof=cbor2.dumps([1, 1, []])),
        _message(proof=cbor2.dumps([1 << 64, 1, []])),
        _message(proof=cbor2.dumps([True, False, []])),
        _message(proof=cbor2.dumps([2, -1, []])),
        _message(proof=b"\x83\x18\x14\x07" + cbor2.dumps(list(READ.path))),
        _message(proof=b"\x83\x14\x07\x9f" + b"".join(map(cbor2.dumps, READ.path)) + b"\xff"),
    ],
)
def test_what_is_no_receipt_of_ours_or_others_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedReceipt):
        Receipt.parse(data)


@given(st.binary(max_size=80) | near(RECEIPT))
def test_any_bytes_are_the_one_form_of_a_receipt_or_malformed(data: bytes) -> None:
    try:
        found = Receipt.parse(data)
    except Malformed:
        return
    assert found.render() == data


class TestSigning:
    def test_a_tree_that_the_log_has_not_signed_is_not_signed(self) -> None:
        forged = replace(proof_of(7), checkpoint=signed(SIZE, signer=STRANGER).render())
        with pytest.raises(InvalidSignature):
            receipt(entry(7), forged, LOG_SIGNER)

    def test_an_entry_that_the_tree_does_not_hold_is_not_signed(self) -> None:
        with pytest.raises(InvalidInclusionProof):
            receipt(entry(8), proof_of(7), LOG_SIGNER)

    def test_another_logs_tree_is_not_signed(self) -> None:
        text = checkpoint(SIZE, origin="log.example/other").text()
        note = Note(text, (LOG_SIGNER.sign(text),))
        with pytest.raises(InvalidReceipt):
            receipt(entry(7), replace(proof_of(7), checkpoint=note.render()), LOG_SIGNER)

    def test_the_bytes_that_are_signed_are_no_text(self) -> None:
        with pytest.raises(UnicodeDecodeError):
            signed_bytes(READ.protected, TREE.root(SIZE)).decode()

    def test_two_logs_with_one_key_sign_differently(self) -> None:
        other = NoteSigner("log.example/other", ed25519(1))
        text = checkpoint(SIZE, origin=other.name).text()
        proof = replace(proof_of(7), checkpoint=Note(text, (other.sign(text),)).render())
        with pytest.raises(InvalidReceipt):
            verify_receipt(receipt(entry(7), proof, other), entry=entry(7), key=KEY)


def test_the_page_on_receipts_shows_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "receipt.md").read_text()
    data = bytes.fromhex(page.split("```")[1])
    signer = NoteSigner("tallystick.local/beacon", ed25519(1))
    found = verify_receipt(data, entry=b"two", key=signer.verifier_key)
    assert f"[<<[{found.tree_size}, {found.index}, [" in page
    assert found.protected == protected_header(signer.verifier_key, tree_size=7)


class TestExamplesOfTheWorkingGroup:
    @pytest.fixture
    def folder(self, corpora: Path) -> Path:
        return corpora / "transparency" / "cose-receipts"

    def test_the_receipt_of_inclusion_is_read(self, folder: Path) -> None:
        data = (folder / "inclusion-receipt.cbor").read_bytes()
        found = Receipt.parse(data)
        assert (found.tree_size, found.index, len(found.path), len(found.signature)) == (5, 3, 3, 64)
        assert found.path[0].hex().startswith("3d06455d")
        assert cbor2.loads(found.protected)[1] == -7
        assert found.render() == data

    def test_the_receipt_of_inclusion_is_not_ours(self, folder: Path) -> None:
        with pytest.raises(InvalidReceipt):
            verify_receipt((folder / "inclusion-receipt.cbor").read_bytes(), entry=b"entry", key=KEY)

    def test_the_receipt_of_consistency_proves_no_entry(self, folder: Path) -> None:
        with pytest.raises(MalformedReceipt, match="proof of inclusion"):
            Receipt.parse((folder / "consistency-receipt.cbor").read_bytes())
