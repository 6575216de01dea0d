import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.encoding import to_base64
from audit_chain.errors import MalformedRequest, Refused
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NOTE_ED25519, NoteSigner, VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.tlog_proof import MAX_PROOF_LINES
from audit_chain.log.witness import AddCheckpointRequest, check_request, parse_cosignatures, render_cosignatures
from audit_chain.merkle.hashing import EMPTY_ROOT
from tests.core.log_cast import (
    BANK,
    BANK_MLDSA,
    LOG_SIGNER,
    NOON,
    ORIGIN,
    STRANGER,
    TREE,
    checkpoint,
    ed25519,
    flipped,
    near,
    signed,
)

LOG_KEYS = {ORIGIN: LOG_SIGNER.verifier_key}


def request(old: int, new: int) -> AddCheckpointRequest:
    return AddCheckpointRequest(old, tuple(TREE.consistency_proof(old, new)), signed(new).render())


def status(asked: AddCheckpointRequest, latest: int | None) -> tuple[int, int | None]:
    """HTTP status and reported size of a witness that cosigned `latest` before."""
    try:
        check_request(asked, log_keys=LOG_KEYS, latest=None if latest is None else checkpoint(latest))
    except Refused as refused:
        return refused.status, refused.size
    return 200, None


# The request


@pytest.mark.parametrize("asked", [request(0, 20), request(7, 20), request(20, 20)])
def test_a_request_comes_back_from_its_body(asked):
    assert AddCheckpointRequest.parse(asked.render()) == asked


@given(st.binary(max_size=60) | near(request(7, 20).render()))
def test_any_bytes_are_the_one_form_of_a_request_or_malformed(body):
    try:
        asked = AddCheckpointRequest.parse(body)
    except MalformedRequest:
        return
    assert asked.render() == body


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("old 7\n", ""),
        ("old 7\n", "old 07\n"),
        ("old 7\n", "old -1\n"),
        ("old 7\n", "old 7 \n"),
        ("old 7\n", "Old 7\n"),
        ("old 7\n", "old 7\r\n"),
        ("old 7\n", "old 7\nold 7\n"),
        ("old 7\n", "old 7\nAAAA\n"),
        ("old 7\n", "old 7\n" + (to_base64(bytes(32)) + "\n") * MAX_PROOF_LINES),
        ("\n\nlog", "\nlog"),
        ("\n20\n", "\n020\n"),
        ("\u2014 ", "- "),
        ("old", "\u2014 old"),
    ],
)
def test_bytes_with_one_fault_are_not_a_request(right, wrong):
    text = request(7, 20).render().decode()
    assert right in text
    with pytest.raises(MalformedRequest):
        AddCheckpointRequest.parse(text.replace(right, wrong, 1).encode())


# The checks


def test_a_checkpoint_that_extends_the_latest_one_is_accepted():
    assert check_request(request(7, 20), log_keys=LOG_KEYS, latest=checkpoint(7)) == checkpoint(20)
    assert check_request(request(0, 20), log_keys=LOG_KEYS, latest=None) == checkpoint(20)
    assert check_request(request(0, 0), log_keys=LOG_KEYS, latest=None) == checkpoint(0)
    assert check_request(request(0, 20), log_keys=LOG_KEYS, latest=checkpoint(0)) == checkpoint(20)


def test_the_same_checkpoint_is_accepted_again():
    assert check_request(request(20, 20), log_keys=LOG_KEYS, latest=checkpoint(20)) == checkpoint(20)


@given(old=st.integers(0, 20), new=st.integers(0, 20), latest=st.none() | st.integers(0, 20))
def test_honest_requests_are_accepted_exactly_from_the_latest_size(old, new, latest):
    asked = AddCheckpointRequest(old, tuple(TREE.consistency_proof(old, max(old, new))), signed(new).render())
    cosigned = latest or 0
    if old > new:
        assert status(asked, latest) == (400, None)
    elif old != cosigned:
        assert status(asked, latest) == (409, cosigned)
    else:
        assert status(asked, latest) == (200, None)


def test_an_unknown_log_is_404():
    other = NoteSigner("log.example/two", ed25519(1))
    assert status(replace(request(0, 20), note=signed(20, signer=other).render()), None) == (404, None)


@pytest.mark.parametrize(
    "note",
    [
        signed(20, signer=STRANGER),
        Note(signed(20).text, (flipped(signed(20).signatures[0]),)),
        signed(20).with_signatures(flipped(signed(20).signatures[0])),
        Note(signed(19).text, signed(20).signatures),
    ],
    ids=["other-key", "bad-signature", "good-and-bad-signature", "signature-of-another-size"],
)
def test_a_log_that_did_not_sign_is_403(note):
    assert status(replace(request(0, 20), note=note.render()), None) == (403, None)


def test_an_old_size_above_the_checkpoint_is_400_even_when_it_is_not_the_latest():
    assert status(replace(request(7, 20), old_size=21), 7) == (400, None)


def test_an_old_size_that_is_not_the_latest_is_409_with_the_latest():
    assert status(request(7, 20), 8) == (409, 8)
    assert status(request(7, 20), None) == (409, 0)
    assert status(request(0, 20), 7) == (409, 7)


def fork(size: int) -> Note:
    """Another history that the log signed too."""
    text = LogCheckpoint(ORIGIN, size, bytes(32)).text()
    return Note(text, (LOG_SIGNER.sign(text),))


@pytest.mark.parametrize(
    ("asked", "latest"),
    [
        (replace(request(7, 20), proof=()), 7),
        (replace(request(7, 20), proof=request(7, 20).proof[::-1]), 7),
        (replace(request(7, 20), proof=(*request(7, 20).proof, bytes(32))), 7),
        (replace(request(7, 20), note=fork(20).render()), 7),
        (replace(request(0, 20), proof=(bytes(32),)), None),
        (replace(request(20, 20), note=fork(20).render()), 20),
        (replace(request(20, 20), proof=(bytes(32),)), 20),
        (replace(request(0, 0), note=fork(0).render()), None),
    ],
    ids=[
        "empty-proof",
        "swapped-proof",
        "trailing-hash",
        "fork",
        "proof-from-nothing",
        "second-root-at-one-size",
        "proof-between-equals",
        "empty-tree-with-a-root",
    ],
)
def test_a_checkpoint_that_does_not_extend_the_latest_one_is_422(asked, latest):
    assert status(asked, latest) == (422, None)


# The answer


def test_cosignatures_come_back_and_verify_with_the_note():
    note = signed(20)
    given_out = [BANK.cosign(note.text, NOON), BANK_MLDSA.cosign(note.text, NOON)]
    returned = parse_cosignatures(render_cosignatures(given_out))
    assert returned == given_out
    whole = Note.parse(note.with_signatures(*returned).render())
    assert len(verified_signatures(whole, [BANK.verifier_key, BANK_MLDSA.verifier_key])) == 2


@given(st.binary(max_size=60) | near(render_cosignatures([BANK.cosign(signed(20).text, NOON)])))
def test_any_bytes_are_the_one_form_of_an_answer_or_malformed(body):
    try:
        signatures = parse_cosignatures(body)
    except MalformedRequest:
        return
    assert render_cosignatures(signatures) == body


def test_an_answer_is_limited():
    one = render_cosignatures([BANK.cosign(signed(20).text, NOON)])
    for body in (one * 257, one * 10_000, b""):
        with pytest.raises(MalformedRequest):
            parse_cosignatures(body)


def test_the_published_examples_are_read_and_written_alike(corpora):
    examples = json.loads((corpora / "transparency" / "c2sp_spec_examples.json").read_bytes())["examples"]
    _, old, body, answer = examples["tlog-witness"]
    signed_body = examples["tlog-checkpoint"][0]
    assert signed_body.startswith(body)
    asked = AddCheckpointRequest.parse(f"{old}\n{signed_body}".encode())
    assert (asked.old_size, len(asked.proof)) == (20852014, 4)
    assert asked.render().decode() == f"{old}\n{signed_body}"
    signatures = parse_cosignatures(answer.encode())
    assert render_cosignatures(signatures).decode() == answer
    assert [signature.name for signature in signatures] == [
        "witness.example/w1",
        "witness.example/w1",
        "witness.example/w2",
    ]


def test_a_litewitness_transcript_is_answered_alike(corpora):
    transcript = (corpora / "transparency" / "litewitness" / "litewitness.txt").read_text()
    public = bytes.fromhex(re.search(r"add-sigsum-log -key=([0-9a-f]{64})", transcript)[1])
    exchanges = re.findall(
        r"add-checkpoint\n```\n(.*?)```\nHTTP (\d+)\n\[Asserts\]\nbody (.*?)\n", transcript, re.DOTALL
    )
    assert len(exchanges) == 9
    origin = LogCheckpoint.parse(Note.parse(AddCheckpointRequest.parse(exchanges[0][0].encode()).note).text).origin
    keys = {origin: VerifierKey(origin, NOTE_ED25519, public)}
    assert Ed25519PublicKey.from_public_bytes(public)

    # The transcript's bad signature is also stray bits at the end of its base64, which no note here may have;
    # without them it is a bad signature and nothing else.
    with pytest.raises(MalformedRequest, match="canonical"):
        AddCheckpointRequest.parse(exchanges[1][0].encode())

    latest: LogCheckpoint | None = None
    for body, published, answer in exchanges:
        asked = AddCheckpointRequest.parse(body.replace("WVrx6gx=", "WVrx6gw=").encode())
        size = None
        try:
            latest = check_request(asked, log_keys=keys, latest=latest)
            got = 200
        except Refused as refused:
            got, size = refused.status, refused.size
        # litewitness answered an unknown log with 403; C2SP tlog-witness has since settled on 404.
        assert got == (404 if "unknown log" in answer else int(published))
        assert size is None or answer == f'== "{size}\\n"'
    assert latest is not None
    assert latest.size == 5


def test_an_empty_tree_has_one_root():
    text = LogCheckpoint(ORIGIN, 0, EMPTY_ROOT).text()
    asked = AddCheckpointRequest(0, (), Note(text, (LOG_SIGNER.sign(text),)).render())
    assert status(asked, None) == (200, None)
