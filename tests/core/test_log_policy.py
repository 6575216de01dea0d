import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.encoding import from_time
from audit_chain.errors import InvalidSignature, MalformedNote, MalformedPolicy, QuorumNotReached, UnknownOrigin
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, CosignerEd25519, NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.policy import Group, TrustPolicy, Validity
from tests.core.log_cast import (
    BANK,
    BANK_MLDSA,
    CHAMBER,
    COURT,
    COURT_MLDSA,
    DAWN,
    LOG_SIGNER,
    NIGHT,
    NOON,
    STRANGER,
    VALIDATORS,
    checkpoint,
    ed25519,
    flipped,
    near,
    signed,
)

NETWORK = TrustPolicy.for_network([LOG_SIGNER.verifier_key], VALIDATORS)
LOG = str(LOG_SIGNER.verifier_key)
W1, W2, W3 = (str(cosigner.verifier_key) for cosigner in (BANK, COURT, CHAMBER))


def during(key: VerifierKey, not_before: str = DAWN, not_after: str = NIGHT) -> tuple[VerifierKey, str, str]:
    return key, not_before, not_after


def policy(*lines: str) -> TrustPolicy:
    return TrustPolicy.parse("".join(f"{line}\n" for line in lines).encode())


# The text


def test_the_policy_of_a_network_asks_for_two_thirds_of_its_validators_each_by_any_key():
    text = NETWORK.render().decode()
    assert text.splitlines() == [
        f"log {LOG}",
        f"witness bank-ed25519 {W1}",
        f"# valid bank-ed25519 {DAWN} {NIGHT}",
        f"witness bank-mldsa44 {BANK_MLDSA.verifier_key}",
        f"# valid bank-mldsa44 {DAWN} {NIGHT}",
        f"witness court-ed25519 {W2}",
        f"# valid court-ed25519 {DAWN} {NIGHT}",
        f"witness court-mldsa44 {COURT_MLDSA.verifier_key}",
        f"# valid court-mldsa44 {DAWN} {NIGHT}",
        f"witness chamber-ed25519 {W3}",
        f"# valid chamber-ed25519 {DAWN} {NIGHT}",
        "group bank any bank-ed25519 bank-mldsa44",
        "group court any court-ed25519 court-mldsa44",
        "group chamber any chamber-ed25519",
        "group validators 2 bank court chamber",
        "quorum validators",
    ]
    assert TrustPolicy.parse(NETWORK.render()) == NETWORK


@pytest.mark.parametrize(("validators", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (64, 43)])
def test_two_thirds_are_rounded_up(validators, needed):
    names = [
        (f"v{number}", [during(CosignerEd25519(f"v{number}", ed25519(number + 100)).verifier_key)])
        for number in range(validators)
    ]
    network = TrustPolicy.for_network([LOG_SIGNER.verifier_key], names)
    witnesses = [f"v{number}-ed25519" for number in range(validators)]
    assert network.satisfied_by(witnesses[:needed])
    assert not network.satisfied_by(witnesses[: needed - 1])


@pytest.mark.parametrize(
    "validators",
    [
        [],
        [("bank", [])],
        [("validators", [during(BANK.verifier_key)])],
        [("none", [during(BANK.verifier_key)])],
        [("a b", [during(BANK.verifier_key)])],
        [("a\nb", [during(BANK.verifier_key)])],
        [("bank", [during(LOG_SIGNER.verifier_key)])],
        [("bank", [during(BANK.verifier_key)]), ("court", [during(BANK.verifier_key)])],
        [("bank", [during(BANK.verifier_key)]), ("bank", [during(COURT.verifier_key)])],
        [("bank", [during(BANK.verifier_key), during(BANK.verifier_key)])],
        [("bank", [(BANK.verifier_key, NIGHT, DAWN)])],
        [("bank", [(BANK.verifier_key, "dawn", NIGHT)])],
    ],
)
def test_a_network_that_makes_no_policy_is_refused(validators):
    with pytest.raises(MalformedPolicy):
        TrustPolicy.for_network([LOG_SIGNER.verifier_key], validators)


def test_the_published_example_is_read(corpora):
    examples = json.loads((corpora / "transparency" / "c2sp_spec_examples.json").read_bytes())["examples"]
    text = examples["tlog-policy"][0].replace("log <vkey>", f"log {LOG}")
    for number in range(6):
        key = CosignerEd25519(f"w{number}", ed25519(number + 100)).verifier_key
        text = text.replace("<vkey>", str(key), 1)
    parsed = TrustPolicy.parse(text.encode())
    assert parsed.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert parsed.satisfied_by({"X1", "X3", "Y2"})
    assert not parsed.satisfied_by({"X1", "X2", "X3"})
    assert not parsed.satisfied_by({"X1", "Y1", "Y2", "Y3"})


def test_spacing_comments_and_order_are_free():
    parsed = policy(
        "# who we trust",
        "",
        f" \twitness\tw1   {W1} https://bank.example/ ",
        f"log {LOG} https://log.example/",
        "  # \u00e9",
        "quorum w1",
    )
    assert parsed.witnesses[0].url == "https://bank.example/"
    assert parsed.logs[0].url == "https://log.example/"
    assert TrustPolicy.parse(parsed.render()) == parsed


def test_names_are_opaque_octets():
    parsed = TrustPolicy.parse(
        f"witness \xff {W1}\nwitness \xe2\x84\xaa {W2}\nwitness K {W3}\nquorum \xff\n".encode("latin-1")
    )
    assert [witness.name for witness in parsed.witnesses] == ["\udcff", "\u212a", "K"]
    assert TrustPolicy.parse(parsed.render()) == parsed


def test_none_asks_for_no_witness():
    assert policy(f"log {LOG}", "quorum none").verify(signed(20).render()).cosigned == ()


@given(st.binary(max_size=60) | near(NETWORK.render()) | near(b"# comment\nquorum none\n"))
def test_any_bytes_are_a_policy_that_survives_rendering_or_malformed(data):
    try:
        parsed = TrustPolicy.parse(data)
    except MalformedPolicy:
        return
    assert TrustPolicy.parse(parsed.render()) == parsed


UPPER = VerifierKey("other", COSIGN_ED25519, BANK.verifier_key.public)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["quorum"],
        ["quorum w1"],
        ["quorum none", "quorum none"],
        ["quorum none none"],
        ["Quorum none"],
        ["policy none", "quorum none"],
        ["log", "quorum none"],
        [f"log {LOG} url more", "quorum none"],
        [f"log {LOG[:-1]}", "quorum none"],
        [f"log {LOG}", f"log {LOG}", "quorum none"],
        [f"witness {W1}", "quorum none"],
        [f"witness none {W1}", "quorum none"],
        [f"witness w1 {LOG}", "quorum none"],
        [f"witness w1 {W1}", f"witness w1 {W2}", "quorum none"],
        [f"witness w1 {W1}", f"witness w2 {W1}", "quorum none"],
        [f"witness w1 {W1}", f"witness w2 {UPPER}", "quorum none"],
        ["quorum w1", f"witness w1 {W1}"],
        ["group g any w1", f"witness w1 {W1}", "quorum g"],
        [f"witness w1 {W1}", "group g any", "quorum g"],
        [f"witness w1 {W1}", "group g any none", "quorum g"],
        [f"witness w1 {W1}", "group g any g", "quorum g"],
        [f"witness w1 {W1}", "group g 0 w1", "quorum g"],
        [f"witness w1 {W1}", "group g 2 w1", "quorum g"],
        [f"witness w1 {W1}", "group g 01 w1", "quorum g"],
        [f"witness w1 {W1}", "group g most w1", "quorum g"],
        [f"witness w1 {W1}", "group g any w1 w1", "quorum g"],
        [f"witness w1 {W1}", "group g any w1", "group h any w1", "quorum g"],
        [f"witness w1 {W1}", "group w1 any w1", "quorum w1"],
        [f"witness w1 {W1}", "group none any w1", "quorum none"],
        ["quorum none\r"],
        ["quorum\x00none"],
        ["quorum\u00a0none"],
        [f"witness w1 {VerifierKey('a', COSIGN_MLDSA44, bytes(1311))}", "quorum none"],
        [f"# valid w1 {DAWN} {NIGHT}", f"witness w1 {W1}", "quorum w1"],
        [f"witness w1 {W1}", f"# valid w1 {DAWN}", "quorum w1"],
        [f"witness w1 {W1}", f"# valid w1 {DAWN} {NIGHT} more", "quorum w1"],
        [f"witness w1 {W1}", f"# valid w1 {NIGHT} {DAWN}", "quorum w1"],
        [f"witness w1 {W1}", "# valid w1 2026-11-22 2028-11-22", "quorum w1"],
        [f"witness w1 {W1}", "# valid w1 2026-11-22T00:00:00Z never", "quorum w1"],
        [f"witness w1 {W1}", f"#valid\tw2 {DAWN} {NIGHT}", "quorum w1"],
        [f"witness w1 {W1}", f"# valid w1 {DAWN} {NIGHT}", f"# valid w1 {DAWN} {NIGHT}", "quorum w1"],
    ],
)
def test_a_policy_with_one_fault_is_refused(lines):
    with pytest.raises(MalformedPolicy):
        policy(*lines)


def test_a_fault_is_named_by_its_line():
    with pytest.raises(MalformedPolicy, match="line 3: "):
        policy(f"log {LOG}", "", f"witness w1 {LOG}", "quorum none")


def test_an_unfinished_last_line_and_an_endless_file_are_refused():
    with pytest.raises(MalformedPolicy):
        TrustPolicy.parse(b"quorum none")
    with pytest.raises(MalformedPolicy):
        TrustPolicy.parse(b"#\n" * 2**20)


def test_32_logs_witnesses_and_groups_are_read():
    keys = [CosignerEd25519("w", ed25519(number + 1)).verifier_key for number in range(64)]
    lines = [f"log {NoteSigner('l', ed25519(number + 1)).verifier_key}" for number in range(64)]
    lines += [f"witness w{number} {key}" for number, key in enumerate(keys)]
    lines += [f"group g{number} all w{number}" for number in range(64)]
    parsed = policy(*lines, "quorum g63")
    assert parsed.satisfied_by({"w63"})
    assert not parsed.satisfied_by({"w62"})


# Verification


def test_a_checkpoint_with_log_and_quorum_is_accepted_with_who_and_when():
    verified = NETWORK.verify(signed(20, BANK, BANK_MLDSA, CHAMBER).render())
    assert verified.checkpoint == checkpoint(20)
    assert verified.log_key == LOG_SIGNER.verifier_key
    assert [(one.witness, one.timestamp, one.kind) for one in verified.cosigned] == [
        ("bank-ed25519", NOON, COSIGN_ED25519),
        ("bank-mldsa44", NOON, COSIGN_MLDSA44),
        ("chamber-ed25519", NOON, COSIGN_ED25519),
    ]


@pytest.mark.parametrize("cosigners", [(BANK, COURT), (BANK_MLDSA, COURT_MLDSA), (BANK_MLDSA, CHAMBER)])
def test_either_kind_of_key_counts(cosigners):
    NETWORK.verify(signed(20, *cosigners).render())


@pytest.mark.parametrize(
    ("cosigners", "got"), [((), "0"), ((BANK,), "1"), ((BANK, BANK_MLDSA), "1"), ((BANK, BANK), "1")]
)
def test_two_keys_or_lines_of_one_validator_count_once(cosigners, got):
    with pytest.raises(QuorumNotReached, match=f"expected 2 of 3, got {got}") as raised:
        NETWORK.verify(signed(20, *cosigners).render())
    assert "validators" in str(raised.value)


def test_strangers_do_not_count():
    strangers = [CosignerEd25519(BANK.name, ed25519(50)), CosignerEd25519("court-ed25519", ed25519(51))]
    with pytest.raises(QuorumNotReached):
        NETWORK.verify(signed(20, CHAMBER, *strangers).render())


def test_one_bad_cosignature_of_a_listed_witness_spoils_the_quorum():
    note = signed(20, BANK, COURT, CHAMBER)
    spoilt = Note(note.text, (*note.signatures[:-1], flipped(note.signatures[-1])))
    with pytest.raises(InvalidSignature):
        NETWORK.verify(spoilt.render())


def test_an_unlisted_log_is_unknown():
    other = NoteSigner("log.example/two", ed25519(1))
    with pytest.raises(UnknownOrigin):
        NETWORK.verify(signed(20, BANK, COURT, signer=other).render())


def test_a_listed_origin_signed_by_another_key_is_refused():
    with pytest.raises(InvalidSignature):
        NETWORK.verify(signed(20, BANK, COURT, signer=STRANGER).render())


def test_a_checkpoint_whose_text_was_changed_is_refused():
    note = signed(20, BANK, COURT)
    with pytest.raises(InvalidSignature):
        NETWORK.verify(Note(signed(19).text, note.signatures).render())


def test_bytes_that_are_no_note_are_malformed():
    with pytest.raises(MalformedNote):
        NETWORK.verify(b"nothing")


def test_cosignatures_are_counted_for_any_log():
    pool = NoteSigner("network.example/pool/a", ed25519(60))
    note = signed(20, BANK, COURT, signer=pool)
    assert [one.witness for one in NETWORK.verify_cosignatures(note)] == ["bank-ed25519", "court-ed25519"]
    with pytest.raises(QuorumNotReached):
        NETWORK.verify_cosignatures(signed(20, BANK, signer=pool))
    with pytest.raises(QuorumNotReached):
        NETWORK.verify_cosignatures(signed(20, signer=pool))


def test_a_quorum_may_be_one_witness():
    one = policy(f"log {LOG}", f"witness w1 {W1}", "quorum w1")
    one.verify(signed(20, BANK).render())
    with pytest.raises(QuorumNotReached, match="too few of w1 cosigned: expected 1 of 1, got 0"):
        one.verify(signed(20, COURT).render())


# Validity


def test_a_validity_is_read_and_other_comments_are_not() -> None:
    witness = f"witness w1 {W1}"
    parsed = policy(witness, f"#\tvalid  w1 {DAWN} {NIGHT}", "# validity of w1 ends at night", "quorum w1")
    assert parsed.witnesses[0].validity == Validity(from_time(DAWN), from_time(NIGHT))
    assert policy(witness, "# invalid w1", "#", "# ", "quorum w1").witnesses[0].validity is None
    assert TrustPolicy.parse(parsed.render()) == parsed


@pytest.mark.parametrize(
    ("time", "counts"),
    [
        (from_time(DAWN) - 1, False),
        (from_time(DAWN), True),
        (from_time(NIGHT), True),
        (from_time(NIGHT) + 1, False),
    ],
)
def test_a_cosignature_counts_within_its_keys_validity_only(time: int, counts: bool) -> None:
    note = signed(20, BANK, COURT, time=time)
    if counts:
        assert len(NETWORK.verify_cosignatures(note)) == 2
    else:
        with pytest.raises(QuorumNotReached, match=r"got 0 \(none\); outside their key's validity: bank"):
            NETWORK.verify_cosignatures(note)
    cosignatures = NETWORK.read_cosignatures(note)
    assert (len(cosignatures.counted), len(cosignatures.untimely)) == ((2, 0) if counts else (0, 2))


def test_a_late_cosignature_leaves_a_quorum_of_others_standing() -> None:
    late = BANK.cosign(checkpoint(20).text(), from_time(NIGHT) + 1)
    note = signed(20, COURT, CHAMBER).with_signatures(late)
    assert [one.witness for one in NETWORK.verify_cosignatures(note)] == ["court-ed25519", "chamber-ed25519"]


def test_keys_that_followed_one_another_each_count_in_their_own_time() -> None:
    successor = CosignerEd25519(BANK.name, ed25519(70))
    dusk = "2026-11-22T17:00:00Z"
    rotated = TrustPolicy.for_network(
        [LOG_SIGNER.verifier_key],
        [("bank", [during(BANK.verifier_key), during(successor.verifier_key, dusk, "2028-11-22T00:00:00Z")])],
    )
    assert [witness.name for witness in rotated.witnesses] == ["bank-ed25519", "bank-ed25519-2"]
    rotated.verify_cosignatures(signed(20, BANK))
    rotated.verify_cosignatures(signed(20, successor, time=from_time(NIGHT) + 1))
    for cosigner, time in ((successor, NOON), (BANK, from_time(NIGHT) + 1)):
        with pytest.raises(QuorumNotReached):
            rotated.verify_cosignatures(signed(20, cosigner, time=time))


def test_each_origin_of_a_restarted_log_is_listed_with_its_own_key() -> None:
    restarted = NoteSigner("log.example/one-1", ed25519(80))
    both = TrustPolicy.for_network([LOG_SIGNER.verifier_key, restarted.verifier_key], VALIDATORS)
    for signer in (LOG_SIGNER, restarted):
        assert both.verify(signed(20, BANK, COURT, signer=signer).render()).log_key == signer.verifier_key
    with pytest.raises(InvalidSignature):
        both.verify(signed(20, BANK, COURT, signer=NoteSigner(restarted.name, ed25519(1))).render())
