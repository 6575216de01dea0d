from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import Crosslink, Entry, Evidence, Genesis, Member, Parent, Pool, Seal, parse_entry
from audit_chain.beacon.genesis import initialize_state
from audit_chain.beacon.names import member_key_name, pool_origin
from audit_chain.beacon.state import (
    CurrentCrosslink,
    DepositRecord,
    LatestSeal,
    Overlay,
    State,
    get_beacon_origin,
    get_committee,
    get_crosslink,
    get_deposits,
    get_latest_seal,
    get_log_keys,
    get_member,
    get_members,
    get_network,
    get_pool,
    get_pools,
    get_slot,
    get_validators,
    is_supermajority,
)
from audit_chain.beacon.transition import compute_crosslink_note, process_entry
from audit_chain.errors import (
    AlreadyDeposited,
    AlreadyRegistered,
    InsufficientWeight,
    InvalidCrosslink,
    InvalidDeposit,
    InvalidEntry,
    InvalidGenesis,
    InvalidRegistration,
    InvalidSeal,
    MalformedEntry,
    UnknownMember,
    UnknownPool,
    WrongParent,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import EMPTY_ROOT
from audit_chain.testing import COURT, NETWORK, SUPPLIER, ExampleNetwork, ValidatorKeys, ed25519_key, record_key
from tests.core.log_cast import flipped

NEXT = 100
DIGEST = b"\xab" * 32


@pytest.fixture
def net() -> ExampleNetwork:
    return ExampleNetwork()


def pool_note(net: ExampleNetwork, *, validators: int = 4) -> Note:
    """A grown pool's checkpoint, cosigned by some validators."""
    net.pool.add({"kind": "order"}, key=record_key(1))
    return net.cosign(net.pool.seal(net.clock), validators=net.validators[:validators])


def refuses(state: State, entry: Entry, error: type[Exception], index: int = NEXT) -> None:
    """The entry raises just that error and leaves the state as it was."""
    before = canonical.encode(dict(state))
    with pytest.raises(error) as refusal:
        process_entry(state, entry.encode(), index)
    assert type(refusal.value) is error
    assert canonical.encode(dict(state)) == before


# Genesis


def test_genesis_names_the_network_and_its_validators(net: ExampleNetwork) -> None:
    state = initialize_state(net.genesis)
    assert get_network(state) == NETWORK
    assert get_validators(state) == net.genesis.validators
    assert get_beacon_origin(state) == f"{NETWORK}/beacon"
    assert get_slot(state) == 0
    assert get_members(state) == get_pools(state) == ()


def test_a_log_begins_with_its_genesis(net: ExampleNetwork) -> None:
    refuses({}, net.genesis, InvalidGenesis, index=1)
    refuses({}, Seal(1, "2026-11-22T15:40:00Z", None), InvalidGenesis, index=0)
    refuses({}, Seal(1, "2026-11-22T15:40:00Z", None), InvalidGenesis)
    refuses({}, Member(COURT, net.members[COURT].verifier_key), InvalidGenesis)


def test_a_log_has_one_genesis(net: ExampleNetwork) -> None:
    refuses(net.state, net.genesis, InvalidGenesis, index=0)
    refuses(net.state, net.genesis, InvalidGenesis)


def test_bytes_that_are_no_entry_leave_the_state_alone(net: ExampleNetwork) -> None:
    before = canonical.encode(dict(net.state))
    with pytest.raises(MalformedEntry):
        process_entry(net.state, b"{}", NEXT)
    assert canonical.encode(dict(net.state)) == before


# Members and pools


def newcomer(name: str = "lotus-electronics", number: int = 900) -> Member:
    return Member(name, NoteSigner(member_key_name(NETWORK, name), ed25519_key(number)).verifier_key)


def new_pool(name: str = "lotus", member: str = SUPPLIER) -> Pool:
    return Pool(name, member, NoteSigner(pool_origin(NETWORK, name), ed25519_key(901)).verifier_key)


def test_a_member_and_its_pool_are_registered(net: ExampleNetwork) -> None:
    process_entry(net.state, newcomer().encode(), NEXT)
    process_entry(net.state, new_pool(member="lotus-electronics").encode(), NEXT + 1)
    assert get_member(net.state, "lotus-electronics").key == newcomer().key
    pool = get_pool(net.state, "lotus")
    assert (pool.member, pool.key, pool.index) == ("lotus-electronics", new_pool().key, NEXT + 1)
    assert [member.name for member in get_members(net.state)] == [COURT, "lotus-electronics", SUPPLIER]
    assert get_log_keys(net.state) == {
        f"{NETWORK}/pool/lotus": new_pool().key,
        f"{NETWORK}/pool/{SUPPLIER}": net.pool.signer.verifier_key,
    }


def test_a_name_is_registered_once(net: ExampleNetwork) -> None:
    refuses(net.state, newcomer(SUPPLIER), AlreadyRegistered)
    refuses(net.state, new_pool(SUPPLIER), AlreadyRegistered)


def test_a_key_is_named_after_whom_it_is_registered_for(net: ExampleNetwork) -> None:
    refuses(net.state, replace(newcomer(), name="atlas-motors"), InvalidRegistration)
    refuses(net.state, replace(newcomer(), key=new_pool().key), InvalidRegistration)
    refuses(net.state, replace(new_pool(), name="atlas"), InvalidRegistration)
    refuses(net.state, replace(new_pool(), key=newcomer().key), InvalidRegistration)


def test_a_pool_belongs_to_a_member(net: ExampleNetwork) -> None:
    refuses(net.state, new_pool(member="stranger"), UnknownMember)


# Crosslinks


def test_a_first_crosslink_follows_the_empty_tree(net: ExampleNetwork) -> None:
    assert get_crosslink(net.state, SUPPLIER) == CurrentCrosslink(0, EMPTY_ROOT, None)
    crosslink = net.crosslink(pool_note(net))
    process_entry(net.state, crosslink.encode(), NEXT)
    checkpoint = crosslink.checkpoint
    assert get_crosslink(net.state, SUPPLIER) == CurrentCrosslink(checkpoint.size, checkpoint.root, NEXT)


def test_a_later_crosslink_follows_the_current_one(net: ExampleNetwork) -> None:
    first, second = net.crosslink(pool_note(net)), None
    process_entry(net.state, first.encode(), NEXT)
    second = net.crosslink(pool_note(net))
    assert second.parent == Parent(first.checkpoint.size, first.checkpoint.root)
    process_entry(net.state, second.encode(), NEXT + 1)
    assert get_crosslink(net.state, SUPPLIER).size == second.checkpoint.size


def test_three_of_four_validators_are_enough_for_a_crosslink(net: ExampleNetwork) -> None:
    process_entry(net.state, net.crosslink(pool_note(net, validators=3)).encode(), NEXT)


def test_two_of_four_validators_are_too_few_for_a_crosslink(net: ExampleNetwork) -> None:
    refuses(net.state, net.crosslink(pool_note(net, validators=2)), InsufficientWeight)
    refuses(net.state, net.crosslink(pool_note(net, validators=0)), InsufficientWeight)


def test_weight_counts_and_not_heads(net: ExampleNetwork) -> None:
    heavy, *light = (validator.as_genesis() for validator in net.validators)
    genesis = replace(net.genesis, validators=(replace(heavy, weight=6), *light))
    state = initialize_state(genesis)
    for name, signer in net.members.items():
        process_entry(state, Member(name, signer.verifier_key).encode(), 1)
    process_entry(state, Pool(SUPPLIER, SUPPLIER, net.pool.signer.verifier_key).encode(), 3)
    note = pool_note(net, validators=0)
    crosslink = net.crosslink(net.cosign(note, validators=net.validators[1:]))
    refuses(state, crosslink, InsufficientWeight)
    process_entry(state, net.crosslink(net.cosign(note, validators=net.validators[:1])).encode(), NEXT)


def spoiled_crosslinks() -> dict[str, tuple[Callable[[ExampleNetwork, Crosslink], Crosslink], type[InvalidEntry]]]:
    def with_note(note: Callable[[ExampleNetwork, Note], Note]) -> Callable[[ExampleNetwork, Crosslink], Crosslink]:
        return lambda net, crosslink: replace(crosslink, note=note(net, crosslink.note))

    def signed_as(net: ExampleNetwork, checkpoint: LogCheckpoint) -> Note:
        text = checkpoint.text()
        note = net.cosign(Note(text, (net.pool.signer.sign(text),)))
        return compute_crosslink_note(note, net.pool.signer.verifier_key, get_committee(net.state, SUPPLIER))

    def checkpoint(note: Note) -> LogCheckpoint:
        return LogCheckpoint.parse(note.text)

    def flip(position: int) -> Callable[[ExampleNetwork, Note], Note]:
        def spoil(_: ExampleNetwork, note: Note) -> Note:
            lines = list(note.signatures)
            lines[position] = flipped(lines[position])
            return Note(note.text, tuple(lines))

        return spoil

    stranger = ValidatorKeys.numbered("meridian-bank", 77)
    return {
        "of an unknown pool": (lambda net, link: replace(link, pool="lotus"), UnknownPool),
        "after another size": (lambda net, link: replace(link, parent=Parent(1, link.parent.root)), WrongParent),
        "after another root": (lambda net, link: replace(link, parent=Parent(0, b"\1" * 32)), WrongParent),
        "of another log": (
            with_note(lambda net, note: signed_as(net, replace(checkpoint(note), origin=f"{NETWORK}/pool/lotus"))),
            InvalidCrosslink,
        ),
        "that did not grow": (
            with_note(lambda net, note: signed_as(net, replace(checkpoint(note), size=0, root=EMPTY_ROOT))),
            InvalidCrosslink,
        ),
        "with the pool's signature spoiled": (with_note(flip(0)), InvalidCrosslink),
        "with a cosignature spoiled": (with_note(flip(2)), InvalidCrosslink),
        "without the pool's signature": (
            with_note(lambda net, note: Note(note.text, note.signatures[1:])),
            InvalidCrosslink,
        ),
        "signed by a stranger": (
            with_note(
                lambda net, note: Note(
                    note.text, (NoteSigner(net.pool.signer.name, ed25519_key(77)).sign(note.text), *note.signatures[1:])
                )
            ),
            InvalidCrosslink,
        ),
        "with a stranger's cosignature": (
            with_note(lambda net, note: note.with_signatures(stranger.ed25519.cosign(note.text, net.clock))),
            InvalidCrosslink,
        ),
        "with an ML-DSA-44 line": (
            with_note(lambda net, note: note.with_signatures(net.validators[0].mldsa44.cosign(note.text, net.clock))),
            InvalidCrosslink,
        ),
        "with one validator's line twice": (
            with_note(
                lambda net, note: note.with_signatures(net.validators[0].ed25519.cosign(note.text, net.clock + 9))
            ),
            InvalidCrosslink,
        ),
        "with its lines in another order": (
            with_note(lambda net, note: Note(note.text, note.signatures[::-1])),
            InvalidCrosslink,
        ),
    }


@pytest.mark.parametrize(("spoil", "error"), spoiled_crosslinks().values(), ids=spoiled_crosslinks().keys())
def test_a_spoiled_crosslink_is_refused(
    net: ExampleNetwork, spoil: Callable[[ExampleNetwork, Crosslink], Crosslink], error: type[InvalidEntry]
) -> None:
    crosslink = net.crosslink(pool_note(net))
    refuses(net.state, spoil(net, crosslink), error)
    process_entry(net.state, crosslink.encode(), NEXT)


def test_the_same_crosslink_cannot_come_twice(net: ExampleNetwork) -> None:
    crosslink = net.crosslink(pool_note(net))
    process_entry(net.state, crosslink.encode(), NEXT)
    refuses(net.state, crosslink, WrongParent)


def test_a_crosslink_carries_the_pools_line_and_one_compact_line_of_each_validator(net: ExampleNetwork) -> None:
    note = pool_note(net)
    assert len(note.signatures) == 1 + 2 * 4
    carried = net.crosslink(note).note
    assert [(line.name, len(line.blob)) for line in carried.signatures] == [
        (f"{NETWORK}/pool/{SUPPLIER}", 64),
        *((f"{NETWORK}/validator/{validator.name}", 72) for validator in net.validators),
    ]


# Evidence


def test_a_deposit_is_kept_under_its_digest(net: ExampleNetwork) -> None:
    assert get_deposits(net.state, DIGEST) == ()
    process_entry(net.state, net.deposit(DIGEST).encode(), NEXT)
    assert get_deposits(net.state, DIGEST) == (DepositRecord(COURT, NEXT),)


def test_two_members_can_deposit_the_same_file_and_each_only_once(net: ExampleNetwork) -> None:
    process_entry(net.state, net.deposit(DIGEST).encode(), NEXT)
    process_entry(net.state, net.deposit(DIGEST, member=SUPPLIER).encode(), NEXT + 1)
    assert get_deposits(net.state, DIGEST) == (DepositRecord(COURT, NEXT), DepositRecord(SUPPLIER, NEXT + 1))
    refuses(net.state, net.deposit(DIGEST), AlreadyDeposited)


def test_a_deposit_is_signed_by_its_member_alone_on_this_network(net: ExampleNetwork) -> None:
    evidence = net.deposit(DIGEST)
    court, supplier = net.members[COURT], net.members[SUPPLIER]
    text = evidence.note.text
    refuses(net.state, Evidence(Note(text, (supplier.sign(text),))), InvalidDeposit)
    refuses(net.state, Evidence(Note(text, (flipped(evidence.note.signatures[0]),))), InvalidDeposit)
    refuses(net.state, Evidence(evidence.note.with_signatures(supplier.sign(text))), InvalidDeposit)
    refuses(net.state, Evidence(Deposit("other.example", COURT, DIGEST).sign(court)), InvalidDeposit)
    refuses(net.state, Evidence(Deposit(NETWORK, "stranger", DIGEST).sign(court)), UnknownMember)


def test_a_refused_deposit_is_not_repeated_in_the_error(net: ExampleNetwork) -> None:
    process_entry(net.state, net.deposit(DIGEST).encode(), NEXT)
    with pytest.raises(AlreadyDeposited) as refusal:
        process_entry(net.state, net.deposit(DIGEST).encode(), NEXT + 1)
    assert DIGEST.hex() not in str(refusal.value)


# Seals


def test_seals_follow_one_another(net: ExampleNetwork) -> None:
    latest = get_latest_seal(net.state)
    process_entry(net.state, Seal(9, latest.time or "", latest.index).encode(), NEXT)
    assert get_latest_seal(net.state) == LatestSeal(slot=9, index=NEXT, time=latest.time)


def test_a_seal_that_does_not_follow_the_latest_is_refused(net: ExampleNetwork) -> None:
    latest = get_latest_seal(net.state)
    seal = Seal(latest.slot + 1, "2026-11-22T16:00:00Z", latest.index)
    refuses(net.state, replace(seal, previous=None), InvalidSeal)
    refuses(net.state, replace(seal, previous=NEXT - 1), InvalidSeal)
    refuses(net.state, replace(seal, slot=latest.slot), InvalidSeal)
    refuses(net.state, replace(seal, time="2026-11-22T15:00:00Z"), InvalidSeal)
    process_entry(net.state, seal.encode(), NEXT)


# State


def test_the_log_alone_gives_the_state(net: ExampleNetwork) -> None:
    net.append(net.crosslink(pool_note(net)).encode())
    net.append(net.deposit(DIGEST).encode())
    net.seal()
    entries = net.store.read_entries(0, net.store.head().tree_size)
    genesis = parse_entry(entries[0])
    assert isinstance(genesis, Genesis)
    replayed = initialize_state(genesis)
    for index, entry in enumerate(entries[1:], start=1):
        process_entry(replayed, entry, index)
    assert replayed == net.state


def test_the_state_is_canonical_json_key_by_key(net: ExampleNetwork) -> None:
    net.append(net.crosslink(pool_note(net)).encode())
    net.append(net.deposit(DIGEST).encode())
    for value in net.state.values():
        assert canonical.decode(canonical.encode(value)) == value
    prefixes = {key.split("/")[0] for key in net.state}
    assert prefixes == {"network", "slot", "member", "pool", "crosslink", "evidence"}


def test_an_overlay_changes_nothing_below_until_it_is_committed() -> None:
    base: State = {"a": 1, "b": 2}
    overlay = Overlay(base)
    overlay["b"] = 3
    overlay["c"] = 4
    assert dict(overlay) == {"a": 1, "b": 3, "c": 4}
    assert len(overlay) == 3
    assert base == {"a": 1, "b": 2}
    overlay.commit()
    assert base == {"a": 1, "b": 3, "c": 4}
    with pytest.raises(KeyError):
        overlay["d"]
    with pytest.raises(TypeError):
        del overlay["a"]


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_supermajority_is_two_thirds(weight: int, total: int) -> None:
    assert is_supermajority(weight, total) == (weight / total >= 2 / 3 - 1e-12)


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (64, 43)])
def test_the_beacons_rule_and_the_policys_agree_on_how_many_validators_are_needed(count: int, needed: int) -> None:
    assert [is_supermajority(weight, count) for weight in (needed - 1, needed)] == [False, True]
    assert needed == -(-2 * count // 3)
