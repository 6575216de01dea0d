from collections.abc import Mapping
from dataclasses import replace

import pytest

from audit_chain.beacon.casper.containers import FAR_FUTURE_EPOCH
from audit_chain.beacon.entries import Ballot, Entry, Member, Pool, Restart, Rotation, Seal, parse_entry
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.beacon.names import beacon_origin
from audit_chain.beacon.state import (
    State,
    get_beacon_origin,
    get_log,
    get_motion,
    get_next_index,
    get_pool,
    get_preset,
    get_validator,
    get_validators,
)
from audit_chain.beacon.transition import StateDirectory, compute_seal, process_entry, process_latest_seal
from audit_chain.canonical import JSON
from audit_chain.encoding import to_base64
from audit_chain.errors import (
    AlreadyRegistered,
    InvalidBallot,
    InvalidCrosslink,
    InvalidEntry,
    InvalidMotion,
    InvalidRegistration,
    InvalidRestart,
    InvalidValidatorChange,
    Suspended,
    UnknownOrigin,
    UnknownPool,
    UnknownValidator,
)
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.testing import (
    COURT,
    KEYS_FROM,
    KEYS_UNTIL,
    NETWORK,
    SUPPLIER,
    ExampleNetwork,
    ValidatorKeys,
    ed25519_key,
    record_key,
)

DIGEST = b"\xab" * 32
NEWCOMER = ValidatorKeys.numbered("lotus-bank", 50)


@pytest.fixture
def net() -> ExampleNetwork:
    return ExampleNetwork()


def motion(action: str, *, serial: int = 1, expires: int = 1000, **content: JSON) -> Motion:
    return Motion(action, expires, serial.to_bytes(8, "big"), content)


def suspension(kind: str, name: str, *, action: str = "suspend", serial: int = 1) -> Motion:
    return motion(action, serial=serial, kind=kind, name=name)


def carry(net: ExampleNetwork, moved: Motion, *, votes: int = 3) -> None:
    for validator in net.validators[:votes]:
        net.append(Ballot(validator.ballot(moved)).encode())


def refuses(net: ExampleNetwork, entry: Entry, error: type[InvalidEntry]) -> None:
    process_latest_seal(net.state)
    before = net.state.tree.root(), net.state.root()
    with pytest.raises(error):
        process_entry(net.state, entry.encode(), get_next_index(net.state))
    assert (net.state.tree.root(), net.state.root()) == before


# Motions


def test_a_motion_is_carried_by_two_thirds_of_the_weight(net: ExampleNetwork) -> None:
    moved = suspension("pool", SUPPLIER)
    carry(net, moved, votes=2)
    assert get_motion(net.state, moved.digest).executed is None
    assert not get_pool(net.state, SUPPLIER).suspended
    index = net.append(Ballot(net.validators[3].ballot(moved)).encode())
    record = get_motion(net.state, moved.digest)
    assert (record.executed, record.voters) == (index, ("meridian-bank", "market-regulator", "chamber-of-trade"))
    assert get_pool(net.state, SUPPLIER).suspended


def test_nobody_votes_twice_or_for_what_is_carried(net: ExampleNetwork) -> None:
    moved = suspension("pool", SUPPLIER)
    carry(net, moved, votes=1)
    refuses(net, Ballot(net.validators[0].ballot(moved)), InvalidBallot)
    for validator in net.validators[1:3]:
        net.append(Ballot(validator.ballot(moved)).encode())
    refuses(net, Ballot(net.validators[3].ballot(moved)), InvalidBallot)


def test_a_ballot_is_an_active_validators_own(net: ExampleNetwork) -> None:
    moved = suspension("pool", SUPPLIER)
    bank, court = net.validators[0], net.validators[2]
    note = bank.ballot(moved)
    refuses(net, Ballot(Note(note.text, (court.governance.sign(note.text),))), InvalidBallot)
    refuses(net, Ballot(note.with_signatures(court.governance.sign(note.text))), InvalidBallot)
    refuses(net, Ballot(Note(note.text.replace(NETWORK, "other.example"), note.signatures)), InvalidBallot)
    refuses(net, Ballot(NEWCOMER.ballot(moved)), UnknownValidator)
    get_validator(net.state, bank.name)
    net.state.casper.validators[0].exit_epoch = 0
    refuses(net, Ballot(note), InvalidBallot)


def test_a_motion_expires(net: ExampleNetwork) -> None:
    moved = replace(suspension("pool", SUPPLIER), expires=0)
    carry(net, moved, votes=2)
    while net.epoch == 0:
        net.seal()
    refuses(net, Ballot(net.validators[2].ballot(moved)), InvalidBallot)


@pytest.mark.parametrize(
    ("moved", "error"),
    [
        (suspension("pool", "lotus"), UnknownPool),
        (suspension("pool", SUPPLIER, action="resume"), InvalidMotion),
        (suspension("validator", "lotus-bank"), UnknownValidator),
        (suspension("validator", COURT, action="resume"), InvalidMotion),
        (motion("leave", name="lotus-bank"), UnknownValidator),
        (motion("parameter", name="slots_per_epoch", value=4), InvalidMotion),
        (motion("parameter", name="colour", value=4), InvalidMotion),
        (motion("join", **ValidatorKeys.numbered(COURT, 60).registration().to_json()), AlreadyRegistered),
    ],
    ids=["unknown pool", "not suspended", "unknown validator", "active", "nobody", "layout", "no number", "name taken"],
)
def test_what_cannot_be_carried_cannot_be_moved(net: ExampleNetwork, moved: Motion, error: type[InvalidEntry]) -> None:
    refuses(net, Ballot(net.validators[0].ballot(moved)), error)


# Who takes part


def test_a_validator_joins_by_vote_and_is_active_some_epochs_later(net: ExampleNetwork) -> None:
    carry(net, motion("join", **NEWCOMER.registration().to_json()))
    joined = get_validator(net.state, NEWCOMER.name)
    assert joined.index == 4
    net.validators.append(NEWCOMER)
    place = net.state.casper.validators[4]
    assert place.activation_epoch == net.epoch + 5
    while net.epoch < place.activation_epoch:
        net.seal()
    net.voters = net.validators[1:]  # four of five
    net.finalize(net.append(net.deposit(DIGEST).encode()))
    assert [validator.name for validator in get_validators(net.state)][-1] == NEWCOMER.name


def test_a_newcomer_brings_keys_that_nobody_had(net: ExampleNetwork) -> None:
    stolen = replace(ValidatorKeys.numbered("lotus-bank", 1).registration(), name="lotus-bank")
    refuses(net, Ballot(net.validators[0].ballot(motion("join", **stolen.to_json()))), AlreadyRegistered)
    misnamed = replace(NEWCOMER.registration(), name="another-bank")
    refuses(net, Ballot(net.validators[0].ballot(motion("join", **misnamed.to_json()))), InvalidRegistration)


def test_a_validator_leaves_by_vote(net: ExampleNetwork) -> None:
    carry(net, motion("leave", name=COURT))
    place = net.state.casper.validators[get_validator(net.state, COURT).index]
    assert place.exit_epoch == net.epoch + 5
    refuses(net, Ballot(net.validators[0].ballot(motion("leave", serial=2, name=COURT))), InvalidMotion)


def test_a_suspended_validator_stays_if_that_is_carried_before_it_is_out(net: ExampleNetwork) -> None:
    carry(net, suspension("validator", COURT))
    place = net.state.casper.validators[2]
    assert place.exit_epoch == net.epoch + 5
    carry(net, suspension("validator", COURT, action="resume", serial=2))
    assert place.exit_epoch == FAR_FUTURE_EPOCH


def test_a_suspended_validator_comes_back_when_no_crosslink_names_its_old_committees(net: ExampleNetwork) -> None:
    carry(net, suspension("validator", COURT))
    carry(net, motion("parameter", serial=3, name="max_epochs_per_crosslink", value=2))
    net.voters = [validator for validator in net.validators if validator.name != COURT]
    place = net.state.casper.validators[2]
    while net.epoch < place.exit_epoch:
        net.seal()
    back = suspension("validator", COURT, action="resume", serial=2)
    carry(net, back, votes=1)
    refuses(net, Ballot(net.validators[2].ballot(back)), InvalidBallot)
    refuses(net, Ballot(net.validators[1].ballot(back)), InvalidValidatorChange)
    while net.epoch < place.exit_epoch + 2:
        net.seal()
    net.append(Ballot(net.validators[1].ballot(back)).encode())  # two of the three that are active
    assert place.exit_epoch == FAR_FUTURE_EPOCH


def test_a_suspended_pool_is_linked_no_more_until_it_may_again(net: ExampleNetwork) -> None:
    net.pool.add({"kind": "order"}, key=record_key(1))
    crosslink = net.crosslink(net.cosign(net.pool.seal(net.clock)))
    carry(net, suspension("pool", SUPPLIER))
    refuses(net, crosslink, Suspended)
    carry(net, suspension("pool", SUPPLIER, action="resume", serial=2))
    net.append(crosslink.encode())


def test_a_suspended_member_neither_deposits_nor_links_its_pools(net: ExampleNetwork) -> None:
    net.pool.add({"kind": "order"}, key=record_key(1))
    crosslink = net.crosslink(net.cosign(net.pool.seal(net.clock)))
    carry(net, suspension("member", SUPPLIER))
    refuses(net, crosslink, Suspended)
    refuses(net, net.deposit(DIGEST, member=SUPPLIER), Suspended)
    net.append(net.deposit(DIGEST).encode())


def test_a_number_of_the_preset_changes_by_vote(net: ExampleNetwork) -> None:
    carry(net, motion("parameter", name="max_epochs_per_crosslink", value=1))
    assert get_preset(net.state).max_epochs_per_crosslink == 1
    net.pool.add({"kind": "order"}, key=record_key(1))
    crosslink = net.crosslink(net.cosign(net.pool.seal(net.clock)))
    while net.epoch < 2:
        net.seal()
    refuses(net, crosslink, InvalidCrosslink)


# Keys


def rotation(net: ExampleNetwork, number: int = 70, *, since: str = KEYS_FROM, name: str = COURT) -> Rotation:
    keys = ValidatorKeys.numbered(name, number).key_set
    return Rotation(RotationText(NETWORK, COURT, replace(keys, not_before=since)).sign(net.validators[2].governance))


def test_a_validator_takes_new_keys_beside_the_earlier_ones(net: ExampleNetwork) -> None:
    net.append(rotation(net).encode())
    assert len(get_validator(net.state, COURT).key_sets) == 2
    renewed = ValidatorKeys.numbered(COURT, 70)
    net.pool.add({"kind": "order"}, key=record_key(1))
    note = net.pool.seal(net.clock)
    linked = net.crosslink(net.cosign(note, validators=[*net.validators[:2], renewed]))
    net.append(linked.encode())
    net.voters = [*net.validators[:2], renewed]
    net.finalize(get_next_index(net.state) - 1)


def test_a_validator_counts_once_whatever_keys_it_has(net: ExampleNetwork) -> None:
    net.append(rotation(net).encode())
    net.pool.add({"kind": "order"}, key=record_key(1))
    note = net.pool.seal(net.clock)
    twice = [net.validators[0], net.validators[2], ValidatorKeys.numbered(COURT, 70)]
    refuses(net, net.crosslink(net.cosign(note, validators=twice)), InvalidCrosslink)


def test_a_key_that_is_not_valid_yet_cosigns_nothing(net: ExampleNetwork) -> None:
    net.append(rotation(net, since=KEYS_UNTIL).encode())
    net.pool.add({"kind": "order"}, key=record_key(1))
    note = net.pool.seal(net.clock)
    early = [*net.validators[:2], ValidatorKeys.numbered(COURT, 70)]
    refuses(net, net.crosslink(net.cosign(note, validators=early)), InvalidCrosslink)


def test_keys_are_rotated_by_their_owner_and_are_new(net: ExampleNetwork) -> None:
    text = rotation(net).note.text
    refuses(net, Rotation(Note(text, (net.validators[0].governance.sign(text),))), InvalidBallot)
    refuses(net, rotation(net, name="meridian-bank"), InvalidRegistration)
    refuses(net, rotation(net, number=1), AlreadyRegistered)
    net.append(rotation(net).encode())
    refuses(net, rotation(net), AlreadyRegistered)


# Restarts


def restart_motion(net: ExampleNetwork, **changed: JSON) -> Motion:
    signer = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101))
    process_latest_seal(net.state)
    tree = net.state.tree
    content: Mapping[str, JSON] = {
        "key": str(signer.verifier_key),
        "root": to_base64(tree.root()),
        "size": tree.size,
        **changed,
    }
    return motion("restart", **content)


def restart(net: ExampleNetwork, moved: Motion, *, votes: int = 3) -> Restart:
    return Restart(tuple(validator.ballot(moved) for validator in net.validators[:votes]))


def test_two_thirds_restart_the_log_under_the_next_origin(net: ExampleNetwork) -> None:
    index = net.append(restart(net, restart_motion(net)).encode())
    log = get_log(net.state)
    assert (log.origin, log.restarts, log.since) == (f"{NETWORK}/beacon-1", 1, index)
    directory = StateDirectory(net.state)
    assert directory.beacon_key(f"{NETWORK}/beacon") == net.beacon_signer.verifier_key
    assert directory.beacon_key(f"{NETWORK}/beacon-1") == log.key
    with pytest.raises(UnknownOrigin):
        directory.beacon_key(f"{NETWORK}/beacon-2")


def test_a_restarted_log_goes_on_and_becomes_final(net: ExampleNetwork) -> None:
    net.finalize(0)
    net.append(restart(net, restart_motion(net)).encode())
    net.beacon_signer = NoteSigner(beacon_origin(NETWORK, 1), ed25519_key(101))
    net.restart_log()
    index = net.append(net.deposit(DIGEST).encode())
    assert net.finalize(index) > index
    assert get_beacon_origin(net.state) == f"{NETWORK}/beacon-1"


def test_a_restart_goes_on_from_the_very_tree_that_was_voted_for(net: ExampleNetwork) -> None:
    moved = restart_motion(net)
    net.append(net.deposit(DIGEST).encode())
    refuses(net, restart(net, moved), InvalidRestart)
    refuses(net, restart(net, restart_motion(net, root=to_base64(b"\1" * 32))), InvalidRestart)


def test_a_restart_takes_two_thirds_each_voting_once(net: ExampleNetwork) -> None:
    moved = restart_motion(net)
    refuses(net, restart(net, moved, votes=2), InvalidRestart)
    twice = restart(net, moved, votes=2)
    refuses(net, Restart((*twice.notes, twice.notes[0])), InvalidRestart)


def test_a_restart_expires(net: ExampleNetwork) -> None:
    while net.epoch < 2:
        net.seal()
    refuses(net, restart(net, replace(restart_motion(net), expires=1)), InvalidRestart)
    net.append(restart(net, replace(restart_motion(net), expires=2)).encode())


def test_a_restarted_log_has_the_next_origin(net: ExampleNetwork) -> None:
    skipping = NoteSigner(beacon_origin(NETWORK, 2), ed25519_key(101))
    refuses(net, restart(net, restart_motion(net, key=str(skipping.verifier_key))), InvalidRestart)


def test_a_restart_is_no_ordinary_ballot(net: ExampleNetwork) -> None:
    refuses(net, Ballot(net.validators[0].ballot(restart_motion(net))), InvalidMotion)


# All of it replays


def test_a_log_with_every_kind_of_decision_gives_the_same_state_again(net: ExampleNetwork) -> None:
    carry(net, motion("join", **NEWCOMER.registration().to_json()))
    carry(net, suspension("pool", SUPPLIER, serial=2))
    carry(net, motion("parameter", serial=3, name="target_committee_size", value=8))
    net.append(rotation(net).encode())
    lotus = NoteSigner(f"{NETWORK}/member/lotus", ed25519_key(900))
    net.append(Member("lotus", lotus.verifier_key).encode())
    pool = NoteSigner(f"{NETWORK}/pool/lotus", ed25519_key(901))
    net.append(Pool("lotus", "lotus", pool.verifier_key).encode())
    net.finalize(get_next_index(net.state) - 1)
    replayed = net.empty_state()
    seals = 0
    for index, entry in enumerate(net.store.read_entries(0, net.store.head().tree_size)):
        process_entry(replayed, entry, index)
        seals += isinstance(parse_entry(entry), Seal)
    assert seals > 4
    assert replayed.root() == net.state.root()


def test_a_state_read_again_after_decisions_seals_the_same(net: ExampleNetwork) -> None:
    carry(net, motion("join", **NEWCOMER.registration().to_json()))
    net.append(rotation(net).encode())
    net.seal()
    copy = State(net.reopened_map())
    time = KEYS_UNTIL
    assert compute_seal(copy, time=time) == compute_seal(net.state, time=time)


def test_key_sets_hold_at_both_ends() -> None:
    keys = KeySet(NEWCOMER.key_set.keys, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z")
    start = 1795305600
    moments = (start - 1, start, start + 86400, start + 86401)
    assert [keys.is_valid_at(moment) for moment in moments] == [False, True, True, False]
