"""Disclosing: chosen fields, with proof, kept in mind, and nothing before it is final."""

import json
from uuid import UUID

import pytest

from audit_chain.proof.verdict import RecordFinding
from audit_chain.proof.verifier import verify
from data_pool.errors import DisclosureRefused, UnknownRecord
from data_pool.pool import Pool
from tests.pool.cast import STAFF, ExampleBeacon, ExampleWitnesses, finish, invoice, record_of


def test_nothing_is_disclosed_before_it_is_final(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice())
    pool.seal()
    pool.anchor(witnesses, beacon)
    beacon.make_block(final=False)
    pool.follow(beacon)

    with pytest.raises(DisclosureRefused, match="not final yet"):
        pool.disclose(record, ["number"], recipient="meridian-bank", by=STAFF)
    assert pool.record(record).disclosures == ()


@pytest.mark.parametrize("names", [[], ["number", "no.such.field"]])
def test_fields_that_are_not_there_are_refused(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon, names: list[str]
) -> None:
    record = record_of(pool, invoice())
    finish(pool, witnesses, beacon)

    with pytest.raises(DisclosureRefused):
        pool.disclose(record, names, recipient="meridian-bank", by=STAFF)
    assert pool.record(record).disclosures == ()


def test_a_record_that_is_not_there_is_unknown(pool: Pool) -> None:
    with pytest.raises(UnknownRecord):
        pool.disclose(UUID(int=1), ["number"], recipient="meridian-bank", by=STAFF)


def test_a_bundle_is_made_while_the_beacon_is_away(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice())
    finish(pool, witnesses, beacon)
    beacon.reachable = False

    assert verify(pool.disclose(record, ["number"], recipient="bank", by=STAFF), pool.setup.policy).verified


def test_a_bundle_holds_no_other_field(pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon) -> None:
    record = record_of(pool, invoice(note="for nobody's eyes"))
    finish(pool, witnesses, beacon)

    bundle = pool.disclose(record, ["number", "currency"], recipient="bank", by=STAFF)

    finding = verify(bundle, pool.setup.policy).finding
    assert isinstance(finding, RecordFinding)
    assert finding.fields == {"number": "NP-1", "currency": "EUR"}
    assert len(json.loads(bundle)["disclosures"]) == 2


def test_every_record_of_one_crosslink_can_be_disclosed(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    records = [record_of(pool, invoice(f"NP-{number}")) for number in range(9)]
    pool.seal()
    records.append(record_of(pool, invoice("NP-9")))
    finish(pool, witnesses, beacon)

    for number, record in enumerate(records):
        finding = verify(pool.disclose(record, ["number"], recipient="bank", by=STAFF), pool.setup.policy).finding
        assert isinstance(finding, RecordFinding)
        assert finding.fields == {"number": f"NP-{number}"}
