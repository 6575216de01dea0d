import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import (
    AmbiguousKey,
    AuditChainError,
    InvalidSignature,
    MalformedCheckpoint,
    MalformedCosignature,
    MalformedKey,
    MalformedNote,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import ed25519_message, mldsa44_message, timestamp_of
from audit_chain.log.keys import (
    COSIGN_MLDSA44,
    CosignerEd25519,
    CosignerMLDSA44,
    NoteSigner,
    VerifierKey,
    load_private_key,
    private_key_pem,
)
from audit_chain.log.note import MAX_NOTE_SIZE, MAX_SIGNATURES, Note, Signature, check_key_name, verified_signatures
from tests.core.log_cast import (
    BANK,
    BANK_MLDSA,
    COURT_MLDSA,
    LOG_SIGNER,
    NOON,
    ORIGIN,
    STRANGER,
    checkpoint,
    ed25519,
    flipped,
    mldsa44,
    near,
    near_text,
    signed,
)

NOTE = signed(20, BANK, BANK_MLDSA)
KEYS = [LOG_SIGNER.verifier_key, BANK.verifier_key, BANK_MLDSA.verifier_key]
CORNER_BYTES = st.text(alphabet="ab \n\n\n—+/=AQ0é\t\x00", max_size=80).map(str.encode) | st.binary(max_size=80)


# Notes


@given(CORNER_BYTES | near(NOTE.render()))
def test_any_bytes_are_the_one_form_of_a_note_or_malformed(data):
    try:
        note = Note.parse(data)
    except MalformedNote:
        return
    assert note.render() == data


def test_a_note_comes_back_from_its_bytes():
    assert Note.parse(NOTE.render()) == NOTE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=\n\n",
        b"text\n\n\xe2\x80\x94 a AAAAAA==\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAB=\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a\xc2\xa0b AAAAAAA=\n",
        b"text\n\n- a AAAAAAA=\n",
        b"text\r\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\tt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\xff\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=\nmore\n",
    ],
)
def test_bytes_with_one_fault_are_not_a_note(data):
    with pytest.raises(MalformedNote):
        Note.parse(data)


def test_the_text_may_hold_empty_lines():
    text = "one\n\n\ntwo\n\n"
    note = Note(text, (LOG_SIGNER.sign(text),))
    assert Note.parse(note.render()) == note


def test_a_note_holds_129_signatures_of_64_witnesses_with_two_keys_each():
    cosignatures = [
        Signature(f"witness.example/{number}", b"key%c" % number, bytes(size))
        for number in range(64)
        for size in (72, 2428)
    ]
    note = signed(20).with_signatures(*cosignatures)
    assert len(note.signatures) == 129
    assert Note.parse(note.render()) == note


def test_signatures_and_size_of_a_note_are_limited():
    crowd = [Signature("a", number.to_bytes(4, "big"), b"\0") for number in range(MAX_SIGNATURES)]
    Note.parse(Note("text\n", tuple(crowd)).render())
    with pytest.raises(MalformedNote, match="too many signatures"):
        Note.parse(signed(20).with_signatures(*crowd).render())
    with pytest.raises(MalformedNote, match="too large"):
        Note.parse(Note("text\n" * (MAX_NOTE_SIZE // 5), tuple(crowd[:1])).render())


def test_a_signature_that_is_there_is_not_added_again():
    assert NOTE.with_signatures(*NOTE.signatures) == NOTE


def test_signatures_of_unknown_keys_are_ignored():
    stranger = STRANGER.sign(NOTE.text)
    note = NOTE.with_signatures(stranger, flipped(stranger))
    assert [key for key, _ in verified_signatures(note, KEYS)] == KEYS


def test_one_bad_signature_of_a_known_key_spoils_the_note():
    for signature in NOTE.signatures:
        with pytest.raises(InvalidSignature):
            verified_signatures(NOTE.with_signatures(flipped(signature)), KEYS)


def test_a_note_without_a_known_key_is_refused():
    with pytest.raises(InvalidSignature):
        verified_signatures(NOTE, [STRANGER.verifier_key])
    with pytest.raises(InvalidSignature):
        verified_signatures(NOTE, [])


def test_a_note_with_another_text_is_refused():
    for key in KEYS:
        with pytest.raises(InvalidSignature):
            verified_signatures(Note(signed(19).text, NOTE.signatures), [key])


def test_a_key_that_signed_twice_counts_once():
    twice = NOTE.with_signatures(BANK.cosign(NOTE.text, NOON + 1))
    found = verified_signatures(twice, [BANK.verifier_key])
    assert [timestamp_of(signature) for _, signature in found] == [NOON]


def test_two_keys_with_one_identity_are_ambiguous_once_used():
    again = [*KEYS, KEYS[0]]
    with pytest.raises(AmbiguousKey):
        verified_signatures(NOTE, again)
    assert verified_signatures(Note(NOTE.text, NOTE.signatures[1:]), again)


def test_the_golang_note_vectors_are_accepted_and_refused_as_published(corpora):
    published = json.loads((corpora / "transparency" / "golang_note_vectors.json").read_bytes())
    keys = {name: VerifierKey.parse(vkey) for name, vkey in published["keys"].items()}
    for vector in published["vectors"]:
        data = bytes.fromhex(vector["note_hex"]) if "note_hex" in vector else vector["note"].encode()
        try:
            # golang.org/x/mod stops at 100 signatures; how many are too many is left to each reader.
            note = Note.parse(data, max_signatures=100)
            found = [key.name for key, _ in verified_signatures(note, [keys[name] for name in vector["verifiers"]])]
        except AuditChainError:
            found = None
        assert found == vector.get("verified"), vector["id"]


def test_the_example_of_signed_note_verifies(corpora):
    examples = json.loads((corpora / "transparency" / "c2sp_spec_examples.json").read_bytes())["examples"]
    key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert verified_signatures(Note.parse(examples["signed-note"][1].encode()), [key])


def test_complete_examples_of_the_specifications_are_read_and_written_alike(corpora):
    examples = json.loads((corpora / "transparency" / "c2sp_spec_examples.json").read_bytes())["examples"]
    notes = [*examples["signed-note"], examples["tlog-checkpoint"][0], examples["tlog-cosignature"][0]]
    for text in notes:
        assert Note.parse(text.encode()).render() == text.encode()
    for text in notes[2:]:
        body = Note.parse(text.encode()).text
        assert LogCheckpoint.parse(body).text() == body
    cosigned = Note.parse(examples["tlog-cosignature"][0].encode())
    assert timestamp_of(cosigned.signatures[1]) == 1679315147
    assert ed25519_message(cosigned.text, 1679315147).decode() == examples["tlog-cosignature"][1]


# Keys


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"kind-{key.kind}")
def test_a_verifier_key_comes_back_from_its_text(key):
    assert VerifierKey.parse(str(key)) == key


@given(st.text(max_size=40) | near_text(str(KEYS[0])))
def test_any_text_is_the_one_form_of_a_verifier_key_or_malformed(text):
    try:
        key = VerifierKey.parse(text)
    except MalformedKey:
        return
    assert str(key) == text


def test_every_part_and_every_changed_byte_of_a_published_verifier_key_is_refused(corpora):
    published = json.loads((corpora / "transparency" / "golang_note_vectors.json").read_bytes())
    refused = list(published["bad_vkeys"])
    for vkey in published["keys"].values():
        refused += [vkey[start:stop] for start in range(len(vkey)) for stop in range(len(vkey) + 1)]
        refused += [vkey[:i] + chr(ord(vkey[i]) + 1) + vkey[i + 1 :] for i in range(len(vkey))]
    for text in set(refused) - set(published["keys"].values()):
        with pytest.raises(MalformedKey):
            VerifierKey.parse(text)


def test_a_verifier_key_of_an_unknown_kind_is_refused():
    key = VerifierKey("a", COSIGN_MLDSA44, b"\0" * 32)
    with pytest.raises(MalformedKey, match="wrong length"):
        VerifierKey.parse(str(key))
    with pytest.raises(MalformedKey, match="unknown kind"):
        VerifierKey.parse(str(VerifierKey("a", 2, b"\0" * 32)))


@pytest.mark.parametrize(
    "name", ["", "a b", "a\tb", "a\nb", "a+b", "a\x00", "a\u2003b", "n" * 256, "é" * 128, "\ud800"]
)
def test_a_key_name_that_a_note_cannot_hold_is_refused(name):
    with pytest.raises(MalformedNote):
        check_key_name(name)
    for signer in (NoteSigner, CosignerEd25519):
        with pytest.raises(MalformedNote):
            signer(name, ed25519(1))
    with pytest.raises(MalformedNote):
        CosignerMLDSA44(name, mldsa44(1))


@pytest.mark.parametrize("key", [ed25519(1), mldsa44(1)], ids=["ed25519", "mldsa44"])
def test_a_private_key_comes_back_from_its_pem(key):
    pem = private_key_pem(key)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert private_key_pem(load_private_key(pem)) == pem


def test_a_pem_with_another_kind_of_key_or_none_is_refused():
    rsa_free = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEI" + b"A" * 43 + b"\n-----END PRIVATE KEY-----\n"
    for pem in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", rsa_free):
        with pytest.raises(MalformedKey):
            load_private_key(pem)


# Checkpoints


def test_a_checkpoint_comes_back_from_its_text():
    extended = LogCheckpoint(ORIGIN, 0, bytes(32), ("extension", "another"))
    for one in (checkpoint(20), extended):
        assert LogCheckpoint.parse(one.text()) == one


@given(st.text(alphabet="ab1 0\n=+/\r", max_size=60) | near_text(checkpoint(20).text()))
def test_any_text_is_the_one_form_of_a_checkpoint_or_malformed(text):
    try:
        found = LogCheckpoint.parse(text)
    except MalformedCheckpoint:
        return
    assert found.text() == text


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (f"{ORIGIN}\n", "\n"),
        (f"{ORIGIN}\n", f"{ORIGIN}\r\n"),
        ("\n20\n", "\n020\n"),
        ("\n20\n", "\n-20\n"),
        ("\n20\n", "\n+20\n"),
        ("\n20\n", "\n2 0\n"),
        ("\n20\n", f"\n{2**63}\n"),
        ("=\n", "\n"),
        ("=\n", "=\n\n"),
        ("=\n", "=\nextension\n\nanother\n"),
        ("=\n", "="),
    ],
)
def test_a_checkpoint_with_one_fault_is_refused(right, wrong):
    text = checkpoint(20).text()
    assert right in text
    with pytest.raises(MalformedCheckpoint):
        LogCheckpoint.parse(text.replace(right, wrong))


@pytest.mark.parametrize("root", [b"", bytes(31), bytes(33)])
def test_a_root_that_is_not_32_bytes_is_refused(root):
    with pytest.raises(MalformedCheckpoint):
        LogCheckpoint.parse(LogCheckpoint(ORIGIN, 5, root).text())


# Cosignatures


@pytest.mark.parametrize("cosigner", [BANK, BANK_MLDSA], ids=["ed25519", "mldsa44"])
def test_a_cosignature_holds_for_its_text_time_and_name_only(cosigner):
    text = checkpoint(20).text()
    signature = cosigner.cosign(text, NOON)
    key = cosigner.verifier_key
    key.verify(text, signature.blob)
    assert timestamp_of(signature) == NOON
    later = (NOON + 1).to_bytes(8, "big") + signature.blob[8:]
    for blob in (later, flipped(signature).blob, signature.blob[:-1], signature.blob + b"\0", signature.blob[8:], b""):
        with pytest.raises(InvalidSignature):
            key.verify(text, blob)
    with pytest.raises(InvalidSignature):
        key.verify(checkpoint(19).text(), signature.blob)
    with pytest.raises(InvalidSignature):
        key.verify("not a checkpoint\n", signature.blob)


def test_a_cosignature_is_not_a_plain_signature_of_the_same_key():
    text = checkpoint(20).text()
    same_key = CosignerEd25519(ORIGIN, LOG_SIGNER.key)
    with pytest.raises(InvalidSignature):
        same_key.verifier_key.verify(text, NOON.to_bytes(8, "big") + LOG_SIGNER.sign(text).blob)
    with pytest.raises(InvalidSignature):
        LOG_SIGNER.verifier_key.verify(text, same_key.cosign(text, NOON).blob[8:])


def test_an_mldsa_cosignature_names_its_cosigner():
    text = checkpoint(20).text()
    renamed = VerifierKey("other.example", COSIGN_MLDSA44, BANK_MLDSA.verifier_key.public)
    with pytest.raises(InvalidSignature):
        renamed.verify(text, BANK_MLDSA.cosign(text, NOON).blob)
    with pytest.raises(InvalidSignature):
        COURT_MLDSA.verifier_key.verify(text, BANK_MLDSA.cosign(text, NOON).blob)


def test_an_ed25519_cosignature_covers_extension_lines_and_an_mldsa_one_does_not():
    text = checkpoint(20).text()
    ed25519_blob, mldsa_blob = BANK.cosign(text, NOON).blob, BANK_MLDSA.cosign(text, NOON).blob
    with pytest.raises(InvalidSignature):
        BANK.verifier_key.verify(text + "extension\n", ed25519_blob)
    BANK_MLDSA.verifier_key.verify(text + "extension\n", mldsa_blob)


def test_the_mldsa_message_has_the_published_layout():
    message = mldsa44_message(checkpoint(20).text(), NOON, cosigner="w")
    assert message == (
        b"subtree/v1\n\0"
        + b"\x01w"
        + NOON.to_bytes(8, "big")
        + bytes([len(ORIGIN)])
        + ORIGIN.encode()
        + bytes(8)
        + (20).to_bytes(8, "big")
        + checkpoint(20).root
    )


@pytest.mark.parametrize("timestamp", [0, -1, 2**63])
def test_a_time_that_cannot_be_is_not_signed(timestamp):
    for cosigner in (BANK, BANK_MLDSA):
        with pytest.raises(MalformedCosignature):
            cosigner.cosign(checkpoint(20).text(), timestamp)


@pytest.mark.parametrize("blob", [b"", bytes(71), bytes(72), b"\xff" * 72, bytes(2428)])
def test_a_time_that_cannot_be_is_not_read(blob):
    with pytest.raises(MalformedCosignature):
        timestamp_of(Signature("w", b"0000", blob))


def test_an_origin_too_long_for_mldsa_is_refused_with_a_name():
    text = checkpoint(20, origin="o" * 256).text()
    with pytest.raises(MalformedCheckpoint):
        BANK_MLDSA.cosign(text, NOON)
    with pytest.raises(InvalidSignature):
        BANK_MLDSA.verifier_key.verify(text, NOON.to_bytes(8, "big") + bytes(2420))
