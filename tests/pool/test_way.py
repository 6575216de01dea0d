"""One record's way through the pool: in, sealed, anchored, final, disclosed, checked."""

from audit_chain.proof.verdict import RecordFinding
from audit_chain.proof.verifier import verify
from data_pool.life import Stage
from data_pool.pool import Pool
from tests.pool.cast import STAFF, ExampleBeacon, ExampleWitnesses, bring_in, finish, invoice, record_of, upload


def test_a_staged_file_becomes_a_record_with_its_fields(pool: Pool) -> None:
    batch = bring_in(pool, upload(invoice("NP-7"), name="november.json"))

    (item,) = pool.items(batch.id)
    assert (batch.total, batch.accepted, batch.duplicates, batch.refused, batch.by) == (1, 1, 0, 0, STAFF)
    assert (item.name, item.outcome) == ("november.json", "accepted")
    assert item.record_id is not None
    record = pool.record(item.record_id)
    assert (record.kind, record.fields["number"], record.fields["lines.1.net_amount"]) == ("invoice", "NP-7", 225_000)
    assert record.original_name == "november.json"
    assert pool.original(record.id).data == upload(invoice("NP-7")).data


def test_a_record_lives_through_its_stages_in_order(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice())
    assert pool.record(record).life.stage is Stage.STORED

    pool.seal()
    assert pool.record(record).life.stage is Stage.SEALED

    pool.anchor(witnesses, beacon)
    pool.follow(beacon)
    assert pool.record(record).life.stage is Stage.SEALED

    beacon.make_block(final=False)
    pool.follow(beacon)
    assert pool.record(record).life.stage is Stage.ANCHORED

    beacon.make_block()
    pool.follow(beacon)
    life = pool.record(record).life
    assert life.stage is Stage.FINAL
    assert None not in (life.stored, life.sealed, life.anchored, life.final)
    assert pool.is_settled()


def test_a_disclosure_verifies_and_is_kept_in_mind(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice())
    finish(pool, witnesses, beacon)

    bundle = pool.disclose(record, ["number", "payable_amount"], recipient="meridian-bank", by=STAFF)

    verdict = verify(bundle, pool.setup.policy)
    assert isinstance(verdict.finding, RecordFinding)
    assert verdict.finding.fields == {"number": "NP-1", "payable_amount": 535_500}
    (made,) = pool.record(record).disclosures
    assert (made.recipient, made.by, made.names) == ("meridian-bank", STAFF, ("number", "payable_amount"))


def test_a_whole_pool_passes_its_check(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    older = record_of(pool, invoice("NP-1"))
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-1", payable_amount=1), replaces=older)
    bring_in(pool, upload(invoice("NP-2"), invoice("NP-3"), {"kind": "nonsense"}))
    pool.disclose(older, ["number"], recipient="meridian-bank", by=STAFF)
    finish(pool, witnesses, beacon)
    record_of(pool, invoice("NP-4"))

    report = pool.fsck()

    assert report.problems == []
    assert report.counts["record"] == 5
    assert report.counts["anchor"] == 2
