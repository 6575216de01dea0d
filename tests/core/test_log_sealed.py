import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.errors import CorruptLog, MalformedEncoding, MalformedEntry, NotInLog
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.sealed_log import SealedLog, seal_entry
from audit_chain.log.store import EMPTY_HEAD, LogHead, MemoryLogStore
from audit_chain.log.tiles import MAX_ENTRY_SIZE
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from tests.core.log_cast import LOG_SIGNER, ORIGIN

TIME = "2026-11-22T12:00:00Z"

STEPS = st.lists(
    st.integers(0, 40) | st.sampled_from([255, 256, 300]) | st.sampled_from(["seal", "heartbeat"]),
    max_size=12,
)


def new_log() -> tuple[MemoryLogStore, SealedLog]:
    store = MemoryLogStore()
    return store, SealedLog(store, LOG_SIGNER)


@given(STEPS, st.data())
def test_a_sealed_log_is_the_plain_tree_over_the_same_entries(steps, data):
    store, log = new_log()
    plain = MemoryLog()
    waiting: list[bytes] = []
    sizes: list[int] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            entries = [b"%d/%d" % (number, position) for position in range(step)]
            assert log.append(entries) == len(plain) + len(waiting)
            waiting += entries
            continue
        seal = log.seal(TIME, heartbeat=step == "heartbeat")
        if seal is None:
            assert not waiting
            continue
        waiting.append(seal_entry(previous=sizes[-1] - 1 if sizes else None, time=TIME))
        plain.extend(map(leaf_hash, waiting))
        waiting = []
        sizes.append(len(plain))
        assert (seal.size, seal.root) == (len(plain), plain.root())
        assert store.head() == LogHead(len(plain), len(plain), plain.root())
    if not sizes:
        return
    for _ in range(5):
        new = data.draw(st.integers(1, sizes[-1]))
        old = data.draw(st.integers(0, new))
        index = data.draw(st.integers(0, new - 1))
        assert log.root(new) == plain.root(new)
        assert log.inclusion_proof(index, new) == plain.inclusion_proof(index, new)
        assert log.consistency_proof(old, new) == plain.consistency_proof(old, new)


def test_a_seal_signs_a_checkpoint_of_all_entries_and_of_itself():
    store, log = new_log()
    assert log.append([b"one", b"two"]) == 0
    seal = log.seal(TIME)
    assert seal is not None
    note = Note.parse(seal.note)
    assert verified_signatures(note, [LOG_SIGNER.verifier_key])
    assert LogCheckpoint.parse(note.text) == LogCheckpoint(ORIGIN, 3, seal.root)
    assert store.read_entries(0, 3) == [b"one", b"two", seal_entry(previous=None, time=TIME)]
    assert log.note(3) == seal.note


def test_seals_form_a_chain_of_the_entries_that_the_caller_makes():
    store, log = new_log()
    for slot in range(3):
        log.append([b"entry"])
        log.seal(
            TIME, make_entry=lambda previous, index, slot=slot: b"%d: %s-%d" % (slot, repr(previous).encode(), index)
        )
    assert [store.read_entries(seal.size - 1, seal.size)[0] for seal in store.seals(0, 10)] == [
        b"0: None-1",
        b"1: 1-3",
        b"2: 3-5",
    ]


def test_the_plain_seal_entry_is_canonical():
    expected = {"previous": 7, "time": TIME, "type": "seal", "v": 1}
    entry = seal_entry(previous=7, time=TIME)
    assert json.loads(entry) == expected
    assert entry == canonical.encode(expected)


def test_a_seal_that_cannot_be_made_changes_nothing():
    store, log = new_log()
    log.append([b"entry"])
    head = store.head()

    def fail(_previous, _index):
        raise CorruptLog("no state to commit to")

    with pytest.raises(CorruptLog):
        log.seal(TIME, make_entry=fail)
    assert store.head() == head


def test_nothing_new_is_not_sealed_unless_asked_for():
    store, log = new_log()
    assert log.seal(TIME) is None
    assert store.head() == EMPTY_HEAD
    first = log.seal(TIME, heartbeat=True)
    assert first is not None
    assert first.size == 1
    assert log.seal(TIME) is None
    assert log.append([]) == 1


def test_entries_wait_outside_the_tree_until_they_are_sealed():
    store, log = new_log()
    log.append([b"one"])
    assert store.head() == replace(EMPTY_HEAD, next_index=1)
    with pytest.raises(NotInLog):
        log.inclusion_proof(0, 1)
    with pytest.raises(NotInLog):
        log.root(1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda log: log.root(9),
        lambda log: log.inclusion_proof(0, 9),
        lambda log: log.inclusion_proof(2, 2),
        lambda log: log.inclusion_proof(-1, 2),
        lambda log: log.consistency_proof(1, 9),
        lambda log: log.consistency_proof(3, 2),
        lambda log: log.note(1),
    ],
)
def test_a_log_says_what_it_does_not_hold(ask):
    _, log = new_log()
    log.append([b"one", b"two"])
    log.seal(TIME)
    with pytest.raises(NotInLog):
        ask(log)


@pytest.mark.parametrize(
    "time", ["", "now", "2026-11-22T12:00:00", "2026-11-22T12:00:00+00:00", "2026-13-01T00:00:00Z"]
)
def test_a_seal_without_a_proper_time_changes_nothing(time):
    store, log = new_log()
    log.append([b"one"])
    head = store.head()
    with pytest.raises(MalformedEncoding):
        log.seal(time)
    assert store.head() == head


def test_an_entry_too_large_for_a_bundle_changes_nothing():
    store, log = new_log()
    with pytest.raises(MalformedEntry):
        log.append([b"one", bytes(MAX_ENTRY_SIZE + 1)])
    with pytest.raises(MalformedEntry):
        log.seal(TIME, heartbeat=True, make_entry=lambda _previous, _index: bytes(MAX_ENTRY_SIZE + 1))
    assert store.head() == EMPTY_HEAD


def test_a_log_whose_tiles_were_changed_signs_nothing_more():
    store, log = new_log()
    log.append([b"one", b"two"])
    log.seal(TIME)
    tile = store.read_tiles([(0, 0)])[0, 0]
    store.write_tiles({(0, 0): tile[:-1] + bytes([tile[-1] ^ 1])})
    log.append([b"three"])
    head = store.head()
    with pytest.raises(CorruptLog):
        log.seal(TIME)
    assert store.head() == head
    assert len(store.seals(0, 10)) == 1


# The store's contract


def test_a_store_finds_seals_by_what_they_cover():
    store, log = new_log()
    for count in (2, 1, 3):
        log.append([b"entry"] * count)
        log.seal(TIME)
    assert [seal.size for seal in store.seals(0, 10)] == [3, 5, 9]
    assert [seal.size for seal in store.seals(3, 1)] == [5]
    assert [store.seal_covering(index).size for index in range(9)] == [3, 3, 3, 5, 5, 9, 9, 9, 9]
    assert store.seal_covering(9) is None
    assert store.seal_at(5).size == 5
    assert store.seal_at(4) is None
    assert store.latest_seal().size == 9


def test_a_store_refuses_a_gap_and_what_it_does_not_hold():
    store = MemoryLogStore()
    assert store.head() == store.lock() == EMPTY_HEAD
    assert store.latest_seal() is None
    assert store.read_tiles([(0, 0)]) == {}
    with pytest.raises(NotInLog):
        store.append_entries(1, [b"two"])
    with pytest.raises(NotInLog):
        store.read_entries(0, 1)
