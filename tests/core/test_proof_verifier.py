import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink, Member, Pool
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.errors import InvalidSignature, Malformed, MalformedBundle
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, NoteSigner, VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.log.policy import Cosigned, TrustPolicy, Validity
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.bundle import (
    MAX_BUNDLE_SIZE,
    EvidenceBundle,
    FinalEntry,
    Kind,
    Proven,
    RecordBundle,
    StateBundle,
    parse_bundle,
)
from audit_chain.proof.verdict import (
    EvidenceFinding,
    Outcome,
    RecordFinding,
    Standing,
    StateFinding,
    Verdict,
    time_in_words,
)
from audit_chain.proof.verifier import compute_quorum_time, verify
from audit_chain.records import disclosure
from audit_chain.records.status import RecordStatus
from audit_chain.testing import (
    COURT,
    COURT_INDEX,
    FILE,
    INVOICE,
    KEYS_FROM,
    KEYS_UNTIL,
    NETWORK,
    RECORD_ID,
    START,
    SUPPLIER,
    VALIDATORS,
    ExampleNetwork,
    ExampleRecord,
    ValidatorKeys,
    ed25519_key,
    example_deposit,
    example_record,
    example_state,
)
from tests.core.log_cast import flipped

NAMES = ("due_date", "number", "payable_amount")
RECORD = example_record()
BUNDLE = RECORD.bundle(*NAMES, latest=RECORD.network.pool.latest())
POLICY = RECORD.network.policy
DIGEST = sha256(FILE).digest()
DEPOSIT = example_deposit(DIGEST)
EVIDENCE = DEPOSIT.bundle()
DEPOSITED, ABSENT = (f"evidence/{sha256(data).hexdigest()}" for data in (FILE, b"nobody deposited this"))
STATE = example_state(DEPOSIT.network, (DEPOSITED, ABSENT))
BUNDLES = {"record": BUNDLE, "evidence": EVIDENCE, "state": STATE}


def outcome(bundle: bytes, policy: TrustPolicy = POLICY, *, file_digest: bytes | None = None) -> Verdict | None:
    """The verdict, or None where the bundle cannot be read."""
    try:
        return verify(bundle, policy, file_digest=file_digest)
    except Malformed:
        return None


def record_bundle(bundle: bytes = BUNDLE) -> RecordBundle:
    opened = parse_bundle(bundle)
    assert isinstance(opened, RecordBundle)
    return opened


def evidence_bundle() -> EvidenceBundle:
    opened = parse_bundle(EVIDENCE)
    assert isinstance(opened, EvidenceBundle)
    return opened


# Verified


def test_a_record_is_verified_with_what_it_discloses_and_by_when_it_existed() -> None:
    verdict = verify(BUNDLE, POLICY)
    assert verdict.verified
    assert verdict.kind is Kind.RECORD
    assert [step.number for step in verdict.steps] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert {step.outcome for step in verdict.steps} == {Outcome.PASSED}
    finding = verdict.finding
    assert isinstance(finding, RecordFinding)
    assert finding.fields == {name: INVOICE[name] for name in NAMES}
    assert (finding.network, finding.pool, finding.member, finding.record) == (NETWORK, SUPPLIER, SUPPLIER, RECORD_ID)
    assert finding.hidden == 16 - 3
    # The validators witnessed the pool's log 7, 8, 9 and 10 seconds after the start; three of four are a quorum.
    assert [(one.validator, one.time - START) for one in finding.witnessed] == list(
        zip(VALIDATORS, (7, 8, 9, 10), strict=True)
    )
    assert finding.existed_by == START + 9
    assert finding.final_by == START + 21
    assert verdict.sentence == (
        "These 3 fields stand unchanged in a record of northwind-parts that existed no later than "
        "22 November 2026, 15:40:09 UTC. This is the latest version and it is not void, as the pool stated on "
        "22 November 2026, 15:40:06 UTC, which validators witnessed no later than 22 November 2026, 15:40:09 UTC."
    )


def test_a_deposit_is_verified_with_whose_it_is_and_by_when_it_existed() -> None:
    verdict = verify(EVIDENCE, DEPOSIT.network.policy)
    assert verdict.kind is Kind.EVIDENCE
    assert [step.number for step in verdict.steps] == [1, 2, 3, 4, 5, 6]
    finding = verdict.finding
    assert isinstance(finding, EvidenceFinding)
    assert (finding.network, finding.member, finding.digest) == (NETWORK, COURT, DIGEST)
    assert finding.stated_time == "2026-11-22T15:40:06Z"
    assert finding.existed_by == START + 16
    assert verdict.failed is None


@pytest.mark.parametrize("names", [(), ("number",), tuple(INVOICE)])
def test_a_record_is_verified_however_many_fields_it_discloses(names: tuple[str, ...]) -> None:
    finding = verify(RECORD.bundle(*names), POLICY).finding
    assert isinstance(finding, RecordFinding)
    assert set(finding.fields) == set(names)


def test_a_bundle_reads_back_as_it_was_written() -> None:
    assert record_bundle().render() == BUNDLE
    assert evidence_bundle().render() == EVIDENCE


def test_one_network_of_one_validator_is_enough_for_a_proof() -> None:
    record = example_record(ExampleNetwork(validators=["meridian-bank"]))
    assert verify(record.bundle("number"), record.network.policy).verified


def test_a_verdict_is_json_for_machines() -> None:
    verdict = json.loads(json.dumps(verify(BUNDLE, POLICY).to_json()))
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["fields"] == {name: INVOICE[name] for name in NAMES}
    assert verdict["shows"]["existed_by"] == "2026-11-22T15:40:09Z"
    assert verdict["does_not_show"]
    refuted = verify(BUNDLE, TrustPolicy((), (), (), "none")).to_json()
    assert (refuted["verdict"], refuted["failed_step"], refuted["shows"]) == ("refuted", 7, None)


# The file itself


def test_the_file_that_was_deposited_is_known_by_its_digest() -> None:
    policy = DEPOSIT.network.policy
    verdict = verify(EVIDENCE, policy, file_digest=DIGEST)
    assert verdict.verified
    assert verdict.steps[-1].number == 7
    assert verdict.sentence.startswith("This file is unchanged since commercial-court deposited it.")
    assert failed_step(verify(EVIDENCE, policy, file_digest=sha256(b"another").digest())) == 7


def test_the_file_that_a_record_was_made_from_is_known_where_its_digest_is_disclosed() -> None:
    verdict = verify(RECORD.bundle("source.sha256"), POLICY, file_digest=DIGEST)
    assert verdict.verified
    assert verdict.steps[-1].number == 11
    assert "The file is the document it was made from." in verdict.sentence
    assert failed_step(verify(RECORD.bundle("source.sha256"), POLICY, file_digest=sha256(b"another").digest())) == 11


def test_a_bundle_that_does_not_say_which_file_is_not_taken_for_that_files_proof() -> None:
    verdict = verify(BUNDLE, POLICY, file_digest=DIGEST)
    assert failed_step(verdict) == 11
    assert "source.sha256" in verdict.steps[-1].detail


# Every single byte


def edits(data: bytes) -> Iterator[bytes]:
    """Every byte with one bit changed, each of the eight in its turn; every 7th doubled, and taken out."""
    for position, byte in enumerate(data):
        yield data[:position] + bytes([byte ^ 1 << position % 8]) + data[position + 1 :]
    for position in range(0, len(data), 7):
        yield data[:position] + data[position : position + 1] + data[position:]
        yield data[:position] + data[position + 1 :]


@pytest.mark.parametrize("bundle", BUNDLES.values(), ids=BUNDLES.keys())
def test_no_byte_can_be_changed_doubled_or_taken_out(bundle: bytes) -> None:
    for edited in edits(bundle):
        verdict = outcome(edited)
        assert verdict is None or failed_step(verdict) == 1


@pytest.mark.parametrize("length", [0, 1, 2, 100, len(BUNDLE) - 1])
def test_a_truncated_bundle_cannot_be_read(length: int) -> None:
    assert outcome(BUNDLE[:length]) is None


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_noise_cannot_be_read(data: bytes) -> None:
    assert outcome(data) is None


def rechecked(value: dict[str, object]) -> bytes:
    """The bundle with its checksum made anew, as a forger would."""
    content = {name: item for name, item in value.items() if name != "checksum"}
    return canonical.encode({**content, "checksum": sha256(canonical.encode(content)).hexdigest()})


def with_checksum(content: bytes) -> bytes:
    """The same for canonical bytes without a checksum, whose name comes before all others."""
    return b'{"checksum":"%b",%b' % (sha256(content).hexdigest().encode(), content[1:])


def strings(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string in a bundle, and the way to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from strings(item, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from strings(item, (*path, position))


def replaced(value: object, path: tuple[str | int, ...], text: str) -> object:
    if not path:
        return text
    copy = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[path[0]] = replaced(copy[path[0]], path[1:], text)
    return copy


def another(character: str) -> str:
    """Another character of the same class, so that the change gets as far as it can."""
    if character.isdigit():
        return str((int(character) + 1) % 10)
    if character.isalpha() and character.isascii():
        return "B" if character != "B" else "A"
    return "x"


def beacon_notes(bundle: bytes) -> list[Note]:
    """Every checkpoint of the beacon in a bundle."""
    opened = parse_bundle(bundle)
    if isinstance(opened, StateBundle):
        return [opened.state.note, opened.finality.note]
    if isinstance(opened, RecordBundle):
        entries: tuple[FinalEntry, ...] = (opened.registration, opened.crosslink)  # type: ignore[type-arg]
    else:
        entries = (opened.registration, opened.evidence, opened.seal)
    return [note for entry in entries for note in (entry.note, entry.finality.note)]


def beacon_lines(bundle: bytes) -> list[Signature]:
    """Every signature line under a checkpoint of the beacon."""
    return [line for note in beacon_notes(bundle) for line in note.signatures]


@pytest.fixture
def remembered_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a key says of a signature is the same each time, and thousands of bundles share theirs."""
    verify_once = functools.cache(VerifierKey.verify)
    bad: dict[tuple[VerifierKey, str, bytes], InvalidSignature] = {}

    def remembered(key: VerifierKey, text: str, blob: bytes) -> None:
        if (key, text, blob) in bad:
            raise bad[key, text, blob].with_traceback(None)
        try:
            verify_once(key, text, blob)
        except InvalidSignature as error:
            bad[key, text, blob] = error
            raise

    monkeypatch.setattr(VerifierKey, "verify", remembered)


def is_strangers(line: Signature) -> bool:
    """Whether no key of the policy has that name and key ID: the verifier passes over such lines (C2SP signed-note)."""
    keys = [witness.key for witness in POLICY.witnesses] + [log.key for log in POLICY.logs]
    return (line.name, line.key_id) not in {(key.name, key.key_id) for key in keys}


@pytest.mark.parametrize(
    ("bundle", "start", "step"), [(BUNDLE, 0, 2), (EVIDENCE, 1, 2), (STATE, 0, 1)], ids=BUNDLES.keys()
)
@pytest.mark.usefixtures("remembered_signatures")
def test_no_character_can_be_changed_by_a_forger_who_makes_the_checksum_anew(
    bundle: bytes, start: int, step: int
) -> None:
    """But for the name or key ID of one validator's line under the beacon's checkpoint, which is then a stranger's.

    Three of four are still a quorum, and the stranger is not among those who attest. The two large bundles are made of
    the same parts: in one the even characters of every string are changed, in the other the odd ones.
    """
    content = {name: item for name, item in json.loads(bundle).items() if name != "checksum"}
    untouched, passed_over = verify(bundle, POLICY), 0
    for path, text in strings(content):
        before, after = canonical.encode(replaced(content, path, "<here>")).split(b'"<here>"')
        for position in range(start, len(text), step):
            changed = text[:position] + another(text[position]) + text[position + 1 :]
            edited = with_checksum(before + canonical.encode(changed) + after)
            verdict = outcome(edited)
            if verdict is None or not verdict.verified:
                continue
            assert any(map(is_strangers, beacon_lines(edited))), f"{path} at {position}"
            assert shows_no_more(verdict, untouched)
            passed_over += 1
    # A name, and the six characters of base64 that hold the four bytes of a key ID.
    assert 0 < passed_over <= sum(len(line.name) + 6 for line in beacon_lines(bundle))


def shows_no_more(verdict: Verdict, untouched: Verdict) -> bool:
    """Whether the verdict differs in nothing but fewer signatures of finality, and so a later time at most."""
    finding, whole = verdict.finding, untouched.finding
    assert finding is not None
    assert whole is not None
    assert type(finding) is type(whole)
    time = "existed_by" if isinstance(finding, EvidenceFinding) else "final_by"
    assert set(finding.finalized) <= set(whole.finalized)
    assert getattr(finding, time) >= getattr(whole, time)
    same = {"finalized": (), time: 0}
    return dataclasses.replace(finding, **same) == dataclasses.replace(whole, **same)


@pytest.mark.parametrize(
    "members", [{"v": 2}, {"v": True}, {"type": "receipt"}, {"extra": 1}, {"type": 1}, {"record": {}}]
)
def test_a_bundle_of_another_shape_cannot_be_read(members: dict[str, object]) -> None:
    assert outcome(rechecked(json.loads(BUNDLE) | members)) is None


@pytest.mark.parametrize("member", json.loads(BUNDLE))
def test_a_bundle_that_lacks_a_member_cannot_be_read(member: str) -> None:
    value = json.loads(BUNDLE)
    del value[member]
    assert outcome(canonical.encode(value)) is None


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b"9" * 100_000, b'"' + b"a" * 9])
def test_what_is_no_bundle_cannot_be_read(data: bytes) -> None:
    with pytest.raises(MalformedBundle):
        verify(data, POLICY)


def test_a_bundle_that_is_too_large_is_not_even_parsed() -> None:
    with pytest.raises(MalformedBundle, match="too large"):
        verify(b" " * (MAX_BUNDLE_SIZE + 1), POLICY)


def test_a_proof_with_extra_data_that_nobody_vouches_for_cannot_be_read() -> None:
    value = json.loads(BUNDLE)
    proof = TlogProof.parse(value["pool"]["proof"].encode())
    value["pool"]["proof"] = replace(proof, extra=b"free text").render().decode()
    with pytest.raises(MalformedBundle, match="extra"):
        verify(rechecked(value), POLICY)


def test_a_wrong_checksum_is_named_as_damage() -> None:
    verdict = verify(BUNDLE.replace(b'"size":16', b'"size":24'), POLICY)
    assert failed_step(verdict) == 1
    assert "changed" in verdict.steps[0].detail


# Steps of a record, each spoiled alone


def failed_step(verdict: Verdict) -> int | None:
    """The number of the step that failed; those before it passed, those after it were not reached, nothing is shown."""
    failed = verdict.failed
    if failed is None:
        return None
    outcomes = [step.outcome for step in verdict.steps]
    passed, left = failed.number - 1, len(outcomes) - failed.number
    assert outcomes == [Outcome.PASSED] * passed + [Outcome.FAILED] + [Outcome.NOT_REACHED] * left
    assert verdict.finding is None
    assert f"step {failed.number}" in verdict.sentence
    return failed.number


def with_note(proven: Proven, note: Note) -> Proven:  # type: ignore[type-arg]
    return replace(proven, proof=replace(proven.proof, checkpoint=note.render()))


def with_beacon_notes(bundle: RecordBundle, change: Callable[[Note], Note]) -> RecordBundle:
    return replace(
        bundle,
        crosslink=with_note(bundle.crosslink, change(bundle.crosslink.note)),
        registration=with_note(bundle.registration, change(bundle.registration.note)),
    )


def resigned(note: Note, signer: NoteSigner) -> Note:
    return Note(note.text, (signer.sign(note.text), *note.signatures[1:]))


def with_finality(entry: FinalEntry, change: Callable[[SealedState], SealedState]) -> FinalEntry:  # type: ignore[type-arg]
    return replace(entry, finality=change(entry.finality))


def with_finality_note(state: SealedState, change: Callable[[Note], Note]) -> SealedState:
    return replace(state, note=change(state.note))


def finality_of(bundle: RecordBundle, change: Callable[[SealedState], SealedState]) -> RecordBundle:
    return replace(bundle, crosslink=with_finality(bundle.crosslink, change))


def with_value(state: SealedState, name: str, value: bytes) -> SealedState:
    return replace(state, values={**state.values, name: replace(state.values[name], value=value)})


def latest_of(bundle: RecordBundle, **changes: object) -> RecordBundle:
    assert bundle.latest is not None
    return replace(bundle, latest=replace(bundle.latest, **changes))  # type: ignore[arg-type]


def later_latest(bundle: RecordBundle, **changes: object) -> RecordBundle:
    """The record's standing as of the pool's later crosslink, spoiled."""
    later = record_bundle(RECORD.bundle(latest=LATER_LATEST)).latest
    assert later is not None
    assert later.crosslink is not None
    return replace(bundle, latest=replace(later, crosslink=replace(later.crosslink, **changes)))  # type: ignore[arg-type]


OTHER = example_record(fields={**INVOICE, "payable_amount": 1})
LATER = example_record(RECORD.network, fields={"number": "later"}, record=RECORD_ID[:-1] + "9")
LATER_LATEST = replace(RECORD.network.pool.latest(), crosslink=LATER.crosslink)


def other_opening(names: tuple[str, ...] = NAMES) -> RecordBundle:
    return replace(record_bundle(), opening=record_bundle(OTHER.bundle(*names)).opening)


def lying(bundle: RecordBundle) -> RecordBundle:
    """The disclosures as they are, but for another amount under the same salt."""
    texts = list(bundle.opening.disclosures)
    for position, text in enumerate(texts):
        shown = disclosure.parse(text)
        if shown.name == "payable_amount":
            texts[position] = disclosure.encode(shown.salt, shown.name, 999_999_999)
    return replace(bundle, opening=replace(bundle.opening, disclosures=tuple(texts)))


def pool_of(bundle: RecordBundle, entry: Pool) -> RecordBundle:
    return replace(bundle, registration=replace(bundle.registration, entry=entry, data=entry.encode()))


def self_registered(bundle: RecordBundle) -> RecordBundle:
    """A pool key that nobody registered, with all that it can sign itself: a log that holds the record."""
    signer = NoteSigner(RECORD.network.pool.signer.name, ed25519_key(66))
    forged = pool_of(bundle, replace(bundle.registration.entry, key=signer.verifier_key))
    return replace(forged, pool=with_note(forged.pool, resigned(forged.pool.note, signer)))


BEACON_ORIGIN = f"{NETWORK}/beacon"
FORGER = NoteSigner(BEACON_ORIGIN, ed25519_key(66))


def without_cosigners(note: Note) -> Note:
    return Note(note.text, note.signatures[:3])


def with_spoiled_line(note: Note) -> Note:
    return Note(note.text, (*note.signatures[:-1], flipped(note.signatures[-1])))


SPOILED: dict[str, tuple[int, Callable[[RecordBundle], RecordBundle]]] = {
    "another value": (2, lying),
    "another record's disclosures": (2, lambda _: other_opening()),
    "another size": (2, lambda bundle: replace(bundle, opening=replace(bundle.opening, size=24))),
    "one disclosure without its path": (
        2,
        lambda bundle: replace(bundle, opening=replace(bundle.opening, paths=bundle.opening.paths[1:])),
    ),
    "disclosures in another order": (
        2,
        lambda bundle: replace(
            bundle,
            opening=replace(
                bundle.opening, disclosures=bundle.opening.disclosures[::-1], paths=bundle.opening.paths[::-1]
            ),
        ),
    ),
    "another index in the pool": (
        3,
        lambda bundle: replace(bundle, pool=replace(bundle.pool, proof=replace(bundle.pool.proof, index=0))),
    ),
    "another record's entry": (
        3,
        lambda bundle: replace(
            other_opening(),
            pool=replace(bundle.pool, entry=record_bundle(OTHER.bundle("number")).pool.entry, data=OTHER.entry),
        ),
    ),
    "another pool's registration": (
        4,
        lambda bundle: pool_of(bundle, replace(bundle.registration.entry, name="lotus")),
    ),
    "a pool key that nobody registered": (4, self_registered),
    "the registration at another index": (
        4,
        lambda bundle: replace(
            bundle, registration=replace(bundle.registration, proof=replace(bundle.registration.proof, index=2))
        ),
    ),
    "a registration under another name": (
        4,
        lambda bundle: pool_of(bundle, Pool("lotus", SUPPLIER, bundle.registration.entry.key)),
    ),
    "a registration in a log that is no beacon's": (
        4,
        lambda bundle: replace(bundle, registration=with_note(bundle.registration, bundle.pool.note)),
    ),
    "the pool's signature spoiled": (
        4,
        lambda bundle: replace(
            bundle,
            pool=with_note(
                bundle.pool,
                Note(
                    bundle.pool.note.text, (flipped(bundle.pool.note.signatures[0]), *bundle.pool.note.signatures[1:])
                ),
            ),
        ),
    ),
    "the pool's signature left out": (
        4,
        lambda bundle: replace(
            bundle, pool=with_note(bundle.pool, Note(bundle.pool.note.text, bundle.pool.note.signatures[1:]))
        ),
    ),
    "too few witnesses of the pool": (
        5,
        lambda bundle: replace(bundle, pool=with_note(bundle.pool, without_cosigners(bundle.pool.note))),
    ),
    "a witness's line spoiled": (
        5,
        lambda bundle: replace(bundle, pool=with_note(bundle.pool, with_spoiled_line(bundle.pool.note))),
    ),
    "a witness's line moved": (
        6,
        lambda bundle: replace(
            bundle,
            pool=with_note(
                bundle.pool,
                Note(bundle.pool.note.text, (bundle.pool.note.signatures[0], *bundle.pool.note.signatures[:0:-1])),
            ),
        ),
    ),
    "a later crosslink": (6, lambda bundle: replace(bundle, crosslink=record_bundle(LATER.bundle("number")).crosslink)),
    "the crosslink at another index": (
        6,
        lambda bundle: replace(
            bundle, crosslink=replace(bundle.crosslink, proof=replace(bundle.crosslink.proof, index=4))
        ),
    ),
    "the crosslink in another log": (
        6,
        lambda bundle: replace(bundle, crosslink=with_note(bundle.crosslink, bundle.pool.note)),
    ),
    "a beacon key that nobody trusts": (
        7,
        lambda bundle: with_beacon_notes(bundle, lambda note: resigned(note, FORGER)),
    ),
    "the beacon's signature spoiled": (
        7,
        lambda bundle: with_beacon_notes(
            bundle, lambda note: Note(note.text, (flipped(note.signatures[0]), *note.signatures[1:]))
        ),
    ),
    "the beacon's signature left out": (
        7,
        lambda bundle: with_beacon_notes(bundle, lambda note: Note(note.text, note.signatures[1:])),
    ),
    "the registration's checkpoint unsigned": (
        7,
        lambda bundle: replace(
            bundle, registration=with_note(bundle.registration, resigned(bundle.registration.note, FORGER))
        ),
    ),
    "too few validators under the beacon": (8, lambda bundle: with_beacon_notes(bundle, without_cosigners)),
    "too few validators under the registration's checkpoint": (
        8,
        lambda bundle: replace(
            bundle, registration=with_note(bundle.registration, without_cosigners(bundle.registration.note))
        ),
    ),
    "a validator's line spoiled": (8, lambda bundle: with_beacon_notes(bundle, with_spoiled_line)),
    "what finalizes it signed by another beacon": (
        7,
        lambda bundle: finality_of(
            bundle, lambda state: with_finality_note(state, lambda note: resigned(note, FORGER))
        ),
    ),
    "too few validators under what finalizes it": (
        8,
        lambda bundle: finality_of(bundle, lambda state: with_finality_note(state, without_cosigners)),
    ),
    "the finality of another checkpoint": (
        9,
        lambda bundle: replace(
            bundle, crosslink=replace(bundle.crosslink, finality=record_bundle(LATER.bundle()).crosslink.finality)
        ),
    ),
    "a checkpoint that is signed but not final": (9, lambda bundle: not_final(bundle)),
    "a state that says something else": (
        9,
        lambda bundle: finality_of(
            bundle, lambda state: with_value(state, "casper", canonical.encode({"finalized": "yes"}))
        ),
    ),
    "a state without a value": (
        9,
        lambda bundle: finality_of(bundle, lambda state: replace(state, values={"network": state.values["network"]})),
    ),
    "another seal of the state": (
        9,
        lambda bundle: finality_of(bundle, lambda state: replace(state, seal=replace(state.seal, slot=0))),
    ),
    "the registration not final": (
        9,
        lambda bundle: replace(
            bundle,
            registration=with_finality(
                bundle.registration, lambda state: replace(state, seal=replace(state.seal, slot=0))
            ),
        ),
    ),
    "another status": (10, lambda bundle: latest_of(bundle, status=RecordStatus(1, replaced_by=None, void=True))),
    "a status at another entry": (10, lambda bundle: latest_of(bundle, status=RecordStatus(0))),
    "another seal of the pool": (
        10,
        lambda bundle: latest_of(bundle, seal=replace(bundle.latest.seal, state=bytes(32))),  # type: ignore[union-attr]
    ),
    "a seal that stands elsewhere": (10, lambda bundle: latest_of(bundle, path=())),
    "the status of another record": (
        10,
        lambda bundle: replace(bundle, latest=record_bundle(RECORD.bundle(latest=OTHER_LATEST)).latest),
    ),
    "a status as of a link that is not there": (10, lambda bundle: latest_of(bundle, crosslink=bundle_later_link(4))),
    "a later status without its witnesses": (
        10,
        lambda bundle: later_latest(bundle, entry=without_witnesses(LATER), data=without_witnesses(LATER).encode()),
    ),
}


def not_final(bundle: RecordBundle) -> RecordBundle:
    """The crosslink proven in the latest tree that was signed, with the finality of an earlier one."""
    net = RECORD.network
    size = max(net.boundaries.values())
    path = tuple(net.log.inclusion_proof(bundle.crosslink.proof.index, size))
    proof = TlogProof(bundle.crosslink.proof.index, path, net.notes[size].render())
    return replace(bundle, crosslink=replace(bundle.crosslink, proof=proof))


def bundle_later_link(index: int) -> FinalEntry:  # type: ignore[type-arg]
    link = record_bundle(LATER.bundle()).crosslink
    return replace(link, proof=replace(link.proof, index=index))


def without_witnesses(record: ExampleRecord) -> Crosslink:
    entry = record_bundle(record.bundle()).crosslink.entry
    return replace(entry, note=without_cosigners(entry.note))


OTHER_LATEST = RECORD.network.pool.latest(RECORD_ID[:-1] + "0")


@pytest.mark.parametrize(("step", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_record_is_refuted_at_its_step(step: int, spoil: Callable[[RecordBundle], RecordBundle]) -> None:
    assert failed_step(verify(spoil(record_bundle()).render(), POLICY)) == step


def test_every_step_of_a_record_can_fail() -> None:
    assert {step for step, _ in SPOILED.values()} == set(range(2, 11))


def test_a_checkpoint_beside_the_beacons_own_history_convinces_nobody() -> None:
    """A beacon that signs a second history cannot show two thirds of the validators under it."""
    bundle = record_bundle()
    beacon = RECORD.network.beacon_signer
    text = LogCheckpoint(BEACON_ORIGIN, 4, bundle.registration.checkpoint.root).text()
    fork = Note(text, (beacon.sign(text),))
    crosslink = with_note(bundle.crosslink, fork)
    verdict = verify(replace(bundle, crosslink=crosslink).render(), POLICY)
    assert failed_step(verdict) == 6


def test_leaving_out_fields_is_the_holders_right() -> None:
    bundle = record_bundle()
    fewer = replace(bundle.opening, disclosures=bundle.opening.disclosures[:1], paths=bundle.opening.paths[:1])
    finding = verify(replace(bundle, opening=fewer).render(), POLICY).finding
    assert isinstance(finding, RecordFinding)
    assert len(finding.fields) == 1


def test_a_refuted_bundle_shows_nothing_and_repeats_no_value() -> None:
    verdict = verify(lying(record_bundle()).render(), POLICY)
    assert verdict.finding is None
    text = json.dumps(verdict.to_json())
    assert "999999999" not in text
    assert "2026-0173" not in text


# Steps of a deposit, each spoiled alone


def resealed(bundle: EvidenceBundle, proven: Proven) -> EvidenceBundle:  # type: ignore[type-arg]
    return replace(bundle, seal=proven)


def with_evidence_notes(bundle: EvidenceBundle, change: Callable[[Note], Note]) -> EvidenceBundle:
    return replace(
        bundle,
        evidence=with_note(bundle.evidence, change(bundle.evidence.note)),
        registration=with_note(bundle.registration, change(bundle.registration.note)),
        seal=with_note(bundle.seal, change(bundle.seal.note)),
    )


def deposited(bundle: EvidenceBundle, member: str, digest: bytes = DIGEST) -> EvidenceBundle:
    entry = DEPOSIT.network.deposit(digest, member=member)
    return replace(bundle, evidence=replace(bundle.evidence, entry=entry, data=entry.encode()))


def earlier_seal(bundle: EvidenceBundle) -> EvidenceBundle:
    """The seal of the block before."""
    first = DEPOSIT.network.store.seals(0, 1)[0]
    shown = replace(DEPOSIT, seal=DEPOSIT.network.prove(first.size - 1)).bundle()
    opened = parse_bundle(shown)
    assert isinstance(opened, EvidenceBundle)
    return replace(bundle, seal=opened.seal)


SPOILED_EVIDENCE: dict[str, tuple[int, Callable[[EvidenceBundle], EvidenceBundle]]] = {
    "another member's deposit": (2, lambda bundle: deposited(bundle, SUPPLIER)),
    "a member's key that nobody registered": (
        2,
        lambda bundle: replace(
            bundle,
            registration=replace(
                bundle.registration,
                entry=(
                    entry := replace(
                        bundle.registration.entry,
                        key=NoteSigner(f"{NETWORK}/member/{COURT}", ed25519_key(66)).verifier_key,
                    )
                ),
                data=entry.encode(),
            ),
        ),
    ),
    "a key under another name": (
        2,
        lambda bundle: replace(
            bundle,
            registration=replace(
                bundle.registration,
                entry=(entry := Member("lotus", bundle.registration.entry.key)),
                data=entry.encode(),
            ),
        ),
    ),
    "a spoiled signature": (
        2,
        lambda bundle: replace(
            bundle,
            evidence=replace(
                bundle.evidence,
                entry=(entry := replace(bundle.evidence.entry, note=with_spoiled_line(bundle.evidence.entry.note))),
                data=entry.encode(),
            ),
        ),
    ),
    "another file's digest": (3, lambda bundle: deposited(bundle, COURT, sha256(b"another").digest())),
    "another index": (
        3,
        lambda bundle: replace(
            bundle, evidence=replace(bundle.evidence, proof=replace(bundle.evidence.proof, index=4))
        ),
    ),
    "another block's seal": (3, earlier_seal),
    "a seal of the pool's log": (
        3,
        lambda bundle: replace(bundle, seal=with_note(bundle.seal, record_bundle().pool.note)),
    ),
    "a beacon key that nobody trusts": (
        4,
        lambda bundle: with_evidence_notes(bundle, lambda note: resigned(note, FORGER)),
    ),
    "only the seal's checkpoint signed by another": (
        4,
        lambda bundle: replace(bundle, seal=with_note(bundle.seal, resigned(bundle.seal.note, FORGER))),
    ),
    "too few validators": (5, lambda bundle: with_evidence_notes(bundle, without_cosigners)),
    "too few validators under the seal": (
        5,
        lambda bundle: replace(bundle, seal=with_note(bundle.seal, without_cosigners(bundle.seal.note))),
    ),
    "a validator's line spoiled": (5, lambda bundle: with_evidence_notes(bundle, with_spoiled_line)),
    "too few validators under what finalizes the deposit": (
        5,
        lambda bundle: replace(
            bundle,
            evidence=with_finality(bundle.evidence, lambda state: with_finality_note(state, without_cosigners)),
        ),
    ),
    "a seal whose tree is not final": (
        6,
        lambda bundle: replace(bundle, seal=with_finality(bundle.seal, lambda state: replace(state, path=()))),
    ),
}


@pytest.mark.parametrize(("step", "spoil"), SPOILED_EVIDENCE.values(), ids=SPOILED_EVIDENCE.keys())
def test_a_spoiled_deposit_is_refuted_at_its_step(step: int, spoil: Callable[[EvidenceBundle], EvidenceBundle]) -> None:
    assert failed_step(verify(spoil(evidence_bundle()).render(), DEPOSIT.network.policy)) == step


def test_the_seal_of_another_block_does_not_date_a_deposit() -> None:
    """Both the block before and the block after."""
    net = example_deposit(DIGEST).network
    evidence = net.append(net.deposit(sha256(b"second").digest()).encode())
    middle = net.seal()
    net.append(net.deposit(sha256(b"third").digest()).encode())
    last = net.seal()
    first = net.store.seals(0, 2)[1]
    for seal, step in ((first, 3), (middle, None), (last, 3)):
        deposit = replace(
            DEPOSIT,
            evidence=net.prove(evidence),
            registration=net.prove(COURT_INDEX),
            seal=net.prove(seal.size - 1),
        )
        assert failed_step(verify(deposit.bundle(), net.policy)) == step


# Standing


def standing(bundle: bytes) -> Standing:
    finding = verify(bundle, POLICY).finding
    assert isinstance(finding, RecordFinding)
    assert finding.standing is not None
    return finding.standing


def test_the_latest_version_is_shown_to_be_the_latest() -> None:
    said = standing(BUNDLE)
    assert (said.current, said.void) == (True, False)
    verdict = verify(BUNDLE, POLICY)
    assert "This is the latest version and it is not void, as the pool stated on 22 November 2026" in verdict.sentence
    assert verdict.finding is not None
    assert "Whether the record has been replaced, disputed or paid since." not in verdict.finding.not_shown


def test_where_the_bundle_says_nothing_of_the_records_standing_the_verdict_says_so() -> None:
    verdict = verify(RECORD.bundle("number"), POLICY)
    assert isinstance(verdict.finding, RecordFinding)
    assert verdict.finding.standing is None
    assert "latest version" not in verdict.sentence
    assert "Whether the record has been replaced, disputed or paid since." in verdict.finding.not_shown
    assert "nothing" in verdict.steps[9].detail


def test_a_later_crosslink_may_show_that_the_record_still_stands() -> None:
    said = standing(RECORD.bundle("number", latest=LATER_LATEST))
    assert said.current
    assert said.stated_by is not None
    finding = verify(RECORD.bundle("number", latest=LATER_LATEST), POLICY).finding
    assert isinstance(finding, RecordFinding)
    assert finding.existed_by is not None
    assert said.stated_by > finding.existed_by


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RecordStatus(1, replaced_by=4), "This record has been replaced, as the pool stated on"),
        (RecordStatus(1, void=True), "This record is void, as the pool stated on"),
    ],
)
def test_a_record_that_stands_no_more_is_called_so(status: RecordStatus, words: str) -> None:
    record = example_record()
    pool = record.network.pool
    pool.statuses[RECORD_ID] = status
    later = example_record(record.network, fields={"number": "later"}, record=RECORD_ID[:-1] + "9")
    bundle = record.bundle("number", latest=replace(pool.latest(), crosslink=later.crosslink))
    verdict = verify(bundle, record.network.policy)
    assert verdict.verified
    assert words in verdict.sentence


# Answers of the state


def state_finding(bundle: bytes, *, file_digest: bytes | None = None) -> StateFinding:
    finding = verify(bundle, DEPOSIT.network.policy, file_digest=file_digest).finding
    assert isinstance(finding, StateFinding)
    return finding


def test_an_answer_shows_what_is_there_and_what_is_not() -> None:
    verdict = verify(STATE, DEPOSIT.network.policy)
    assert [step.number for step in verdict.steps] == [1, 2, 3, 4, 5]
    finding = state_finding(STATE)
    deposits = finding.values[DEPOSITED]
    assert isinstance(deposits, list)
    assert [one["member"] for one in deposits if isinstance(one, dict)] == [COURT]
    assert finding.values[ABSENT] is None
    assert f"There is a deposit of a file with the SHA-256 fingerprint {DIGEST.hex()} by {COURT}." in verdict.sentence
    assert "There is no deposit of a file with the SHA-256 fingerprint" in verdict.sentence
    assert json.loads(json.dumps(verdict.to_json()))["shows"]["values"][ABSENT] is None


def test_an_answer_is_about_a_file_where_its_name_is_asked_for() -> None:
    about_absent = sha256(b"nobody deposited this").digest()
    bundle = example_state(DEPOSIT.network, (ABSENT,))
    verdict = verify(bundle, DEPOSIT.network.policy, file_digest=about_absent)
    assert verdict.sentence.startswith("There is no deposit of this file.")
    assert verdict.steps[-1].number == 6
    assert failed_step(verify(bundle, DEPOSIT.network.policy, file_digest=DIGEST)) == 6


def test_any_name_of_the_state_can_be_asked_for() -> None:
    finding = state_finding(example_state(DEPOSIT.network, (f"member/{COURT}", "member/nobody")))
    assert "There is nothing called member/nobody." in finding.sentence
    member = finding.values[f"member/{COURT}"]
    assert isinstance(member, dict)
    assert member["suspended"] is False


def test_an_answer_is_about_what_was_asked_not_about_what_comes_along() -> None:
    net = DEPOSIT.network
    assert list(state_finding(example_state(net, ("casper", ABSENT, "network"))).values) == [ABSENT]
    assert list(state_finding(example_state(net, ("casper", "network"))).values) == ["casper", "network"]


def state_bundle_of() -> StateBundle:
    opened = parse_bundle(STATE)
    assert isinstance(opened, StateBundle)
    return opened


def denied(bundle: StateBundle) -> StateBundle:
    state = bundle.state
    return replace(
        bundle,
        state=replace(state, values={**state.values, DEPOSITED: replace(state.values[DEPOSITED], value=None)}),
    )


def swapped(bundle: StateBundle) -> StateBundle:
    values = bundle.state.values
    return replace(
        bundle,
        state=replace(bundle.state, values={DEPOSITED: values[ABSENT], ABSENT: values[DEPOSITED]}),
    )


SPOILED_STATE: dict[str, tuple[int, Callable[[StateBundle], StateBundle]]] = {
    "a deposit denied": (2, denied),
    "a deposit by another": (
        2,
        lambda good: replace(
            good,
            state=with_value(good.state, DEPOSITED, canonical.encode([{"index": 9, "member": SUPPLIER}])),
        ),
    ),
    "one file's answer for another's": (2, swapped),
    "another seal": (2, lambda good: replace(good, state=replace(good.state, seal=replace(good.state.seal, slot=0)))),
    "a beacon key that nobody trusts": (
        3,
        lambda good: replace(good, state=with_finality_note(good.state, lambda note: resigned(note, FORGER))),
    ),
    "too few validators": (
        4,
        lambda good: replace(good, state=with_finality_note(good.state, without_cosigners)),
    ),
    "too few validators under what finalizes it": (
        4,
        lambda good: replace(good, finality=with_finality_note(good.finality, without_cosigners)),
    ),
    "a state that is not final": (
        5,
        lambda good: replace(good, state=replace(good.finality, values=good.finality.values)),
    ),
}


@pytest.mark.parametrize(("step", "spoil"), SPOILED_STATE.values(), ids=SPOILED_STATE.keys())
def test_a_spoiled_answer_is_refuted_at_its_step(step: int, spoil: Callable[[StateBundle], StateBundle]) -> None:
    assert failed_step(verify(spoil(state_bundle_of()).render(), DEPOSIT.network.policy)) == step


def test_an_answer_about_nothing_cannot_be_read() -> None:
    empty = state_bundle_of()
    with pytest.raises(MalformedBundle):
        verify(replace(empty, state=replace(empty.state, values={})).render(), POLICY)


# Policies


def other_policy(**changes: object) -> TrustPolicy:
    return dataclasses.replace(POLICY, **changes)  # type: ignore[arg-type]


def keys_of(validators: Sequence[ValidatorKeys]) -> list[tuple[str, list[tuple[VerifierKey, str, str]]]]:
    return [(one.name, [(key, KEYS_FROM, KEYS_UNTIL) for key in one.key_set.keys]) for one in validators]


STRANGERS = [ValidatorKeys.numbered(name, number) for number, name in enumerate(VALIDATORS, start=50)]


@pytest.mark.parametrize(
    ("policy", "step"),
    [
        (TrustPolicy.for_network([POLICY.logs[0].key], keys_of(STRANGERS)), 5),
        (other_policy(groups=tuple(dataclasses.replace(g, threshold=1) for g in POLICY.groups)), None),
        (other_policy(quorum="meridian-bank-mldsa44"), 5),
        (other_policy(quorum="meridian-bank-ed25519"), None),
        (other_policy(logs=()), 7),
        (
            TrustPolicy.for_network([FORGER.verifier_key], keys_of(RECORD.network.validators)),
            7,
        ),
        (TrustPolicy((), (), (), "none"), 7),
        (TrustPolicy(POLICY.logs, (), (), "none"), None),
    ],
    ids=[
        "other validators",
        "any one of them",
        "a post-quantum key that did not sign",
        "one validator's key",
        "no log",
        "another beacon key",
        "trusting nobody",
        "no quorum asked for",
    ],
)
def test_a_policy_decides_at_its_step(policy: TrustPolicy, step: int | None) -> None:
    assert failed_step(verify(BUNDLE, policy)) == step


def test_where_the_policy_asks_for_no_witness_nobody_attests_to_a_time() -> None:
    verdict = verify(BUNDLE, TrustPolicy(POLICY.logs, (), (), "none"))
    assert isinstance(verdict.finding, RecordFinding)
    assert verdict.finding.existed_by is None
    assert "nobody attests" in verdict.sentence


def test_signatures_outside_their_keys_validity_do_not_count_and_the_verdict_says_so() -> None:
    late = Validity(0, START)

    def limited(*names: str) -> TrustPolicy:
        witnesses = tuple(
            replace(one, validity=late) if one.name in {f"{name}-ed25519" for name in names} else one
            for one in POLICY.witnesses
        )
        return other_policy(witnesses=witnesses)

    verdict = verify(BUNDLE, limited(VALIDATORS[0]))
    assert verdict.verified
    assert "outside their key's validity: meridian-bank-ed25519" in verdict.steps[7].detail
    assert isinstance(verdict.finding, RecordFinding)
    assert VALIDATORS[0] not in [one.validator for one in verdict.finding.finalized]
    refuted = verify(BUNDLE, limited(*VALIDATORS[:2]))
    assert failed_step(refuted) == 5
    assert "outside their key's validity" in refuted.steps[4].detail


# Times


def test_a_quorums_time_is_the_moment_when_it_was_complete() -> None:
    names = [f"{name}-ed25519" for name in VALIDATORS]
    cosigned = [Cosigned(name, 100 + number, COSIGN_ED25519) for number, name in enumerate(names)]
    assert compute_quorum_time(POLICY, cosigned) == 102
    assert compute_quorum_time(POLICY, cosigned[::-1]) == 102
    assert compute_quorum_time(POLICY, cosigned[1:]) == 103
    assert compute_quorum_time(POLICY, cosigned[2:]) is None


def test_one_validator_with_two_keys_counts_once() -> None:
    bank = [
        Cosigned(f"meridian-bank-{kind}", 1, key)
        for kind, key in (("ed25519", COSIGN_ED25519), ("mldsa44", COSIGN_MLDSA44))
    ]
    others = [Cosigned(f"{name}-ed25519", time, COSIGN_ED25519) for time, name in enumerate(VALIDATORS[1:], start=10)]
    assert compute_quorum_time(POLICY, [*bank, *others]) == 11


@given(st.lists(st.integers(1, 10**10), min_size=4, max_size=4))
def test_no_minority_can_backdate_a_quorums_time(times: list[int]) -> None:
    """Three of four are needed: one liar moves the time no further back than the second honest word."""
    cosigned = [Cosigned(f"{name}-ed25519", time, COSIGN_ED25519) for name, time in zip(VALIDATORS, times, strict=True)]
    lied = [dataclasses.replace(cosigned[0], timestamp=1), *cosigned[1:]]
    moment = compute_quorum_time(POLICY, lied)
    assert moment is not None
    assert moment >= sorted(times[1:])[1]


def test_a_cosignature_from_beyond_the_calendar_is_refuted_not_stumbled_over() -> None:
    record = example_record()
    bank = record.network.validators[0]

    def postdated(note: Note) -> Note:
        return Note(note.text, (note.signatures[0], bank.ed25519.cosign(note.text, 2**62), *note.signatures[2:]))

    bundle = with_beacon_notes(record_bundle(record.bundle("number")), postdated)
    assert failed_step(verify(bundle.render(), POLICY)) == 8


def test_times_are_written_for_people() -> None:
    assert time_in_words(START) == "22 November 2026, 15:40:00 UTC"
    assert time_in_words(0) == "1 January 1970, 00:00:00 UTC"


def test_a_large_record_is_disclosed_and_verified() -> None:
    fields = {f"lines.{number}.net_amount": number for number in range(3000)}
    record = example_record(fields=fields)
    finding = verify(record.bundle(*fields), record.network.policy).finding
    assert isinstance(finding, RecordFinding)
    assert finding.fields == fields
    assert finding.hidden == 0
