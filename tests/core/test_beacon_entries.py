import json

import pytest
from hypothesis import given, settings

from audit_chain import canonical
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import (
    Attestation,
    Ballot,
    Entry,
    Member,
    Pool,
    Restart,
    Rotation,
    Seal,
    Slashing,
    Validator,
    parse_entry,
)
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.beacon.names import beacon_origin, is_name, is_network, network_of
from audit_chain.beacon.votes import MAX_VOTES, Vote, pack_votes, unpack_votes
from audit_chain.encoding import to_base64
from audit_chain.errors import MalformedEntry
from audit_chain.log.keys import NoteSigner
from audit_chain.records.entry import RecordEntry, ReplacementEntry
from audit_chain.testing import (
    COURT,
    NETWORK,
    RECORD_ID,
    START,
    ExampleNetwork,
    ValidatorKeys,
    ed25519_key,
    record_key,
)
from tests.core.log_cast import near, near_text

NET = ExampleNetwork()
MEMBER = Member(COURT, NET.members[COURT].verifier_key)
POOL = Pool(NET.pool.name, NET.pool.name, NET.pool.signer.verifier_key)
NET.pool.add({"kind": "order"}, key=record_key(1))
CROSSLINK = NET.crosslink(NET.cosign(NET.pool.seal(START)))
EVIDENCE = NET.deposit(b"\xab" * 32)
SEAL = Seal(slot=7, time="2026-11-22T15:40:00Z", previous=None, state=b"\1" * 32)
NEWCOMER = ValidatorKeys.numbered("lotus-bank", 50)
VALIDATOR = Validator(NEWCOMER.registration())
VOTES = tuple(Vote.of(index, START + index, bytes([index]) * 64) for index in (0, 2, 3))
ATTESTATION = Attestation(epoch=20, size=61, root=b"\2" * 32, votes=VOTES)
SUSPEND = Motion("suspend", 900, b"\7" * 8, {"kind": "pool", "name": "northwind-parts"})
JOIN = Motion("join", 900, b"\7" * 8, NEWCOMER.registration().to_json())
PARAMETER = Motion("parameter", 900, b"\7" * 8, {"name": "target_committee_size", "value": 8})
NEXT_KEY = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101)).verifier_key
RESTARTING = Motion("restart", 900, b"\7" * 8, {"key": str(NEXT_KEY), "root": to_base64(b"\3" * 32), "size": 61})
BALLOT = Ballot(NET.validators[0].ballot(SUSPEND))
RESTART = Restart(tuple(validator.ballot(RESTARTING) for validator in NET.validators[:3]))
ROTATION = Rotation(RotationText(NETWORK, COURT, NEWCOMER.key_set).sign(NET.validators[2].governance))
SLASHING = Slashing("{}", COURT)

BEACON_ENTRIES: dict[str, Entry] = {
    "genesis": NET.genesis,
    "validator": VALIDATOR,
    "attestation": ATTESTATION,
    "slashing": SLASHING,
    "slashing that nobody is credited with": Slashing("{}", None),
    "ballot": BALLOT,
    "ballot to let somebody join": Ballot(NET.validators[0].ballot(JOIN)),
    "ballot for a parameter": Ballot(NET.validators[0].ballot(PARAMETER)),
    "rotation": ROTATION,
    "restart": RESTART,
    "member": MEMBER,
    "pool": POOL,
    "crosslink": CROSSLINK,
    "evidence": EVIDENCE,
    "seal": SEAL,
    "a later seal": Seal(slot=8, time="2026-11-22T15:40:00Z", previous=41, state=b"\1" * 32),
}
RECORD = RecordEntry(RECORD_ID, b"\1" * 32, 24)
POOL_ENTRIES = [RECORD, RecordEntry(RECORD_ID, b"\1" * 32, 8, previous=3), ReplacementEntry(RECORD_ID, 41, 17)]


def spoiled(data: bytes, **members: object) -> bytes:
    """The entry with other members; None takes one out."""
    value = {name: item for name, item in (json.loads(data) | members).items() if item != "missing"}
    return canonical.encode(value)


@pytest.mark.parametrize("entry", BEACON_ENTRIES.values(), ids=BEACON_ENTRIES.keys())
def test_an_entry_of_the_beacon_reads_back_as_it_was_written(entry: Entry) -> None:
    assert parse_entry(entry.encode()) == entry


@pytest.mark.parametrize("entry", POOL_ENTRIES, ids=["record", "version", "replacement"])
def test_an_entry_of_a_pool_reads_back_as_it_was_written(entry: RecordEntry | ReplacementEntry) -> None:
    assert type(entry).parse(entry.encode()) == entry


def test_entries_look_as_the_specification_shows_them() -> None:
    assert SEAL.encode() == (
        b'{"previous":null,"slot":7,"state":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",'
        b'"time":"2026-11-22T15:40:00Z","type":"seal","v":1}'
    )
    assert RECORD.encode() == (
        b'{"previous":null,"record":"019aac2c-1000-7000-8000-000000000001",'
        b'"root":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","size":24,"type":"record","v":1}'
    )


@pytest.mark.parametrize("entry", BEACON_ENTRIES.values(), ids=BEACON_ENTRIES.keys())
def test_an_entry_has_exactly_its_members(entry: Entry) -> None:
    for member in json.loads(entry.encode()):
        with pytest.raises(MalformedEntry):
            parse_entry(spoiled(entry.encode(), **{member: "missing"}))
    for extra in ({"note": "hello"}, {"v": 2}, {"v": "1"}, {"v": True}, {"type": "unknown"}, {"type": None}):
        with pytest.raises(MalformedEntry):
            parse_entry(spoiled(entry.encode(), **extra))


@settings(max_examples=300)
@given(near(CROSSLINK.encode()))
def test_whatever_is_edited_in_a_crosslink_reads_as_another_entry_or_not_at_all(data: bytes) -> None:
    try:
        entry = parse_entry(data)
    except MalformedEntry:
        return
    assert entry.encode() == data


@given(near(RECORD.encode()))
def test_whatever_is_edited_in_a_record_entry_reads_as_another_or_not_at_all(data: bytes) -> None:
    try:
        entry = RecordEntry.parse(data)
    except MalformedEntry:
        return
    assert entry.encode() == data


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'"seal"', b'{"type":[]}', b"\xff", b"[" * 5000, b"1" * 5000]
)
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    for parse in (parse_entry, RecordEntry.parse, ReplacementEntry.parse):
        with pytest.raises(MalformedEntry):
            parse(data)


OTHER_KEY = str(MEMBER.key)
COSIGNER = str(NET.validators[0].ed25519.verifier_key)
NOTE = CROSSLINK.note.render().decode()
KEYS = json.loads(VALIDATOR.encode())["keys"]
OTHER_KEYS = [str(key) for key in NET.validators[0].key_set.keys]
BALLOT_TEXT = BALLOT.note.render().decode()
RESTART_TEXTS = json.loads(RESTART.encode())["ballots"]

SPOILED = {
    "genesis of a network with spaces": (NET.genesis, {"network": "a b"}),
    "genesis without validators": (NET.genesis, {"validators": 0}),
    "genesis with too many validators": (NET.genesis, {"validators": 2**17}),
    "genesis with unknown numbers": (NET.genesis, {"preset": "mainnet"}),
    "genesis with a cosigner's key": (NET.genesis, {"key": COSIGNER}),
    "a validator without keys": (VALIDATOR, {"keys": []}),
    "a validator with ML-DSA only": (VALIDATOR, {"keys": KEYS[1:]}),
    "a validator with its keys in another order": (VALIDATOR, {"keys": KEYS[::-1]}),
    "a validator with two Ed25519 keys": (VALIDATOR, {"keys": [KEYS[0], OTHER_KEYS[0]]}),
    "a validator with another's ML-DSA key": (VALIDATOR, {"keys": [KEYS[0], OTHER_KEYS[1]]}),
    "a validator with a note key": (VALIDATOR, {"keys": [OTHER_KEY]}),
    "a validator whose governance key cosigns": (VALIDATOR, {"governance": COSIGNER}),
    "a validator without weight": (VALIDATOR, {"weight": 0}),
    "a validator that outweighs the world": (VALIDATOR, {"weight": 2**40}),
    "keys that are no array": (VALIDATOR, {"keys": "x"}),
    "keys that are no strings": (VALIDATOR, {"keys": [1]}),
    "keys that end before they begin": (VALIDATOR, {"not_after": "2020-01-01T00:00:00Z"}),
    "keys valid from some day": (VALIDATOR, {"not_before": "soon"}),
    "an attestation without votes": (ATTESTATION, {"votes": ""}),
    "an attestation with half a vote": (ATTESTATION, {"votes": to_base64(pack_votes(VOTES)[:-1])}),
    "an attestation whose votes are no base64": (ATTESTATION, {"votes": "?"}),
    "an attestation to an empty tree": (ATTESTATION, {"size": 0}),
    "a slashing by somebody with capitals": (SLASHING, {"reporter": "Court"}),
    "a slashing without proof": (SLASHING, {"proof": None}),
    "a ballot that is no note": (BALLOT, {"ballot": "yes"}),
    "a ballot for nothing": (BALLOT, {"ballot": NOTE}),
    "a ballot for an unknown action": (BALLOT, {"ballot": BALLOT_TEXT.replace('"suspend"', '"pardon"')}),
    "a ballot against a lien": (BALLOT, {"ballot": BALLOT_TEXT.replace('"pool"', '"lien"')}),
    "a ballot with a short serial": (BALLOT, {"ballot": BALLOT_TEXT.replace("07" * 8, "07" * 7)}),
    "a ballot that is not canonical": (BALLOT, {"ballot": BALLOT_TEXT.replace('{"action"', '{ "action"')}),
    "a ballot of nobody": (BALLOT, {"ballot": BALLOT_TEXT.replace("meridian-bank\n", "Meridian\n", 1)}),
    "a ballot with a memo": (BALLOT, {"ballot": BALLOT_TEXT.replace("\n\n", "\nfree text\n\n", 1)}),
    "a rotation that is a ballot": (ROTATION, {"rotation": BALLOT_TEXT}),
    "a restart without ballots": (RESTART, {"ballots": []}),
    "a restart by another motion": (RESTART, {"ballots": [BALLOT_TEXT]}),
    "a restart by two motions": (RESTART, {"ballots": [*RESTART_TEXTS, BALLOT_TEXT]}),
    "a restart whose ballots are no notes": (RESTART, {"ballots": ["yes"]}),
    "a member with capitals": (MEMBER, {"name": "Northwind"}),
    "a member with a slash": (MEMBER, {"name": "a/b"}),
    "a member with a cosigner's key": (MEMBER, {"key": COSIGNER}),
    "a member with a broken key": (MEMBER, {"key": OTHER_KEY[:-1]}),
    "a member whose key is a number": (MEMBER, {"key": 1}),
    "a pool of nobody": (POOL, {"member": ""}),
    "a pool with a cosigner's key": (POOL, {"key": COSIGNER}),
    "a crosslink without signatures": (CROSSLINK, {"checkpoint": CROSSLINK.note.text}),
    "a crosslink of no checkpoint": (CROSSLINK, {"checkpoint": "hello\n\n" + NOTE.split("\n\n")[1]}),
    "a crosslink with an extension line": (CROSSLINK, {"checkpoint": NOTE.replace("\n\n", "\nfree text\n\n", 1)}),
    "a crosslink with another parent": (CROSSLINK, {"parent": {"root": "AA==", "size": 0}}),
    "a crosslink with a negative parent": (
        CROSSLINK,
        {"parent": {"root": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "size": -1}},
    ),
    "a crosslink whose parent is no base64": (CROSSLINK, {"parent": {"root": "?", "size": 0}}),
    "a crosslink without parent": (CROSSLINK, {"parent": None}),
    "a crosslink of an epoch before the first": (CROSSLINK, {"epoch": -1}),
    "evidence of no deposit": (EVIDENCE, {"deposit": NOTE}),
    "evidence that is no note": (EVIDENCE, {"deposit": "hello"}),
    "a seal in local time": (SEAL, {"time": "2026-11-22T15:40:00+01:00"}),
    "a seal of a day that never was": (SEAL, {"time": "2026-02-30T15:40:00Z"}),
    "a seal before the first slot": (SEAL, {"slot": -1}),
    "a seal with a true slot": (SEAL, {"slot": True}),
    "a seal with a slot of text": (SEAL, {"slot": "7"}),
    "a seal after nothing": (SEAL, {"previous": -1}),
    "a seal over half a state": (SEAL, {"state": "AA=="}),
}


@pytest.mark.parametrize(("entry", "members"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_entry_is_refused(entry: Entry, members: dict[str, object]) -> None:
    with pytest.raises(MalformedEntry):
        parse_entry(spoiled(entry.encode(), **members))


@pytest.mark.parametrize(
    "members",
    [
        {"record": "019aac2c-1000-4000-8000-000000000001"},
        {"record": "019AAC2C-1000-7000-8000-000000000001"},
        {"record": ""},
        {"root": "AA=="},
        {"root": "*"},
        {"size": 0},
        {"size": 2**53 - 1},
        {"size": True},
        {"previous": "3"},
        {"previous": -1},
        {"type": "replacement"},
        {"v": 2},
        {"extra": 1},
    ],
)
def test_a_spoiled_record_entry_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedEntry):
        RecordEntry.parse(spoiled(RECORD.encode(), **members))


@pytest.mark.parametrize(
    "members", [{"index": None}, {"previous": None}, {"index": -1}, {"record": "x"}, {"root": "x"}]
)
def test_a_spoiled_replacement_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedEntry):
        ReplacementEntry.parse(spoiled(POOL_ENTRIES[2].encode(), **members))


def test_votes_are_packed_in_order_whoever_collected_them() -> None:
    assert unpack_votes(pack_votes(reversed(VOTES))) == VOTES
    assert (VOTES[1].validator, VOTES[1].timestamp) == (2, START + 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(76),  # a vote at no time
        pack_votes(VOTES) + pack_votes(VOTES[:1]),
        pack_votes(VOTES[:1]) * 2,
        b"".join(pack_votes([Vote.of(index, START, bytes(64))]) for index in range(MAX_VOTES + 1)),
    ],
    ids=["none", "no time", "out of order", "twice", "too many"],
)
def test_other_bytes_are_no_votes(data: bytes) -> None:
    with pytest.raises(MalformedEntry):
        unpack_votes(data)


def test_an_attestation_with_all_the_votes_it_may_have_fits_into_the_log() -> None:
    votes = tuple(Vote.of(index, START, bytes(64)) for index in range(MAX_VOTES))
    assert len(Attestation(2**40, 2**40, bytes(32), votes).encode()) < 2**16


def test_a_motion_is_known_by_its_digest() -> None:
    assert Motion.from_json(SUSPEND.to_json()) == SUSPEND
    assert SUSPEND.digest != Motion("suspend", 900, b"\6" * 8, SUSPEND.content).digest
    assert JOIN.registration == NEWCOMER.registration()


DEPOSIT = Deposit(NETWORK, COURT, b"\xab" * 32)


def test_a_deposit_reads_back_as_it_was_written() -> None:
    assert DEPOSIT.text() == f"tallystick.example/evidence\ncommercial-court\n{'ab' * 32}\n"
    assert Deposit.parse(DEPOSIT.text()) == DEPOSIT


@given(near_text(DEPOSIT.text()))
def test_whatever_is_edited_in_a_deposit_reads_as_another_or_not_at_all(text: str) -> None:
    try:
        deposit = Deposit.parse(text)
    except MalformedEntry:
        return
    assert deposit.text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tallystick.example/evidence\n",
        DEPOSIT.text().upper(),
        DEPOSIT.text()[:-1],
        DEPOSIT.text() + "\n",
        DEPOSIT.text().replace("ab", "AB"),
        DEPOSIT.text().replace("ab", "", 1),
        DEPOSIT.text().replace("/evidence", ""),
        DEPOSIT.text().replace("commercial-court", "Commercial Court"),
        DEPOSIT.text().replace("tallystick.example", ""),
        DEPOSIT.text() + "a memo\n",
    ],
)
def test_other_texts_are_no_deposit(text: str) -> None:
    with pytest.raises(MalformedEntry):
        Deposit.parse(text)


def test_the_same_member_signs_the_same_deposit_note_every_time() -> None:
    assert NET.deposit(b"\xab" * 32).encode() == EVIDENCE.encode()


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "a.b", "a_b", "ä", "x" * 64, "a\n"])
def test_nobody_is_called_so(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("network", ["", "/", ".a", "a/", "a/b", "A", "a b", "a\n", "x" * 128])
def test_no_network_is_called_so(network: str) -> None:
    assert not is_network(network)


def test_a_beacons_origin_names_its_network() -> None:
    assert beacon_origin("tallystick.example") == "tallystick.example/beacon"
    assert beacon_origin("tallystick.example", 2) == "tallystick.example/beacon-2"
    for origin in ("tallystick.example/beacon", "tallystick.example/beacon-1", "tallystick.example/beacon-17"):
        assert network_of(origin) == "tallystick.example"
    for origin in ("a/beacon-0", "a/beacon-", "a/beacon-01", "a/beacon-x", "a/beacon-1/pool", "a/beacons"):
        assert network_of(origin) is None
    for origin in ("tallystick.example/pool/a", "/beacon", "beacon", "a/b/beacon", "tallystick.example"):
        assert network_of(origin) is None
