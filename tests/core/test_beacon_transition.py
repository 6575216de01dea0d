from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import Crosslink, Entry, Evidence, Member, Parent, Pool, Seal, Validator
from audit_chain.beacon.names import member_key_name, pool_origin
from audit_chain.beacon.state import (
    CurrentCrosslink,
    DepositRecord,
    State,
    get_beacon_origin,
    get_committee,
    get_crosslink,
    get_deposits,
    get_effective_weight,
    get_latest_seal,
    get_log_keys,
    get_member,
    get_members,
    get_network,
    get_next_index,
    get_pool,
    get_pools,
    get_slot,
    get_validator,
    get_validators,
    is_supermajority,
)
from audit_chain.beacon.transition import compute_crosslink_note, compute_seal, process_entry, process_latest_seal
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
    StateMismatch,
    UnknownMember,
    UnknownPool,
    WrongParent,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import EMPTY_ROOT
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore
from audit_chain.testing import (
    COURT,
    NETWORK,
    SUPPLIER,
    ExampleNetwork,
    ValidatorKeys,
    ed25519_key,
    record_key,
)
from tests.core.log_cast import flipped

DIGEST = b"\xab" * 32


@pytest.fixture
def net() -> ExampleNetwork:
    return ExampleNetwork()


def pool_note(net: ExampleNetwork, *, validators: int = 4) -> Note:
    """A grown pool's checkpoint, cosigned by some validators."""
    net.pool.add({"kind": "order"}, key=record_key(1))
    return net.cosign(net.pool.seal(net.clock), validators=net.validators[:validators])


def take(net: ExampleNetwork, entry: Entry) -> int:
    """Index of the entry, which the state takes."""
    index = get_next_index(net.state)
    process_entry(net.state, entry.encode(), index)
    return index


def refuses(state: State, entry: Entry, error: type[Exception], index: int | None = None) -> None:
    """The entry raises just that error and leaves the state as it was."""
    process_latest_seal(state)
    before = state.tree.root(), state.root()
    with pytest.raises(error) as refusal:
        process_entry(state, entry.encode(), get_next_index(state) if index is None else index)
    assert type(refusal.value) is error
    assert (state.tree.root(), state.root()) == before


def empty() -> State:
    return State(StateMap(MemoryStateStore()))


# Founding


def test_a_network_is_founded_by_its_genesis_and_validators(net: ExampleNetwork) -> None:
    state = empty()
    process_entry(state, net.genesis.encode(), 0)
    for index, validator in enumerate(net.validators, start=1):
        process_entry(state, Validator(validator.registration()).encode(), index)
    assert get_network(state).name == NETWORK
    assert [validator.name for validator in get_validators(state)] == [validator.name for validator in net.validators]
    assert get_validator(state, COURT).key_sets == (net.validators[2].key_set,)
    assert get_effective_weight(state, get_validator(state, COURT)) == 32 * 10**9
    assert get_beacon_origin(state) == f"{NETWORK}/beacon"
    assert get_slot(state) == 0
    assert get_members(state) == get_pools(state) == ()


def test_a_log_begins_with_its_genesis(net: ExampleNetwork) -> None:
    refuses(empty(), Seal(0, "2026-11-22T15:40:00Z", None, bytes(32)), InvalidGenesis, index=0)
    refuses(empty(), Member(COURT, net.members[COURT].verifier_key), InvalidGenesis)
    refuses(empty(), net.genesis, InvalidEntry, index=1)


def test_all_founding_validators_come_before_anything_else(net: ExampleNetwork) -> None:
    state = empty()
    process_entry(state, net.genesis.encode(), 0)
    process_entry(state, Validator(net.validators[0].registration()).encode(), 1)
    refuses(state, newcomer(), InvalidGenesis)
    refuses(state, Seal(0, "2026-11-22T15:40:00Z", None, bytes(32)), InvalidGenesis)
    refuses(net.state, Validator(ValidatorKeys.numbered("latecomer", 50).registration()), InvalidGenesis)


def test_a_log_has_one_genesis(net: ExampleNetwork) -> None:
    refuses(net.state, net.genesis, InvalidEntry, index=0)
    refuses(net.state, net.genesis, InvalidGenesis)


def test_founders_share_neither_names_nor_keys(net: ExampleNetwork) -> None:
    state = empty()
    process_entry(state, net.genesis.encode(), 0)
    first = net.validators[0].registration()
    process_entry(state, Validator(first).encode(), 1)
    refuses(state, Validator(first), AlreadyRegistered)
    refuses(state, Validator(replace(first, name="another")), InvalidRegistration)
    same_key = replace(ValidatorKeys.numbered("another", 1).registration(), name="another")
    refuses(state, Validator(same_key), AlreadyRegistered)


def test_the_beacons_key_is_named_after_its_log(net: ExampleNetwork) -> None:
    refuses(empty(), replace(net.genesis, key=net.members[COURT].verifier_key), InvalidGenesis)


def test_entries_come_in_order(net: ExampleNetwork) -> None:
    following = get_next_index(net.state)
    refuses(net.state, newcomer(), InvalidEntry, index=following + 1)
    refuses(net.state, newcomer(), InvalidEntry, index=following - 1)
    process_entry(net.state, newcomer().encode(), following)


def test_bytes_that_are_no_entry_leave_the_state_alone(net: ExampleNetwork) -> None:
    before = net.state.root()
    with pytest.raises(MalformedEntry):
        process_entry(net.state, b"{}", get_next_index(net.state))
    assert net.state.root() == before


# Members and pools


def newcomer(name: str = "lotus-electronics", number: int = 900) -> Member:
    return Member(name, NoteSigner(member_key_name(NETWORK, name), ed25519_key(number)).verifier_key)


def new_pool(name: str = "lotus", member: str = SUPPLIER) -> Pool:
    return Pool(name, member, NoteSigner(pool_origin(NETWORK, name), ed25519_key(901)).verifier_key)


def test_a_member_and_its_pool_are_registered(net: ExampleNetwork) -> None:
    take(net, newcomer())
    index = take(net, new_pool(member="lotus-electronics"))
    assert get_member(net.state, "lotus-electronics").key == newcomer().key
    pool = get_pool(net.state, "lotus")
    assert (pool.member, pool.key, pool.index) == ("lotus-electronics", new_pool().key, index)
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
    assert get_crosslink(net.state, SUPPLIER) == CurrentCrosslink(0, EMPTY_ROOT, None, None)
    crosslink = net.crosslink(pool_note(net))
    index = take(net, crosslink)
    checkpoint = crosslink.checkpoint
    assert get_crosslink(net.state, SUPPLIER) == CurrentCrosslink(checkpoint.size, checkpoint.root, index, 0)


def test_a_later_crosslink_follows_the_current_one(net: ExampleNetwork) -> None:
    first, second = net.crosslink(pool_note(net)), None
    take(net, first)
    second = net.crosslink(pool_note(net))
    assert second.parent == Parent(first.checkpoint.size, first.checkpoint.root)
    take(net, second)
    assert get_crosslink(net.state, SUPPLIER).size == second.checkpoint.size


def test_three_of_four_validators_are_enough_for_a_crosslink(net: ExampleNetwork) -> None:
    take(net, net.crosslink(pool_note(net, validators=3)))


def test_two_of_four_validators_are_too_few_for_a_crosslink(net: ExampleNetwork) -> None:
    refuses(net.state, net.crosslink(pool_note(net, validators=2)), InsufficientWeight)
    refuses(net.state, net.crosslink(pool_note(net, validators=0)), InsufficientWeight)


def test_weight_counts_and_not_heads(net: ExampleNetwork) -> None:
    net.state.casper.validators[0].effective_balance *= 6
    note = pool_note(net, validators=0)
    refuses(net.state, net.crosslink(net.cosign(note, validators=net.validators[1:])), InsufficientWeight)
    take(net, net.crosslink(net.cosign(note, validators=net.validators[:1])))


def spoiled_crosslinks() -> dict[str, tuple[Callable[[ExampleNetwork, Crosslink], Crosslink], type[InvalidEntry]]]:
    def with_note(note: Callable[[ExampleNetwork, Note], Note]) -> Callable[[ExampleNetwork, Crosslink], Crosslink]:
        return lambda net, crosslink: replace(crosslink, note=note(net, crosslink.note))

    def signed_as(net: ExampleNetwork, checkpoint: LogCheckpoint) -> Note:
        text = checkpoint.text()
        note = net.cosign(Note(text, (net.pool.signer.sign(text),)))
        return compute_crosslink_note(note, net.pool.signer.verifier_key, get_committee(net.state, SUPPLIER, net.epoch))

    def checkpoint(note: Note) -> LogCheckpoint:
        return LogCheckpoint.parse(note.text)

    def flip(position: int) -> Callable[[ExampleNetwork, Note], Note]:
        def spoil(_: ExampleNetwork, note: Note) -> Note:
            lines = list(note.signatures)
            lines[position] = flipped(lines[position])
            return Note(note.text, tuple(lines))

        return spoil

    def with_blob(blob: Callable[[bytes], bytes]) -> Callable[[ExampleNetwork, Note], Note]:
        def spoil(_: ExampleNetwork, note: Note) -> Note:
            *lines, last = note.signatures
            return Note(note.text, (*lines, replace(last, blob=blob(last.blob))))

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
        "with a cosignature that is too long": (with_note(with_blob(lambda blob: blob + b"\0")), InvalidCrosslink),
        "with a cosignature of no time": (with_note(with_blob(lambda blob: bytes(8) + blob[8:])), InvalidCrosslink),
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
        "of a committee yet to come": (lambda net, link: replace(link, epoch=1), InvalidCrosslink),
        "cosigned before the keys were valid": (
            with_note(
                lambda net, note: Note(
                    note.text,
                    (note.signatures[0], *(validator.ed25519.cosign(note.text, 1) for validator in net.validators)),
                )
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
    take(net, crosslink)


def test_the_same_crosslink_cannot_come_twice(net: ExampleNetwork) -> None:
    crosslink = net.crosslink(pool_note(net))
    take(net, crosslink)
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
    index = take(net, net.deposit(DIGEST))
    assert get_deposits(net.state, DIGEST) == (DepositRecord(COURT, index),)


def test_two_members_can_deposit_the_same_file_and_each_only_once(net: ExampleNetwork) -> None:
    first = take(net, net.deposit(DIGEST))
    second = take(net, net.deposit(DIGEST, member=SUPPLIER))
    assert get_deposits(net.state, DIGEST) == (DepositRecord(COURT, first), DepositRecord(SUPPLIER, second))
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
    take(net, net.deposit(DIGEST))
    with pytest.raises(AlreadyDeposited) as refusal:
        take(net, net.deposit(DIGEST))
    assert DIGEST.hex() not in str(refusal.value)


# Seals


def test_seals_follow_one_another(net: ExampleNetwork) -> None:
    before = get_latest_seal(net.state)
    seal = net.seal()
    latest = get_latest_seal(net.state)
    assert (latest.slot, latest.index, latest.previous) == (before.slot + 1, seal.size - 1, before.index)


def next_seal(net: ExampleNetwork) -> Seal:
    """The seal that holds, made on a copy of the state."""
    states = net.states.copy()
    copy = State(StateMap(states))
    return compute_seal(copy, time="2026-11-22T16:00:00Z")


def test_a_seal_that_does_not_follow_the_latest_is_refused(net: ExampleNetwork) -> None:
    seal = next_seal(net)
    refuses(net.state, replace(seal, previous=None), InvalidSeal)
    refuses(net.state, replace(seal, previous=seal.previous and seal.previous - 1), InvalidSeal)
    refuses(net.state, replace(seal, slot=seal.slot - 1), InvalidSeal)
    refuses(net.state, replace(seal, slot=seal.slot + 1), InvalidSeal)
    refuses(net.state, replace(seal, time="2026-11-22T15:00:00Z"), InvalidSeal)
    take(net, seal)


def test_a_seal_that_commits_to_another_state_says_so_by_section(net: ExampleNetwork) -> None:
    with pytest.raises(StateMismatch) as mismatch:
        take(net, replace(next_seal(net), state=b"\1" * 32))
    assert {"network", "validator", "pool", "casper"} <= set(mismatch.value.subroots)


# State


def test_the_log_alone_gives_the_state(net: ExampleNetwork) -> None:
    net.append(net.crosslink(pool_note(net)).encode())
    net.append(net.deposit(DIGEST).encode())
    net.finalize(get_next_index(net.state) - 1)
    replayed = empty()
    for index, entry in enumerate(net.store.read_entries(0, net.store.head().tree_size)):
        process_entry(replayed, entry, index)
    assert replayed.root() == net.state.root()
    assert get_next_index(replayed) == net.store.head().tree_size


def test_a_state_that_is_opened_again_goes_on(net: ExampleNetwork) -> None:
    for _ in range(5):
        net.append(net.deposit(get_next_index(net.state).to_bytes(32, "big")).encode())
        net.seal()
        net.state = State(StateMap(net.states))
    net.finalize(get_next_index(net.state) - 1)
    assert net.state.tree.size in (net.store.head().tree_size, net.store.head().tree_size - 1)


def test_the_frontier_in_the_state_is_the_logs(net: ExampleNetwork) -> None:
    for _ in range(7):
        net.seal()
        size = net.state.tree.size
        assert size == net.store.head().tree_size - 1  # without the seal itself
        assert net.state.tree.root() == net.log.root(size)


def test_the_state_is_canonical_json_name_by_name(net: ExampleNetwork) -> None:
    net.append(net.crosslink(pool_note(net)).encode())
    net.append(net.deposit(DIGEST).encode())
    net.finalize(get_next_index(net.state) - 1)
    for name in net.state:
        assert canonical.decode(canonical.encode(net.state[name])) == net.state[name]
    sections = {"network", "log", "slot", "tree", "boundaries", "validator", "seat", "key", "member", "pool", "pools"}
    casper = {"casper", "registry", "balance", "participation", "mix"}
    assert {name.split("/")[0] for name in net.state} == sections | casper | {"crosslink", "evidence"}


def test_the_state_forgets_nothing(net: ExampleNetwork) -> None:
    with pytest.raises(TypeError):
        del net.state["network"]


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_supermajority_is_two_thirds(weight: int, total: int) -> None:
    assert is_supermajority(weight, total) == (weight / total >= 2 / 3 - 1e-12)


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (64, 43)])
def test_the_beacons_rule_and_the_policys_agree_on_how_many_validators_are_needed(count: int, needed: int) -> None:
    assert [is_supermajority(weight, count) for weight in (needed - 1, needed)] == [False, True]
    assert needed == -(-2 * count // 3)
