"""Gathering cosignatures from witnesses that are quick, slow, behind, ahead or gone."""

import threading

import pytest

from apps.network import beacon_api as api
from apps.network.committee import Committee
from apps.network.errors import Unreachable
from apps.network.gathering import CORRECTIONS, FIRST_RETRY, LAST_RETRY, Gathering
from apps.network.witness_client import AnotherSize, Cosigned, NotSigned, WitnessAnswer
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.witness import AddCheckpointRequest
from data_pool.network import Cosigned as CommitteeCosigned
from tests.nodes.cast import key_of

ORIGIN = "test.example/log"
LOG = NoteSigner(ORIGIN, key_of(1))


def note_of(size: int) -> bytes:
    text = LogCheckpoint(ORIGIN, size, size.to_bytes(32, "big")).text()
    return Note(text, (LOG.sign(text),)).render()


def prove(old: int, new: int) -> list[bytes]:
    return [old.to_bytes(32, "big"), new.to_bytes(32, "big")]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A witness that signs whatever extends its size, after the answers it was told to give first."""

    def __init__(self, name: str, *first: WitnessAnswer, size: int = 0, key: int = 10) -> None:
        self.name = name
        self.size = size
        self.first = list(first)
        self.cosigner = CosignerEd25519(f"test.example/validator/{name}", key_of(key))
        self.asked: list[AddCheckpointRequest] = []
        self.free = threading.Event()
        self.free.set()

    def add_checkpoint(self, request: AddCheckpointRequest) -> WitnessAnswer:
        assert self.free.wait(10)
        self.asked.append(request)
        if self.first:
            return self.first.pop(0)
        if request.old_size != self.size:
            return AnotherSize(self.size)
        text = Note.parse(request.note).text
        self.size = LogCheckpoint.parse(text).size
        return Cosigned((self.cosigner.cosign(text, 1_700_000_000),))


def gather(gathering: Gathering, *, steps: int = 10) -> list[tuple[str, int]]:
    """What comes in until nobody is left to wait for."""
    signed = []
    for _ in range(steps):
        signed += [(cosigning.witness, cosigning.size) for cosigning in gathering.step(0.2)]
        if gathering.is_settled(failures=1):
            break
    return signed


def test_a_witness_that_is_up_to_date_signs_at_once() -> None:
    witness = Scripted("a", size=5)
    gathering = Gathering([witness], prove, believed_sizes={"a": 5})
    gathering.aim(note_of(8), 8)
    assert gather(gathering) == [("a", 8)]
    (request,) = witness.asked
    assert (request.old_size, list(request.proof)) == (5, prove(5, 8))


@pytest.mark.parametrize(("stands", "proof"), [(0, []), (5, prove(5, 8)), (8, [])])
def test_a_witness_that_stands_elsewhere_is_asked_from_there(stands: int, proof: list[bytes]) -> None:
    witness = Scripted("a", size=stands)
    gathering = Gathering([witness], prove, believed_sizes={"a": 3})
    gathering.aim(note_of(8), 8)
    assert gather(gathering) == [("a", 8)]
    assert list(witness.asked[-1].proof) == proof
    assert gathering.believed_sizes == {"a": 8}


def test_a_slow_witness_delays_nobody() -> None:
    slow, quick = Scripted("slow"), Scripted("quick")
    slow.free.clear()
    gathering = Gathering([slow, quick], prove)
    gathering.aim(note_of(8), 8)
    assert [(c.witness, c.size) for c in gathering.step(5)] == [("quick", 8)]
    gathering.aim(note_of(9), 9)
    assert [(c.witness, c.size) for c in gathering.step(5)] == [("quick", 9)]
    slow.free.set()
    assert gather(gathering) == [("slow", 8), ("slow", 9)]


def test_a_witness_that_fails_is_asked_again_later_and_ever_later() -> None:
    clock = Clock()
    witness = Scripted("a", *[NotSigned(None, "gone")] * 3)
    gathering = Gathering([witness], prove, clock=clock)
    gathering.aim(note_of(8), 8)
    gathering.step(5)
    for wait in (FIRST_RETRY, 2 * FIRST_RETRY):
        asked = len(witness.asked)
        clock.now += wait * 0.9
        assert gathering.step(0.01) == []
        assert len(witness.asked) == asked
        clock.now += wait * 0.2
        gathering.step(5)
        assert len(witness.asked) == asked + 1
    clock.now += 60
    assert gather(gathering) == [("a", 8)]


def test_a_witness_that_is_away_for_days_is_still_asked() -> None:
    clock = Clock()
    witness = Scripted("a", *[NotSigned(None, "gone")] * 3000)
    gathering = Gathering([witness], prove, clock=clock)
    gathering.aim(note_of(8), 8)
    for _ in range(3000):
        gathering.step(5)
        clock.now += LAST_RETRY + 1
    assert gather(gathering) == [("a", 8)]


def test_a_witness_ahead_of_the_log_counts_as_failed() -> None:
    witness = Scripted("a", size=100)
    gathering = Gathering([witness], prove)
    gathering.aim(note_of(8), 8)
    assert gather(gathering) == []
    assert gathering.is_settled(failures=1)


def test_a_witness_that_keeps_naming_other_sizes_counts_as_failed() -> None:
    witness = Scripted("a", *[AnotherSize(size % 7 + 1) for size in range(50)])
    gathering = Gathering([witness], prove)
    gathering.aim(note_of(8), 8)
    assert gather(gathering, steps=20) == []
    assert len(witness.asked) == CORRECTIONS + 1


class Broken(Scripted):
    def add_checkpoint(self, request: AddCheckpointRequest) -> WitnessAnswer:
        raise RuntimeError("broken")


def test_a_witness_whose_client_breaks_counts_as_failed() -> None:
    gathering = Gathering([Broken("a")], prove)
    gathering.aim(note_of(8), 8)
    assert gather(gathering) == []
    assert gathering.is_settled(failures=1)


def test_a_wake_up_ends_the_waiting() -> None:
    gathering = Gathering([], prove)
    gathering.aim(note_of(8), 8)
    threading.Timer(0.05, gathering.wake).start()
    assert gathering.step(60) == []


class TestCommittee:
    def committee(self, *witnesses: Scripted) -> Committee:
        named = api.Committee(epoch=7, validators=tuple(witness.name for witness in witnesses))
        return Committee(witnesses, lambda _origin: named)

    def sign(self, *witnesses: Scripted) -> CommitteeCosigned:
        return self.committee(*witnesses).cosign(ORIGIN, note_of(8), lambda old: prove(old, 8))

    def cast(self) -> list[Scripted]:
        return [Scripted(name, key=20 + place) for place, name in enumerate("abcd")]

    def test_everybody_present_signs(self) -> None:
        witnesses = self.cast()
        assert len(self.sign(*witnesses).signatures) == 4

    def test_one_that_hangs_is_not_waited_for(self) -> None:
        witnesses = self.cast()
        witnesses[0].free.clear()
        assert len(self.sign(*witnesses).signatures) == 3
        witnesses[0].free.set()

    def test_the_second_checkpoint_takes_one_request_each(self) -> None:
        witnesses = self.cast()
        committee = self.committee(*witnesses)
        committee.cosign(ORIGIN, note_of(8), lambda old: prove(old, 8))
        committee.cosign(ORIGIN, note_of(9), lambda old: prove(old, 9))
        assert [len(witness.asked) for witness in witnesses] == [2, 2, 2, 2]

    def test_without_a_quorum_it_gives_what_there_is(self) -> None:
        witnesses = self.cast()
        for witness in witnesses[:2]:
            witness.first = [NotSigned(403, "status 403")] * 9
        assert len(self.sign(*witnesses).signatures) == 2

    def test_only_the_committee_is_asked_and_its_epoch_is_told(self) -> None:
        witnesses = self.cast()
        committee = Committee(witnesses, lambda _origin: api.Committee(epoch=9, validators=("a", "c", "d")))
        cosigned = committee.cosign(ORIGIN, note_of(8), lambda old: prove(old, 8))
        assert cosigned.epoch == 9
        assert {line.name for line in cosigned.signatures} == {witnesses[at].cosigner.name for at in (0, 2, 3)}
        assert not witnesses[1].asked

    def test_while_nobody_names_the_committee_nobody_is_asked(self) -> None:
        witnesses = self.cast()

        def ask(_origin: str) -> api.Committee:
            raise Unreachable("nobody there")

        assert not Committee(witnesses, ask).cosign(ORIGIN, note_of(8), lambda old: prove(old, 8)).signatures
        assert not any(witness.asked for witness in witnesses)
