"""Onto the beacon: sweeps that go on after a stop, wait for who is away, and believe nothing unproven."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from audit_chain import canonical
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.state import get_crosslink
from audit_chain.errors import QuorumNotReached
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.testing import POOL_INDEX, SUPPLIER, ExampleNetwork
from data_pool.errors import BeaconRefused, BeaconUnreachable
from data_pool.life import Stage
from data_pool.network import Crosslink, ProvenEntry, TreeHead, WrongParent
from data_pool.pool import Pool
from data_pool.storage.memory import MemoryStorage
from data_pool.storage.ports import PoolStorage
from tests.pool.cast import (
    ExampleBeacon,
    ExampleWitnesses,
    bring_in,
    finish,
    invoice,
    pool_setup,
    record_of,
    upload,
)
from tests.pool.stopping import Stopped, StoppingStorage, numbers_of_steps


def stage_of(pool: Pool, record: Any) -> Stage:
    return pool.record(record).life.stage


def test_nothing_new_is_nothing_to_do(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    assert pool.is_settled()
    assert pool.seal() is None
    pool.anchor(witnesses, beacon)

    record_of(pool, invoice())
    finish(pool, witnesses, beacon)

    assert pool.is_settled()
    assert pool.seal() is None
    pool.anchor(witnesses, beacon)
    assert witnesses.signed == 4
    assert beacon.queue == []


def test_an_absent_beacon_blocks_no_write(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    beacon.reachable = False
    for number in range(3):
        record_of(pool, invoice(f"NP-{number}"))
        pool.seal()
        with pytest.raises(BeaconUnreachable):
            pool.anchor(witnesses, beacon)
        with pytest.raises(BeaconUnreachable):
            pool.follow(beacon)

    beacon.reachable = True
    for _ in range(2):  # What was under way, then the newest of what came meanwhile.
        pool.anchor(witnesses, beacon)
        beacon.make_block()
        pool.follow(beacon)

    assert pool.is_settled()
    assert pool.fsck().counts["anchor"] == 2


def test_only_the_newest_seal_is_anchored(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    for number in range(5):
        record_of(pool, invoice(f"NP-{number}"))
        pool.seal()

    finish(pool, witnesses, beacon)

    assert pool.is_settled()
    assert witnesses.signed == 4
    assert get_crosslink(beacon.network.state, SUPPLIER).size == 10


def test_one_crosslink_is_under_way_at_a_time(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    record_of(pool, invoice("NP-1"))
    pool.seal()
    pool.anchor(witnesses, beacon)
    record_of(pool, invoice("NP-2"))
    pool.seal()
    pool.anchor(witnesses, beacon)

    (waiting,) = beacon.queue
    assert waiting.checkpoint.size == 2


def test_too_few_witnesses_are_asked_again(pool: Pool, network: ExampleNetwork, beacon: ExampleBeacon) -> None:
    record = record_of(pool, invoice())
    witnesses = ExampleWitnesses(network, present=2)
    pool.seal()
    with pytest.raises(QuorumNotReached):
        pool.anchor(witnesses, beacon)
    assert beacon.queue == []

    witnesses.present = 3
    finish(pool, witnesses, beacon)

    assert stage_of(pool, record) is Stage.FINAL


@pytest.mark.parametrize("is_placed", [False, True])
def test_a_lost_answer_of_the_beacon_is_made_good(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon, is_placed: bool
) -> None:
    record = record_of(pool, invoice())
    pool.seal()
    beacon.loses_answers = True
    with pytest.raises(BeaconUnreachable):
        pool.anchor(witnesses, beacon)
    beacon.loses_answers = False
    if is_placed:
        beacon.make_block()

    finish(pool, witnesses, beacon)

    assert stage_of(pool, record) is Stage.FINAL
    assert pool.fsck().problems == []


def test_wherever_it_stops_the_next_sweep_goes_on(
    storage: PoolStorage, network: ExampleNetwork, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    pool = Pool(pool_setup(storage, network))
    for steps in numbers_of_steps(storage):
        record = record_of(pool, invoice(f"NP-{steps}"))
        stopping = Pool(pool_setup(StoppingStorage(storage, steps=steps), network))  # type: ignore[arg-type]
        try:
            finish(stopping, witnesses, beacon)
            break
        except Stopped:
            finish(pool, witnesses, beacon)
            finish(pool, witnesses, beacon)
        assert stage_of(pool, record) is Stage.FINAL
    else:
        pytest.fail("it never came to its end")

    assert steps > 30
    assert pool.is_settled()
    assert pool.fsck().problems == []


def test_two_sweeps_at_once_are_one(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    record_of(pool, invoice())
    pool.seal()

    class Nested(ExampleWitnesses):
        def cosign(self, *arguments: Any) -> Any:
            pool.anchor(witnesses, beacon)
            return super().cosign(*arguments)

    pool.anchor(Nested(beacon.network), beacon)

    assert witnesses.signed == 0
    assert len(beacon.queue) == 1


def test_whoever_follows_waits_for_whoever_anchors(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record_of(pool, invoice())
    pool.seal()

    class Following(ExampleBeacon):
        """Where another sweep follows between the answer to a crosslink and the pool's keeping it."""

        def submit_crosslink(self, **crosslink: Any) -> Any:
            super().submit_crosslink(**crosslink)
            self.make_block()
            pool.follow(self)
            return super().submit_crosslink(**crosslink)

    asked = Following(beacon.network)
    pool.anchor(witnesses, asked)
    assert pool.status().reach.final == 0

    pool.follow(asked)
    assert pool.is_settled()


def test_a_crosslink_that_another_host_sent_is_found(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    """The store was put back to an earlier state: the beacon knows more of this pool than the pool remembers."""
    record_of(pool, invoice("NP-1"))
    pool.seal()
    pool.anchor(witnesses, beacon)
    with pool.setup.storage.transaction() as rows:
        (in_flight,) = rows.unfinished_anchors()
    record = record_of(pool, invoice("NP-2"))
    finish(pool, witnesses, beacon)
    finish(pool, witnesses, beacon)
    with pool.setup.storage.transaction() as rows:
        for size in (2, 4):
            rows.drop_anchor(size)
        rows.save_anchor(in_flight)

    finish(pool, witnesses, beacon)

    assert stage_of(pool, record) is Stage.FINAL
    assert pool.fsck().problems == []


def test_a_beacon_with_another_history_of_the_pool_stops_it(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_of(pool, invoice())
    pool.seal()
    pool.anchor(witnesses, beacon)
    for size, root in ((1, bytes(32)), (7, bytes(32))):
        refusal = WrongParent(TreeHead(size, root))
        monkeypatch.setattr(beacon, "submit_crosslink", lambda refusal=refusal, **_: refusal)
        with pytest.raises(BeaconRefused, match="another history"):
            pool.anchor(witnesses, beacon)

    claim = Crosslink(index=9, size=2, root=bytes(32), block=1, final=True)
    monkeypatch.setattr(beacon, "crosslink", lambda _pool: claim)
    with pytest.raises(BeaconRefused, match="another history"):
        pool.follow(beacon)


def test_a_pool_put_back_to_an_older_copy_is_stopped(
    network: ExampleNetwork, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    pool = Pool(pool_setup(MemoryStorage(), network))
    record_of(pool, invoice("NP-1"))
    finish(pool, witnesses, beacon)
    restored = Pool(pool_setup(MemoryStorage(), network))
    record_of(restored, invoice("NP-2"))
    restored.seal()

    with pytest.raises(BeaconRefused, match="restore its latest backup"):
        restored.anchor(witnesses, beacon)


def anchored_twice(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> list[Any]:
    """Three records: the first final, the second anchored, the third on its way there."""
    records = [record_of(pool, invoice("NP-1"))]
    finish(pool, witnesses, beacon)
    for number in ("NP-2", "NP-3"):
        records.append(record_of(pool, invoice(number)))
        pool.seal()
        pool.anchor(witnesses, beacon)
        if number == "NP-2":
            beacon.make_block(final=False)
            pool.follow(beacon)
    return records


@pytest.mark.parametrize("first", ["anchor", "follow"])
def test_a_crosslink_that_a_restarted_beacon_has_lost_goes_its_way_again(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon, first: str
) -> None:
    records = anchored_twice(pool, witnesses, beacon)
    assert [stage_of(pool, record) for record in records] == [Stage.FINAL, Stage.ANCHORED, Stage.SEALED]
    beacon.restart()

    (pool.anchor(witnesses, beacon) if first == "anchor" else pool.follow(beacon))
    assert [stage_of(pool, record) for record in records] == [Stage.FINAL, Stage.SEALED, Stage.SEALED]

    finish(pool, witnesses, beacon)
    finish(pool, witnesses, beacon)
    assert [stage_of(pool, record) for record in records] == [Stage.FINAL] * 3
    assert pool.is_settled()
    assert pool.fsck().problems == []


def test_a_beacon_that_goes_back_behind_what_is_final_is_refused(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice("NP-1"))
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-2"))
    pool.seal()
    emptied = ExampleBeacon(ExampleNetwork())
    committee = ExampleWitnesses(emptied.network)

    for sweep in (lambda: pool.anchor(committee, emptied), lambda: pool.follow(emptied)):
        with pytest.raises(BeaconRefused, match="behind what is final"):
            sweep()
    assert stage_of(pool, record) is Stage.FINAL


def test_a_crosslink_that_the_beacon_refuses_is_cosigned_anew(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    """Its committee is one of an epoch too long ago."""
    record = record_of(pool, invoice())
    pool.seal()
    beacon.reachable = False
    with pytest.raises(BeaconUnreachable):
        pool.anchor(witnesses, beacon)
    beacon.reachable = True
    with pool.setup.storage.transaction() as rows:
        (row,) = rows.unfinished_anchors()
        rows.save_anchor(pool.setup.keys.close_row(replace(row, epoch=999)))

    with pytest.raises(BeaconRefused):
        pool.anchor(witnesses, beacon)
    finish(pool, witnesses, beacon)

    assert stage_of(pool, record) is Stage.FINAL


Spoil = Callable[[ExampleBeacon, ProvenEntry], ProvenEntry]


def another_entry(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    honest = beacon.registration(SUPPLIER)
    assert honest is not None
    return honest


def unsigned(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    """The checkpoint carries one validator's cosignature."""
    proof = TlogProof.parse(proven.proof)
    note = Note.parse(proof.checkpoint)
    alone = Note(note.text, note.signatures[:2])
    return replace(proven, proof=replace(proof, checkpoint=alone.render()).render())


def elsewhere(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    proof = TlogProof.parse(proven.proof)
    return replace(proven, proof=replace(proof, index=proof.index - 1).render())


def unreadable(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    return replace(proven, proof=proven.proof[:-1])


def no_entry(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    return replace(proven, entry=b"{}")


def no_finality(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    return replace(proven, finality=b"{}")


def an_earlier_finality(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    """What makes an earlier checkpoint final, says nothing of this one."""
    honest = beacon.registration(SUPPLIER)
    assert honest is not None
    return replace(proven, finality=honest.finality)


def an_unsigned_finality(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    sealed = SealedState.from_json(canonical.decode(proven.finality))
    alone = replace(sealed, note=Note(sealed.note.text, sealed.note.signatures[:2]))
    return replace(proven, finality=canonical.encode(alone.to_json()))


def a_forged_finality(beacon: ExampleBeacon, proven: ProvenEntry) -> ProvenEntry:
    """The state's value is another one than its seal commits to."""
    sealed = SealedState.from_json(canonical.decode(proven.finality))
    values = {**sealed.values, "casper": replace(sealed.values["casper"], value=sealed.values["network"].value)}
    return replace(proven, finality=canonical.encode(replace(sealed, values=values).to_json()))


@pytest.mark.parametrize(
    "spoil",
    [
        another_entry,
        unsigned,
        elsewhere,
        unreadable,
        no_entry,
        no_finality,
        an_earlier_finality,
        an_unsigned_finality,
        a_forged_finality,
    ],
)
def test_an_answer_that_does_not_hold_makes_nothing_final(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    beacon.make_block()
    record = record_of(pool, invoice())
    pool.seal()
    pool.anchor(witnesses, beacon)
    beacon.make_block()
    prove = beacon.proof

    def lie(index: int) -> ProvenEntry | None:
        proven = prove(index)
        return proven if proven is None or index == POOL_INDEX else spoil(beacon, proven)

    monkeypatch.setattr(beacon, "proof", lie)
    with pytest.raises(BeaconRefused):
        pool.follow(beacon)
    assert stage_of(pool, record) is Stage.ANCHORED

    monkeypatch.undo()
    pool.follow(beacon)
    assert stage_of(pool, record) is Stage.FINAL


def test_a_registration_of_another_key_is_refused(
    storage: PoolStorage, beacon: ExampleBeacon, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(pool_setup(storage, beacon.network))
    beacon.make_block()
    monkeypatch.setattr(beacon, "registration", lambda _pool: beacon.proof(2))

    with pytest.raises(BeaconRefused, match="registered another pool"):
        pool.follow(beacon)


def test_the_status_tells_how_far_the_pool_has_come(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    bring_in(pool, upload(invoice("NP-1"), invoice("NP-2")))
    finish(pool, witnesses, beacon)
    bring_in(pool, upload(invoice("NP-3")))

    status = pool.status()
    assert (status.entries, status.records, status.settled) == (4, 3, False)
    assert (status.reach.sealed, status.reach.anchored, status.reach.final) == (3, 3, 3)
    assert None not in (status.last_sealed, status.last_anchored, status.last_final)
