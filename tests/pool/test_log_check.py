"""A stored log against what it signed: spoil one thing, and it is named."""

from collections.abc import Callable

import pytest

from audit_chain.encoding import to_time
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import LogHead, MemoryLogStore, Seal
from audit_chain.testing import START, ed25519_key
from data_pool.findings import MAX_PROBLEMS, Findings, TooManyProblems
from data_pool.log_check import check_log

SIGNER = NoteSigner("tallystick.example/pool/log", ed25519_key(1))
BATCHES = (3, 300, 1, 700)


@pytest.fixture
def store() -> MemoryLogStore:
    """A log of four sealed batches, 1008 entries in all, and two that wait."""
    store = MemoryLogStore()
    log = SealedLog(store, SIGNER)
    for number, count in enumerate(BATCHES):
        log.append([b"entry %d of batch %d" % (place, number) for place in range(count)])
        log.seal(to_time(START + number))
    log.append([b"waits", b"waits too"])
    return store


def findings_of(store: MemoryLogStore) -> Findings:
    findings = Findings()
    check_log(store, SIGNER.verifier_key, findings)
    return findings


def named(store: MemoryLogStore) -> list[tuple[str, int | None]]:
    return [(problem.where, problem.checkpoint) for problem in findings_of(store).problems]


def test_a_sound_log_is_sound(store: MemoryLogStore) -> None:
    findings = findings_of(store)

    assert findings.problems == []
    assert findings.counts == {"log_entry": 1010, "log_seal": 4, "log_tile": 5}


def test_the_visitor_sees_every_entry_once_and_in_order(store: MemoryLogStore) -> None:
    seen: list[int] = []
    check_log(store, SIGNER.verifier_key, Findings(), lambda index, _: seen.append(index))

    assert seen == list(range(1010))


@pytest.mark.parametrize(("index", "checkpoint"), [(0, 4), (3, 4), (200, 305), (1007, 1008)])
def test_a_changed_entry_is_named_alone(store: MemoryLogStore, index: int, checkpoint: int) -> None:
    store._entries[index] = b"forged"

    assert (f"log_entry {index}", checkpoint) in named(store)
    assert {where for where, _ in named(store)} <= {f"log_entry {index}", f"log_seal {checkpoint}"}


@pytest.mark.parametrize(("tile", "checkpoint"), [((0, 0), 4), ((0, 2), 1008), ((0, 3), 1008), ((1, 0), 305)])
def test_a_changed_tile_is_named_alone(store: MemoryLogStore, tile: tuple[int, int], checkpoint: int) -> None:
    content = bytearray(store._tiles[tile])
    content[0] ^= 1
    store._tiles[tile] = bytes(content)

    assert named(store) == [(f"log_tile {tile[0]}/{tile[1]}", checkpoint)]


def test_a_missing_tile_is_named(store: MemoryLogStore) -> None:
    del store._tiles[0, 1]

    assert named(store) == [("log_tile 0/1", 305)]


def test_a_changed_entry_whose_tiles_were_changed_with_it_contradicts_what_was_signed(store: MemoryLogStore) -> None:
    forged = MemoryLogStore()
    log = SealedLog(forged, SIGNER)
    log.append([b"forged", *store.read_entries(1, 3)])
    log.seal(to_time(START))
    store._entries[0] = b"forged"
    store._tiles[0, 0] = forged._tiles[0, 0][:32] + store._tiles[0, 0][32:]

    assert ("log_seal 4", 4) in named(store)


def change_seal(store: MemoryLogStore, **changes: object) -> None:
    seal = store._seals[305]
    values = {"size": seal.size, "root": seal.root, "time": seal.time, "note": seal.note} | changes
    store._seals[305] = Seal(**values)  # type: ignore[arg-type]


Spoil = Callable[[MemoryLogStore], None]


def resign(store: MemoryLogStore) -> None:
    text = Note.parse(store._seals[305].note).text
    other = NoteSigner(SIGNER.name, ed25519_key(2))
    change_seal(store, note=Note(text, (other.sign(text),)).render())


def add_a_line(store: MemoryLogStore) -> None:
    note = Note.parse(store._seals[305].note)
    other = NoteSigner("somebody.example", ed25519_key(2))
    change_seal(store, note=note.with_signatures(other.sign(note.text)).render())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda store: change_seal(store, root=bytes(32)),
        lambda store: change_seal(store, time=to_time(START + 9)),
        lambda store: change_seal(store, note=b"no note"),
        lambda store: change_seal(store, note=store._seals[4].note),
        resign,
        add_a_line,
    ],
)
def test_a_changed_seal_is_named(store: MemoryLogStore, spoil: Spoil) -> None:
    spoil(store)

    assert {where for where, _ in named(store)} == {"log_seal 305"}
    assert {checkpoint for _, checkpoint in named(store)} == {305}


def test_a_removed_seal_shows_in_the_next_one(store: MemoryLogStore) -> None:
    del store._seals[305]

    assert ("log_seal 307", 307) in named(store)


@pytest.mark.parametrize(
    "head",
    [
        LogHead(next_index=1010, tree_size=1008, root=bytes(32)),
        LogHead(next_index=1010, tree_size=1007, root=bytes(32)),
        LogHead(next_index=1009, tree_size=1008, root=bytes(32)),
    ],
)
def test_a_changed_head_is_named(store: MemoryLogStore, head: LogHead) -> None:
    store.write_head(head)

    assert "log_head" in {where for where, _ in named(store)}


def test_a_head_that_counts_too_many_entries_is_named_with_what_it_misses(store: MemoryLogStore) -> None:
    store.write_head(LogHead(next_index=1011, tree_size=1008, root=store.head().root))

    assert named(store) == [("log_head", None), ("log_entry 1010", None)]


def test_after_many_problems_the_check_is_given_up(store: MemoryLogStore) -> None:
    for index in range(400):
        store._entries[index] = b"forged"

    findings = Findings()
    with pytest.raises(TooManyProblems):
        check_log(store, SIGNER.verifier_key, findings)
    assert len(findings.problems) == MAX_PROBLEMS
